"""Records events of customers, and the signals that follow from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, Self

import structlog

from engine.decide.compiled import CompiledBook
from engine.decide.signals import infer
from engine.decide.signals.certain import CertainEvaluator
from engine.decide.signals.infer import NO_CONCLUSIONS, Conclusions
from engine.ledger.commit.commands import Command, NamesToLink, Stage, UnitOfWork
from engine.ledger.errors import LedgerError
from engine.ledger.memory import memory_of, to_json
from engine.ledger.queries import persons
from engine.ledger.store.rows import EventRow, PersonRow, SignalRow
from engine.ledger.store.store import Store
from engine.model.customer import Recalled
from engine.model.event import Event
from engine.model.instant import Instant

log = structlog.get_logger()


class RecordResult(StrEnum):
    """What became of an event or outcome."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """It was kept before."""


class WarnedResult(NamedTuple):
    """A result with a warning: what was kept hints at a mistake of the caller's."""

    result: RecordResult
    warning: str
    """In a sentence."""


@dataclass(frozen=True, slots=True)
class RecordCommand(Command[RecordResult]):
    """One event of one customer, to be kept."""

    compiled: CompiledBook
    customer: str
    event: Event
    """It has an event_id."""
    now: Instant
    aliases: tuple[str, ...] = ()
    """Further names of the customer."""
    clock: Instant | None = None
    """The server's own moment where `now` is simulated; None: it is `now`."""

    stage = Stage.RECORD

    @property
    def elapsed(self) -> Instant:
        """The moment up to which what has ended is deleted: not beyond the server's clock."""
        return self.now if self.clock is None else min(self.now, self.clock)

    def customers(self) -> tuple[str, ...]:
        """The customer, by all names."""
        return self.customer, *self.aliases

    def keeps_since(self) -> Instant | None:
        """When the call arrived."""
        return self.now if self.clock is None else self.clock

    def links(self) -> NamesToLink | None:
        """The names of the customer, where there are several."""
        return NamesToLink(self.customers(), self.elapsed, "record") if self.aliases else None

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> Sequence[RecordResult | LedgerError]:
        """Records the events of the persons who bear the names."""
        person_of = unit.identities.person_of
        named = [replace(command, customer=person_of(command.customer)) for command in commands]
        results = record(unit.store, named)
        _count(
            unit,
            [
                command
                for command, result in zip(named, results, strict=True)
                if result is RecordResult.ACCEPTED and command.event.type in command.compiled.counted
            ],
        )
        return results


def _count(unit: UnitOfWork, accepted: Sequence[RecordCommand]) -> None:
    """Counts the events that are kept for trends: of those that were trimmed, it is not known whether they were before."""
    kept = persons.kept_events(unit.store, [_key(command) for command in accepted]) if accepted else ()
    for command in accepted:
        if _key(command) in kept:
            unit.trends.add(command.compiled.counted, command.event, command.elapsed)


def record(store: Store, commands: Sequence[RecordCommand]) -> list[RecordResult | LedgerError]:
    """Keeps the events, in order, inside a transaction; commands name persons as they are stored."""
    kept = persons.kept_events(store, [_key(command) for command in commands])
    new: list[RecordCommand] = []
    results: list[RecordResult | LedgerError] = []
    for command in commands:
        if _key(command) in kept:
            results.append(RecordResult.DUPLICATE)
            continue
        kept.add(_key(command))
        new.append(command)
        results.append(RecordResult.ACCEPTED)
    if new:
        _keep(store, new)
    return results


def _key(command: RecordCommand) -> tuple[str, str]:
    """By which the event is kept once: a caller may number the events of each customer from 1."""
    return command.customer, command.event.event_id


def _keep(store: Store, new: Sequence[RecordCommand]) -> None:
    persons.keep_events(store, _event_rows(store, new))
    latest = {command.customer: command for command in new}
    persons.know(store, [PersonRow(command.customer, command.now) for command in latest.values()])
    for command in latest.values():
        kept = command.compiled.book.events
        persons.trim_events(
            *(store, command.customer),
            until=command.elapsed - kept.keep,
            newest=kept.newest,
            newest_of=kept.newest_of,
        )
    _conclude(store, _to_conclude(store, latest, new))


