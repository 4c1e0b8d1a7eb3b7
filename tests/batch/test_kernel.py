"""Columns against the engine: every field of the decision of every customer."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import kernel
from engine.batch.columns import Bools, Codes, ScoreColumn
from engine.batch.facets import Customers
from engine.batch.frame import Pairs
from engine.batch.kernel import Kernel
from engine.batch.lanes import ColumnPlan, Disagreement
from engine.batch.profiles import Profiles
from engine.batch.results import Funnel, decide_by_engine
from engine.batch.scorer import Scorer
from engine.decide.compiled import CompiledBook, compile_book
from engine.model.instant import DAY
from engine.model.request import Request
from engine.rulebook.load import load
from tests.batch.people import requests_for
from tests.decide.arbitrate.shop import NOW, compiled_book
from tests.decide.arbitrate.test_properties import book, campaigns

HOUR = DAY // 24
RULES = Path("rules")


def engine_funnel(compiled: CompiledBook, requests: list[Request]) -> Funnel:
    """The counts of the engine's own decisions."""
    funnel = Funnel()
    for request in requests:
        by_engine = decide_by_engine(compiled, request)
        funnel.see_tried(by_engine.selection)
        funnel.see(by_engine.decision)
    return funnel


def check(
    compiled: CompiledBook, requests: list[Request], now: int, channels: tuple[str, ...] = ()
) -> Kernel:
    """Decides the customers both ways; nothing is decided by the engine alone that columns could decide."""
    by_columns = Kernel(compiled, ColumnPlan(now, channels, verified=0.1))
    decisions = list(by_columns.decide(requests))
    expected = [decide_by_engine(compiled, request).decision for request in requests]
    for request, decision, right in zip(requests, decisions, expected, strict=True):
        assert decision == right, request
    funnel, counted = by_columns.funnel, engine_funnel(compiled, requests)
    assert (funnel.campaigns, funnel.outcomes, funnel.forms) == (
        counted.campaigns,
        counted.outcomes,
        counted.forms,
    )
    return by_columns


@pytest.mark.parametrize("name", sorted(path.name for path in RULES.iterdir() if path.is_dir()))
def test_shipped_books_are_decided_as_by_the_engine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By day and at night, over the borders of chunks."""
    monkeypatch.setattr(kernel, "CHUNK", 37)
    loaded = load(RULES / name)
    assert loaded.book is not None
    compiled = compile_book(loaded.book)
    try:
        for at in (NOW, NOW + 13 * HOUR):
            check(compiled, requests_for(compiled, at, 90, seed=at % 97), at)
    finally:
        compiled.close()


@settings(max_examples=40, deadline=None)
@given(campaigns(), st.integers(0, 1000))
def test_random_books_are_decided_as_by_the_engine(written: dict[str, Any], seed: int) -> None:
    """Ties, tiers, slots, controls, a holdout, boosts and variants; customers without phone or consent."""
    compiled = book(written)
    decided = check(compiled, requests_for(compiled, NOW, 40, seed), NOW)
    assert not decided.funnel.exact


RICH = """
book: {name: rich, timezone: Europe/Paris, salt: r, locale: en}
attributes:
  profile.age: {type: integer, min: 0, max: 130}
  profile.score: {type: number, min: 0, max: 1}
  profile.name: {type: text}
  profile.phone: {type: text}
  profile.mail: {type: text}
  profile.per_week: {type: integer}
  profile.tags: {type: list of text}
  profile.birthday: {type: date}
channels:
  sms: {kind: outbound, address: profile.phone, consent: sms, hold: 24h, on_silence: release}
  mail: {kind: outbound, address: profile.mail, consent: mail}
offers:
  cream: {name: Cream, value: 3, content: {default: {title: "Cream for {profile.name}"}}}
  soap: {name: Soap, value: 3, content: {default: {title: Soap}}}
  oil: {name: Oil, value: 2, content: {mail: {title: Oil}}}
campaigns:
  birthday:
    offer: cream
    tier: 1
    when: {profile.birthday: {anniversary: {within: 8d}}}
    channels: [mail, sms]
  cream:
    offer: cream
    when: {any: [{profile.age: {gte: 40}}, {profile.tags: {any_item: {eq: vip}}}, {profile.name: {contains: o}}]}
    channels: [sms, mail]
    propensity: {attribute: profile.score, default: 0.5}
    limits: {per_customer: {limit: 1, per: rolling 7d}}
    variants:
      old: {when: {profile.age: {gte: 60}}, content: {default: {title: "Old {profile.name}"}}}
      any-age: {share: 2, content: {default: {title: Any}}}
  soap:
    offer: soap
    channels: [mail, sms]
    control: 20%
    variants:
      plain: {content: {default: {title: Soap}}, locales: {de: {title: "Seife, {profile.name}"}, fr: {title: Savon}}}
    active: {hours: 06:00-12:00, days: [mon, tue, wed], clock: customer}
    boosts: [{when: {profile.score: {gt: 0.6}}, by: 3}]
  oil:
    offer: oil
    channels: [mail]
    ramp: {from: 2026-03-01, start: 10%, full: 2026-03-30}
