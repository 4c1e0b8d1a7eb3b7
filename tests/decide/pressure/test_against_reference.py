"""All rules together, by chance, against the naive reference: the verdict, and the moment at which it changes."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.decide.pressure.rule import HORIZON, RuleInput, next_allowed
from engine.model.contact import Contact, Facts
from engine.model.instant import DAY, SECOND
from engine.model.outcome import PastOutcome
from engine.rulebook.model.policies import Clock
from tests.decide.pressure import reference, strategies
from tests.decide.pressure.rules import CAMPAIGN, pressure

MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass(frozen=True)
class Situation:
    """A proposal, its policies, and the customer that it is for."""

    policies: Sequence[reference.Policy]
    facts: Facts
    history: Sequence[Contact]
    customer_limits: Mapping[str, Any]
    book_zone: ZoneInfo
    zones: tuple[ZoneInfo, ...]
    now: int
    outcomes: Sequence[PastOutcome]

    @property
    def blocking(self) -> set[str]:
        """The names of the engine's rules that hold the proposal back."""
        return {rule_result.rule.name for rule_result in self.rule_results if rule_result.blocks}

    @property
    def rule_results(self) -> Any:
        """How the engine's rules stand."""
        compiled = pressure(*self.policies, zone=self.book_zone).rules_for(CAMPAIGN, self.facts)
        case = RuleInput(self.now, self.history, self.customer_limits, self.zones, outcomes=self.outcomes)
        return [rule.evaluate(case) for rule in compiled]

    def blockers(self, now: int) -> set[str]:
        """What the reference says holds the proposal back."""
        clocks: dict[str, tuple[ZoneInfo, ...]] = {Clock.CUSTOMER: self.zones, Clock.BOOK: (self.book_zone,)}
        return reference.blockers(
            self.policies, self.facts, self.history, self.customer_limits, clocks, now, self.outcomes
        )


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Any situation."""
    now = draw(strategies.moments)
    return Situation(
        draw(strategies.policies),
        draw(strategies.facts),
        draw(strategies.histories(now)),
        draw(strategies.customer_limits),
        draw(strategies.zones),
        draw(strategies.plausible),
        now,
        draw(strategies.outcomes(now)),
    )


@MANY
@given(situations())
def test_the_verdict_is_that_of_the_reference(situation: Situation) -> None:
    """The rules that block are those that the reference names, each of them and no other."""
    assert situation.blocking == situation.blockers(situation.now)


@MANY
@given(situations())
def test_the_verdict_changes_on_the_tick(situation: Situation) -> None:
    """Asked again at the very moment at which a rule lets go, and a tick before, the verdict is the reference's."""
    for rule_result in situation.rule_results:
        if rule_result.next_allowed_at is not None:
            for at in (rule_result.next_allowed_at - 1, rule_result.next_allowed_at):
                assert replace(situation, now=at).blocking == situation.blockers(at)


@MANY
@given(situations())
def test_each_rule_names_its_own_next_moment(situation: Situation) -> None:
    """At a rule's own next moment it lets pass, and a second before it did not."""
    for rule_result in situation.rule_results:
        opening, name = rule_result.next_allowed_at, rule_result.rule.name
        if opening is not None and rule_result.blocks:
            assert name not in situation.blockers(opening)
            assert name in situation.blockers(max(opening - SECOND, situation.now))
            assert name in situation.blockers(opening - 1)
        elif opening is not None:
            assert opening == situation.now


@MANY
@given(situations(), st.randoms(use_true_random=False))
def test_next_allowed_at_is_the_earliest_moment(situation: Situation, chance: random.Random) -> None:
    """There the reference lets the proposal pass; a tick and a second before, and anywhere between, it does not."""
    opening = next_allowed(situation.rule_results, situation.now, situation.now + HORIZON)
    end = situation.now + HORIZON if opening is None else opening
    if opening is not None:
        assert not situation.blockers(opening)
        assert opening == situation.now or situation.blockers(opening - 1)
        assert opening == situation.now or situation.blockers(max(opening - SECOND, situation.now))
    span = end - situation.now
    between = [situation.now + chance.randrange(span) for _ in range(40) if span]
    between += range(situation.now, min(end, situation.now + 2 * DAY), 17 * 60 * SECOND)
    assert [at for at in between if not situation.blockers(at)] == []
