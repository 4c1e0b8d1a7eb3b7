"""The campaigns that may go to customers, on which channels, for who shares out what is scarce among them."""

from collections.abc import Callable, Sequence
from math import isnan
from typing import NamedTuple, TypeAlias

import numpy as np

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

    Customers with a score that is no number are left out.

    profiles: all, and the number of each pair's. subject_of: whom the draws of a row's customer are of.
    """
    known, of_pairs = profiles
    unordered = set(pairs.rows[np.isnan(pairs.scores)].tolist())
    going = []
    columns = zip(of_pairs, pairs.rows.tolist(), pairs.campaigns.tolist(), pairs.scores.tolist(), strict=True)
    for number, row, campaign, score in columns:
        profile = known[number]
        if profile.campaign_channel is None or row in unordered:
            continue
        for on in (profile.campaign_channel, *profile.further):
            held = bool(on.withholding) and withheld(on.withholding, subject_of(row), now) is not None
            going.append(GoingPair(row, campaigns[campaign], on, score, score, held))
    return going


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
