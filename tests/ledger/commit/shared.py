"""A book of what all customers share, for tests, and what must hold of its counters at every moment."""

from collections.abc import Sequence

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordResult
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.store.store import Store
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.request import Request
from tests.logs import Log

BOOK = """
book: {name: shop, timezone: UTC}
attributes:
  profile.phone: {type: text}
  profile.wants: {type: text}
channels:
  sms:   {kind: outbound, address: profile.phone, consent: not_needed, hold: 1h, on_silence: release}
  phone: {kind: outbound, address: profile.phone, consent: not_needed, hold: 2h, on_silence: release,
          capacity: {limit: 5, per: calendar day}}
offers:
  rare:  {name: Rare, stock: 3, content: {default: {text: Rare}}}
  plain: {name: Plain, content: {default: {text: Plain}}}
campaigns:
  rare: {offer: rare, when: {profile.wants: rare}, channels: [sms]}
  few:  {offer: plain, when: {profile.wants: few}, channels: [sms], limits: {total: 4}}
  call: {offer: rare, when: {profile.wants: call}, channels: [phone], limits: {total: 12}}
"""
NOW = 1_773_100_800_000_000  # 2026-03-10T00:00Z
OFFER_STOCK, FEW, CALLS, CAPACITY = "rare/stock", "few/total", "call/total", "phone/capacity"
TAKES = {"rare": (OFFER_STOCK,), "few": (FEW,), "call": (OFFER_STOCK, CALLS, CAPACITY)}
"""What a contact counts for, by what was wanted."""


def customer_limit(customer: object, wants: str, now: int) -> Request:
    """A customer who wants something, and has a phone."""
    return Request(str(customer), now, {"profile.phone": "138", "profile.wants": wants})


def settle(
    compiled: CompiledBook, store: Store, requests: Sequence[Request], reports: Sequence[ReportCommand] = ()
) -> list[Decision]:
    """Settles all of it in one group; the decisions."""
    answers = commit_group(
        store, [*reports, *(DecideCommand(evaluate(compiled, request)) for request in requests)]
    )
    assert all(isinstance(one, Decision | RecordResult) for one in answers), answers
    return [one for one in answers if isinstance(one, Decision)]


def outcome(
    compiled: CompiledBook, decision_id: str, type_: str, at: int, now: int, name: object
) -> ReportCommand:
    """An outcome of a decision; name: what makes the event's id its own."""
    return ReportCommand(compiled, "", decision_id, Event(f"{decision_id}-{name}", type_, at, {}), now)


def assert_sound(log: Log) -> None:
    """Every counter counts what contacts hold of it, and no shard uses more than its quota."""
    held = {
        (counter, period): count
        for counter, period, count in log.rows(
            "select counter, period, sum(amount) from holdings where counted group by counter, period"
        )
    }
    for counter, period, used, quota, divided, over in log.rows(
        "select counter, period, sum(used), sum(quota), max(divided), max(used - quota) from counters"
        " group by counter, period"
    ):
        assert used == held.get((counter, period), 0), counter
        assert over <= 0, counter
        assert quota == max(divided, used), counter
