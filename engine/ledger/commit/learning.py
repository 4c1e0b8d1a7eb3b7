"""Learning: what came of offers is counted, and what is known from it becomes the same for all servers at one moment."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.learning import LearnedState
from engine.decide.experiments.posteriors import Arm
from engine.decide.select import Selection
from engine.ledger.queries import learning
from engine.ledger.store.rows import LearnedRow, TrialRow
from engine.ledger.store.store import Store
from engine.model.instant import SECOND, Instant
from engine.rulebook.model.experiments import Learn, Reward

_REFRESH = 300 * SECOND
"""How old a state is at least before there is another."""


_AHEAD = 30 * SECOND
"""How long before it holds a state is there, so that every server has it by then."""


_GRACE = 60 * SECOND
"""How long a reward may be on its way here."""


_OUTCOMES = {Reward.CLICKED: "clicked", Reward.CONVERTED: "converted", Reward.VALUE: "converted"}


class LearnCommand(NamedTuple):
    """That campaigns shall learn from what happened up to now."""

    compiled: CompiledBook
    now: Instant


def learners(compiled: CompiledBook) -> dict[str, Learn]:
    """The campaigns that learn."""
    return {name: one.learn for name, one in compiled.book.campaigns.items() if one.learn is not None}


def trials(decision_id: str, selection: Selection) -> list[TrialRow]:
    """The offers of a decision from which something is to be learned."""
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


def learn(store: Store, learning: LearnCommand) -> Mapping[str, Sequence[LearnedState]]:
    """The states of the campaigns that learn, inside of a transaction; where the newest is old enough, with a new one."""
    return {name: _learn(store, name, how, learning.now) for name, how in learners(learning.compiled).items()}


def _learn(store: Store, campaign: str, how: Learn, now: Instant) -> list[LearnedState]:
    known = learning.states(store, campaign, how.reward)
    if known and known[0][0] > now + _AHEAD - _REFRESH:
        return [_state(*one) for one in known]
    learning.count(store, campaign, how.reward, _OUTCOMES[how.reward], how.delay, now - how.delay - _GRACE)
    sums = learning.sums(store, campaign, how.reward, now - how.window)
    arms = orjson.dumps({one.variant: one[1:] for one in sums}).decode()
    if not known or known[0][1] != arms:
        learning.keep_state(store, LearnedRow(campaign, how.reward, now + _AHEAD, arms))
        known = learning.states(store, campaign, how.reward)
    return [_state(*one) for one in known]


def _state(since: Instant, arms: str) -> LearnedState:
    return LearnedState(since, {name: Arm(*one) for name, one in orjson.loads(arms).items()})
