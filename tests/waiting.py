"""Waiting for what a program does in its own time: by a condition, never by a guess at how long it takes."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.servers import Server

HANGS = 200
"""Seconds after which something is taken to hang. It bounds a failing test and says nothing about speed."""


def until(holds: Callable[[], object], server: "Server | None" = None, within: float = HANGS) -> None:
    """Waits until a condition holds; fails with what the server said if it never does."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "".join(server.errors) if server else "it did not come about"
        time.sleep(0.02)
