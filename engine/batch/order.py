"""Orders pairs of customer and campaign: the best that may go, and what is ahead of it.

Ties are decided by a hash of customer and campaign, which is computed only where it can change a decision.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.batch.columns import Bools, Codes, ScoreColumn
from engine.batch.draws import CustomerHashes, Hashes
from engine.decide.arbitrate.campaign import CompiledCampaign
from engine.decide.experiments.bucketing import identity

NO_PAIR = -1


class ScoredPairs(NamedTuple):
    """Eligible campaigns of customers, by customer."""

    rows: Codes
    campaigns: Codes
    tiers: Codes
    scores: ScoreColumn


class TieOrder(NamedTuple):
    """What decides ties of campaigns."""

    prefix: bytes
    """What the hashed keys begin with."""
    identities: Sequence[bytes]
    ranks: Codes
    """By campaign, the place of its name among all names."""

    @classmethod
    def of(cls, salt: str, compiled_campaigns: Sequence[CompiledCampaign]) -> "TieOrder":
        """Those of a book."""
        names = [own.campaign.name for own in compiled_campaigns]
        ranks = np.empty(len(names), np.int64)
        ranks[np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)] = np.arange(len(names))
        return cls(identity(salt), [own.identity for own in compiled_campaigns], ranks)


class TieBreaker:
    """The order of equal campaigns for a customer, as the engine's ranking has it: by hash, then by name."""

    def __init__(self, names: TieOrder, draws: CustomerHashes) -> None:
        self._names, self._draws = names, draws

    def keys(self, rows: Codes, campaigns: Codes) -> tuple[Hashes, Codes]:
        """By pair, the hash and the place of the name; the smaller go first."""
        prefix, identities, ranks = self._names
        suffixes = [identities[campaign] for campaign in campaigns.tolist()]
        return self._draws.hashes(prefix, rows, suffixes), ranks[campaigns]


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
    tied = left[np.repeat(counts > 1, counts)]
    if len(tied):
        hashes, names = ties.keys(pairs.rows[tied], pairs.campaigns[tied])
        tied = tied[np.lexsort((names, hashes, pairs.rows[tied]))]
        first = tied[_starts(pairs.rows[tied])]
        best[pairs.rows[first]] = first
    return best


def pairs_ahead(pairs: ScoredPairs, may_go: Bools, best: Codes, ties: TieBreaker) -> Codes:
    """The pairs that are ahead of the customer's best, in no order; all of a customer of whom none may go."""
    left = np.flatnonzero(~may_go)
    against = best[pairs.rows[left]]
    has_best = against != NO_PAIR
    winner = np.where(has_best, against, 0)
    same_tier = pairs.tiers[left] == pairs.tiers[winner]
    better = pairs.scores[left] > pairs.scores[winner]
    ahead = ~has_best | (pairs.tiers[left] > pairs.tiers[winner]) | (same_tier & better)
    level = np.flatnonzero(has_best & same_tier & (pairs.scores[left] == pairs.scores[winner]))
    if len(level):
        rows = pairs.rows[left[level]]
        hashes, names = ties.keys(rows, pairs.campaigns[left[level]])
        rivals, rival_names = ties.keys(rows, pairs.campaigns[against[level]])
        ahead[level] = (hashes < rivals) | ((hashes == rivals) & (names < rival_names))
    passed: Codes = left[ahead]
    return passed


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
    counts = np.diff(np.append(starts, len(ahead)))
    mixed = np.flatnonzero(np.repeat(lowest != highest, counts))
    if len(mixed):
        members = ahead[mixed]
        groups = np.repeat(np.arange(len(starts)), counts)[mixed]
        hashes, names = ties.keys(pairs.rows[members], pairs.campaigns[members])
        ahead[mixed] = members[np.lexsort((names, hashes, groups))]
    return ahead


def _starts(rows: Codes) -> Codes:
    """Where each customer's pairs start."""
    return np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