def _event_rows(store: Store, new: Sequence[RecordCommand]) -> list[EventRow]:
    """The rows in the order of the commands, behind the kept events of the same person and moment."""
    moments = [(command.customer, command.event.at) for command in new]
    last = persons.last_positions(store, list(set(moments)))
    rows = []
    for command, moment in zip(new, moments, strict=True):
        event = command.event
        last[moment] = position = last.get(moment, -1) + 1
        rows.append(
            EventRow(command.customer, event.at, position, event.event_id, event.type, to_json(event.fields))
        )
    return rows


def _to_conclude(
    store: Store, latest: Mapping[str, RecordCommand], new: Sequence[RecordCommand]
) -> list[RecordCommand]:
    """The customers whose signals may change: not those of whose new events none was kept, as newer ones fill the limit."""
    candidates = [
        command for command in latest.values() if command.compiled.recall and command.compiled.recall.signals
    ]
    if not candidates:
        return []
    kept = {person for person, _ in persons.kept_events(store, [_key(command) for command in new])}
    return [command for command in candidates if command.customer in kept]


def _conclude(store: Store, commands: Sequence[RecordCommand]) -> None:
    """Remembers the signals that follow from what is now kept of the commands' customers."""
    queries = [
        command.compiled.recall.without_contacts.of(command.customer, command.now)
        for command in commands
        if command.compiled.recall
    ]
    if not queries:
        return
    concluded = ConcludedSignals()
    for command, recalled in zip(commands, persons.recall(store, queries), strict=True):
        try:
            concluded.add(command.customer, _conclusions(command, recalled), command.now, command.elapsed)
        except Exception:  # the events are kept; what follows from them is concluded by the next request
            log.exception("could not conclude", event_id=command.event.event_id)
    concluded.write(store)


def _conclusions(command: RecordCommand, recalled: Recalled) -> Conclusions:
    compiled, now = command.compiled, command.now
    if compiled.signals is None:
        return NO_CONCLUSIONS
    memory = memory_of(recalled, now)
    attributes = compiled.derivation.derive_from_events(memory.events, now)
    evaluator = CertainEvaluator(compiled.signals.certain, compiled.signals.evaluator)
    moment = compiled.moment(now, attributes)
    return infer.conclude(compiled.signals.certain, attributes, moment, evaluator, memory)


class ConcludedSignals:
    """The signals that a group's conclusions write or delete; later conclusions replace earlier ones."""

    def __init__(self) -> None:
        self._signals: dict[tuple[str, str], SignalRow] = {}
        """By person and name."""
        self._forgotten: dict[tuple[str, str], Instant] = {}
        """By person and name, the known expiry: a signal that another process has renewed since then stays."""

    def add(self, person: str, conclusions: Conclusions, now: Instant, elapsed: Instant) -> None:
        """Adds what was concluded for one request or event of the moment `now`.

        elapsed: not beyond the server's clock. What has ended by a simulated moment only stays: others still see it.
        """
        for name, _, expires_at, _ in conclusions.forget:
            if expires_at is not None and elapsed < expires_at <= now:
                continue
            self._signals.pop((person, name), None)
            if expires_at is not None:
                self._forgotten[person, name] = expires_at
        for name, since, expires_at, fields in conclusions.remember:
            if expires_at is not None:
                before = self._signals.get((person, name))
                first = since if before is None else min(since, before.since)
                self._signals[person, name] = SignalRow(person, name, first, expires_at, to_json(fields))

    def write(self, store: Store) -> None:
        """Writes all of it."""
        if self._forgotten:
            persons.forget(store, [(*key, expires_at) for key, expires_at in self._forgotten.items()])
        if self._signals:
            persons.remember(store, list(self._signals.values()))
