"""What servers know of trends follows the log: what another has counted, and that each beginning is told once."""

from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

from engine.client import Client, recorded
from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.ledger.commit.books import KeepTrendsCommand
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.model.event import Event
from engine.model.instant import DAY, SECOND, from_datetime
from engine.model.request import Request
from engine.model.trends import TrendCounts
from engine.server.book.serving import ServingBook, ServingBooks
from engine.server.clock import ServerClock
from engine.server.trends import TrendFollower
from engine.telemetry.counters import TREND_ALERTS
from engine.wire.parse import Parser
from tests.books import compiled_book
from tests.ledger.commit.test_trends import BOOK, NOW
from tests.logs import Log, sqlite_log
from tests.servers import serving


class Server:
    """A server's ledger, and what it has read of trends."""

    def __init__(self, log: Log, compiled: CompiledBook, now: list[int]) -> None:
        self.ledger, self.compiled, self.now = Ledger(open_store(log.url)), compiled, now
        counts = TrendCounts()
        self.engine = Engine(compiled, self.ledger, trends=counts)
        books = ServingBooks(compiled, lambda compiled: ServingBook(Parser(compiled), self.engine))
        clock = ServerClock(lambda: now[0], lambda: now[0] * 1000)
        self.follower = TrendFollower(books, self.ledger, clock, counts)

    async def complain(self, names: str) -> None:
        """Records a complaint of each."""
        for name in names:
            event = Event(name, "complaint", self.now[0], {"product": "nougat"})
            await self.ledger.commit(RecordCommand(self.compiled, name, event, self.now[0]))

    async def decide(self, name: str) -> str:
        """The campaign that is chosen."""
        attributes = {"profile.phone": "1", "profile.product": "nougat"}
        decision = await self.engine.decide(Request(name, self.now[0], attributes))
        return decision.offers[0].campaign

    def close(self) -> None:
        """Closes its connections."""
        self.ledger.close()


async def test_servers_follow_the_counts(any_log: Log, tmp_path: Path) -> None:
    """A server reads what the other counted at its next look, pauses, tells of it once, and goes on when it is over."""
    compiled, now, before = compiled_book(tmp_path / "book", BOOK), [NOW], TREND_ALERTS.value
    with ExitStack() as stack:
        first, second = (stack.enter_context(closing(Server(any_log, compiled, now))) for _ in range(2))
        await first.follower.look()
        await second.follower.look()
        await first.complain("abcde")
        await second.follower.look()
        assert await second.decide("ann") == "sell"  # nothing is known of the time before
        for _ in range(2):
            now[0] += DAY  # longer without any server, and counting would begin anew
            await first.follower.look()
            await second.follower.look()
        await first.complain("fghij")
        now[0] += 5 * SECOND
        assert await second.decide("bob") == "sell"
        for server in (first, second, first, second):
            await server.follower.look()
        assert [await server.decide("cid") for server in (first, second)] == ["apologise"] * 2
        assert TREND_ALERTS.value == before + 1
        now[0] += DAY // 8
        await second.follower.look()
        assert await second.decide("dee") == "sell"
        assert any_log.rows("select value, until > 0 from trend_alarms") in (
            [("nougat", 1)],
            [("nougat", True)],
        )
        second.ledger.close()
        await second.follower.look()  # what was read stays


def test_an_alert_arrives_on_a_stream(tmp_path: Path) -> None:
    """Complaints that are recorded over the network reach those who watch for trends, with their product and how many."""
    compiled, log = compiled_book(tmp_path / "book", BOOK), sqlite_log(tmp_path)
    now = datetime.now(UTC)
    with closing(open_store(log.url)) as store:
        for days in range(3, -1, -1):
            commit_group(store, [KeepTrendsCommand(compiled, from_datetime(now) - days * DAY)])
    with serving(tmp_path / "book", log) as server, Client(server.target, timeout=60) as client:
        watched = client.watch(kinds=["trend"])
        assert next(watched).WhichOneof("kept") is None
        complaints = [
            recorded(name, "complaint", now, event_id=name, attributes={"product": "nougat"})
            for name in "abcdef"
        ]
        client.record(complaints).raise_for_errors()
        alert = next(response for response in watched if response.WhichOneof("kept"))
        watched.close()  # type: ignore[attr-defined]
    assert (alert.trend.event, alert.trend.field, alert.trend.value) == ("complaint", "product", "nougat")
    assert (alert.trend.number, alert.trend.usual) == (6, 0.0)
    assert now <= alert.trend.at.ToDatetime(UTC) <= datetime.now(UTC)
