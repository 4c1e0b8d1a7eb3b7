"""What is kept of outcomes: each once, beside its person, with the contacts that it is about."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.ledger.store.rows import OutcomeRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.ledger.store.tables import OutcomeTable
from engine.model.instant import Instant

_OF_DECISIONS = Select(
    "decision_id, campaign, type, at",
    "FROM outcomes WHERE decision_id IN :given(decision_id text)",
    packed=True,
)


_HAPPENED = Select(
    "person, type, at, channel, campaign, offer",
    "FROM outcomes WHERE person IN :given(person text) AND type IN :given(type text) AND at > ?",
    packed=True,
)


_TALLY = Select(
    "campaign, variant, type, count(DISTINCT decision_id), coalesce(sum(value), 0.0)",
    "FROM outcomes WHERE campaign IN :given(campaign text) AND at > ? AND type IN :given(type text)"
    " GROUP BY campaign, variant, type ORDER BY campaign, variant, type",
)


_CONVERSIONS = Select(
    "count(*)",
    "FROM (SELECT DISTINCT decision_id FROM outcomes WHERE campaign = ? AND type = 'converted' LIMIT ?) AS converted",
)


class Reported(NamedTuple):
    """What was reported of one decision, as far as it says whether the customer was addressed."""

    campaign: str
    """Empty: all of the decision's offers."""
    type: str
    at: Instant


class OutcomeCount(NamedTuple):
    """What came of the decisions for one variant of a campaign."""

    campaign: str
    variant: str
    """Empty where the campaign has none."""
    type: str
    decisions: int
    """How many had such an outcome, once or more often."""
    value: float
    """The sum of what was reported, whatever its currency."""


def keep(store: Store, rows: Sequence[OutcomeRow]) -> None:
    """Adds outcomes."""
    store.insert(OutcomeTable, rows)


def of_decisions(store: Store, decision_ids: Sequence[str]) -> dict[str, list[Reported]]:
    """All that was ever reported of the decisions."""
    found: dict[str, list[Reported]] = defaultdict(list)
    if decision_ids:
        for decision_id, *one in store.select(_OF_DECISIONS, decision_ids):
            found[decision_id].append(Reported(*one))
    return found


def of_persons(
    store: Store, persons: Sequence[str], types: Sequence[str], since: Instant
) -> Sequence[Sequence[Any]]:
    """The persons' outcomes of the types, later than `since`: person, type, at, channel, campaign, offer."""
    return store.select(_HAPPENED, persons, types, since)


def outcome_counts(
    store: Store, campaigns: Sequence[str], types: Sequence[str], since: Instant
) -> list[OutcomeCount]:
    """By campaign, variant and type: what happened later than `since`; only outcomes of decisions have a campaign.

    It reads the campaigns' outcomes of that time, by an index, however long the log is.
    """
    return [OutcomeCount(*row) for row in store.select(_TALLY, campaigns, since, types)]


def conversions(store: Store, campaign: str, most: int) -> int:
    """How many of the campaign's decisions have led to a conversion; counted up to `most`."""
    return int(store.select(_CONVERSIONS, campaign, most)[0][0])
