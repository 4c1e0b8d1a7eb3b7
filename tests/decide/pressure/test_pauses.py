"""Pauses: what begins them, what they silence, and the moment at which they are over."""

import random
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.pressure.rule import HORIZON, RuleInput, RuleResult
from engine.model.contact import Facts
from engine.model.instant import DAY, SECOND
from engine.model.outcome import PastOutcome
from engine.rulebook.model.policies import Pause, Scope, Selector
from tests.decide.pressure import strategies
from tests.decide.pressure.rules import CAMPAIGN, SMS, pressure

NOW = 1_000 * DAY
HOUR = 3600 * SECOND
COMPLAINT = Pause("peace", frozenset(("complained",)), 30 * DAY)
THRICE = Pause("tired", frozenset(("ignored", "bounced")), 10 * DAY, times=3, within=7 * DAY)
WEB = SMS._replace(channel="web", kind="inbound")


def happened(kind: str, at: int, channel: str = "sms", campaign: str = "a", offer: str = "x") -> PastOutcome:
    """One outcome."""
    return PastOutcome(kind, at, channel, campaign, offer)


def look(pause: Pause, *outcomes: PastOutcome, now: int = NOW, facts: Facts = SMS) -> RuleResult | None:
    """How the pause stands for such a proposal; None: it has nothing to say of it."""
    rules = pressure(pause).rules_for(CAMPAIGN, facts)
    return rules[0].evaluate(RuleInput(now, (), {}, (), outcomes=outcomes)) if rules else None


def blocks(pause: Pause, *outcomes: PastOutcome, now: int = NOW, facts: Facts = SMS) -> bool:
    """Whether it holds back."""
    rule_result = look(pause, *outcomes, now=now, facts=facts)
    return rule_result is not None and rule_result.blocks


def test_one_outcome_begins_it_and_time_ends_it() -> None:
    """To the microsecond, whether it is asked for before or after."""
    rule_result = look(COMPLAINT, happened("complained", NOW - 30 * DAY + 1))
    assert rule_result is not None
    assert (rule_result.blocks, rule_result.next_allowed_at, rule_result.counted, rule_result.limit) == (
        True,
        NOW + 1,
        1,
        1,
    )
    assert not blocks(COMPLAINT, happened("complained", NOW - 30 * DAY))
    assert blocks(COMPLAINT, happened("complained", NOW + 5))


def test_other_outcomes_do_not_begin_it() -> None:
    """Only those that it names."""
    assert not blocks(COMPLAINT, happened("bounced", NOW - 1))


def test_so_many_within_a_window() -> None:
    """Three in seven days, of either kind; the far end of the window is open."""
    two = [happened("ignored", NOW - 2 * DAY), happened("bounced", NOW - DAY)]
    assert not blocks(THRICE, *two)
    assert not blocks(THRICE, happened("ignored", NOW - 8 * DAY), *two)
    rule_result = look(THRICE, happened("ignored", NOW - 8 * DAY + 1), *two)
    assert rule_result is not None
    assert (rule_result.blocks, rule_result.counted, rule_result.next_allowed_at) == (True, 3, NOW + 9 * DAY)


def test_another_outcome_begins_it_anew() -> None:
    """While they are enough each one more moves the end; one that comes alone later does not."""
    four = [happened("ignored", NOW - days * DAY) for days in (6, 5, 4, 1)]
    assert look(THRICE, *four[:3]).next_allowed_at == NOW + 6 * DAY  # type: ignore[union-attr]
    assert look(THRICE, *four).next_allowed_at == NOW + 9 * DAY  # type: ignore[union-attr]
    alone = [*four[:3], happened("ignored", NOW + 5 * DAY)]
    assert look(THRICE, *alone, now=NOW + 5 * DAY).next_allowed_at == NOW + 6 * DAY  # type: ignore[union-attr]


def test_it_looks_past_its_window_while_it_lasts() -> None:
    """The outcomes that began it are long out of the window, and it lasts all the same."""
    long = replace(THRICE, span=300 * DAY)
    three = [happened("ignored", NOW - days * DAY) for days in (202, 201, 200)]
    assert look(long, *three).next_allowed_at == NOW + 100 * DAY  # type: ignore[union-attr]
    assert pressure(long).hindsight == 307 * DAY


@pytest.mark.parametrize(
    ("scope", "silenced"),
    [
        (Scope.CUSTOMER, {"same", "channel", "offer", "campaign"}),
        (Scope.CHANNEL, {"same", "page", "offer", "campaign"}),
        (Scope.OFFER, {"same", "page", "channel", "campaign"}),
        (Scope.CAMPAIGN, {"same", "page", "channel", "offer"}),
    ],
)
def test_what_it_silences(scope: Scope, silenced: set[str]) -> None:
    """Proposals that share what the outcome was about; of the customer as a whole all that is sent, and no page."""
    proposals: dict[str, Any] = {
        "same": SMS,
        "page": WEB._replace(channel="sms"),
        "channel": SMS._replace(channel="wechat"),
        "offer": SMS._replace(offer="y"),
        "campaign": SMS._replace(campaign="b"),
    }
    pause = replace(COMPLAINT, scope=scope)
    outcome = happened("complained", NOW - DAY)
    assert {name for name, facts in proposals.items() if blocks(pause, outcome, facts=facts)} == silenced


