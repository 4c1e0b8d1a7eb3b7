"""Reads and writes what is learned: offers until they are counted, the counts, and the states made of them."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.ledger.store.rows import ArmRow, LearnedRow, TrialRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.model.instant import SECOND, Instant, Microseconds

STRETCH = 600 * SECOND
"""Length of the stretches of time by which offers are counted."""


LARGEST_VALUE = 1e12
"""Of a reported value that is learned from; logs from before the contract had this bound may hold larger ones."""


LARGEST_SUM = 1e100
"""Of sums and squares of values; larger ones come of values beyond the bound, or are infinite."""


_RIPE_TRIALS = Select(
    "variant, since, count(*), sum(rewarded), sum(value), sum(value * value), sum(unusable)",
    "FROM (SELECT t.variant AS variant, t.at / ? * ? AS since,"
    " max(CASE WHEN o.event_id IS NULL THEN 0 ELSE 1 END) AS rewarded,"
    f" coalesce(sum(CASE WHEN abs(o.value) <= {LARGEST_VALUE} THEN o.value END), 0.0) AS value,"
    f" sum(CASE WHEN o.value IS NULL OR abs(o.value) <= {LARGEST_VALUE} THEN 0 ELSE 1 END) AS unusable"
    " FROM trials AS t LEFT JOIN outcomes AS o ON o.decision_id = t.decision_id"
    " AND o.campaign IN (t.campaign, '') AND o.type = ? AND o.at <= t.at + ?"
    " WHERE t.campaign = ? AND t.at < ? AND NOT EXISTS (SELECT 1 FROM outcomes AS n"
    " WHERE n.decision_id = t.decision_id AND n.type IN ('bounced', 'not_sent', 'cancelled'))"
    " GROUP BY t.decision_id, t.variant, t.at) AS counted GROUP BY variant, since",
)
"""Counts a campaign's offers from before an instant, with the outcomes that came within the delay.

A value beyond the bound counts as 0: its square might be infinite, which PostgreSQL refuses.
"""


_DELETE_TRIALS = "DELETE FROM trials WHERE campaign = ? AND at < ?"
"""Deletes the offers that were counted."""


_ADD_COUNTS = """
    ON CONFLICT (campaign, reward, since, variant) DO UPDATE SET shown = arms.shown + excluded.shown,
      rewarded = arms.rewarded + excluded.rewarded,
      value = CASE WHEN abs(arms.value) <= 1e100 THEN arms.value + excluded.value ELSE arms.value END,
      squares = CASE WHEN arms.squares <= 1e100 THEN arms.squares + excluded.squares ELSE arms.squares END"""
"""Adds counts to those of the same stretch and variant."""


_DELETE_OLD_COUNTS = "DELETE FROM arms WHERE campaign = ? AND reward = ? AND since <= ?"
"""Deletes the counts up to an instant."""


_SUMS = Select(
    "variant, sum(shown), sum(rewarded), sum(value), sum(squares)",
    "FROM arms WHERE campaign = ? AND reward = ? AND since > ?"
    f" AND abs(value) <= {LARGEST_SUM} AND squares <= {LARGEST_SUM} GROUP BY variant ORDER BY variant",
)
"""Sums the counts of each variant later than an instant, without those that are too large to learn from."""


_STATES = Select("since, arms", "FROM learned WHERE campaign = ? AND reward = ? ORDER BY since DESC LIMIT ?")
"""The newest states of a campaign, the newest first."""


_DELETE_OLD_STATES = "DELETE FROM learned WHERE campaign = ? AND reward = ? AND since < ?"
"""Deletes the states from before an instant."""


_KEPT = 3
"""States of a campaign: the one that holds, the one that is to hold, and one more for clocks that differ."""


class ArmSum(NamedTuple):
    """The counts of a variant."""

    variant: str
    shown: int
    rewarded: int
    value: float
    squares: float


def keep_trials(store: Store, rows: Sequence[TrialRow]) -> None:
    """Adds offers of campaigns that learn."""
    store.insert(TrialRow, rows)


def count(store: Store, campaign: str, reward: str, outcome: str, delay: Microseconds, until: Instant) -> int:
    """Counts the campaign's offers from before `until`, each once, with the outcomes that came within the delay.

    An offer that was not sent, or did not arrive, is not counted. Returns how many reported values were too large to use.
    """
    counted = store.select(_RIPE_TRIALS, STRETCH, STRETCH, outcome, delay, campaign, until)
    rows = [
        ArmRow(campaign, reward, int(since), variant, int(shown), int(rewarded), float(value), float(squares))
        for variant, since, shown, rewarded, value, squares, _ in counted
    ]
    store.insert(ArmRow, rows, _ADD_COUNTS)
    store.change(_DELETE_TRIALS, campaign, until)
    return sum(int(row[-1]) for row in counted)


def sums(store: Store, campaign: str, reward: str, since: Instant) -> list[ArmSum]:
    """The counts of each variant later than `since`; older ones are deleted."""
    store.change(_DELETE_OLD_COUNTS, campaign, reward, since)
    rows = store.select(_SUMS, campaign, reward, since)
    return [
        ArmSum(variant, int(shown), int(rewarded), float(value), float(squares))
        for variant, shown, rewarded, value, squares in rows
    ]


def states(store: Store, campaign: str, reward: str) -> list[tuple[Instant, str]]:
    """The newest states, the newest first: from when on it holds, and the JSON of the arms."""
    return [(int(since), arms) for since, arms in store.select(_STATES, campaign, reward, _KEPT)]


def keep_state(store: Store, row: LearnedRow) -> None:
    """Adds a state, and deletes those that no server's clock can need any more."""
    before = states(store, row.campaign, row.reward)
    store.insert(LearnedRow, [row])
    if len(before) == _KEPT:
        store.change(_DELETE_OLD_STATES, row.campaign, row.reward, before[-2][0])
