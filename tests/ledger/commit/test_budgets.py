"""What contacts cost, over all customers, under budgets of a channel, a campaign and the book, on both stores."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.pressure.counters import QuotaKey
from engine.explain.words import rule_in_words
from engine.ledger.commit.balances import QuotaBalance
from engine.ledger.commit.events import RecordResult
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.commit.quotas import Quotas, QuotaUndecided
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import CounterRow
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome, Reason, ReasonCode, RuleKind
from engine.model.event import Event
from engine.model.instant import DAY, SECOND, from_datetime
from engine.model.request import Mode
from tests.books import compiled_book
from tests.ledger.commit.shared import NOW, assert_sound, customer_limit, outcome, settle
from tests.logs import Log
from tests.replays import assert_replays

HOUR = 3_600 * SECOND
MONTH_ENDS = NOW + 22 * DAY
"""2026-04-01T00:00Z."""
COSTS = {"sms": Decimal("0.07"), "phone": Decimal("2.5"), "mail": Decimal(0)}
BOOK = """
book: {name: shop, timezone: UTC, currency: EUR{book}}
attributes:
  profile.phone: {type: text}
  profile.wants: {type: text}
channels:
  sms:   {kind: outbound, address: profile.phone, consent: not_needed, cost: 0.07, hold: 1h, on_silence: release{sms}}
  phone: {kind: outbound, address: profile.phone, consent: not_needed, cost: 2.5, hold: 2h, on_silence: release}
  mail:  {kind: outbound, address: profile.phone, consent: not_needed}
offers:
  plain: {name: Plain, content: {default: {text: Plain}}}
campaigns:
  few:  {offer: plain, when: {profile.wants: few}, channels: [sms]}
  call: {offer: plain, when: {profile.wants: call}, channels: [phone]{call}}
  both: {offer: plain, when: {profile.wants: both}, channels: [phone, sms, mail]{both}}
  held: {offer: plain, when: {profile.wants: held}, channels: [sms], control: 50%}
