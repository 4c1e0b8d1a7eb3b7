"""The event loop that servers run on."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a server to its end on uvloop, where there is one for the platform."""
    try:
        import uvloop  # noqa: PLC0415 not to be had on every platform
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
