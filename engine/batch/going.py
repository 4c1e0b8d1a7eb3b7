"""The campaigns that may go to customers, on which channels, for who shares out what is scarce among them."""

from collections.abc import Callable, Sequence
from math import isnan
from typing import NamedTuple, TypeAlias

import numpy as np

from engine.batch.columns import Codes
from engine.batch.order import ScoredPairs
from engine.batch.profiles import Profile
from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign
from engine.decide.arbitrate.candidates import Candidate, Turn
from engine.decide.evaluate import Evaluation
from engine.decide.experiments.samples import withheld
from engine.decide.experiments.subjects import DrawSubject
from engine.decide.select import Selection
from engine.model.instant import Instant


class GoingPair(NamedTuple):
    """A campaign that may go to a customer by every rule, on one of the channels that let it."""

    row: int
    """The customer's place among those who are decided together."""
    compiled_campaign: CompiledCampaign
    campaign_channel: CampaignChannel
    score: float
    rank: float
    """By which the customer's own ranking goes: the score, or that of a channel that is tried before, if that is less."""
    is_withheld: bool
    """Whether an experiment withholds it, so that it takes nothing."""


OnGoing: TypeAlias = Callable[[Sequence[str], Sequence[GoingPair]], None]
"""Gets customers who are decided together, and their pairs in no order."""


def pairs_by_columns(
    pairs: ScoredPairs,
    profiles: tuple[Sequence[Profile], Sequence[int]],
    campaigns: Sequence[CompiledCampaign],
    subject_of: Callable[[int], DrawSubject],
    now: Instant,
) -> list[GoingPair]:
    """The pairs that may go by the columns, the channels of a campaign in their order.

    Customers with a score that is no number are left out, and of the others what ranks below a campaign that takes of no
    counter: they get that one before.

    profiles: all, and the number of each pair's. subject_of: whom the draws of a row's customer are of.
    """
    known, of_pairs = profiles
    kept = _contenders(pairs, known, np.array(of_pairs, np.int64))
    going = []
    columns = zip(
        kept.tolist(),
        pairs.rows[kept].tolist(),
        pairs.campaigns[kept].tolist(),
        pairs.scores[kept].tolist(),
        strict=True,
    )
    for pair, row, campaign, score in columns:
        for on in _channels(known[of_pairs[pair]]):
            held = bool(on.withholding) and withheld(on.withholding, subject_of(row), now) is not None
            going.append(GoingPair(row, campaigns[campaign], on, score, score, held))
    return going


def _channels(profile: Profile) -> tuple[CampaignChannel, ...]:
    """The channels on which a campaign goes; none if it does not."""
    return () if profile.campaign_channel is None else (profile.campaign_channel, *profile.further)


def _contenders(pairs: ScoredPairs, known: Sequence[Profile], profiles: Codes) -> Codes:
    """The pairs that go and do not rank below one of their customer's that takes of no counter, in order."""
    if not len(profiles):
        return profiles
    going, free = (
        np.array(of_profiles, np.bool_)[profiles]
        for of_profiles in (
            [bool(_channels(profile)) for profile in known],
            [any(not on.quotas for on in _channels(profile)) for profile in known],
        )
    )
    is_unordered = np.zeros(int(pairs.rows.max()) + 1, np.bool_)
    is_unordered[pairs.rows[np.isnan(pairs.scores)]] = True
    order = np.lexsort((pairs.scores, pairs.tiers))
    scores, tiers = pairs.scores[order], pairs.tiers[order]
    differs = (scores[1:] != scores[:-1]) | (tiers[1:] != tiers[:-1])
    levels = np.empty(len(order), np.int64)
    levels[order] = np.concatenate(([0], np.cumsum(differs)))
    best = np.full(len(is_unordered), -1, np.int64)
    np.maximum.at(best, pairs.rows[free], levels[free])
    return np.flatnonzero(going & ~is_unordered[pairs.rows] & (levels >= best[pairs.rows]))


def pairs_by_engine(
    row: int, evaluation: Evaluation, select_from: Callable[[Evaluation], Selection]
) -> list[GoingPair]:
    """The same of a customer who is evaluated alone: each candidate is tried on each channel as if there were no other.

    select_from: selects from an evaluation, by what is known of the customer and of the counters that all share.
    """
    going = []
    for candidate in evaluation.candidates:
        if isnan(candidate.score):
            continue
        for rank, alone in _by_channel(candidate):
            for selected in select_from(evaluation._replace(candidates=[alone])).chosen:
                own, on, _, score, _ = selected.proposal
                going.append(GoingPair(row, own, on, score, rank, selected.withheld is not None))
    return going


def _by_channel(candidate: Candidate) -> list[tuple[float, Candidate]]:
    """The candidate with one channel at a time, in the order in which they are tried, and the score at which it is tried."""
    rank, by_channel = candidate.score, []
    for turn in candidate.turns or (Turn(candidate.score, candidate.channels),):
        rank = min(rank, turn.score)
        for channel in turn.channels:
            alone = candidate._replace(score=turn.score, channels=(channel,), turns=())
            by_channel.append((rank, alone))
    return by_channel