def test_what_nobody_knows_is_read_strictly() -> None:
    """Of an unknown channel: every one on which we send. Of an unknown offer: none, or a page's click would silence all."""
    unknown = happened("complained", NOW - DAY, "", "", "")
    scopes = {scope for scope in Scope if blocks(replace(COMPLAINT, scope=scope), unknown)}
    assert scopes == {Scope.CUSTOMER, Scope.CHANNEL}
    assert not blocks(replace(COMPLAINT, scope=Scope.CHANNEL), unknown, facts=WEB)


def test_what_is_excepted_may_go() -> None:
    """Service messages go on where the pause says so."""
    pause = replace(COMPLAINT, except_=Selector(category=frozenset(("service",))))
    outcome = happened("complained", NOW - DAY)
    assert blocks(pause, outcome)
    assert not blocks(pause, outcome, facts=SMS._replace(category="service"))


def test_beyond_the_horizon_no_moment_is_named() -> None:
    """A pause of ten years blocks without a next moment."""
    rule_result = look(replace(COMPLAINT, span=HORIZON + DAY), happened("complained", NOW))
    assert rule_result is not None
    assert (rule_result.blocks, rule_result.next_allowed_at) == (True, None)


def test_proposals_of_one_scope_share_a_rule() -> None:
    """So that it is looked at once for all of them."""
    compiled = pressure(COMPLAINT)
    (first,), (second,) = (compiled.rules_for(CAMPAIGN, SMS._replace(campaign=name)) for name in "ab")
    assert first is second


def test_a_decisions_outcome_counts_once() -> None:
    """Three reports of one message are one outcome; those of three messages are three."""
    reports = [happened("ignored", NOW - number)._replace(decision_id="d-1") for number in range(3)]
    rule_result = look(THRICE, *reports)
    assert rule_result is not None
    assert (rule_result.blocks, rule_result.counted) == (False, 1)
    others = [report._replace(decision_id=f"d-{number}") for number, report in enumerate(reports)]
    assert blocks(THRICE, *others)
    assert not blocks(THRICE, *others[:2], others[1]._replace(at=NOW - 9))


@settings(max_examples=300, deadline=None)
@given(st.lists(strategies.pauses, min_size=1, max_size=1), strategies.facts, st.data())
def test_of_many_outcomes_those_that_matter_are_enough(
    policies: list[Pause], facts: Facts, data: st.DataObject
) -> None:
    """Whatever was reported, and however often of the same decision, a pause says the same by the few that matter."""
    now, chance = data.draw(strategies.moments), random.Random(data.draw(st.integers(0, 2**32)))
    outcomes = [
        PastOutcome(
            chance.choice(("complained", "bounced", "ignored")),
            now - chance.randrange(-HOUR, chance.choice((2, 30, 300)) * HOUR),
            chance.choice(("", "sms", "web")),
            chance.choice(("", "a", "b")),
            chance.choice(("", "x", "y")),
            chance.choice(("", *"12345678")),
        )
        for _ in range(data.draw(st.sampled_from((4, 12, 150))))
    ]
    compiled = pressure(*policies)
    mattering = compiled.mattering_outcomes(outcomes, now)
    assert len(mattering) <= 2 * 5 * 8  # two windows of at most five, for each scope
    for rule in compiled.rules_for(CAMPAIGN, facts):
        everything = RuleInput(now, (), {}, (), outcomes=outcomes)
        assert rule.evaluate(everything._replace(outcomes=mattering)) == rule.evaluate(everything)


def test_repeated_reports_of_one_decision_cost_no_more_than_others() -> None:
    """A tracking pixel that reports on and on makes nobody wait: the cost grows with the number of reports, not its square."""
    repeated = [
        happened("ignored", NOW - index)._replace(decision_id=f"d-{index % 2}") for index in range(30_000)
    ]
    start = time.perf_counter()
    assert not blocks(THRICE, *repeated)
    assert blocks(THRICE, *repeated, happened("bounced", NOW - HOUR))
    assert time.perf_counter() - start < 10  # with the square it takes minutes


@given(st.data())
def test_a_pause_begins_where_the_definition_says(data: st.DataObject) -> None:
    """Against the definition: the latest report with which those of its window are of enough decisions."""
    reports = data.draw(st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abcd")), max_size=12))
    times, within = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([1, 2, 5]))
    pause = replace(THRICE, times=times, within=within * DAY if times > 1 else None)
    outcomes = [
        happened("ignored", NOW - days * DAY)._replace(decision_id=decision) for days, decision in reports
    ]

    def decisions(until: int) -> set[str]:
        span = pause.within or NOW
        return {outcome.decision_id for outcome in outcomes if until - span < outcome.at <= until}

    began = max((outcome.at for outcome in outcomes if len(decisions(outcome.at)) >= times), default=None)
    until = NOW if began is None else max(NOW, began + pause.span)
    rule_result = look(pause, *outcomes)
    assert rule_result is not None
    assert (rule_result.blocks, rule_result.next_allowed_at) == (until > NOW, until)
