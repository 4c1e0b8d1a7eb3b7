"""Counts the events of all customers, by hours, in the transactions that keep the events."""

import secrets
from collections import Counter
from collections.abc import Mapping

from engine.decide.attributes.trends import counted_text
from engine.ledger.queries import trends
from engine.ledger.queries.trends import CellKey
from engine.ledger.store.rows import TrendCellRow
from engine.ledger.store.store import Store
from engine.model.event import Event
from engine.model.instant import Instant
from engine.model.trends import HOUR, OTHER
from engine.telemetry.counters import TREND_OTHERS

CountedFields = Mapping[str, Mapping[str, frozenset[str]]]
"""By type of events, the fields by which they are counted, with the values that conditions name."""


class NewCounts:
    """The events that a group keeps, added up and written late in its transaction, in one order in every process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: Counter[tuple[str, str, Instant, str]] = Counter()
        self._named: dict[tuple[str, str], frozenset[str]] = {}

    def add(self, counted: CountedFields, event: Event, now: Instant) -> None:
        """Counts an event that is kept, in the hour in which it happened; none from before cells are kept."""
        hour = event.at // HOUR * HOUR
        if hour < now - trends.KEPT:
            return
        for field, named in counted.get(event.type, {}).items():
            value = counted_text(event.fields.get(field)) if field else ""
            if value is not None:
                self._counts[event.type, field, hour, value] += 1
                self._named[event.type, field] = self._named.get((event.type, field), frozenset()) | named

    def write(self) -> None:
        """Adds the counts to the cells."""
        if not self._counts:
            return
        shard = secrets.randbelow(_SHARDS) if self._store.shards > 1 else 0
        bounded = self._bounded()
        trends.add(self._store, [TrendCellRow(*key, shard, bounded[key]) for key in sorted(bounded)])

    def _bounded(self) -> Counter[tuple[str, str, Instant, str]]:
        """The counts, in which those of new values beyond the limit are under OTHER."""
        keys: list[CellKey] = sorted(
            {(event, field, hour) for event, field, hour, _ in self._counts if field}
        )
        known = trends.values_of(self._store, keys)
        bounded: Counter[tuple[str, str, Instant, str]] = Counter()
        for (event, field, hour, value), number in sorted(self._counts.items()):
            counted = value
            if field and value not in self._named[event, field]:
                values = known[event, field, hour]
                if value not in values and len(values) >= trends.MOST_VALUES:
                    counted = OTHER
                values.add(counted)
                if counted == OTHER:
                    TREND_OTHERS.add(number)
            bounded[event, field, hour, counted] += number
        return bounded


_SHARDS = 16
"""On PostgreSQL, rows of a cell. A transaction adds to one at random, so that few wait for another's commit."""
