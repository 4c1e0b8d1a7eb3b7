"""Servers that follow a published book: what is live in the log is served, whoever activated it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.client import Client
from engine.client.calls import RULEBOOK
from engine.decide.experiments.rollout import Rollout
from tests.books import SPRING, write_book
from tests.forked import tact
from tests.logs import Log, sqlite_log
from tests.requests import li_na
from tests.server.released import Releases, releasing
from tests.server.reloads import BROKEN, numbered_book, said
from tests.servers import serving
from tests.telemetry.shown import free_port, value
from tests.waiting import until


@pytest.fixture
def releases(any_log: Log) -> Iterator[Releases]:
    """The releases of the book `spring`, on each store in turn."""
    with releasing(any_log, "spring") as of_spring:
        yield of_spring


@pytest.fixture
def versions(releases: Releases, tmp_path: Path) -> list[str]:
    """Three published versions, of which the first is live."""
    published = [releases.publish(write_book(tmp_path / f"{n}", numbered_book(n, 1))) for n in range(3)]
    releases.activate(published[0])
    return published


def served_to(client: Client, name: str) -> str:
    """The version that decides for a name."""
    return client.decide(li_na(name)).book_version


def serves(client: Client, version: str) -> None:
    """Waits until the version is live."""
    until(lambda: served_to(client, "whoever") == version)


def test_what_is_activated_is_served(any_log: Log, releases: Releases, versions: list[str]) -> None:
    """Another version goes live without a reload, back as well; the server says in the log what it serves, and since when."""
    with serving("spring", any_log) as server, Client(server.target, timeout=60) as client:
        assert served_to(client, "whoever") == versions[0]
        releases.activate(versions[1])
        serves(client, versions[1])
        last = releases.activate(versions[0])
        serves(client, versions[0])
        until(lambda: [row.activation for row in releases.servers()] == [last])
        (row,) = releases.servers()
        assert (row.name, row.version, row.staged, row.refused) == ("spring", versions[0], "", "")
        assert row.since <= row.seen_at
        assert server.stop() == 0


HALF = Rollout("staged", "stage", 0.5)


def staged(releases: Releases, version: str, rollout: Rollout = HALF) -> None:
    """Stages a version, and waits until all servers know."""
    known_by_all(releases, releases.activate(version, share=rollout.share, salt=rollout.salt))


def known_by_all(releases: Releases, activation: int) -> None:
    """Waits until every server has seen the activation."""
    until(lambda: {row.activation for row in releases.servers()} == {activation})


NAMES = [f"person-{number}" for number in range(40)]


def test_a_stage_is_drawn_by_person(any_log: Log, releases: Releases, versions: list[str]) -> None:
    """Each person is served by the version that salt and share say, by calls, batches and streams; then one serves all."""
    live, other, _ = versions
    expected = [other if HALF.takes(name) else live for name in NAMES]
    assert set(expected) == {live, other}
    with serving("spring", any_log) as server, Client(server.target, timeout=60) as client:
        staged(releases, other)
        assert [served_to(client, name) for name in NAMES] == expected
        batch = client.decide_batch([li_na(name) for name in NAMES])
        assert [answer.book_version for answer in batch] == expected
        streamed = client.decide_stream([li_na(name, request_id=f"streamed {name}") for name in NAMES])
        assert [answer.book_version for answer in streamed] == expected
        (row,) = releases.servers()
        assert (row.version, row.staged) == (live, other)
        known_by_all(releases, releases.activate(other))
        assert {served_to(client, name) for name in NAMES} == {other}
        assert server.stop() == 0


def test_the_canonical_person_is_drawn(any_log: Log, releases: Releases, versions: list[str]) -> None:
    """Whatever name a person is called by, the version is that of the person, in calls, batches, previews and explanations."""
    live, other, _ = versions
    person = next(name for name in NAMES if HALF.takes(name))
    aliases = [name for name in NAMES if not HALF.takes(name)][:5]
    with serving("spring", any_log) as server, Client(server.target, timeout=60) as client:
        staged(releases, other)
        previews = [client.decide(li_na(name, mode="preview")) for name in [person, *aliases]]
        assert [answer.book_version for answer in previews] == [other, *[live] * len(aliases)]
        assert served_to(client, person) == other  # who is known first gives the person the name
        for alias in aliases:
            assert client.link([person, alias]) == person
        assert {served_to(client, name) for name in aliases} == {other}
        named = li_na("quite-new", aliases=[person])
        assert client.decide(named).book_version == other
        batch = client.decide_batch([li_na(name) for name in [*aliases, *NAMES]])
        expected = [other] * 5 + [other if HALF.takes(name) or name in aliases else live for name in NAMES]
        assert [answer.book_version for answer in batch] == expected
        preview = li_na(aliases[0], mode="preview")
        assert client.decide(preview).book_version == other
        assert client.explain(li_na(aliases[0])).response.book_version == other
        assert server.stop() == 0


def test_a_retry_gets_the_version_that_decided(any_log: Log, releases: Releases, versions: list[str]) -> None:
    """Though the stage grows, shrinks or ends meanwhile; Explain of a decision evaluates by its version as well."""
    live, other, _ = versions
    with serving("spring", any_log) as server, Client(server.target, timeout=60) as client:
        first = {name: client.decide(li_na(name, request_id=f"first {name}")) for name in NAMES}
        staged(releases, other)
        assert {name: client.decide(li_na(name, request_id=f"first {name}")) for name in NAMES} == first
        during = {name: client.decide(li_na(name, request_id=f"during {name}")) for name in NAMES}
        for name in NAMES:
            explained = client.explain(during[name].decision_id)
            assert explained.response.book_version == during[name].book_version
            assert not [note for note in explained.notes if "version" in note]
        staged(releases, other, Rollout("staged", "stage", 0.9))
        assert {name: client.decide(li_na(name, request_id=f"during {name}")) for name in NAMES} == during
        releases.activate(live)
        until(lambda: releases.servers()[0].staged == "")
        assert {name: client.decide(li_na(name, request_id=f"during {name}")) for name in NAMES} == during
        assert server.stop() == 0


def test_a_larger_share_keeps_the_persons_of_the_smaller() -> None:
    """With the same salt; another salt draws others."""
    small, large, other = Rollout("v", "a", 0.2), Rollout("v", "a", 0.5), Rollout("v", "b", 0.2)
    names = [f"p-{number}" for number in range(2_000)]
    assert {name for name in names if small.takes(name)} < {name for name in names if large.takes(name)}
    assert 300 < sum(map(small.takes, names)) < 500
    assert {name for name in names if small.takes(name)} != {name for name in names if other.takes(name)}


def test_a_refused_version_leaves_the_live_one(any_log: Log, releases: Releases, versions: list[str]) -> None:
    """It is said once, in the log and by the health of the rulebook; the server is ready; the next version mends it."""
    with serving("spring", any_log) as server, Client(server.target, timeout=60) as client:
        releases.add("broken", Releases.text_of(BROKEN))
        releases.activate("broken")
        (line,) = said(server, "book refused")
        assert "Asia/Shanghay" in line
        until(lambda: [row.refused for row in releases.servers()] == ["broken"])
        assert "Asia/Shanghay" in releases.servers()[0].cause
        until(lambda: not client.health(RULEBOOK))
        assert client.health()
        assert served_to(client, "whoever") == versions[0]
        releases.activate(versions[1])
        serves(client, versions[1])
        until(lambda: [row.refused for row in releases.servers()] == [""])
        until(lambda: client.health(RULEBOOK))
        assert len(said(server, "book refused")) == 1
        assert server.stop() == 0


def test_a_refused_stage_leaves_the_live_version_to_all(
    any_log: Log, releases: Releases, versions: list[str]
) -> None:
    """A version whose text is another's is refused as well."""
    with serving("spring", any_log) as server, Client(server.target, timeout=60) as client:
        releases.add("another", Releases.text_of(numbered_book(7, 1)))
        known_by_all(releases, releases.activate("another", share=0.5, salt="stage"))
        (line,) = said(server, "book refused")
        assert "it loads as" in line
        assert {served_to(client, name) for name in NAMES} == {versions[0]}
        assert server.stop() == 0


