"""Reads and writes outcomes: each once, beside its person."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from engine.ledger.store.rows import OutcomeRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.instant import Instant
from engine.model.outcome import PastOutcome, PastOutcomes

FEW = 32
"""Outcomes of a person that are read without looking at their kinds."""


_FIRST, _GROWTH = 5, 4
"""Outcomes of a kind that are read first, and how many times as many whenever those do not decide every pause."""


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


_PAST = f"{columns(PastOutcome._fields[:-1])}, coalesce(decision_id, '')"
"""What a PastOutcome holds."""


_OF_PERSONS = Select(
    f"person, {_PAST}",
    "FROM outcomes WHERE person IN :given(person text) AND type IN :given(type text) AND at > ?",
    packed=True,
)
"""The outcomes of persons, of some types, later than an instant."""


_CROWDED = Select(
    "given.person",
    "FROM :given(person text) AS given WHERE (SELECT count(*) FROM (SELECT 1 FROM outcomes AS o"
    " WHERE o.person = given.person AND o.type IN :given(type text) AND o.at > ?"
    f" LIMIT {FEW + 1}) AS newest) > {FEW}",
)
"""The persons who have more than a few outcomes of some types, later than an instant."""


_KINDS = Select(
    "known.person, known.alike",
    "FROM (WITH RECURSIVE kinds (person, alike) AS (SELECT g.person, (SELECT o.alike FROM outcomes AS o"
    " WHERE o.person = g.person ORDER BY o.alike LIMIT 1) FROM :given(person text) AS g"
    " UNION ALL SELECT k.person, (SELECT o.alike FROM outcomes AS o WHERE o.person = k.person AND o.alike > k.alike"
    " ORDER BY o.alike LIMIT 1) FROM kinds AS k WHERE k.alike IS NOT NULL)"
    " SELECT person, alike FROM kinds WHERE alike IS NOT NULL) AS known",
)
"""The kinds of outcomes that persons have: from one to the next by the index, without reading the outcomes."""


_NEWEST = Select(
    _PAST, "FROM outcomes WHERE person = ? AND alike >= ? AND alike <= ? ORDER BY alike DESC, at DESC LIMIT ?"
)
"""The newest outcomes of a person that are of one kind, given twice: by a range, as SQLite else takes the primary key."""


_OF_NO_KIND = Select(
    _PAST, "FROM outcomes WHERE person = ? AND type IN :given(type text) AND at > ? AND alike = ''"
)
"""The outcomes of a person whose kind is not known, of some types, later than an instant."""


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
    """Adds outcomes, each with its kind."""
    store.insert(OutcomeRow, [row._replace(alike=alike_of(row)) for row in rows])


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


def alike_of(row: OutcomeRow) -> str:
    """The kind of an outcome: a hash of all that a pause can read of it but its time and its decision."""
    described = [row.type, row.channel, row.campaign, row.offer]
    return blake2b(orjson.dumps(described), digest_size=12).hexdigest()


def of_persons(
    store: Store,
    persons: Sequence[str],
    types: Sequence[str],
    since: Instant,
    undecided: Callable[[Sequence[PastOutcomes]], Collection[int]],
) -> list[PastOutcomes]:
    """The persons' outcomes of the types, later than `since`; of many, of each kind as many of the newest as decide.

    undecided: the indexes of those of which older outcomes may matter; never of one whose `since` is that of the call.
    """
    crowded = [person for (person,) in store.select(_CROWDED, persons, types, since)]
    others = [person for person in persons if person not in crowded] if crowded else persons
    few: dict[str, list[PastOutcome]] = defaultdict(list)
    for person, *outcome in store.select(_OF_PERSONS, others, types, since) if others else ():
        few[person].append(PastOutcome(*outcome))
    of_few = [PastOutcomes(person, outcomes, since) for person, outcomes in few.items()]
    kinds = store.select(_KINDS, crowded) if crowded else ()
    portions = [_newest(store, person, alike, types, since, _FIRST) for person, alike in kinds]
    most = _FIRST
    while portions and (indexes := undecided([*portions, *of_few])):
        most *= _GROWTH
        for index in indexes:
            person, alike = kinds[index]
            portions[index] = _newest(store, person, alike, types, since, most)
    return [*portions, *of_few]


def _newest(
    store: Store, person: str, alike: str, types: Sequence[str], since: Instant, most: int
) -> PastOutcomes:
    """So many of the newest outcomes of the kind; all of those whose kind is not known."""
    rows: Sequence[Any] = (
        store.select(_NEWEST, person, alike, alike, most)
        if alike
        else store.select(_OF_NO_KIND, person, types, since)
    )
    outcomes = [PastOutcome(*row) for row in rows if row[0] in types and row[1] > since]
    is_all = not alike or len(outcomes) < most
    return PastOutcomes(person, outcomes, since if is_all else outcomes[-1].at)


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
