"""The service that releases books, by real servers: roles, statuses, and what bad input does."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from engine.api.v1 import rulebooks_pb2 as pb
from engine.api.v1.rulebooks_pb2_grpc import RulebooksStub
from engine.client import (
    AccessDenied,
    InvalidRequest,
    NotFound,
    NotReady,
    OutOfDate,
    Overloaded,
    RulebooksClient,
    TactError,
)
from engine.server.access.callers import digest_of
from engine.server.rulebooks import CheckTurns
from tests.books import write_book
from tests.logs import Log, sqlite_log
from tests.releases.books import BOOK, SCENARIO, edition, files, messages, publishing
from tests.servers import Server, faults_in, serving
from tests.waiting import HANGS

ROLES = {
    "reader": ["read"],
    "writer": ["write"],
    "approver": ["approve"],
    "operator": ["admin"],
    "shop": ["decide"],
}
Clients = dict[str, RulebooksClient]


def write_callers(path: Path) -> Path:
    """A callers file with a token for each of the roles, which is its name."""
    path.write_text(
        "\n".join(
            f'[[tokens]]\nname = "{name}"\nroles = {roles}\nsha256 = "{digest_of(name).hex()}"'
            for name, roles in ROLES.items()
        )
    )
    return path


@contextmanager
def releasing(folder: Path, log: Log) -> Iterator[Server]:
    """A server with callers, whose versions need an approval, for the length of a block."""
    callers = str(write_callers(folder / "callers.toml"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TACT_APPROVALS", "1")
        environment.setenv("TACT_REQUEST_TIMEOUT", str(HANGS))
        with serving(write_book(folder / "book"), log, "--callers", callers) as running:
            yield running
            assert running.stop() == 0
            assert faults_in(running.errors) == []


@contextmanager
def callers_of(server: Server) -> Iterator[Clients]:
    """A client for each caller, for the length of a block."""
    with ExitStack() as closing:
        yield {
            name: closing.enter_context(RulebooksClient(server.target, timeout=HANGS, token=name))
            for name in ROLES
        }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on SQLite for all tests of this module."""
    folder = tmp_path_factory.mktemp("releases")
    with releasing(folder, sqlite_log(folder)) as running:
        yield running


@pytest.fixture(scope="module")
def clients(server: Server) -> Iterator[Clients]:
    """A client of it for each caller."""
    with callers_of(server) as by_name:
        yield by_name


@pytest.fixture
def fresh(tmp_path: Path, any_log: Log) -> Iterator[Clients]:
    """Clients of a server of the test's own, on each store in turn."""
    with releasing(tmp_path, any_log) as running, callers_of(running) as by_name:
        yield by_name


def test_a_version_goes_from_a_writer_to_everybody(fresh: Clients) -> None:
    """Checked, published, approved by somebody else, staged, activated and rolled back, each by whoever may."""
    first = fresh["writer"].publish(publishing(note="first")).release
    assert (first.name, first.author, first.state) == ("spring", "writer", "published")
    with pytest.raises(NotReady, match="has 0 of 1 approvals"):
        fresh["operator"].activate(pb.ActivateRequest(version=first.version))
    approval = pb.ApproveRequest(version=first.version, verdict=pb.RELEASE_VERDICT_APPROVED)
    assert fresh["approver"].approve(approval).needed == 1
    assert fresh["operator"].activate(pb.ActivateRequest(version=first.version)).activation.id == 1
    second = fresh["writer"].publish(publishing(edition(1))).release
    burns = "the cream burns"
    stage = pb.StageRequest(version=second.version, share=0.05, emergency=True, note=burns)
    staged = fresh["operator"].stage(stage)
    assert (staged.activation.previous, staged.activation.share) == (first.version, 0.05)
    with pytest.raises(NotReady, match="has 0 of 1 approvals"):
        fresh["operator"].activate(pb.ActivateRequest(version=second.version))
    fresh["operator"].activate(pb.ActivateRequest(version=second.version, emergency=True, note=burns))
    back = fresh["operator"].rollback(pb.RollbackRequest(name="spring")).activation
    assert (back.version, back.actor) == (first.version, "operator")
    difference = fresh["reader"].diff(pb.DiffRequest(old=first.version, new=second.version))
    assert [(change.name, change.change) for change in difference.names] == [("cream", "changed")]
    listed = fresh["reader"].list(pb.ListRequest(name="spring", audit=True))
    assert [release.state for release in listed.releases] == ["earlier", "live"]
    assert {entry.actor for entry in listed.audit} == {"writer", "approver", "operator"}
    assert {entry.via for entry in listed.audit} == {"grpc"}
    assert fresh["reader"].get(pb.GetRequest(name="spring")).release.version == first.version
    assert list(fresh["reader"].servers(pb.ServersRequest()).servers) == []


