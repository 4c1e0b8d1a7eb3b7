"""Simulates a book over a population: decides every visit by the engine itself, on a temporary log that is deleted.

A visit goes through `evaluate` and `select` as on a server, in transactions of up to 512 persons; contacts, shared counters,
identities and signals of earlier visits are history. Decision rows are counted and not stored. Nothing is reported: no
outcomes, no conversions, no events but those of the file; learned values are at their priors. What is scarce has the prices
of the plan.

Where the book allows it visits are decided by columns instead, with the same counts (`by_columns.py`).
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bid_prices import NO_PREVIEWED_PRICES, BidPrices, PreviewedPrices
from engine.decide.experiments.learning import Learned
from engine.engine import Engine
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import lay_out
from engine.ledger.store.rows import ContactRow, DecisionRow
from engine.ledger.store.sqlite import SqliteStore
from engine.ledger.store.store import RowT
from engine.measure.population.files import Fault
from engine.measure.population.people import Faults, PeopleReader, Person, plain_value
from engine.measure.population.tally import Tally, Visit, Watched
from engine.measure.population.visits import (
    DAILY,
    SortEntry,
    Visits,
    order_key,
    sorted_entries,
    stored_entries,
    write_entry,
)
from engine.model.instant import Instant, from_datetime
from engine.wire.parse import Parser

if TYPE_CHECKING:
    from engine.measure.population.by_columns import ColumnSimulation

_GROUP = 512
"""Visits in one transaction: as many as a server commits at once."""

_LENGTHS = Struct(">QI")
"""Row of the file, and bytes of the name that follows."""
_VISIT = Struct(">Qq")
_WEEK = 7

OnDecision: TypeAlias = Callable[[Visit, DecisionRow], object]
OnVisits: TypeAlias = Callable[[int], object]
"""Called with the number of visits that were decided."""


class SimulatedRow(NamedTuple):
    """What is written of a decision. Times are instants; the id of a decision is left out, being random."""

    person: str
    time: Instant
    book_version: str
    outcome: str
    placement: str | None
    campaign: str | None = None
    offer: str | None = None
    variant: str | None = None
    channel: str | None = None
    score: float | None = None
    selection_probability: float | None = None
    next_allowed_at: Instant | None = None
    expires_at: Instant | None = None

    @classmethod
    def of(cls, row: DecisionRow) -> "SimulatedRow":
        """That of a row of the log."""
        return cls(row.person, row.at, *(getattr(row, name) for name in cls._fields[2:]))


OnRow: TypeAlias = Callable[[SimulatedRow], object]


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """When whom to decide, and for what."""

    start: date
    days: int = _WEEK
    seed: int = 0
    visits: Visits = DAILY
    placement: str = ""
    channels: tuple[str, ...] = ()
    watched: tuple[Watched, ...] = ()
    """What is counted by the values of attributes."""
    prices: PreviewedPrices = NO_PREVIEWED_PRICES
    """By which a book with `scarce: prices` gives what is scarce, each for as long as it holds."""

    def begins(self, zone: ZoneInfo) -> Instant:
        """The first midnight."""
        return from_datetime(datetime.combine(self.start, time(), zone))

    def ends(self, zone: ZoneInfo) -> Instant:
        """The midnight after the last day."""
        return from_datetime(datetime.combine(self.start + timedelta(self.days), time(), zone))

    @property
    def learned(self) -> Learned:
        """The prices of what is not enough, for evaluations; nothing else is learned."""
        return Learned(BidPrices(price for price in self.prices.prices if price.tier is not None))


class PeopleRefused(Exception):
    """The file does not fit the book; nothing was simulated."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(f"{faults.count} faults")
        self.faults = faults


class StagedPeople(NamedTuple):
    """The people of a file, in the order of the run."""

    path: Path
    persons: int
    ignored: dict[str, str]
    """Columns that were not read, with what was probably meant."""


