"""A story of several steps over a real channel: what became of a step is known to the next decision."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, Recorded, outcome, request
from engine.explain.books import Books
from engine.ledger.store.open import open_store
from engine.measure.diff import diff_log
from tests.books import compiled_book, write_book
from tests.logs import Log, sqlite_log
from tests.postgres import PostgresServer
from tests.replays import assert_replays
from tests.servers import serving
from tests.waiting import HANGS

NOW = datetime(2026, 3, 10, 10, tzinfo=UTC)
BOOK = """
book: {name: narrative, timezone: UTC}
attributes: {profile.phone: {type: text}}
channels: {sms: {kind: outbound, address: profile.phone, consent: not_needed}}
offers:
  hello: {name: Hello, content: {default: {text: Hello}}}
  quiz: {name: Quiz, content: {default: {text: Quiz}}}
  sample: {name: Sample, content: {default: {text: Sample}}}
campaigns:
  welcome: {offer: hello, channels: [sms], when: {contact: {campaign: welcome, count: {eq: 0}}}}
  quiz:
    offer: quiz
    channels: [sms]
    when: {contact: {campaign: welcome, outcome: [opened, clicked], within: 2w}, none: [{contact: {campaign: quiz}}]}
  sample:
    offer: sample
    channels: [sms]
    when: {contact: {campaign: welcome, outcome: ignored, after: 3d, within: 2w}, none: [{contact: {campaign: sample}}]}
"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A log on each store in turn, for all tests of this file."""
    if request.param == "sqlite":
        return sqlite_log(tmp_path_factory.mktemp("log"))
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return Log(server.create_database("narrative", template="empty"))


@pytest.fixture(scope="module")
def clients(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Client]]:
    """A client of each of two servers on the log."""
    book = write_book(tmp_path_factory.mktemp("book"), BOOK)
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(book, log, "--allow-simulated-now")) for _ in range(2)]
        first, second = (stack.enter_context(Client(server.target, timeout=HANGS)) for server in servers)
        yield first, second


def asked(name: str, days: float) -> pb.DecideRequest:
    """The request of a customer, so many days later."""
    return request(name, profile={"phone": "1"}, now=NOW + timedelta(days=days))


def campaigns_of(answers: list[pb.DecideResponse]) -> list[str]:
    """The campaign of each answer's offer; empty without one."""
    return [answer.offers[0].campaign if answer.offers else "" for answer in answers]


def test_each_step_follows_from_what_became_of_the_one_before(
    clients: tuple[Client, Client], log: Log
) -> None:
    """One opens and gets the quiz from the other server, one is silent and gets the sample in a batch; all replays."""
    first, second = clients
    welcomes = [first.decide(asked(name, 0)) for name in ("opens", "silent")]
    assert campaigns_of(welcomes) == ["welcome", "welcome"]
    assert campaigns_of([second.decide(asked("opens", 0.1))]) == [""]
    opened = outcome(welcomes[0].decision_id, "opened", NOW + timedelta(hours=3))
    assert first.record([opened], now=NOW + timedelta(hours=3)) == [Recorded.ACCEPTED]
    assert campaigns_of([second.decide(asked("opens", 0.2))]) == ["quiz"]
    batch = second.decide_batch([asked(name, 3) for name in ("opens", "silent", "new")])
    assert campaigns_of([answer for answer in batch if isinstance(answer, pb.DecideResponse)]) == [
        "",
        "sample",
        "welcome",
    ]
    assert campaigns_of([first.decide(asked("silent", 4))]) == [""]
    explained = second.explain(asked("silent", 4))
    (sample,) = [campaign for campaign in explained.campaigns if campaign.campaign == "sample"]
    assert "contacts of campaign sample" in str(sample)
    assert assert_replays(log.url) == 8


def test_a_diff_reads_the_numbers_that_were_logged(
    log: Log, clients: tuple[Client, Client], tmp_path: Path
) -> None:
    """The book itself changes nothing; what another one would count was not logged, and it says so."""
    assert clients
    compiled = compiled_book(tmp_path / "same", BOOK)
    other = compiled_book(tmp_path / "other", BOOK.replace("after: 3d", "after: 1d"))
    with closing(open_store(log.url)) as store:
        same = diff_log(store, (compiled, compiled), books=Books(store))
        changed = diff_log(store, (compiled, other), books=Books(store))
    assert same.one_step.same == 8
    assert same.undecidable == {}
    assert list(changed.undecidable) == [
        "the new book reads contacts of campaign welcome, ignored, after 1d, within 14d, which was not logged"
    ]
