"""Orders pairs of customer and campaign: the best that may go, and what is ahead of it.

Ties are decided by a hash of customer and campaign, which is computed only where it can change a decision.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.batch.columns import Bools, Codes, ScoreColumn
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.experiments.bucketing import identity, stable_hash

NO_PAIR = -1


class ScoredPairs(NamedTuple):
    """Eligible campaigns of customers, by customer."""

    rows: Codes
    campaigns: Codes
    tiers: Codes
    scores: ScoreColumn


class TieBreaker:
    """The order of equal campaigns for a customer, as the engine's ranking has it: by hash, then by name."""

    def __init__(
        self, salt: str, compiled_campaigns: Sequence[CompiledCampaign], customers: Sequence[str]
    ) -> None:
        self._salt, self._campaigns, self._customers = salt, compiled_campaigns, customers
        self._prefixes: dict[int, bytes] = {}

    def key(self, row: int, campaign: int) -> tuple[int, str]:
        """The smaller goes first."""
        prefix = self._prefixes.get(row)
        if prefix is None:
            prefix = self._prefixes[row] = identity(self._salt, self._customers[row])
        compiled_campaign = self._campaigns[campaign]
        return stable_hash(prefix + compiled_campaign.identity), compiled_campaign.campaign.name


def best_pairs(pairs: ScoredPairs, may_go: Bools, ties: TieBreaker, rows: int) -> Codes:
    """By customer, the first in rank order of the pairs that may go; NO_PAIR where none may."""
    best = np.full(rows, NO_PAIR, np.int64)
    left = np.flatnonzero(may_go)
    for merit in (pairs.tiers, pairs.scores):
        if len(left):
            starts = _starts(pairs.rows[left])
            highest = np.maximum.reduceat(merit[left], starts)
            counts = np.diff(np.append(starts, len(left)))
            left = left[merit[left] == np.repeat(highest, counts)]
    if not len(left):
        return best
    starts = _starts(pairs.rows[left])
    counts = np.diff(np.append(starts, len(left)))
    best[pairs.rows[left[starts]]] = left[starts]
    for start, count in zip(starts[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True):
        tied = left[start : start + count].tolist()
        row = int(pairs.rows[tied[0]])
        best[row] = min(tied, key=lambda pair: ties.key(row, int(pairs.campaigns[pair])))
    return best


def pairs_ahead(pairs: ScoredPairs, may_go: Bools, best: Codes, ties: TieBreaker) -> Codes:
    """The pairs that are ahead of the customer's best, in no order; all of a customer of whom none may go."""
    against = best[pairs.rows]
    has_best = against != NO_PAIR
    winner = np.where(has_best, against, 0)
    tiers, scores = pairs.tiers[winner], pairs.scores[winner]
    same_tier = pairs.tiers == tiers
    ahead = ~has_best | (pairs.tiers > tiers) | (same_tier & (pairs.scores > scores))
    level = has_best & same_tier & (pairs.scores == scores) & ~may_go
    for pair in np.flatnonzero(level).tolist():
        row, rival = int(pairs.rows[pair]), int(pairs.campaigns[against[pair]])
        ahead[pair] = ties.key(row, int(pairs.campaigns[pair])) < ties.key(row, rival)
    return np.flatnonzero(ahead & ~may_go)


def in_rank_order(pairs: ScoredPairs, ahead: Codes, profiles: Codes, ties: TieBreaker) -> Codes:
    """The pairs by customer, then in rank order; campaigns of equal rank that share a profile in any order."""
    if len(ahead) < 2:
        return ahead
    ahead = ahead[np.lexsort((-pairs.scores[ahead], -pairs.tiers[ahead], pairs.rows[ahead]))]
    rows, tiers, scores = pairs.rows[ahead], pairs.tiers[ahead], pairs.scores[ahead]
    changed = (np.diff(rows) != 0) | (np.diff(tiers) != 0) | (scores[1:] != scores[:-1])
    starts = np.flatnonzero(np.concatenate(([True], changed)))
    lowest = np.minimum.reduceat(profiles[ahead], starts)
    highest = np.maximum.reduceat(profiles[ahead], starts)
    ends = np.append(starts[1:], len(ahead))
    mixed = lowest != highest
    for start, end in zip(starts[mixed].tolist(), ends[mixed].tolist(), strict=True):
        row = int(rows[start])
        ahead[start:end] = sorted(
            ahead[start:end].tolist(), key=lambda pair: ties.key(row, int(pairs.campaigns[pair]))
        )
    return ahead


def _starts(rows: Codes) -> Codes:
    """Where each customer's pairs start."""
    return np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
