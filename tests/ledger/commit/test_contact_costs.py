"""Contacts keep what they cost when they were made, on both stores."""

from contextlib import closing
from pathlib import Path

import pytest

from engine.ledger.store.open import open_store
from engine.model.decision import Outcome
from engine.model.instant import DAY
from engine.model.request import Request
from tests.books import compiled_book
from tests.ledger.commit.shared import NOW, settle
from tests.logs import Log
from tests.replays import assert_replays

BOOK = """
book: {name: costs, timezone: UTC, currency: EUR, arbitration: {score: SCORE}}
attributes: {profile.phone: {type: text}}
channels:
  call: {kind: outbound, address: profile.phone, consent: not_needed, cost: COST}
  app: {kind: inbound}
offers: {help: {name: Help, value: 100, content: {default: {text: Help}}}}
campaigns:
  help: {offer: help, channels: [call, app], control: 50%}
"""


def book(cost: str, score: str = "gross") -> str:
    """The book with a call at this cost."""
    return BOOK.replace("COST", cost).replace("SCORE", score)


@pytest.mark.parametrize("score", ["gross", "net"])
def test_what_a_contact_cost_stays_when_the_book_changes(any_log: Log, tmp_path: Path, score: str) -> None:
    """Micro-units by the book that decided; withheld contacts and free channels cost 0, and decisions repeat."""
    dear = compiled_book(tmp_path / "dear", book("6.5", score))
    cheap = compiled_book(tmp_path / "cheap", book("0.0000015", score))
    free = Request("", NOW + DAY, {}, channels=("app",))
    with closing(open_store(any_log.url)) as store:
        outcomes = [
            decision.outcome
            for compiled, now in ((dear, NOW), (cheap, NOW + DAY))
            for decision in settle(
                compiled,
                store,
                [Request(f"c-{number}", now, {"profile.phone": "1"}) for number in range(12)],
            )
        ]
        settle(dear, store, [free._replace(customer=f"c-{number}") for number in range(12)])
    sent = outcomes[:12].count(Outcome.OFFER)
    assert 0 < sent < 12
    costs = any_log.rows("select channel, state, cost, count(*) from contacts group by channel, state, cost")
    assert sorted(costs) == [
        ("app", "confirmed", 0, sent),
        ("app", "shadow", 0, 12 - sent),
        ("call", "confirmed", 2, sent),
        ("call", "confirmed", 6_500_000, sent),
        ("call", "shadow", 0, 2 * (12 - sent)),
    ]
    assert_replays(any_log.url)


def test_a_cost_beyond_all_integers_of_the_log_is_cut(any_log: Log, tmp_path: Path) -> None:
    """The decision is made all the same."""
    with closing(open_store(any_log.url)) as store:
        settle(
            compiled_book(tmp_path / "book", book("1e300").replace(", control: 50%", "")),
            store,
            [Request("ann", NOW, {"profile.phone": "1"})],
        )
    assert any_log.rows("select cost from contacts") == [(9_000_000_000_000_000_000,)]