pressure:
  caps:
    weekly: {limit: {attribute: profile.per_week, default: 2}, per: rolling 7d, count: {kind: outbound}}
  quiet:
    mornings: {from: "05:00", until: "13:00", channel: mail, clock: book}
    nights: {from: "21:00", until: "08:00", channel: sms}
    sundays: {days: [sun], when: {profile.age: {gte: 70}}}
"""


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000),
    st.integers(0, 167),
    st.sampled_from(((), ("sms",), ("mail", "sms"))),
    st.sampled_from((1, 7, kernel.CHUNK)),
)
def test_rules_and_clocks_of_customers_are_those_of_the_engine(
    seed: int, hour: int, channels: tuple[str, ...], rows: int
) -> None:
    """Wherever a customer is, at every hour of the week: quiet hours, schedules, own limits, languages and missing values."""
    compiled, now = rich(), NOW + hour * HOUR
    requests = [request._replace(channels=channels) for request in requests_for(compiled, now, 60, seed)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "CHUNK", rows)
        assert not check(compiled, requests, now, channels).funnel.exact


@cache
def rich() -> CompiledBook:
    """A book with much of what decisions read of a customer."""
    return compiled_book(RICH)


def test_customers_without_an_offer_differ_by_their_clocks() -> None:
    """The same campaign is blocked for all of them, and may go when its hours have come where they are."""
    compiled = compiled_book(CLOCKS)
    zones = ("Europe/Paris", "Asia/Tokyo", "Asia/Shanghai")
    requests = [
        Request(zone, NOW, {"profile.time_zone": zone, "profile.phone": "1"}, consents=frozenset(("sms",)))
        for zone in zones
    ]
    decisions = list(Kernel(compiled, ColumnPlan(NOW, verified=0.0)).decide(requests))
    expected = [decide_by_engine(compiled, request).decision for request in requests]
    assert len({(own.next_allowed_at, own.next_any_at) for own in expected}) > 1
    assert not any(own.chosen for own in expected)
    assert decisions == expected


CLOCKS = """
book: {name: clocks, timezone: Europe/Paris, salt: c, locale: en}
attributes:
  profile.phone: {type: text}
channels:
  sms: {kind: outbound, address: profile.phone, consent: sms, hold: 24h, on_silence: release}
offers:
  soap: {name: Soap, value: 3, content: {default: {title: Soap}}}
campaigns:
  soap:
    offer: soap
    channels: [sms]
    active: {hours: 02:00-22:00, clock: customer}
pressure:
  quiet:
    workdays: {days: [mon, tue, wed, thu], channel: sms, clock: book}
"""


def test_what_columns_do_not_cover_is_evaluated_alone() -> None:
    """Each row of another lane with its reason, the others by columns, all in their order."""
    compiled = rich()
    plain = requests_for(compiled, NOW, 5)
    others = {
        "allows several offers": plain[0]._replace(max_offers=2),
        "asks for another moment or other channels than the run": plain[1]._replace(now=NOW + 1),
        "has a score that is not a number": plain[2]._replace(
            consents=frozenset(("sms",)), attributes={"profile.age": 50, "profile.score": float("nan")}
        ),
    }
    decided = Kernel(compiled, ColumnPlan(NOW, verified=1.0))
    requests = [*others.values(), *plain]
    decisions = list(decided.decide(requests))
    assert [str(own) for own in decisions] == [
        str(decide_by_engine(compiled, request).decision) for request in requests
    ]
    assert decided.funnel.exact == dict.fromkeys(others, 1)
    assert decided.funnel.verified == len(plain)


def test_a_book_that_infers_is_evaluated_customer_by_customer() -> None:
    """And the run says why."""
    loaded = load(RULES / "store-recommend")
    assert loaded.book is not None
    compiled = compile_book(loaded.book)
    decided = check(compiled, requests_for(compiled, NOW, 5), NOW)
    compiled.close()
    assert decided.funnel.exact == {"the book infers signals": 5}


def test_net_scores_are_evaluated_alone() -> None:
    """They differ by channel, which columns do not cover."""
    compiled = compiled_book(
        RICH.replace("locale: en", "locale: en, currency: EUR, arbitration: {score: net}")
    )
    decided = check(compiled, requests_for(compiled, NOW, 20), NOW)
    assert decided.funnel.exact == {"scores are net of costs": 20}


def test_a_difference_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the customer's name, whether a class is not confirmed or the sample shows it."""
    compiled = rich()
    requests = requests_for(compiled, NOW, 30)

    def wrong(profiles: Profiles, numbers: Codes) -> Bools:
        return np.zeros(len(numbers), np.bool_)

    monkeypatch.setattr(Profiles, "may_go", wrong)
    with pytest.raises(Disagreement, match=r"'customer-\d+': the columns say"):
        list(Kernel(compiled, ColumnPlan(NOW)).decide(requests))
    monkeypatch.undo()

    def unscored(scorer: Scorer, customers: Customers, pairs: Pairs) -> ScoreColumn:
        return np.ones(len(pairs.rows))

    monkeypatch.setattr(Scorer, "scores", unscored)
    with pytest.raises(Disagreement):
        list(Kernel(compiled, ColumnPlan(NOW, verified=1.0)).decide(requests))


def test_nobody_is_decided_where_there_is_nobody() -> None:
    """An empty population has an empty answer."""
    decided = Kernel(rich(), ColumnPlan(NOW))
    assert list(decided.decide([])) == []
    assert decided.funnel == Funnel()
