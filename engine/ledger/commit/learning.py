"""Learns from outcomes: counts what came of offers, and keeps states that all servers use from the same moment on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import orjson
import structlog

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.learning import LearnedState
from engine.decide.experiments.posteriors import ArmCounts
from engine.decide.select import Selection
from engine.ledger.commit.commands import Command, Stage, UnitOfWork
from engine.ledger.queries import learning
from engine.ledger.store.rows import LearnedRow, TrialRow
from engine.ledger.store.store import Store
from engine.model.instant import SECOND, Instant
from engine.rulebook.model.experiments import Learn, Reward
from engine.telemetry.counters import LEARNING_SKIPPED

log = structlog.get_logger()


_REFRESH = 300 * SECOND
"""Minimum age of a state before the next one is made."""


_AHEAD = 30 * SECOND
"""How long before it holds a state is written, so that every server has read it by then."""


_GRACE = 60 * SECOND
"""How late a reward may be reported and still count."""


_OUTCOMES = {Reward.CLICKED: "clicked", Reward.CONVERTED: "converted", Reward.VALUE: "converted"}


LearnedStates: TypeAlias = Mapping[str, Sequence[LearnedState]]
"""The states of campaigns, the newest first."""


@dataclass(frozen=True, slots=True)
class LearnCommand(Command[LearnedStates]):
    """The campaigns of a book that learn, to be brought up to date with the outcomes reported so far."""

    compiled: CompiledBook
    now: Instant

    stage = Stage.LEARN

    def locks(self) -> tuple[str, ...]:
        """One for all servers: they learn one after the other."""
        return ("learning",)

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[LearnedStates]:
        """Learns, and reads the states by campaign."""
        return [learn(unit.store, command) for command in commands]


def learners(compiled: CompiledBook) -> dict[str, Learn]:
    """How each campaign learns, of those that do."""
    return {
        name: campaign.learn
        for name, campaign in compiled.book.campaigns.items()
        if campaign.learn is not None
    }


def trials(decision_id: str, selection: Selection) -> list[TrialRow]:
    """The offers of a decision whose campaigns learn; what is withheld is none."""
    return [
        TrialRow(
            proposal.compiled_campaign.campaign.name,
            contact.at,
            decision_id,
            proposal.chosen.creative.variant,
        )
        for proposal, contact, withheld in selection.chosen
        if withheld is None and proposal.compiled_campaign.campaign.learn is not None
    ]


def learn(store: Store, command: LearnCommand) -> LearnedStates:
    """The states of the campaigns that learn, inside a transaction; with a new one where the newest is old enough."""
    return {
        campaign: _learn(store, campaign, settings, command.now)
        for campaign, settings in learners(command.compiled).items()
    }


def _learn(store: Store, campaign: str, settings: Learn, now: Instant) -> list[LearnedState]:
    reward, delay = settings.reward, settings.delay
    states = learning.states(store, campaign, reward)
    if not states or states[0][0] <= now + _AHEAD - _REFRESH:
        unusable = learning.count(store, campaign, reward, _OUTCOMES[reward], delay, now - delay - _GRACE)
        if unusable:
            LEARNING_SKIPPED.add(unusable)
            log.warning("learned without values that are out of bounds", campaign=campaign, skipped=unusable)
        sums = learning.sums(store, campaign, reward, now - settings.window)
        arms = orjson.dumps({arm.variant: arm[1:] for arm in sums}).decode()
        if not states or states[0][1] != arms:
            learning.keep_state(store, LearnedRow(campaign, reward, now + _AHEAD, arms))
            states = learning.states(store, campaign, reward)
    return [_state(since, arms) for since, arms in states]


def _state(since: Instant, arms: str) -> LearnedState:
    """The state; without variants whose sums were infinite, which JSON holds as null, or are too large to learn from."""
    return LearnedState(
        since,
        {variant: ArmCounts(*counts) for variant, counts in orjson.loads(arms).items() if _is_usable(counts)},
    )


def _is_usable(counts: Sequence[float | None]) -> bool:
    return all(count is not None and abs(count) <= learning.LARGEST_SUM for count in counts)