def test_a_server_starts_with_what_is_staged(any_log: Log, releases: Releases, versions: list[str]) -> None:
    """From its first call on: nobody who is drawn for a version gets another after a restart."""
    releases.activate(versions[1], share=HALF.share, salt=HALF.salt)
    drawn = next(name for name in NAMES if HALF.takes(name))
    with serving("spring", any_log) as server, Client(server.target, timeout=60) as client:
        assert served_to(client, drawn) == versions[1]
        assert server.stop() == 0


def test_a_start_needs_a_live_version(any_log: Log, tmp_path: Path) -> None:
    """Without any activation the start ends with a sentence, and so it does where the live version does not load."""
    done = tact("serve", "--book", "spring", "--log", any_log.url, "--port", "0")
    assert done.returncode == 3
    assert "nothing is live under the name 'spring': publish a book and activate it" in done.stderr
    with releasing(any_log, "spring") as releases:
        releases.add("broken", Releases.text_of(BROKEN))
        releases.activate("broken")
    done = tact("serve", "--book", "spring", "--log", any_log.url, "--port", "0")
    assert done.returncode == 3
    assert "Asia/Shanghay" in done.stderr
    for words, sentence in (
        (("--rules", str(tmp_path)), "give one of both"),
        (("--watch",), "--watch follows a folder"),
    ):
        done = tact("serve", "--book", "spring", *words)
        assert done.returncode == 2
        assert sentence in done.stderr


