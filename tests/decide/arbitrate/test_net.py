"""Scores net of what a channel costs: which campaign goes on which channel, and which contacts are not worth it."""

from collections import Counter
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.evaluate import evaluate
from engine.model.decision import Decision, Outcome, Reason, ReasonCode
from engine.model.request import Request
from tests.decide.arbitrate.shop import NOW, compiled_book, decided, taken

CHANNELS = ("push", "email", "sms")

BOOK = """
book: {{name: net, timezone: Europe/Paris, salt: s, currency: EUR, arbitration: {{score: {score}}}}}
attributes: {{profile.phone: {{type: text}}}}
channels:
  push:  {{kind: outbound, address: profile.phone, consent: push, cost: {push}}}
  email: {{kind: outbound, address: profile.phone, consent: email, cost: {email}}}
  sms:   {{kind: outbound, address: profile.phone, consent: sms, cost: {sms}}}
"""


class Plan(NamedTuple):
    """A campaign of a made-up book."""

    name: str
    value: float
    tier: int
    channels: tuple[str, ...]
    is_service: bool


def book_of(costs: dict[str, float], plans: list[Plan], caps: dict[str, int], score: str = "net") -> str:
    """The book's text."""
    lines = [BOOK.format(score=score, **costs), "offers:"]
    lines += [
        f"  {plan.name}: {{name: x, value: {plan.value}, content: {{default: {{text: x}}}}}}"
        for plan in plans
    ]
    lines.append("campaigns:")
    lines += [
        f"  {plan.name}: {{offer: {plan.name}, tier: {plan.tier}, channels: [{', '.join(plan.channels)}],"
        f" category: {'service' if plan.is_service else 'commercial'}}}"
        for plan in plans
    ]
    if caps:
        lines += ["pressure:", "  caps:"]
        lines += [
            f"    at-most-{channel}: {{limit: {limit}, per: rolling 1d, count: {{channel: {channel}}}}}"
            for channel, limit in caps.items()
        ]
    return "\n".join(lines)


def request(consents: frozenset[str] = frozenset(CHANNELS), offers: int = 1) -> Request:
    """Of a customer with a telephone."""
    return Request("ann", NOW, {"profile.phone": "1"}, consents=consents, max_offers=offers)


def reasons_of(decision: Decision, campaign: str) -> list[Reason]:
    """The first reason of a campaign, and its details."""
    (outcome,) = [outcome for outcome in decision.candidate_outcomes if outcome.campaign == campaign]
    return [outcome.reason, *outcome.details]


def test_a_channel_that_costs_more_than_is_earned_is_left_out() -> None:
    """The campaign goes by mail at its net score; where only the dear channel is left, nothing is sent, and that is said."""
    plans = [Plan("a", 0.05, 0, ("sms", "email"), is_service=False)]
    compiled = compiled_book(book_of({"push": 0, "email": 0.001, "sms": 0.07}, plans, {}))
    decision = decided(compiled, request())
    assert [(offer.channel, offer.score) for offer in decision.offers] == [("email", 0.05 - 0.001)]
    assert Reason(ReasonCode.NOT_WORTH_IT, "sms") in decision.reasons
    silent = decided(compiled, request(frozenset({"sms"})))
    assert silent.outcome is Outcome.BLOCKED  # for lack of consent to mail
    assert Reason(ReasonCode.NOT_WORTH_IT, "sms") in reasons_of(silent, "a")
    only_sms = compiled_book(
        book_of({"push": 0, "email": 0, "sms": 0.07}, [plans[0]._replace(channels=("sms",))], {})
    )
    nothing = decided(only_sms, request())
    assert nothing.outcome is Outcome.NOTHING
    assert reasons_of(nothing, "a")[0] == Reason(ReasonCode.NOT_WORTH_IT, "sms")


def test_a_gain_that_equals_the_cost_is_not_worth_it_and_service_goes_all_the_same() -> None:
    """Service is never withheld for what it costs; it only ranks lower."""
    costs = {"push": 0, "email": 0, "sms": 0.5}
    plans = [
        Plan("even", 0.5, 0, ("sms",), is_service=False),
        Plan("told", 0, 0, ("sms",), is_service=True),
        Plan("free", 0, 0, ("push",), is_service=False),
    ]
    decision = decided(compiled_book(book_of(costs, plans, {})), request(offers=3))
    assert taken(decision) == ["free", "told"]
    assert [offer.score for offer in decision.offers] == [0, -0.5]


