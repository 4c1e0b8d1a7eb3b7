"""Properties of arbitration: the order of the text has no effect, and a better campaign harms no customer it is for."""

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.compiled import CompiledBook
from engine.model.contact import Contact, Facts
from engine.model.decision import Decision
from engine.model.request import Request
from engine.model.values import Value
from tests.decide.arbitrate.shop import NOW, SHOP, compiled_book, decided

DAY = 86_400_000_000
OFFERS = ("cream", "soap", "oil", "comb", "pen", "pad", "ink")
RULES: dict[str, Any] = {
    "pressure": {
        "caps": {
            "shown": {"limit": 3, "per": "rolling 7d", "count": {"kind": "inbound"}},
            "sent": {
                "limit": 1,
                "per": "rolling 7d",
                "count": {"channel": "sms"},
                "except": {"category": "service"},
            },
        }
    },
    "holdouts": {"all": {"share": "10%", "except": {"category": "service"}}},
    "layers": {"tests": {"slots": {"one": "0-50%", "two": "50-90%"}}},
}


@st.composite
def campaigns(draw: st.DrawFn) -> dict[str, Any]:
    """Up to eight campaigns, of few scores so that there are ties, with groups, controls, slots and boosts."""
    by_name = {}
    for number in range(draw(st.integers(2, 8))):
        campaign: dict[str, Any] = {
            "offer": draw(st.sampled_from(OFFERS)),
            "placements": ["shelf"],
            "channels": ["sms"],
            "tier": draw(st.integers(0, 1)),
            "value": draw(st.integers(1, 3)),
            "category": draw(st.sampled_from(("commercial", "service"))),
        }
        for key, values in (
            ("group", st.sampled_from("gh")),
            ("control", st.just("20%")),
            ("slot", st.sampled_from(("tests/one", "tests/two"))),
            ("when", st.just({"profile.age": {"gte": 40}})),
            ("boosts", st.just([{"when": {"profile.age": {"lt": 60}}, "by": 2}])),
        ):
            if draw(st.booleans()):
                campaign[key] = draw(values)
        if draw(st.booleans()):
            campaign["variants"] = {
                name: {"share": share, "content": {"default": {"title": name}}}
                for name, share in (("a", 1), ("b", 2))
            }
        by_name[f"c{number}"] = campaign
    return by_name


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request from a page or a sender, for customers of different ages."""
    attributes: dict[str, Value] = {"profile.age": draw(st.sampled_from((30, 50, 70))), "profile.phone": "1"}
    customer = f"customer-{draw(st.integers(0, 50))}"
    if draw(st.booleans()):
        return Request(customer, NOW, attributes, placement="shelf", max_offers=draw(st.integers(1, 4)))
    return Request(customer, NOW, attributes, consents=frozenset({"sms"}))


@st.composite
def histories(draw: st.DrawFn) -> list[Contact]:
    """Recent contacts on both channels."""
    facts = {
        kind: Facts(channel, kind, "past", "past", "commercial", frozenset())
        for channel, kind in (("web", "inbound"), ("sms", "outbound"))
    }
    days = draw(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(sorted(facts))), max_size=4))
    return [Contact(NOW - day * DAY - 1, None, facts[kind]) for day, kind in days]


def book(campaigns: Mapping[str, Any], order: Random | None = None, parts: int = 1) -> CompiledBook:
    """The campaigns as a book; with `order`, every mapping is shuffled by it and spread over `parts` files."""
    sections = [
        (name, {key: entry})
        for name, entries in {**RULES, "campaigns": campaigns}.items()
        for key, entry in entries.items()
    ]
    if order is None:
        return compiled_book(SHOP, *[_written({name: entry}) for name, entry in sections])
    order.shuffle(sections)
    files: list[dict[str, Any]] = [{} for _ in range(parts)]
    for name, entry in sections:
        order.choice(files).setdefault(name, {}).update(_shuffled(entry, order))
    texts = [SHOP, *[_written(file) for file in files if file]]
    order.shuffle(texts)
    return compiled_book(*texts)


def _written(data: object) -> str:
    return yaml.safe_dump(data, sort_keys=False)


def _shuffled(data: Any, order: Random) -> Any:
    if not isinstance(data, dict):
        return data
    keys = [*data]
    order.shuffle(keys)
    return {key: _shuffled(data[key], order) for key in keys}


def gist(decision: Decision) -> str:
    """The complete decision as text."""
    return json.dumps(decision, default=str)


@settings(max_examples=25, deadline=None)
@given(
    campaigns(),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
    st.lists(requests(), min_size=3, max_size=6),
)
def test_the_order_of_writing_changes_nothing(
    written: dict[str, Any], order: Random, parts: int, asked_requests: Sequence[Request]
) -> None:
    """Shuffled campaigns, keys and files, spread otherwise: the same version, and the same decisions to the last digit."""
    plain, shuffled = book(written), book(written, order, parts)
    assert shuffled.book.version == plain.book.version
    for request in asked_requests:
        assert gist(decided(shuffled, request)) == gist(decided(plain, request))


@settings(max_examples=50, deadline=None)
@given(campaigns(), st.data(), st.sampled_from(("tier", "value")), requests(), histories())
def test_a_strictly_better_campaign_never_makes_its_own_customer_worse_off(
    written: dict[str, Any], data: st.DataObject, key: str, request: Request, history: Sequence[Contact]
) -> None:
    """One campaign's tier or value is raised and nothing else; the customer and their contacts are the same.

    A customer who would get the campaign still gets it, in the same variant on the same channel; the best campaign chosen
    for them is the same as before, or the raised one; and its tier and score are not lower.
    """
    better = data.draw(st.sampled_from(sorted(written)))
    raised = {
        **written,
        better: {**written[better], key: written[better][key] + data.draw(st.integers(1, 4))},
    }
    before, after = (chosen(book(version), request, history) for version in (written, raised))
    if better in before:
        assert after[better] == before[better]
    if after:
        assert next(iter(after)) in (better, next(iter(before), None))
        assert best(raised, after, request) >= best(written, before, request)
    assert bool(after) == bool(before)


def chosen(
    compiled: CompiledBook, request: Request, history: Sequence[Contact]
) -> dict[str, tuple[str, str]]:
    """By campaign, best first: reason of what was chosen, withheld or not, and the variant of what is offered."""
    decision = decided(compiled, request, history)
    variants = {offer.campaign: offer.variant for offer in decision.offers}
    taken = [
        outcome
        for outcome in decision.candidate_outcomes
        if outcome.reason.code in ("chosen", "control", "held_out")
    ]
    return {
        outcome.campaign: (f"{outcome.reason.code} {outcome.reason.name}", variants.get(outcome.campaign, ""))
        for outcome in taken
    }


def best(campaigns: Mapping[str, Any], taken: Mapping[str, object], request: Request) -> tuple[float, float]:
    """Tier and score of the best campaign chosen; (-1, -1) if none was."""
    if not taken:
        return -1.0, -1.0
    campaign = campaigns[next(iter(taken))]
    boosted = "boosts" in campaign and request.attributes["profile.age"] != 70
    return campaign["tier"], campaign["value"] * (2 if boosted else 1)
