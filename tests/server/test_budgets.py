"""Budgets over the wire: what is blocked, why, what a preview shows of it, and the metrics."""

import signal
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, request
from engine.engine import Engine
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.model.instant import DAY, SECOND, from_datetime
from engine.model.request import Request
from engine.server.book.serving import ServingBook, ServingBooks
from engine.server.budgets import BudgetFollower, BudgetSpent
from engine.server.clock import ServerClock
from engine.wire.parse import Parser
from tests.books import compiled_book, write_book
from tests.logs import Log, sqlite_log
from tests.servers import serving
from tests.telemetry.shown import free_port, samples
from tests.waiting import HANGS, until

NOW = datetime(2026, 3, 10, 10, tzinfo=UTC)
BOOK = """
book: {name: dear, timezone: UTC, currency: EUR}
attributes: {profile.phone: {type: text}}
channels:
  call: {kind: outbound, address: profile.phone, consent: ads, cost: 6.5, budget: {limit: 7000 EUR, per: calendar month}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [call], budget: {limit: 10 EUR, per: calendar day}}}
"""


def test_a_budget_over_the_wire(tmp_path: Path) -> None:
    """The campaign's is used up by the first call; amounts are larger than 32 bits hold."""
    with (
        serving(write_book(tmp_path / "book", BOOK), sqlite_log(tmp_path), "--allow-simulated-now") as server,
        Client(server.target, timeout=HANGS) as tact,
    ):
        assert tact.decide(_asked("ann")).outcome == pb.OUTCOME_OFFER
        blocked = tact.decide(_asked("bob"))
        assert [(reason.code, reason.name) for reason in blocked.reasons] == [
            (pb.REASON_CODE_OVER_BUDGET, "tea/campaign_budget")
        ]
        assert blocked.next_allowed_at.ToDatetime(UTC) == datetime(2026, 3, 11, tzinfo=UTC)
        seen = tact.decide(_asked("bob", "preview")).pressure
    assert [(reading.rule, reading.kind, reading.blocks, reading.spending) for reading in seen] == [
        (rule, pb.PRESSURE_KIND_BUDGET, blocks, _spending(limit))
        for rule, blocks, limit in (
            ("call/channel_budget", False, 7_000_000_000),
            ("tea/campaign_budget", True, 10_000_000),
        )
    ]
    assert not any(reading.HasField("counted") or reading.HasField("limit") for reading in seen)


def _asked(name: str, mode: str = "commit") -> pb.DecideRequest:
    return request(name, profile={"phone": "1"}, consents=["ads"], now=NOW, mode=mode)


def _spending(limit: int) -> pb.Spending:
    return pb.Spending(spent_micros=6_500_000, limit_micros=limit, cost_micros=6_500_000, currency="EUR")


def test_budgets_are_shown_as_metrics(tmp_path: Path) -> None:
    """Spent and limit by name; of a budget that a reload brings, with what the log's contacts of its period cost."""
    port, month = free_port(), "{limit: 100 EUR, per: calendar month}"
    book = write_book(tmp_path / "book", BOOK)
    with (
        serving(book, sqlite_log(tmp_path), "--metrics-port", str(port)) as server,
        Client(server.target, timeout=HANGS) as tact,
    ):
        assert _budgets(port) == {"call/channel_budget": (0, 7000), "tea/campaign_budget": (0, 10)}
        tact.decide(request("ann", profile={"phone": "1"}, consents=["ads"]))
        write_book(book, BOOK.replace("currency: EUR}", f"currency: EUR, budget: {month}}}"))
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "book/budget" in _budgets(port), server)
        assert _budgets(port) == {
            "book/budget": (6.5, 100),
            "call/channel_budget": (6.5, 7000),
            "tea/campaign_budget": (6.5, 10),
        }


async def test_servers_show_the_same(any_log: Log, tmp_path: Path) -> None:
    """What one process has spent, another shows after its next look; of a book that was replaced it shows nothing."""
    compiled, now = compiled_book(tmp_path / "book", BOOK), [from_datetime(NOW)]
    plain = compiled_book(
        tmp_path / "plain", BOOK.replace(", budget: {limit: 10 EUR, per: calendar day}", "")
    )
    with ExitStack() as stack:
        ledgers = [stack.enter_context(closing(Ledger(open_store(any_log.url)))) for _ in range(2)]
        engines = [Engine(compiled, ledger) for ledger in ledgers]
        books = ServingBooks(compiled, lambda live: ServingBook(Parser(live), Engine(live, ledgers[1])))
        clock = ServerClock(lambda: now[0], lambda: now[0] * 1000)
        follower = BudgetFollower(books, ledgers[1], clock)
        await follower.look()
        for engine, name in zip(engines, ("ann", "bob"), strict=True):
            await engine.decide(Request(name, now[0], {"profile.phone": "1"}, consents=frozenset({"ads"})))
        await follower.look()
        assert {budget.name: budget.spent for budget in follower.spent()} == {
            "call/channel_budget": 0,
            "tea/campaign_budget": 0,
        }
        now[0] += 10 * SECOND
        await follower.look()
        assert list(follower.spent()) == [
            BudgetSpent("call/channel_budget", "EUR", 6.5, 7000),
            BudgetSpent("tea/campaign_budget", "EUR", 6.5, 10),
        ]
        books.swap(plain)
        assert list(follower.spent()) == []
        await follower.look()
        assert list(follower.spent()) == [BudgetSpent("call/channel_budget", "EUR", 6.5, 7000)]
        now[0] += 40 * DAY
        await follower.look()
        assert list(follower.spent()) == [BudgetSpent("call/channel_budget", "EUR", 0, 7000)]


def _budgets(port: int) -> dict[str, tuple[float, float]]:
    """Spent and limit by name."""
    shown: dict[str, dict[str, float]] = {"tact_budget_spent": {}, "tact_budget_limit": {}}
    for sample in samples(port):
        if sample.name in shown:
            assert sample.labels["currency"] == "EUR"
            shown[sample.name][sample.labels["budget"]] = sample.value
    spent, limits = shown.values()
    return {name: (amount, limits[name]) for name, amount in spent.items()}
