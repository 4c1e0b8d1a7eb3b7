"""Columns against the engine where what is scarce has prices and cut-offs: every field of the decision of every customer."""

from functools import cache
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch.kernel import Kernel
from engine.batch.lanes import ColumnPlan
from engine.batch.results import decide_by_engine
from engine.decide.arbitrate.prices import tie_of, tier_of
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bid_prices import BidPrice, BidPrices
from engine.decide.experiments.bucketing import identity
from engine.decide.experiments.learning import Learned
from engine.model.decision import ReasonCode
from engine.model.request import Request
from engine.model.values import Value
from tests.decide.arbitrate.shop import NOW, compiled_book

BOOK = """
book: {name: shop, timezone: Europe/Paris, salt: s, currency: EUR}
attributes:
  profile.want: {type: number, min: 0, max: 1}
  profile.phone: {type: text}
  profile.email: {type: text}
channels:
  mail: {kind: outbound, address: profile.email, consent: not_needed}
  sms: {kind: outbound, address: profile.phone, consent: not_needed, cost: 0.5, capacity: {limit: 9, per: calendar day},
        budget: {limit: 100 EUR, per: calendar month}}
offers:
  cream: {name: x, value: 10, stock: 20, content: {default: {text: x}}}
  oil: {name: x, value: 4, stock: 20, content: {default: {text: x}}}
  soap: {name: x, value: 4, content: {default: {text: x}}}
  card: {name: x, value: 2, stock: 5, content: {default: {text: x}}}
campaigns:
  cream: {offer: cream, channels: [sms, mail], propensity: {attribute: profile.want, default: 0.1}}
  oil: {offer: oil, channels: [mail], control: 20%, limits: {total: 50}}
  soap: {offer: soap, channels: [mail], when: {profile.want: {gte: 0.5}}}
  early: {offer: oil, channels: [sms], tier: 1, when: {profile.want: {lt: 0.3}}}
  card: {offer: card, channels: [sms, mail], category: service, when: {profile.want: {gte: 0.8}}}
"""
COUNTERS = (
    "cream/stock",
    "oil/stock",
    "oil/total",
    "card/stock",
    "sms/capacity",
    "sms/channel_budget",
)


@cache
def shop() -> CompiledBook:
    """The book, compiled once."""
    return compiled_book(BOOK)


def customers(number: int, seed: int) -> list[Request]:
    """Customers with few distinct interests, so that scores are often equal."""
    draw, requests = Random(seed), []
    for at in range(number):
        attributes: dict[str, Value] = {}
        if draw.random() < 0.9:
            attributes["profile.want"] = draw.randrange(11) / 10
        if draw.random() < 0.8:
            attributes["profile.phone"] = "1"
        if draw.random() < 0.8:
            attributes["profile.email"] = "a@b"
        requests.append(Request(f"c{at}", NOW, attributes))
    return requests


def learned(*prices: BidPrice) -> Learned:
    """The prices, given to a book that does not read any."""
    made = Learned()
    made.bid_prices = BidPrices(prices, is_given=True)
    return made


def prices() -> st.SearchStrategy[list[BidPrice]]:
    """Cut-offs and prices, at scores that occur, of some counters."""
    score = st.sampled_from([0.0, 1.0, 2.0, 4.0, 5.0, 7.0])
    tie = st.none() | st.integers(0, (1 << 64) - 1)
    tiers = st.sampled_from([0, 0, 0, 1, -1, 1 << 40])

    def of(counter: str) -> st.SearchStrategy[BidPrice]:
        cut = st.builds(BidPrice, st.just(counter), tiers, st.just(0.0), score, st.just(0), st.none(), tie)
        paid = st.builds(BidPrice, st.just(counter), tiers, score, st.none(), st.just(0), st.none())
        return cut | paid

    return st.lists(st.sampled_from(COUNTERS).flatmap(of), max_size=4, unique_by=lambda own: own.counter)


@settings(max_examples=60, deadline=None)
@given(prices(), st.integers(0, 1000))
def test_columns_decide_as_the_engine_at_any_prices(given_prices: list[BidPrice], seed: int) -> None:
    """Equal scores, ties at the cut-off, tiers and several channels included."""
    compiled, held, requests = shop(), learned(*given_prices), customers(60, seed)
    kernel = Kernel(compiled, ColumnPlan(NOW, verified=0.0), learned=held)
    for request, decision in zip(requests, kernel.decide(requests), strict=True):
        assert decision == decide_by_engine(compiled, request, learned=held).decision, request


def test_cut_offs_are_decided_by_columns() -> None:
    """And prices, where the channels of a campaign have the same; else everybody is evaluated one by one."""
    for price, expected in (
        (BidPrice("cream/stock", 0, 0.0, 5.0, 0, None, 1 << 63), 0),
        (BidPrice("cream/stock", 0, 3.2, None, 0, None), 0),
        (BidPrice("sms/capacity", 0, 3.2, None, 0, None), 50),
    ):
        kernel = Kernel(shop(), ColumnPlan(NOW, verified=1.0), learned=learned(price))
        decisions = list(kernel.decide(customers(50, 1)))
        assert sum(kernel.funnel.exact.values()) == expected
        assert len(decisions) == 50


def test_who_is_refused_is_told_by_which_counter() -> None:
    """Not the counter's state but what it went for is why; equal scores are told apart by their tie."""
    compiled = shop()
    cream = next(own for own in compiled.compiled_campaigns if own.campaign.name == "cream")
    requests = [Request(f"c{at}", NOW, {"profile.want": 0.5, "profile.phone": "1"}) for at in range(20)]
    ties = sorted(tie_of(identity("s", request.customer), cream) for request in requests)
    cut = BidPrice("cream/stock", tier_of(cream), 0.0, 5.0, 0, None, ties[9])
    decisions = list(Kernel(compiled, ColumnPlan(NOW, verified=1.0), learned=learned(cut)).decide(requests))
    assert sum(bool(own.chosen) and own.chosen[0].campaign == "cream" for own in decisions) == 10
    refused = [own for own in decisions if (ReasonCode.OUT_OF_STOCK, "cream/stock") in own.reasons]
    assert len(refused) == 10
