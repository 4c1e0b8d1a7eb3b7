"""The signals that a group's conclusions leave behind, the later ones over the earlier."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import structlog

from engine.decide.compiled import CompiledBook
from engine.decide.signals import infer
from engine.decide.signals.certain import CertainEvaluator
from engine.decide.signals.infer import NO_CONCLUSIONS, Conclusions
from engine.ledger.errors import EventIdTaken, LedgerError
from engine.ledger.memory import memory, to_json
from engine.ledger.queries import persons
from engine.ledger.store.rows import EventRow, PersonRow, SignalRow
from engine.ledger.store.store import Store
from engine.model.customer import Recalled
from engine.model.event import Event
from engine.model.instant import Instant


class ConcludedSignals:
    """What is to be written of the persons of a group, or deleted."""

    def __init__(self) -> None:
        self._signals: dict[tuple[str, str], SignalRow] = {}
        """By person and name."""
        self._gone: dict[tuple[str, str], Instant] = {}
        """The same, with the end that was known: one that another process has renewed since then stays."""

    def add(self, person: str, concluded: Conclusions) -> None:
        """What one request or recording concluded."""
        for name, _, expires_at, _ in concluded.forget:
            self._signals.pop((person, name), None)
            if expires_at is not None:
                self._gone[person, name] = expires_at
        for name, since, expires_at, fields in concluded.remember:
            if expires_at is not None:
                before = self._signals.get((person, name))
                first = since if before is None else min(since, before.since)
                self._signals[person, name] = SignalRow(person, name, first, expires_at, to_json(fields))

    def write(self, store: Store) -> None:
        """Writes all of it."""
        if self._gone:
            persons.forget(store, [(*key, expires_at) for key, expires_at in self._gone.items()])
        if self._signals:
            persons.remember(store, list(self._signals.values()))


log = structlog.get_logger()


class RecordCommand(NamedTuple):
    """One event of one customer, to be kept."""

    compiled: CompiledBook
    customer: str
    event: Event
    """It has an event_id."""
    now: Instant
    aliases: tuple[str, ...] = ()
    """Further names of the customer."""


class RecordResult(StrEnum):
    """What became of an event."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """It was kept before."""


def record(store: Store, recordings: Sequence[RecordCommand]) -> list[RecordResult | LedgerError]:
    """Keeps the events, in order, inside of a transaction; what became of each."""
    owners = persons.owners(store, [one.event.event_id for one in recordings])
    new: list[RecordCommand] = []
    answers: list[RecordResult | LedgerError] = []
    for one in recordings:
        owner = owners.setdefault(one.event.event_id, "")
        if not owner:
            owners[one.event.event_id] = one.customer
            new.append(one)
            answers.append(RecordResult.ACCEPTED)
        elif owner == one.customer:
            answers.append(RecordResult.DUPLICATE)
        else:
            answers.append(EventIdTaken("this event_id was used for another customer"))
    if new:
        _keep(store, new)
    return answers


def _keep(store: Store, new: Sequence[RecordCommand]) -> None:
    persons.keep_events(store, _rows(store, new))
    latest = {one.customer: one for one in new}
    persons.know(store, [PersonRow(one.customer, one.now) for one in latest.values()])
    for one in latest.values():
        kept = one.compiled.book.events
        persons.trim_events(store, one.customer, until=one.now - kept.keep, newest=kept.newest)
    _conclude(store, _to_conclude(store, latest, new))


def _to_conclude(
    store: Store, latest: Mapping[str, RecordCommand], new: Sequence[RecordCommand]
) -> list[RecordCommand]:
    """Those of the customers from whose events something may follow: not where newer events push all of them out."""
    asked = [one for one in latest.values() if one.compiled.recall and one.compiled.recall.signals]
    if not asked:
        return []
    kept = set(persons.owners(store, [one.event.event_id for one in new]).values())
    return [one for one in asked if one.customer in kept]


def _rows(store: Store, new: Sequence[RecordCommand]) -> list[EventRow]:
    """The events in the order in which they came, behind those of the same moment that are kept already."""
    moments = [(one.customer, one.event.at) for one in new]
    last = persons.last_positions(store, list(set(moments)))
    rows = []
    for (customer, event), moment in zip(((one.customer, one.event) for one in new), moments, strict=True):
        last[moment] = position = last.get(moment, -1) + 1
        rows.append(EventRow(customer, event.at, position, event.event_id, event.type, to_json(event.fields)))
    return rows


def _conclude(store: Store, customers: Sequence[RecordCommand]) -> None:
    """Remembers the signals that follow from what is kept of the customers now."""
    wanted = [one.compiled.recall.of(one.customer, one.now) for one in customers if one.compiled.recall]
    if not wanted:
        return
    remembered = ConcludedSignals()
    for one, recalled in zip(customers, persons.recall(store, wanted), strict=True):
        try:
            remembered.add(one.customer, _conclusions(one, recalled))
        except Exception:  # the events are kept; what follows from them is concluded by the next request
            log.exception("could not conclude", event_id=one.event.event_id)
    remembered.write(store)


def _conclusions(one: RecordCommand, recalled: Recalled) -> Conclusions:
    compiled, known = one.compiled, memory(recalled, one.now)
    if compiled.signals is None:
        return NO_CONCLUSIONS
    attributes = compiled.derivation.derive_from_events(known.events, one.now)
    evaluator = CertainEvaluator(compiled.signals.certain, compiled.signals.evaluator)
    return infer.conclude(compiled.signals.certain, attributes, compiled.moment(one.now), evaluator, known)
