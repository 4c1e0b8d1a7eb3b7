"""Limits of a campaign that count by a value, once per cart or item, on both stores."""

import json
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.pressure.caps import counted_value
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome
from engine.model.instant import DAY, SECOND
from engine.model.request import Mode, Request
from engine.model.values import Value
from engine.rulebook.load import load_files
from tests.books import compiled_book
from tests.ledger.commit.shared import NOW, settle
from tests.ledger.commit.test_quotas_together import at_once
from tests.logs import Log, sqlite_log
from tests.replays import assert_replays

BOOK = """
book: {name: carts, timezone: UTC}
attributes:
  profile.phone: {type: text}
  profile.cart: {type: TYPE}
channels: {sms: {kind: outbound, address: profile.phone, consent: not_needed}}
offers: {cart: {name: Cart, content: {default: {text: Your cart}}}}
campaigns:
  cart: {offer: cart, channels: [sms], limits: {per_customer: {limit: 1, per: rolling 7d, by: profile.cart}}}
"""
RULE = ("cart/per_customer",)


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK.replace("TYPE", "text"))


def ask(
    compiled: CompiledBook, store: Store, now: int, cart: Value | None, mode: Mode = Mode.COMMIT
) -> Decision:
    """The decision for ann with this cart."""
    attributes: dict[str, Value] = {"profile.phone": "1"} | ({} if cart is None else {"profile.cart": cart})
    (decision,) = settle(compiled, store, [Request("ann", now, attributes, mode=mode)])
    return decision


def test_each_cart_is_spoken_of_once(compiled: CompiledBook, any_log: Log) -> None:
    """One does not hold back another; the same may come again when its contact has left the window."""
    with closing(open_store(any_log.url)) as store:
        assert ask(compiled, store, NOW, "c-1").outcome is Outcome.OFFER
        assert ask(compiled, store, NOW + SECOND, "c-2").outcome is Outcome.OFFER
        again = ask(compiled, store, NOW + DAY, "c-1")
        assert (again.outcome, again.blocked_by, again.next_allowed_at) == (
            Outcome.BLOCKED,
            RULE,
            NOW + 7 * DAY,
        )
        assert ask(compiled, store, NOW + DAY, "c-2").next_allowed_at == NOW + SECOND + 7 * DAY
        assert ask(compiled, store, NOW + 7 * DAY - 1, "c-1").outcome is Outcome.BLOCKED
        assert ask(compiled, store, NOW + 7 * DAY, "c-1").outcome is Outcome.OFFER
        (reading,) = ask(compiled, store, NOW + 7 * DAY, "c-2", Mode.PREVIEW).candidate_outcomes[0].readings
        assert (reading.window, reading.counted, reading.limit) == ("rolling 7d by profile.cart", 1, 1)
    assert sorted(any_log.rows("select counted_by from contacts")) == [('"c-1"',), ('"c-1"',), ('"c-2"',)]
    assert_replays(any_log.url)


def test_who_has_no_value_is_one_group(compiled: CompiledBook, any_log: Log) -> None:
    """Contacts without a value count together, and apart from those with one."""
    with closing(open_store(any_log.url)) as store:
        assert ask(compiled, store, NOW, None).outcome is Outcome.OFFER
        assert ask(compiled, store, NOW, None).blocked_by == RULE
        assert ask(compiled, store, NOW, "null").outcome is Outcome.OFFER  # a cart of that name
        assert ask(compiled, store, NOW, "").outcome is Outcome.OFFER  # an empty text is a value
    assert_replays(any_log.url)


def test_contacts_from_before_count_under_each_value(
    compiled: CompiledBook, any_log: Log, tmp_path: Path
) -> None:
    """What was sent while the limit counted all together holds every cart back, as it did, until it leaves the window."""
    before = compiled_book(
        tmp_path / "before", BOOK.replace("TYPE", "text").replace(", by: profile.cart", "")
    )
    with closing(open_store(any_log.url)) as store:
        ask(before, store, NOW, "c-1")
        for cart in ("c-1", "c-2", None):
            assert ask(compiled, store, NOW + DAY, cart).next_allowed_at == NOW + 7 * DAY
        assert ask(compiled, store, NOW + 7 * DAY, "c-2").outcome is Outcome.OFFER
        # and the other way round all count together again
        assert ask(before, store, NOW + 8 * DAY, "c-3").blocked_by == RULE
    assert_replays(any_log.url)


def test_rows_hold_a_value_only_where_a_limit_counts_by_it(any_log: Log, tmp_path: Path) -> None:
    """The trace of other decisions is as it was before there were such limits."""
    compiled = compiled_book(
        tmp_path / "book", BOOK.replace("TYPE", "text").replace(", by: profile.cart", "")
    )
    with closing(open_store(any_log.url)) as store:
        ask(compiled, store, NOW, "c-1")
        ask(compiled, store, NOW + SECOND, "c-1")
    traces = [json.loads(trace) for (trace,) in any_log.rows("select trace from decisions order by at")]
    assert [len(contact) for trace in traces for contact in trace["contacts"]] == [9]
    assert any_log.rows("select counted_by from contacts") == [(None,)]


def test_four_at_a_time_speak_of_each_cart_once(compiled: CompiledBook, any_log: Log) -> None:
    """Whatever the interleaving, no cart has two contacts, and none is left out."""
    carts = [f"c-{number}" for number in range(6)]

    def worker(number: int) -> None:
        with closing(open_store(any_log.url, busy_timeout=60)) as store:
            for cart in carts[number:] + carts[:number]:
                ask(compiled, store, NOW + number, cart)

    at_once(worker)
    rows = any_log.rows("select counted_by, count(*) from contacts group by counted_by")
    assert sorted(rows) == [(f'"{cart}"', 1) for cart in carts]


@pytest.mark.parametrize(
    ("type_", "first", "same", "other"),
    [
        ("number", 9, 9.0, 9.5),
        ("integer", 9, 9, 10),
        ("boolean", True, True, False),
        ("date", date(2026, 3, 1), date(2026, 3, 1), date(2026, 3, 2)),
        ("time", NOW, NOW, NOW + 1),
    ],
)
def test_values_of_each_type(type_: str, first: Value, same: Value, other: Value, tmp_path: Path) -> None:
    """Equal values are one group, as conditions have it; others are not."""
    compiled, log = compiled_book(tmp_path / "book", BOOK.replace("TYPE", type_)), sqlite_log(tmp_path)
    with closing(open_store(log.url)) as store:
        assert ask(compiled, store, NOW, first).outcome is Outcome.OFFER
        assert ask(compiled, store, NOW, same).outcome is Outcome.BLOCKED
        assert ask(compiled, store, NOW, other).outcome is Outcome.OFFER
    assert_replays(log.url)


def test_texts_are_no_numbers() -> None:
    """Nothing is converted."""
    assert len({counted_value(value) for value in ("9", 9, None, "null", True, "true", 9.5)}) == 7
    assert counted_value(9.0) == counted_value(9)


def test_a_sensitive_value_is_not_kept_with_contacts(tmp_path: Path) -> None:
    """Not even on a lawful basis: the log does not hold such values."""
    text = BOOK.replace("TYPE", "text, sensitive: health").replace(
        "UTC}", "UTC, lawful_basis: {health: consent}}"
    )
    loaded = load_files({"book.yaml": text.encode()})
    assert [(diagnostic.code, diagnostic.line) for diagnostic in loaded.diagnostics[1:]] == [("sensitive", 9)]