def stage(
    path: Path,
    compiled: CompiledBook,
    plan: SimulationPlan,
    folder: Path,
    advance: OnVisits = lambda _: None,
) -> StagedPeople:
    """Reads, checks and sorts the people into a file of the folder. Raises PeopleRefused, and what opening a file raises."""
    kept = {watch.attribute for watch in plan.watched if watch.attribute.startswith("profile.")}
    reader = PeopleReader(path, compiled, placement=plan.placement, channels=plan.channels, kept=kept)
    staged, persons = folder / "people", 0
    with staged.open("wb") as stream:
        for entry in sorted_people(reader, partial(order_key, plan.seed), folder):
            write_entry(stream, entry)
            persons += 1
            advance(1)
    if not persons and not reader.faults.count:
        reader.faults.add(Fault(0, "", "there are no people"))
    if reader.faults.count:
        raise PeopleRefused(reader.faults)
    return StagedPeople(staged, persons, reader.ignored)


def sorted_people(
    reader: PeopleReader,
    key: Callable[[str], bytes],
    folder: Path,
    payload: Callable[[Person], bytes] | None = None,
) -> Iterator[SortEntry]:
    """The people of a file, by the key of their names, which must be distinct for distinct names.

    Who is there twice is a fault of the reader's. folder: for temporary files. payload: makes the bytes of a person; None:
    those of their message.
    """
    of_person = payload or _message
    entries = (
        SortEntry(
            key(person.message.customer.id),
            _LENGTHS.pack(person.row, len(name)) + name + of_person(person),
        )
        for person in reader.people()
        for name in (person.message.customer.id.encode(),)
    )
    last = SortEntry(b"", b"")
    for entry in sorted_entries(entries, folder, "rows"):
        if entry.key == last.key:
            reader.faults.add(_doubled(entry, last))
        _, length = _LENGTHS.unpack_from(entry.payload)
        yield SortEntry(entry.key, entry.payload[_LENGTHS.size + length :])
        last = entry


def _message(person: Person) -> bytes:
    return person.message.SerializeToString(deterministic=True)


def _doubled(entry: SortEntry, last: SortEntry) -> Fault:
    (first, _), (second, length) = sorted(_LENGTHS.unpack_from(own.payload) for own in (entry, last))
    customer = entry.payload[_LENGTHS.size : _LENGTHS.size + length].decode()
    return Fault(second, "customer", f"{customer!r} is in row {first:,} already")


def simulate(
    compiled: CompiledBook,
    people: StagedPeople,
    plan: SimulationPlan,
    *,
    on_decision: OnDecision | None = None,
    on_row: OnRow | None = None,
    advance: OnVisits = lambda _: None,
) -> Tally:
    """Decides all visits of the plan in order of time; the counts. Raises LedgerError if the temporary log fails.

    on_decision: gets the row that the log would hold, for which every visit is decided by itself. on_row: gets less of it.
    """
    tally = Tally(compiled, people.persons, plan.watched)
    with tempfile.TemporaryDirectory(dir=people.path.parent) as folder:
        columns = None if on_decision is not None else _by_columns(tally, people, plan, Path(folder), on_row)
        if columns is not None:
            for day in range(plan.days):
                for visits in columns.decide(day):
                    advance(visits)
                _end_day(tally, plan, day)
            return tally
        path = Path(folder) / "tact.db"
        lay_out(path)
        store = _SimulationStore(f"sqlite:///{path}")
        ledger = Ledger(store)
        try:
            seen = _seen(on_decision, on_row)
            asyncio.run(_Simulation(compiled, people, plan, store, ledger, tally).run(seen, advance))
        finally:
            ledger.close()
    return tally


def _by_columns(
    tally: Tally, people: StagedPeople, plan: SimulationPlan, folder: Path, on_row: OnRow | None
) -> "ColumnSimulation | None":
    """Simulates by columns; None where these do not cover book, plan or people, or the packages are not there."""
    try:
        from engine.measure.population import by_columns  # noqa: PLC0415 -- of the extra `batch`
    except ModuleNotFoundError:
        return None
    if not by_columns.covers(tally.compiled, plan):
        return None
    columns = by_columns.columns_of(people.path, tally.compiled, folder)
    if columns is None:
        return None
    return by_columns.ColumnSimulation(columns, plan, tally, people.persons, on_row)


def _end_day(tally: Tally, plan: SimulationPlan, day: int) -> None:
    if day % _WEEK == _WEEK - 1 or day == plan.days - 1:
        tally.end_week()


