"""What is kept of learning: offers until they are counted, the counts, and what is known from when on."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.ledger.store.rows import ArmRow, LearnedRow, TrialRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.ledger.store.tables import ArmTable, LearnedTable, TrialTable
from engine.model.instant import SECOND, Instant, Microseconds

STRETCH = 600 * SECOND
"""Offers are counted by as much time."""


_RIPE = Select(
    "variant, since, count(*), sum(rewarded), sum(value), sum(value * value)",
    "FROM (SELECT t.variant AS variant, t.at / ? * ? AS since,"
    " max(CASE WHEN o.event_id IS NULL THEN 0 ELSE 1 END) AS rewarded, coalesce(sum(o.value), 0.0) AS value"
    " FROM trials AS t LEFT JOIN outcomes AS o ON o.decision_id = t.decision_id"
    " AND o.campaign IN (t.campaign, '') AND o.type = ? AND o.at <= t.at + ?"
    " WHERE t.campaign = ? AND t.at < ? AND NOT EXISTS (SELECT 1 FROM outcomes AS n"
    " WHERE n.decision_id = t.decision_id AND n.type IN ('bounced', 'not_sent', 'cancelled'))"
    " GROUP BY t.decision_id, t.variant, t.at) AS counted GROUP BY variant, since",
)


_COUNTED = "DELETE FROM trials WHERE campaign = ? AND at < ?"


_ADDED = """
    ON CONFLICT (campaign, reward, since, variant) DO UPDATE SET shown = arms.shown + excluded.shown,
      rewarded = arms.rewarded + excluded.rewarded, value = arms.value + excluded.value,
      squares = arms.squares + excluded.squares"""


_TOO_OLD = "DELETE FROM arms WHERE campaign = ? AND reward = ? AND since <= ?"


_SUMS = Select(
    "variant, sum(shown), sum(rewarded), sum(value), sum(squares)",
    "FROM arms WHERE campaign = ? AND reward = ? AND since > ? GROUP BY variant ORDER BY variant",
)


_STATES = Select("since, arms", "FROM learned WHERE campaign = ? AND reward = ? ORDER BY since DESC LIMIT ?")


_REPLACED = "DELETE FROM learned WHERE campaign = ? AND reward = ? AND since < ?"


_KEPT = 3
"""States of a campaign: the one that holds, the one that is to hold, and one more for clocks that differ."""


class Sum(NamedTuple):
    """What came of a variant."""

    variant: str
    shown: int
    rewarded: int
    value: float
    squares: float


def keep_trials(store: Store, rows: Sequence[TrialRow]) -> None:
    """Adds offers of which something is to be learned."""
    store.insert(TrialTable, rows)


def count(
    store: Store, campaign: str, reward: str, outcome: str, delay: Microseconds, until: Instant
) -> None:
    """Counts the campaign's offers from before `until`, each once, with the outcomes that came within the delay.

    What was not sent, or did not arrive, is no offer.
    """
    ripe = store.select(_RIPE, STRETCH, STRETCH, outcome, delay, campaign, until)
    rows = [
        ArmRow(campaign, reward, int(since), variant, int(shown), int(rewarded), float(value), float(squares))
        for variant, since, shown, rewarded, value, squares in ripe
    ]
    store.insert(ArmTable, rows, _ADDED)
    store.change(_COUNTED, campaign, until)


def sums(store: Store, campaign: str, reward: str, since: Instant) -> list[Sum]:
    """What came of each variant later than `since`; what is older is forgotten."""
    store.change(_TOO_OLD, campaign, reward, since)
    found = store.select(_SUMS, campaign, reward, since)
    return [Sum(name, int(shown), int(rewarded), *map(float, rest)) for name, shown, rewarded, *rest in found]


def states(store: Store, campaign: str, reward: str) -> list[tuple[Instant, str]]:
    """The newest states, the newest first: from when on, and the JSON of the arms."""
    return [(int(since), arms) for since, arms in store.select(_STATES, campaign, reward, _KEPT)]


def keep_state(store: Store, row: LearnedRow) -> None:
    """Adds a state; those that no clock can ask for any more are deleted."""
    before = states(store, row.campaign, row.reward)
    store.insert(LearnedTable, [row])
    if len(before) == _KEPT:
        store.change(_REPLACED, row.campaign, row.reward, before[-2][0])
