"""A server with callers, a published book and decisions, and a console beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from engine.api.v1 import rulebooks_pb2 as pb
from engine.client import Client, RulebooksClient, request
from tests.console.conftest import RunningConsole, console_of
from tests.logs import Log, sqlite_log
from tests.releases.books import BOOK, publishing
from tests.releases.test_service import write_callers
from tests.servers import Server, faults_in, serving
from tests.waiting import HANGS

DECISIONS = 12
FILE_NAMES = (
    '"><script>window.ran=1</script>.yaml',
    "' onfocus='window.ran=1' autofocus='.yaml",
    "<svg onload=window.ran=1>.yaml",
    "&lt;img src=x onerror=window.ran=1&gt; & ${window.ran=1}{{7*7}}.yaml",
    "\N{PARTY POPPER} größe שלום.yaml",
)
"""Names that files of a book may have, and that would run in a page that does not escape them."""


class ConsoleHouse(NamedTuple):
    """What the tests of pages work with."""

    console: RunningConsole
    server: Server
    log: Log
    version: str
    """That is live."""

    def caller(self, token: str) -> RulebooksClient:
        """A client of the server; to be closed."""
        return RulebooksClient(self.server.target, timeout=HANGS, token=token)


@contextmanager
def console_house(folder: Path) -> Iterator[ConsoleHouse]:
    """A server on SQLite whose versions need an approval, with a live book that has decided, and a console."""
    log, callers = sqlite_log(folder), str(write_callers(folder / "callers.toml"))
    (folder / "book").mkdir()
    (folder / "book" / "book.yaml").write_text(BOOK)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TACT_APPROVALS", "1")
        with serving(folder / "book", log, "--callers", callers) as server:
            version = _released(server.target)
            _decided(server.target)
            with console_of(log.url, "--server", server.target, "--callers", callers) as console:
                yield ConsoleHouse(console, server, log, version)
            assert server.stop() == 0
            assert faults_in(server.errors) == []


def _released(target: str) -> str:
    with (
        RulebooksClient(target, timeout=HANGS, token="writer") as writer,
        RulebooksClient(target, timeout=HANGS, token="approver") as approver,
        RulebooksClient(target, timeout=HANGS, token="operator") as operator,
    ):
        version = writer.publish(publishing(note="the first")).release.version
        approver.approve(pb.ApproveRequest(version=version, verdict=pb.RELEASE_VERDICT_APPROVED))
        operator.activate(pb.ActivateRequest(version=version))
    return version


def _decided(target: str) -> None:
    with Client(target, timeout=HANGS, token="shop") as shop:
        for number in range(DECISIONS):
            profile: dict[str, Any] = {"age": 15 + number, "phone": f"+49{number}"}
            shop.decide(request(f"person-{number}", profile=profile))