def test_two_replicas_follow_though_one_is_away(
    postgres_log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of three, one is down while a version is activated, and serves it when it is back; a cut connection costs nothing."""
    with releasing(postgres_log, "spring") as releases:
        versions = [releases.publish(write_book(tmp_path / f"{n}", numbered_book(n, 1))) for n in range(3)]
        releases.activate(versions[0])
        with serving("spring", postgres_log) as one, serving("spring", postgres_log) as two:
            for server in (one, two):
                said(server, "listening for releases")
            with Client(one.target, timeout=60) as first, Client(two.target, timeout=60) as second:
                with serving("spring", postgres_log) as away:
                    assert away.stop() == 0
                seconds = followed(releases, versions[1], [first, second])
                cut(postgres_log)
                seconds += followed(releases, versions[2], [first, second])
                with serving("spring", postgres_log) as back, Client(back.target, timeout=60) as third:
                    assert served_to(third, "whoever") == versions[2]
                    assert back.stop() == 0
                for server in (one, two):
                    said(server, "listening for releases", 2)
                    assert server.stop() == 0
    with capsys.disabled():
        print(  # noqa: T201 for whoever reads the run
            f"\nfollowed in {', '.join(f'{second:.2f} s' for second in seconds)}; the last with a cut connection"
        )


def followed(releases: Releases, version: str, clients: list[Client]) -> list[float]:
    """Activates a version, and waits until all serve it: how long that took."""
    start = time.monotonic()
    releases.activate(version)
    for client in clients:
        serves(client, version)
    return [time.monotonic() - start]


def cut(log: Log) -> None:
    """Cuts all connections that listen."""
    ended = log.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'tact listen' AND datname = current_database()"
    )
    assert len(ended) == 2


def test_each_worker_follows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both workers of a server on SQLite serve what is activated, and say so; one that is started again does at once."""
    log = sqlite_log(tmp_path)
    with releasing(log, "spring") as releases:
        versions = [releases.publish(write_book(tmp_path / f"{n}", numbered_book(n, 1))) for n in range(2)]
        releases.activate(versions[0])
        with serving("spring", log, "--workers", "2") as server:
            until(lambda: len(releases.servers()) == 2, server)
            start = time.monotonic()
            last = releases.activate(versions[1])
            known_by_all(releases, last)
            seconds = time.monotonic() - start
            assert {row.version for row in releases.servers()} == {versions[1]}
            killed = int(releases.servers()[0].server.rpartition("/")[2])
            os.kill(killed, signal.SIGKILL)
            until(lambda: len(releases.servers()) == 3, server)
            assert {row.version for row in releases.servers()} == {versions[1]}
            assert server.stop() == 0
    with capsys.disabled():
        print(f"\ntwo workers followed in {seconds:.2f} s")  # noqa: T201 for whoever reads the run


OLDER = """
import sys
if any("engine.server.book.helper" in word for word in sys.orig_argv):
    from engine.rulebook import load
    from engine.rulebook.report.diagnostics import Code, Diagnostic
    load_files = load.load_files
    def load_older(contents, **options):
        if any(b"Bold" not in content for content in contents.values()):
            return load_files(contents, **options)
        return load.LoadedBook(None, (Diagnostic("book.yaml", 1, 1, Code.UNKNOWN, "this Tact does not know Bold"),))
    load.load_files = load_older
"""
"""Makes a server one of an earlier program, which does not know something that newer books use."""


def test_one_of_three_servers_refuses(postgres_log: Log, tmp_path: Path) -> None:
    """It keeps the last good book, is ready, and shows in metrics and in the log what it refuses; the others go on."""
    (tmp_path / "sitecustomize.py").write_text(OLDER, encoding="utf-8")
    wrapper = ("env", f"PYTHONPATH={tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    port = free_port()
    with ExitStack() as opened:
        releases = opened.enter_context(releasing(postgres_log, "spring"))
        new = releases.publish(write_book(tmp_path / "new"))
        old = releases.publish(write_book(tmp_path / "old", SPRING.replace("title: Bold", "title: Loud")))
        releases.activate(old)
        options = ("--metrics-port", str(port))
        older = opened.enter_context(serving("spring", postgres_log, *options, wrapper=wrapper))
        others = [opened.enter_context(serving("spring", postgres_log)) for _ in range(2)]
        clients = [opened.enter_context(Client(server.target, timeout=60)) for server in (older, *others)]
        until(lambda: len(releases.servers()) == 3)
        assert value(port, "tact_book_refused") == 0
        known_by_all(releases, releases.activate(new))
        assert [served_to(client, "whoever") for client in clients] == [old, new, new]
        assert sorted(row.refused for row in releases.servers()) == ["", "", new]
        assert value(port, "tact_book_refused") == 1
        until(lambda: value(port, "tact_book_age_seconds") > 1)
        assert clients[0].health()
        until(lambda: not clients[0].health(RULEBOOK))
        known_by_all(releases, releases.activate(old))
        assert {served_to(client, "whoever") for client in clients} == {old}
        until(lambda: value(port, "tact_book_refused") == 0)
        assert [server.stop() for server in (older, *others)] == [0, 0, 0]