"""
NONE = {"book": "", "sms": "", "call": "", "both": ""}
SMS = {"sms": ", budget: {limit: 0.25 EUR, per: calendar month}"}
ALL = {
    "book": ", budget: {limit: 30 EUR, per: calendar month}",
    "sms": ", budget: {limit: 2 EUR, per: calendar month}",
    "call": ", budget: {limit: 15.1 EUR, per: calendar week}",
    "both": ", budget: {limit: 9 EUR}",
}
LIMITS = {
    "book/budget": 30_000_000,
    "sms/channel_budget": 2_000_000,
    "call/campaign_budget": 15_100_000,
    "both/campaign_budget": 9_000_000,
}


def book(folder: Path, budgets: dict[str, str]) -> CompiledBook:
    """The book with these budgets."""
    text = BOOK
    for name, budget in {**NONE, **budgets}.items():
        text = text.replace(f"{{{name}}}", budget)
    return compiled_book(folder / f"book-{abs(hash(text))}", text)


def spent(log: Log) -> dict[str, int]:
    """What is counted, by rule."""
    assert_sound(log)
    return dict(log.rows("select counter, cast(sum(used) as bigint) from counters group by counter"))


def costs(log: Log) -> dict[str, int]:
    """What the contacts of the log cost that were neither withheld nor released, by the budgets that count them."""
    sums: dict[str, int] = dict.fromkeys(LIMITS, 0)
    for channel, campaign, contacts in log.rows(
        "select channel, campaign, count(*) from contacts where state not in ('released', 'shadow')"
        " group by channel, campaign"
    ):
        cost = int(COSTS[channel] * contacts * 1_000_000)
        for name in ("book/budget", f"{channel}/channel_budget", f"{campaign}/campaign_budget"):
            if name in sums:
                sums[name] += cost
    return sums


@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_budget_is_spent_exactly(store: Store, any_log: Log, tmp_path: Path, size: int) -> None:
    """0.25 are three messages of 0.07; too little is left for a fourth until a hold ends, or the month."""
    compiled = book(tmp_path, SMS)
    asked = [customer_limit(n, "few", NOW) for n in range(7)]
    answers = [
        answer
        for start in range(0, 7, size)
        for answer in settle(compiled, store, asked[start : start + size])
    ]
    assert [answer.outcome for answer in answers] == [Outcome.OFFER] * 3 + [Outcome.BLOCKED] * 4
    last = answers[-1]
    assert last.reasons == (Reason(ReasonCode.OVER_BUDGET, "sms/channel_budget"),)
    assert (last.blocked_by, last.next_allowed_at) == (("sms/channel_budget",), NOW + HOUR)
    assert spent(any_log) == {"sms/channel_budget": 210_000}
    assert assert_replays(any_log.url) == 7


def test_what_a_budget_saw_is_put_into_words(store: Store, tmp_path: Path) -> None:
    """Amounts in the currency of the book, with what a contact costs: it is that for which too little is left."""
    compiled = book(tmp_path, SMS)
    settle(compiled, store, [customer_limit(n, "few", NOW) for n in range(3)])
    (decision,) = settle(compiled, store, [customer_limit("x", "few", NOW)._replace(mode=Mode.PREVIEW)])
    (reading,) = decision.candidate_outcomes[0].readings
    assert (reading.kind, reading.counted, reading.limit) == (RuleKind.BUDGET, 210_000, 250_000)
    assert (reading.cost, reading.currency) == (70_000, "EUR")
    assert rule_in_words(reading, compiled.book.timezone) == (
        "0.21 of 0.25 EUR in calendar month in UTC, and a contact costs 0.07, until 2026-03-10T01:00+00:00"
    )


def test_the_next_month_has_a_budget_of_its_own(store: Store, any_log: Log, tmp_path: Path) -> None:
    """On the book's clock; what was sent and confirmed in the month before stays spent there."""
    compiled = book(tmp_path, SMS)
    for answer in settle(compiled, store, [customer_limit(n, "few", NOW) for n in range(3)]):
        settle(compiled, store, (), [outcome(compiled, answer.decision_id, "delivered", NOW, NOW, "d")])
    (late,) = settle(compiled, store, [customer_limit("late", "few", MONTH_ENDS - 1)])
    assert (late.outcome, late.next_allowed_at) == (Outcome.BLOCKED, MONTH_ENDS)
    (next_month,) = settle(compiled, store, [customer_limit("late", "few", MONTH_ENDS)])
    assert next_month.outcome is Outcome.OFFER
    periods = any_log.rows("select cast(sum(used) as bigint) from counters group by period order by period")
    assert periods == [(210_000,), (70_000,)]


def test_what_is_given_back_can_be_spent_again(store: Store, any_log: Log, tmp_path: Path) -> None:
    """By the end of a hold and by a bounce, each as much as it cost; a delivery reported after all takes it again."""
    compiled = book(tmp_path, {"both": ", budget: {limit: 5.1 EUR}"})
    first, second, third, free = settle(compiled, store, [customer_limit(n, "both", NOW) for n in range(4)])
    channels = [answer.offers[0].channel for answer in (first, second, third, free)]
    assert channels == ["phone", "phone", "sms", "mail"]  # 5.07 are spent, and what costs nothing always goes
    assert spent(any_log) == {"both/campaign_budget": 5_070_000}
    settle(compiled, store, (), [outcome(compiled, first.decision_id, "bounced", NOW, NOW, "b")])
    assert spent(any_log) == {"both/campaign_budget": 2_570_000}
    (again,) = settle(compiled, store, [customer_limit("again", "both", NOW)])
    assert again.offers[0].channel == "phone"
    later = NOW + 3 * HOUR
    settle(compiled, store, (), [outcome(compiled, second.decision_id, "delivered", NOW, later, "d")])
    (anew,) = settle(compiled, store, [customer_limit("anew", "both", later)])
    assert anew.offers[0].channel == "phone"
    assert spent(any_log) == {"both/campaign_budget": 5_000_000}
    assert spent(any_log)["both/campaign_budget"] == costs_at(any_log, "both", later)
    assert assert_replays(any_log.url) == 6