ALLOWED = {
    "check": {"reader", "writer", "approver", "operator"},
    "list": {"reader", "writer", "approver", "operator"},
    "get": {"reader", "writer", "approver", "operator"},
    "diff": {"reader", "writer", "approver", "operator"},
    "servers": {"reader", "writer", "approver", "operator"},
    "publish": {"writer", "operator"},
    "approve": {"approver"},
    "activate": {"operator"},
    "stage": {"operator"},
    "rollback": {"operator"},
}
KINDS: dict[str, Any] = {
    "list": pb.ListRequest, "get": pb.GetRequest, "diff": pb.DiffRequest, "servers": pb.ServersRequest,
    "check": pb.CheckRequest, "publish": pb.PublishRequest, "approve": pb.ApproveRequest,
    "activate": pb.ActivateRequest, "stage": pb.StageRequest, "rollback": pb.RollbackRequest,
}  # fmt: skip


@pytest.mark.parametrize("method", ALLOWED)
def test_each_method_is_for_its_roles(clients: Clients, method: str) -> None:
    """Everybody else is refused before the message is looked at."""
    admitted = set()
    for name, client in clients.items():
        try:
            getattr(client, method)(KINDS[method]())
        except AccessDenied as error:
            assert "lacks the role" in str(error)  # noqa: PT017 -- of several callers
        except InvalidRequest:
            admitted.add(name)
        else:
            admitted.add(name)
    assert admitted == ALLOWED[method]


def only(name: str, content: bytes) -> pb.PublishRequest:
    """A request with one file."""
    return pb.PublishRequest(files=[pb.BookFile(name=name, content=content)])


@pytest.mark.parametrize(
    ("request_", "field", "sentence"),
    [
        (pb.PublishRequest(), "files", "there are no files"),
        (only("../book.yaml", b""), "files", "a path below the book's folder"),
        (only("/etc/passwd.yaml", b""), "files", "a path below the book's folder"),
        (only("a//b.yaml", b""), "files", "a path below the book's folder"),
        (only(".hidden.yaml", b""), "files", "is no file of a book"),
        (only("book.exe", b""), "files", "is no file of a book"),
        (only("a\\b.yaml", b""), "files", "a name is printable"),
        (only("a\0.yaml", b""), "files", "a name is printable"),
        (only("n" * 400 + ".yaml", b""), "files", "at most 300 characters"),
        (only("book.yaml", b"\xff\xfe"), "files", "is not UTF-8"),
        (only("book.yaml", b"a: " + b"x" * (1 << 20)), "files", "larger than 1 MiB"),
        (only("book.yaml", b"[" * 100_000), "book.yaml:1:", ""),
        (pb.PublishRequest(files=[*messages(files())] * 2), "files", "stands there twice"),
        (
            pb.PublishRequest(files=[pb.BookFile(name=f"{number}.yaml") for number in range(5001)]),
            "files",
            "5,000 files",
        ),
        (publishing(BOOK.replace("gte", "gtr")), "book.yaml:9:64", "there is no operator 'gtr'"),
        (
            publishing(scenario=SCENARIO.replace("adults", "minors")),
            "tests/ann.yaml:3",
            "expected minors, got adults",
        ),
        (publishing(note="n" * 2001), "note", "at most 2,000 characters"),
        (publishing(note="\x1b]0;x\x07"), "note", "printable"),
        (
            pb.PublishRequest(files=messages(files()), source={"commit": "HEAD"}),
            "source.commit",
            "in hexadecimal",
        ),
    ],
    ids=map(str, range(19)),
)
def test_a_broken_draft_is_refused_with_its_places(
    clients: Clients, request_: pb.PublishRequest, field: str, sentence: str
) -> None:
    """INVALID_ARGUMENT with a violation; what was live stays, and nothing was published."""
    before = clients["reader"].list(pb.ListRequest())
    with pytest.raises(InvalidRequest) as caught:
        clients["writer"].publish(request_)
    assert any(
        violation.field.startswith(field) and sentence in violation.description
        for violation in caught.value.violations
    ), caught.value.violations
    assert clients["reader"].list(pb.ListRequest()) == before


def test_a_message_of_a_hundred_megabytes_is_refused(clients: Clients) -> None:
    """Before it is read; the server goes on."""
    large = [pb.BookFile(name=f"{number}.yaml", content=b"#" * (1 << 20)) for number in range(100)]
    with pytest.raises(Overloaded, match="larger than max"):
        clients["writer"].publish(pb.PublishRequest(files=large))
    assert clients["reader"].servers(pb.ServersRequest()) == pb.ServersResponse()


def test_whoever_comes_late_is_told_who_came_between(fresh: Clients) -> None:
    """Of writers who each made a version from the same state, one goes live; the others are ABORTED."""
    operator = fresh["operator"]
    versions = [operator.publish(publishing(edition(100 + number))).release.version for number in range(2)]

    def activate(version: str) -> str:
        try:
            note = pb.ActivateRequest(version=version, emergency=True, note=version[:6])
            return operator.activate(note).activation.version
        except OutOfDate as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(activate, versions))
    (winner,) = [outcome for outcome in outcomes if outcome in versions]
    late = [outcome for outcome in outcomes if outcome not in versions]
    assert len(late) == 1
    assert all(f"operator came between: {winner[:12]} is live" in sentence for sentence in late)
    assert operator.get(pb.GetRequest(name="spring")).release.version == winner


