"""Servers that follow a published book: what is live in the log is served, whoever activated it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client
from engine.client.calls import RULEBOOK
from engine.decide.experiments.rollout import Rollout
from engine.ledger.store.open import open_store
from tests.books import write_book
from tests.forked import tact
from tests.logs import Log
from tests.requests import li_na
from tests.server.released import Releases, releasing
from tests.server.reloads import BROKEN, numbered_book, said
from tests.servers import Server, serving
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