def costs_at(log: Log, campaign: str, now: int) -> int:
    """What the campaign's contacts cost that count at the moment."""
    rows = log.rows(
        f"select channel, count(*) from contacts where campaign = '{campaign}' and state not in ('released', 'shadow')"
        f" and (expires_at is null or expires_at > {now}) group by channel"
    )
    return sum(int(COSTS[channel] * contacts * 1_000_000) for channel, contacts in rows)


def test_a_larger_contact_is_refused_where_a_smaller_one_fits(store: Store, tmp_path: Path) -> None:
    """2.50 no longer fit into what is left, 0.07 do; and the other way round nothing is taken that does not fit."""
    compiled = book(tmp_path, {"book": ", budget: {limit: 2.6 EUR, per: calendar month}"})
    outcomes = [
        settle(compiled, store, [customer_limit(n, wants, NOW)])[0].outcome
        for n, wants in enumerate(("few", "call", "few", "call", "few"))
    ]
    offer, blocked = Outcome.OFFER, Outcome.BLOCKED
    assert outcomes == [offer, offer, blocked, blocked, blocked]


def test_a_contact_dearer_than_the_budget_never_goes(store: Store, tmp_path: Path) -> None:
    """No moment is named at which it would."""
    compiled = book(tmp_path, {"call": ", budget: {limit: 2.49 EUR, per: calendar month}"})
    (decision,) = settle(compiled, store, [customer_limit("x", "call", NOW)])
    assert (decision.outcome, decision.next_allowed_at) == (Outcome.BLOCKED, None)
    (decision,) = settle(compiled, store, [customer_limit("x", "call", NOW)._replace(mode=Mode.PREVIEW)])
    (reading,) = decision.candidate_outcomes[0].readings
    assert rule_in_words(reading, compiled.book.timezone).endswith("costs 2.50, more than the whole budget")


def test_what_is_withheld_costs_nothing(store: Store, any_log: Log, tmp_path: Path) -> None:
    """A control takes nothing of a budget."""
    compiled = book(tmp_path, {"sms": ", budget: {limit: 5 EUR, per: calendar month}"})
    answers = settle(compiled, store, [customer_limit(n, "held", NOW) for n in range(20)])
    sent = [answer.outcome for answer in answers].count(Outcome.OFFER)
    assert 0 < sent < 20
    assert spent(any_log) == {"sms/channel_budget": sent * 70_000}


def test_a_new_budget_counts_what_was_spent_before_it(store: Store, any_log: Log, tmp_path: Path) -> None:
    """By what its channel costs now; and what another book spends, that has no budget, is counted from then on."""
    plain, compiled = book(tmp_path, {}), book(tmp_path, ALL)
    settle(plain, store, [customer_limit(n, "few", NOW) for n in range(5)])
    settle(plain, store, [customer_limit(n, "call", NOW) for n in range(2)])
    settle(compiled, store, [customer_limit("x", "few", NOW)])
    assert (
        spent(any_log)
        == costs(any_log)
        == {
            "book/budget": 5_420_000,
            "sms/channel_budget": 420_000,
            "call/campaign_budget": 5_000_000,
            "both/campaign_budget": 0,
        }
    )
    settle(plain, store, [customer_limit(n, "both", NOW) for n in range(2)])
    assert spent(any_log) == costs(any_log)
    assert spent(any_log)["both/campaign_budget"] == 5_000_000