@pytest.mark.parametrize(
    ("refused", "error", "sentence"),
    [
        (lambda c: c["operator"].activate(pb.ActivateRequest(version="0" * 64)), NotFound, "no version '000"),
        (
            lambda c: c["operator"].rollback(pb.RollbackRequest(name="winter")),
            NotFound,
            "nothing is live under 'winter'",
        ),
        (
            lambda c: c["operator"].stage(pb.StageRequest(version="abcdef", share=1.5)),
            InvalidRequest,
            "above 0 and below 1",
        ),
        (
            lambda c: c["operator"].activate(pb.ActivateRequest(version="v" * 20_000)),
            InvalidRequest,
            "at most 16,384 bytes",
        ),
        (
            lambda c: c["approver"].approve(
                pb.ApproveRequest(version="0" * 64, verdict=pb.RELEASE_VERDICT_APPROVED)
            ),
            NotFound,
            "whole hash",
        ),
        (lambda c: c["reader"].get(pb.GetRequest(version="0" * 64)), NotFound, "is published"),
        (lambda c: c["reader"].diff(pb.DiffRequest(old="0" * 64, new="0" * 64)), NotFound, "is published"),
    ],
    ids=map(str, range(7)),
)
def test_what_is_not_there_is_said(
    clients: Clients, refused: Callable[[Clients], object], error: type[TactError], sentence: str
) -> None:
    """By a sentence and a status."""
    with pytest.raises(error, match=sentence):
        refused(clients)


def test_authors_do_not_approve_their_own_versions(tmp_path: Path) -> None:
    """PERMISSION_DENIED also where everybody may do everything; nothing says who they are."""
    with (
        serving(write_book(tmp_path / "book"), sqlite_log(tmp_path)) as alone,
        RulebooksClient(alone.target, timeout=HANGS) as anyone,
    ):
        own = anyone.publish(publishing()).release.version
        approval = pb.ApproveRequest(version=own, verdict=pb.RELEASE_VERDICT_APPROVED)
        with pytest.raises(AccessDenied, match=r"anyone published .* somebody else has to approve it"):
            anyone.approve(approval)


def test_bytes_that_are_no_message_are_refused(server: Server) -> None:
    """By every method, and the server goes on."""
    with grpc.insecure_channel(server.target) as channel:
        stub: Any = RulebooksStub(channel)  # type: ignore[no-untyped-call]
        for name in ("operator", "approver"):
            for method in KINDS:
                path = f"/tact.v1.Rulebooks/{method.title()}"
                call = channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
                with suppress(grpc.RpcError):
                    call(b"\xff\xff\xff", timeout=HANGS, metadata=(("authorization", f"Bearer {name}"),))
        response = stub.List(pb.ListRequest(), metadata=(("authorization", "Bearer reader"),), timeout=HANGS)
        assert response == pb.ListResponse()


def test_a_check_that_takes_too_long_ends_and_keeps_nothing(clients: Clients, server: Server) -> None:
    """DEADLINE_EXCEEDED; nothing was published."""
    before = clients["reader"].list(pb.ListRequest())
    with (
        RulebooksClient(server.target, timeout=0.2, token="writer") as hasty,
        pytest.raises(TactError) as caught,
    ):
        hasty.publish(publishing(edition(300)))
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert clients["reader"].list(pb.ListRequest()) == before


def test_a_compressed_bomb_is_refused(server: Server, clients: Clients) -> None:
    """A message that is small until it is unpacked; the server goes on."""
    bomb = pb.PublishRequest(
        files=[pb.BookFile(name=f"{number}.yaml", content=b" " * (1 << 20)) for number in range(64)]
    )
    with grpc.insecure_channel(server.target, compression=grpc.Compression.Gzip) as channel:
        stub: Any = RulebooksStub(channel)  # type: ignore[no-untyped-call]
        with pytest.raises(grpc.RpcError) as caught:
            stub.Publish(bomb, metadata=(("authorization", "Bearer writer"),), timeout=HANGS)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert clients["reader"].servers(pb.ServersRequest()) == pb.ServersResponse()


async def test_checks_come_one_by_one_and_not_too_many_wait() -> None:
    """Eight are under way or wait; the next is told to come again, and is taken when they are done."""
    turns, under_way, most = CheckTurns(), 0, 0

    async def check() -> None:
        nonlocal under_way, most
        async with turns.taken():
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1

    outcomes = await asyncio.gather(*(check() for _ in range(10)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes[8:]] == ["8 checks of books are under way or wait"] * 2
    assert outcomes[:8] == [None] * 8
    assert most == 1
    await check()
