"""A budget over the wire: what is blocked, why, and what a preview shows of it."""

from datetime import UTC, datetime
from pathlib import Path

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, request
from tests.books import write_book
from tests.logs import sqlite_log
from tests.servers import serving
from tests.waiting import HANGS

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
