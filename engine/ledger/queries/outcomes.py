"""Reads and writes outcomes: each once, beside its person."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from engine.ledger.store.rows import OutcomeRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.instant import Instant
from engine.model.outcome import PastOutcome


class ReportedOutcome(NamedTuple):
    """An outcome of a decision, as far as it says whether the customer was addressed."""

    campaign: str
    """Empty: all of the decision's offers."""
    type: str
    at: Instant


class OutcomeCount(NamedTuple):
    """How often an outcome came of the decisions for one variant of a campaign."""

    campaign: str
    variant: str
    """Empty where the campaign has none."""
    type: str
    decisions: int
    """Decisions that had such an outcome, once or more often."""
    value: float
    """The sum of the reported values, whatever their currency; without those beyond the contract's bound."""


_OF_DECISIONS = Select(
    f"decision_id, {columns(ReportedOutcome._fields)}",
    "FROM outcomes WHERE decision_id IN :given(decision_id text)",
    packed=True,
)
"""All outcomes of decisions."""


_TYPES = Select(
    "o.person, o.event_id, o.type",
    "FROM :given(person text, event_id text) AS given CROSS JOIN outcomes AS o"
    " WHERE o.person = given.person AND o.event_id = given.event_id",
)
"""The types of outcomes, by person and event_id."""


_OF_PERSONS = Select(
    f"person, {columns(PastOutcome._fields[:-1])}, coalesce(decision_id, '')",
    "FROM outcomes WHERE person IN :given(person text) AND type IN :given(type text) AND at > ?",
    packed=True,
)
"""The outcomes of persons, of some types, later than an instant."""


_COUNTS = Select(
    "campaign, variant, type, count(DISTINCT decision_id), coalesce(sum(CASE WHEN abs(value) <= 1e12 THEN value END), 0.0)",
    "FROM outcomes WHERE campaign IN :given(campaign text) AND at > ? AND type IN :given(type text)"
    " GROUP BY campaign, variant, type ORDER BY campaign, variant, type",
)
"""Counts the outcomes of campaigns, of some types, later than an instant."""


_CONVERSIONS = Select(
    "count(*)",
    "FROM (SELECT DISTINCT decision_id FROM outcomes WHERE campaign = ? AND type = 'converted' LIMIT ?) AS converted",
)
"""Counts the decisions of a campaign that led to a conversion, up to a limit."""


def keep(store: Store, rows: Sequence[OutcomeRow]) -> None:
    """Adds outcomes."""
    store.insert(OutcomeRow, rows)


def types(store: Store, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """The types of those of the outcomes that are kept; keys: person and event_id of each.

    There are several where persons were linked who had an outcome of one id each.
    """
    by_key: dict[tuple[str, str], set[str]] = {}
    for person, event_id, type_ in store.select(_TYPES, keys):
        by_key.setdefault((person, event_id), set()).add(type_)
    return by_key


def of_decisions(store: Store, decision_ids: Sequence[str]) -> dict[str, list[ReportedOutcome]]:
    """All outcomes that were ever reported of the decisions, by decision_id."""
    by_decision: dict[str, list[ReportedOutcome]] = defaultdict(list)
    if decision_ids:
        for decision_id, *outcome in store.select(_OF_DECISIONS, decision_ids):
            by_decision[decision_id].append(ReportedOutcome(*outcome))
    return by_decision


def of_persons(
    store: Store, persons: Sequence[str], types: Sequence[str], since: Instant
) -> list[tuple[str, PastOutcome]]:
    """The persons' outcomes of the types, later than `since`, each with its person."""
    rows = store.select(_OF_PERSONS, persons, types, since)
    return [(person, PastOutcome(*outcome)) for person, *outcome in rows]


def outcome_counts(
    store: Store, campaigns: Sequence[str], types: Sequence[str], since: Instant
) -> list[OutcomeCount]:
    """The outcomes later than `since` by campaign, variant and type; only outcomes of decisions have a campaign.

    It reads the campaigns' outcomes of that time, by an index, however long the log is.
    """
    return [OutcomeCount(*row) for row in store.select(_COUNTS, campaigns, since, types)]


def conversions(store: Store, campaign: str, most: int) -> int:
    """How many of the campaign's decisions have led to a conversion; counted up to `most`."""
    return int(store.select(_CONVERSIONS, campaign, most)[0][0])