def test_a_contact_made_elsewhere_is_paid_for(store: Store, any_log: Log, tmp_path: Path) -> None:
    """A call that a salesman made costs what calls cost."""
    compiled = book(tmp_path, ALL)
    settle(compiled, store, [customer_limit("x", "few", NOW)])
    event = Event("call-1", "contacted", NOW, {"by": "crm"})
    report = ReportCommand(compiled, "ann", "", event, NOW, "phone", "call")
    assert commit_group(store, [report]) == [RecordResult.ACCEPTED]
    assert spent(any_log) == costs(any_log)
    assert spent(any_log)["call/campaign_budget"] == 2_500_000


def test_several_at_once_spend_no_more_than_there_is(any_log: Log, tmp_path: Path) -> None:
    """Four at a time, some reporting that nothing arrived: never above a limit, and at the end too little is left."""
    compiled = book(tmp_path, ALL)

    def spend(worker: int) -> None:
        rng, number, refused = random.Random(worker), 0, 0
        with closing(open_store(any_log.url, busy_timeout=60)) as store:
            while refused < 6:
                number += 1
                now = NOW + number * SECOND
                wanted = rng.choices(["few", "call", "both"], weights=(6, 2, 2), k=rng.randrange(1, 9))
                requests = [
                    customer_limit(f"{worker}-{number}-{n}", word, now) for n, word in enumerate(wanted)
                ]
                paid = [answer for answer in settle(compiled, store, requests) if _costs(answer)]
                refused = 0 if paid else refused + 1
                lost = rng.sample(paid, len(paid) // 4)
                reports = [outcome(compiled, answer.decision_id, "bounced", now, now, "b") for answer in lost]
                settle(compiled, store, (), reports)
                assert all(costs(any_log)[name] <= limit for name, limit in LIMITS.items())

    with ThreadPoolExecutor(4) as pool:
        for work in [pool.submit(spend, worker) for worker in range(4)]:
            work.result()
    at_end = costs(any_log)
    assert spent(any_log) == at_end
    assert any_log.rows("select count(*) from contacts where state = 'released'") != [(0,)]
    assert LIMITS["sms/channel_budget"] - at_end["sms/channel_budget"] < 70_000
    assert LIMITS["call/campaign_budget"] - at_end["call/campaign_budget"] < 2_500_000
    assert assert_replays(any_log.url) > 100


def test_amounts_that_differ_read_one_number(store: Store) -> None:
    """Where a sum that was read without the locks leaves less than the shard in hand, all shards are locked.

    Otherwise each amount would read another number, of which a replay knows only the first.
    """
    quotas, key = Quotas(store), QuotaKey("book/budget", 0)
    rows = [CounterRow(*key, 0, 0, 5_000_000, 30_000_000)]
    quotas._balances[key] = QuotaBalance(30_000_000, 29_980_000, rows, is_whole=False)
    with pytest.raises(QuotaUndecided):
        quotas.counted(key, 30_000_000, NOW, (), 70_000)


@pytest.mark.parametrize(("per", "ends"), [("quarter", "2026-04-01"), ("year", "2027-01-01")])
def test_quarters_and_years_have_budgets(
    store: Store, any_log: Log, tmp_path: Path, per: str, ends: str
) -> None:
    """The whole budget is there anew when the quarter or the year begins, and replays know it."""
    compiled = book(tmp_path, {"sms": f", budget: {{limit: 0.08 EUR, per: calendar {per}}}"})
    (sent,) = settle(compiled, store, [customer_limit("a", "few", NOW)])
    settle(compiled, store, (), [outcome(compiled, sent.decision_id, "delivered", NOW, NOW, "d")])
    (blocked,) = settle(compiled, store, [customer_limit("b", "few", NOW)])
    opens = from_datetime(datetime.fromisoformat(ends).replace(tzinfo=UTC))
    assert (blocked.blocked_by, blocked.next_allowed_at) == (("sms/channel_budget",), opens)
    (again,) = settle(compiled, store, [customer_limit("b", "few", opens)])
    assert again.outcome is Outcome.OFFER
    assert assert_replays(any_log.url) == 3


def _costs(answer: Decision) -> bool:
    return bool(answer.offers) and answer.offers[0].channel != "mail"
