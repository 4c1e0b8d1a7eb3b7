"""The campaigns that may go to customers, for who shares out what is scarce among them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from engine.batch.order import ScoredPairs
from engine.batch.profiles import Profile
from engine.batch.results import EngineDecision
from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign
from engine.decide.experiments.samples import withheld
from engine.decide.experiments.subjects import DrawSubject
from engine.decide.pressure.counters import QuotaCounts
from engine.decide.select import select
from engine.model.instant import Instant


class GoingPair(NamedTuple):
    """A campaign that may go to a customer by every rule, on the first channel that lets it."""

    row: int
    """The customer's place among those who are decided together."""
    compiled_campaign: CompiledCampaign
    campaign_channel: CampaignChannel
    score: float
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
    """The pairs that may go by the columns; customers with a score that is no number are left out.

    profiles: all, and the number of each pair's. subject_of: whom the draws of a row's customer are of.
    """
    known, of_pairs = profiles
    unordered = set(pairs.rows[np.isnan(pairs.scores)].tolist())
    going = []
    columns = zip(of_pairs, pairs.rows.tolist(), pairs.campaigns.tolist(), pairs.scores.tolist(), strict=True)
    for number, row, campaign, score in columns:
        on = known[number].campaign_channel
        if on is None or row in unordered:
            continue
        held = bool(on.withholding) and withheld(on.withholding, subject_of(row), now) is not None
        going.append(GoingPair(row, campaigns[campaign], on, score, held))
    return going


def pairs_by_engine(row: int, by_engine: EngineDecision, counts: QuotaCounts) -> list[GoingPair]:
    """The same of a customer who is evaluated alone: each candidate is tried as if there were no other."""
    evaluation, going = by_engine.evaluation, []
    for candidate in evaluation.candidates:
        if np.isnan(candidate.score):
            continue
        alone = select(
            evaluation._replace(candidates=[candidate]), (), evaluation.request.customer, counts=counts
        )
        for selected in alone.chosen:
            proposal = selected.proposal
            going.append(
                GoingPair(
                    row,
                    proposal.compiled_campaign,
                    proposal.campaign_channel,
                    proposal.score,
                    selected.withheld is not None,
                )
            )
    return going