def test_a_campaign_that_fails_on_its_first_channel_waits_for_its_next_score() -> None:
    """Its mail is worth less than the other's message, which goes before it; gross scores would take the mail."""
    plans = [
        Plan("a", 1.0, 0, ("push", "email"), is_service=False),
        Plan("b", 0.9, 0, ("push", "sms"), is_service=False),
    ]
    costs = {"push": 0, "email": 0.5, "sms": 0.2}
    consents = frozenset({"email", "sms"})
    net = decided(compiled_book(book_of(costs, plans, {})), request(consents))
    gross = decided(compiled_book(book_of(costs, plans, {}, "gross")), request(consents))
    assert [(offer.campaign, offer.channel) for offer in net.offers] == [("b", "sms")]
    assert [(offer.campaign, offer.channel) for offer in gross.offers] == [("a", "email")]


def test_equal_net_scores_are_ordered_by_the_hash_of_the_customer() -> None:
    """Neither the gross score nor the name decides."""
    plans = [
        Plan("a", 1.5, 0, ("sms",), is_service=False),
        Plan("b", 1.0, 0, ("push",), is_service=False),
    ]
    compiled = compiled_book(book_of({"push": 0, "email": 0, "sms": 0.5}, plans, {}))
    first = Counter(
        decided(compiled, request()._replace(customer=f"c-{number}")).offers[0].campaign
        for number in range(200)
    )
    assert 60 < first["a"] < 140


def expected(
    plans: list[Plan], order: list[str], costs: dict[str, float], caps: dict[str, int], room: int
) -> list[tuple[str, str]]:
    """By definition: the best of what is left is tried on its next channel, until the room is used up."""
    by_name = {plan.name: plan for plan in plans}
    pending = {}
    for plan in plans:
        worth = [
            (channel, plan.value - costs[channel])
            for channel in plan.channels
            if plan.is_service or not costs[channel] or plan.value > costs[channel]
        ]
        if worth:
            pending[plan.name] = (worth[0][1], worth)
    used: Counter[str] = Counter()
    taken_pairs: list[tuple[str, str]] = []
    while pending and len(taken_pairs) < room:
        name = min(pending, key=lambda name: (-by_name[name].tier, -pending[name][0], order.index(name)))
        score, ((channel, _), *rest) = pending.pop(name)
        if used[channel] < caps.get(channel, 99):
            used[channel] += 1
            taken_pairs.append((name, channel))
        elif rest:
            pending[name] = (min(score, rest[0][1]), rest)
    return taken_pairs


@st.composite
def books(draw: st.DrawFn) -> tuple[dict[str, float], list[Plan], dict[str, int]]:
    """Costs, campaigns and caps, in quarters, so that sums are exact and ties frequent."""
    quarter = st.integers(0, 8).map(lambda number: number / 4)
    costs = {channel: draw(quarter) for channel in CHANNELS}
    plans = [
        Plan(
            f"c{number}",
            draw(quarter),
            draw(st.integers(0, 1)),
            tuple(draw(st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=3, unique=True))),
            draw(st.booleans()),
        )
        for number in range(draw(st.integers(1, 5)))
    ]
    caps = draw(st.dictionaries(st.sampled_from(CHANNELS), st.integers(1, 2), max_size=3))
    return costs, plans, caps


@settings(max_examples=60, deadline=None)
@given(books(), st.integers(1, 4))
def test_what_goes_is_what_the_definition_says(
    made: tuple[dict[str, float], list[Plan], dict[str, int]], room: int
) -> None:
    """Campaigns and channels, over costs, caps, tiers and ties."""
    costs, plans, caps = made
    compiled = compiled_book(book_of(costs, plans, caps))
    candidates = evaluate(compiled, request()).candidates
    order = [candidate.compiled_campaign.campaign.name for candidate in candidates]
    decision = decided(compiled, request(offers=room))
    assert [(offer.campaign, offer.channel) for offer in decision.offers] == expected(
        plans, order, costs, caps, room
    )
    assert len(decision.candidate_outcomes) == len(plans)