def _seen(on_decision: OnDecision | None, on_row: OnRow | None) -> OnDecision:
    def seen(visit: Visit, row: DecisionRow) -> None:
        if on_decision is not None:
            on_decision(visit, row)
        if on_row is not None:
            on_row(SimulatedRow.of(row))

    return seen


class _SimulationStore(SqliteStore):
    """A log that hands decision rows over instead of keeping them; contacts it keeps, and shows."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.decisions: list[DecisionRow] = []
        self.contacts: list[ContactRow] = []

    def insert(self, row: type[RowT], rows: Sequence[RowT], conflict: str = "") -> None:
        """Adds rows to their table, those of decisions to the list."""
        self.decisions += [added for added in rows if isinstance(added, DecisionRow)]
        self.contacts += [added for added in rows if isinstance(added, ContactRow)]
        if row is not DecisionRow:
            super().insert(row, rows, conflict)

    def take(self) -> tuple[list[DecisionRow], list[ContactRow]]:
        """The rows since the last call."""
        rows = self.decisions, self.contacts
        self.decisions, self.contacts = [], []
        return rows


class _Simulation:
    def __init__(
        self,
        compiled: CompiledBook,
        people: StagedPeople,
        plan: SimulationPlan,
        store: _SimulationStore,
        ledger: Ledger,
        tally: Tally,
    ) -> None:
        self._people, self._plan, self._store, self._tally = people, plan, store, tally
        self._zone = compiled.book.timezone
        self._parser, self._engine = Parser(compiled), Engine(compiled, ledger, learned=plan.learned)

    async def run(self, on_decision: OnDecision, advance: OnVisits) -> None:
        """Decides all days."""
        for day in range(self._plan.days):
            for group in _groups(self._visits(day)):
                await self._decide(group, on_decision)
                advance(len(group))
            _end_day(self._tally, self._plan, day)

    async def _decide(self, visits: Sequence[Visit], on_decision: OnDecision) -> None:
        requests = [self._parser.parse(visit.message, visit.now) for visit in visits]
        evaluations = await self._engine.evaluate_all(requests)
        for result in await self._engine.commit_all(evaluations):
            if isinstance(result, LedgerError):
                raise result
        rows, contacts = self._store.take()
        of_decision: dict[str, list[ContactRow]] = {row.decision_id: [] for row in rows}
        for contact in contacts:
            of_decision[contact.decision_id].append(contact)
        for visit, row in zip(visits, rows, strict=True):
            value_of = partial(plain_value, visit.message)
            self._tally.see(visit.person, row, of_decision[row.decision_id], value_of)
            on_decision(visit, row)

    def _visits(self, day: int) -> Iterator[Visit]:
        """The visits of the day by time; of one moment, in the order of the persons."""
        if self._plan.visits.at_one_moment:
            yield from self._unordered(day)
            return
        entries = (
            SortEntry(
                visit.now.to_bytes(8, "big") + visit.person.to_bytes(8, "big"),
                _VISIT.pack(visit.person, visit.now) + visit.message.SerializeToString(),
            )
            for visit in self._unordered(day)
        )
        for entry in sorted_entries(entries, self._people.path.parent, "visits"):
            person, now = _VISIT.unpack_from(entry.payload)
            yield Visit(person, now, DecideRequest.FromString(entry.payload[_VISIT.size :]))

    def _unordered(self, day: int) -> Iterator[Visit]:
        plan = self._plan
        for person, entry in enumerate(stored_entries(self._people.path)):
            message = DecideRequest.FromString(entry.payload)
            for now in plan.visits.moments(plan.seed, message.customer.id, plan.start, day, self._zone):
                yield Visit(person, now, message)


def _groups(visits: Iterator[Visit]) -> Iterator[list[Visit]]:
    """The visits in groups; nobody is in a group twice, so that each visit is evaluated on what the one before left."""
    group: list[Visit] = []
    names: set[str] = set()
    for visit in visits:
        own = {visit.message.customer.id, *visit.message.customer.aliases}
        if len(group) == _GROUP or not names.isdisjoint(own):
            yield group
            group, names = [], set()
        group.append(visit)
        names |= own
    if group:
        yield group
