"""Simulates a book by columns: everybody who is decided at one moment at once, with contacts and counters in memory.

The kernel decides customers without contacts, and those whose contacts several others have too, and the engine confirms it
for every class; all others are decided by the engine one by one. The counts are those of a simulation on a log, which
decides what this does not: visits at moments of their own, placements, further names, books that read more of a log, and
prices that differ between the channels of a campaign.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.batch.columns import Bools, Codes, ValueColumn, rows_by_code
from engine.batch.contacts import LEAST_ALIKE
from engine.batch.facets import history_of
from engine.batch.kernel import CHUNK, Kernel
from engine.batch.lanes import ColumnPlan, book_lane
from engine.batch.people import ColumnPeople, SendMoment, batch_of, kept_attributes, people_schema
from engine.batch.priced import PricedCampaigns
from engine.batch.results import Decisions, EngineDecision, RowDecision, TriedPeople, decide_by_engine
from engine.decide.answer import answer
from engine.decide.arbitrate.campaign import CampaignChannel
from engine.decide.attributes.zones import NEEDS, zones_text
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import in_force
from engine.decide.pressure.caps import counted_value
from engine.decide.pressure.counters import QuotaKey
from engine.ledger.commit.decision_rows import contact_rows, decision_row
from engine.measure.population.column_tally import ColumnTally, CountedPeople
from engine.measure.population.histories import Histories
from engine.measure.population.simulate import SimulatedRow, SimulationPlan
from engine.measure.population.simulated_counts import SimulatedCounts
from engine.measure.population.tally import Tally
from engine.measure.population.visits import stored_entries
from engine.model.contact import Contact
from engine.model.customer import NOTHING_SAID
from engine.model.instant import Instant
from engine.model.request import Request
from engine.wire.parse import Parser


def covers(compiled: CompiledBook, plan: SimulationPlan) -> bool:
    """Whether columns can simulate the book by the plan, if nobody has further names."""
    recall = compiled.recall  # of events there are none to remember
    remembers = recall is not None and (recall.signals or recall.is_new or bool(recall.contacts))
    reads_more = remembers or compiled.sticky or bool(book_lane(compiled))
    is_plain = plan.visits.at_one_moment and not plan.placement and not plan.watched
    return is_plain and not reads_more and _has_columnar_prices(compiled, plan)


def _has_columnar_prices(compiled: CompiledBook, plan: SimulationPlan) -> bool:
    """Whether columns can decide by the prices, by all of them and as fewer and fewer hold."""
    known = [price for price in plan.prices.prices if price.counter in compiled.pressure.counters]
    moments = {price.since for price in known} | {price.until for price in known if price.until is not None}
    in_turn = (in_force(compiled, plan.learned, moment) for moment in moments)
    return not any(PricedCampaigns(compiled.compiled_campaigns, prices).why_exact for prices in in_turn)


def columns_of(people: Path, compiled: CompiledBook, folder: Path) -> Path | None:
    """Stages people, in their order, as columns in a file of the folder; None where somebody has further names."""
    parser, path = Parser(compiled), folder / "columns.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, people_schema(compiled)) as writer:
        for payloads in _chunks(stored.payload for stored in stored_entries(people)):
            messages = [DecideRequest.FromString(payload) for payload in payloads]
            requests = [parser.parse(message, 0) for message in messages]
            if any(request.aliases for request in requests):
                return None
            bringing = [
                payload if message.context.events else None
                for payload, message in zip(payloads, messages, strict=True)
            ]
            writer.write_batch(batch_of(compiled, requests, bringing))
    return path


def _chunks(payloads: Iterator[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for payload in payloads:
        chunk.append(payload)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Decided(NamedTuple):
    """Customers who were decided by columns."""

    kernel: Kernel
    people: ColumnPeople
    tried: TriedPeople


@dataclass(slots=True)
class _Segment:
    """Some of a chunk's visits in order, decided by counters that have the same room."""

    by_columns: Codes
    """Their positions in the segment."""
    decided: "_Decided | None"
    alone: dict[int, EngineDecision]
    """Those who are decided one by one, by position."""
    taken: dict[QuotaKey, Codes] = field(default_factory=dict)
    """By counter, what each visit takes."""

    def take(self, key: QuotaKey, positions: Codes | int, amount: int, size: int) -> None:
        """Notes that visits take from a counter."""
        self.taken.setdefault(key, np.zeros(size, np.int64))[positions] += amount


class ColumnSimulation:
    """Decides the visits of a plan. `seen` gets every decision in order, if it is wanted."""

    def __init__(
        self,
        columns: Path,
        plan: SimulationPlan,
        tally: Tally,
        persons: int,
        seen: Callable[[SimulatedRow], object] | None = None,
    ) -> None:
        """columns: as of `columns_of`; persons: how many there are in it."""
        compiled = self._compiled = tally.compiled
        self._columns, self._plan, self._tally, self._learned = columns, plan, tally, plan.learned
        self._seen, self._kinds, self._parser = seen, kept_attributes(compiled), Parser(compiled)
        self._counts, self._by_columns = SimulatedCounts(compiled), ColumnTally(tally, compiled)
        self._histories = Histories(compiled.pressure, persons)
        self._campaigns = {own.campaign.name: own for own in compiled.compiled_campaigns}
        self._kernels: dict[tuple[Instant, frozenset[tuple[QuotaKey, int]]], Kernel] = {}

    def decide(self, day: int) -> Iterator[int]:
        """Decides the visits of a day; yields how many, chunk by chunk."""
        with pa.memory_map(str(self._columns)) as source:
            file, first = pa.ipc.open_file(source), 0
            for number in range(file.num_record_batches):
                batch = file.get_batch(number)
                come, now = self._visits(batch, day)
                if now is not None:
                    self._chunk(
                        batch if come is None else batch.take(come), first + _positions(batch, come), now
                    )
                    yield batch.num_rows if come is None else len(come)
                first += batch.num_rows

    def _visits(self, batch: pa.RecordBatch, day: int) -> tuple[Codes | None, Instant | None]:
        """The rows of who comes on the day, None for all; and when: None where nobody does."""
        visits, plan, zone = self._plan.visits, self._plan, self._compiled.book.timezone
        if visits.unit == "day":
            return None, visits.moments(plan.seed, "", plan.start, day, zone)[0]
        moments = [
            visits.moments(plan.seed, name, plan.start, day, zone)
            for name in batch.column("customer").to_pylist()
        ]
        rows = [row for row, of_row in enumerate(moments) if of_row]
        return np.array(rows, np.int64), moments[rows[0]][0] if rows else None

    def _chunk(self, batch: pa.RecordBatch, persons: Codes, now: Instant) -> None:
        """Decides the customers of a batch in order, as many at a time as no counter's room changes for."""
        contacts, start = self._histories.at(persons, now), 0
        parse = self._parse(now)
        while start < len(persons):
            room = self._counts.room(now)
            stop = start + 1 if _is_mixed(room) else len(persons)
            part = batch.slice(start, stop - start)
            people = ColumnPeople(part, self._kinds, SendMoment(now, self._plan.channels), parse)
            people.histories = ValueColumn(contacts.codes[start:stop], contacts.values)
            segment = self._segment(people, now, room)
            size = _undisturbed(segment, room, stop - start)
            self._settle(segment, persons[start : start + size], now)
            start += size

    def _parse(self, now: Instant) -> Callable[[bytes], Request]:
        return lambda message: self._parser.parse(DecideRequest.FromString(message), now)

    def _segment(
        self, people: ColumnPeople, now: Instant, room: Mapping[QuotaKey, Mapping[int, int]]
    ) -> _Segment:
        columnar = self._by_columns_rows(people) & (not _is_mixed(room))
        rows, size = np.flatnonzero(columnar), people.rows
        segment = _Segment(rows, None, {})
        if len(rows):
            kernel = self._kernel(now, room)
            own = people if len(rows) == size else _taken(people, rows)
            segment.decided = _Decided(kernel, own, kernel.tried(own))
            columnar[rows[segment.decided.tried.unordered]] = False
            self._note_taken(segment, now, size)
        for row in np.flatnonzero(~columnar).tolist():
            alone = segment.alone[row] = self._alone(people, row)
            for chosen in alone.selection.offered:
                for rule in chosen.proposal.campaign_channel.quotas:
                    segment.take(rule.key(now), row, rule.amount, size)
        return segment

    def _by_columns_rows(self, people: ColumnPeople) -> Bools:
        """Of each customer, whether columns decide them."""
        histories = people.histories
        if histories is None:
            return np.ones(people.rows, np.bool_)
        numbers = np.bincount(histories.codes, minlength=len(histories.values))
        alike = [
            not own.contacts or number >= LEAST_ALIKE
            for own, number in zip(histories.values, numbers.tolist(), strict=True)
        ]
        return np.array(alike, np.bool_)[histories.codes]

    def _kernel(self, now: Instant, room: Mapping[QuotaKey, Mapping[int, int]]) -> Kernel:
        """That of the moment and of the counters without room; others are given up."""
        full = frozenset(
            (key, amount) for key, of_key in room.items() for amount, left in of_key.items() if left < 0
        )
        kernel = self._kernels.get((now, full))
        if kernel is None:
            plan = ColumnPlan(now, self._plan.channels)
            kernel = Kernel(self._compiled, plan, self._counts, self._learned)
            self._kernels = {(now, full): kernel}
        return kernel

    def _alone(self, people: ColumnPeople, row: int) -> EngineDecision:
        contacts = history_of(people, row).contacts
        return decide_by_engine(self._compiled, people.request(row), self._counts, self._learned, contacts)

    def _note_taken(self, segment: _Segment, now: Instant, size: int) -> None:
        """What the customers of the columns take of counters."""
        if segment.decided is None or not self._compiled.pressure.shared:
            return
        decisions, unordered = segment.decided.tried.decisions, segment.decided.tried.unordered
        ordered = np.flatnonzero(~unordered)
        for code, rows in rows_by_code(decisions.codes[ordered]):
            on = self._goes_on(decisions.distinct[code])
            if on is not None and on.quotas:
                for rule in on.quotas:
                    segment.take(rule.key(now), segment.by_columns[ordered[rows]], rule.amount, size)

    def _goes_on(self, decision: RowDecision) -> CampaignChannel | None:
        """On which channel a contact is made; None if none is, or it is withheld."""
        if not decision.chosen or decision.chosen[0].withheld is not None:
            return None
        form = decision.chosen[0]
        return self._campaigns[form.campaign].campaign_channels[form.channel]

    def _settle(self, segment: _Segment, persons: Codes, now: Instant) -> None:
        """Counts the visits of a segment, as many as there are persons."""
        rows: dict[int, SimulatedRow] = {}
        if segment.decided is not None:
            kernel, people, tried = segment.decided
            kept = (segment.by_columns < len(persons)) & ~tried.unordered
            own = persons[np.minimum(segment.by_columns, len(persons) - 1)]
            counted = CountedPeople(tried, own, kept)
            self._by_columns.see(kernel, counted, now)
            self._contact(counted, people, now)
            if self._seen is not None:
                rows |= self._rows(tried.decisions, segment.by_columns, kept, now)
        for position, alone in segment.alone.items():
            if position < len(persons):
                rows[position] = self._settle_alone(alone, int(persons[position]), now)
        if self._seen is not None:
            for position in sorted(rows):
                self._seen(rows[position])

    def _contact(self, counted: CountedPeople, people: ColumnPeople, now: Instant) -> None:
        """Keeps the contacts of the customers, and takes them from counters."""
        decisions, kept = counted.tried.decisions, np.flatnonzero(counted.kept)
        for code, rows in rows_by_code(decisions.codes[kept]):
            chosen, members = decisions.distinct[code].chosen, kept[rows]
            if not chosen:
                continue
            form = chosen[0]
            on = self._campaigns[form.campaign].campaign_channels[form.channel]
            if form.withheld is None:
                self._counts.take(on.quotas, now, form.expires_at, len(members))
            for (zones, value), own in self._kept_of(people, on, members):
                contact = Contact(now, form.expires_at, on.facts, zones, value)
                self._histories.add(counted.persons[own], contact)

    def _kept_of(
        self, people: ColumnPeople, on: CampaignChannel, rows: Codes
    ) -> Iterator[tuple[tuple[str, str | None], Codes]]:
        """What contacts keep of customers, zones and value, each with the rows of who has it."""
        chunk, book = people.chunk, self._compiled.book
        by = on.counted_by
        names = (*(NEEDS if self._compiled.pressure.keeps_zones else ()), *(() if by is None else (by,)))
        if not names:
            yield ("", None), rows
            return
        joint = chunk.joint(tuple(dict.fromkeys(names)))
        for code in np.unique(joint.codes[rows]).tolist():
            attributes = chunk.attributes(tuple(dict.fromkeys(names)), joint.combinations[code])
            zones = zones_text(attributes, book.timezone) if self._compiled.pressure.keeps_zones else ""
            value = None if by is None else counted_value(attributes.get(by))
            yield (zones, value), rows[joint.codes[rows] == code]

    def _settle_alone(self, alone: EngineDecision, person: int, now: Instant) -> SimulatedRow:
        """Counts the visit of a customer who was decided by the engine."""
        evaluation, selection = alone.evaluation, alone.selection
        customer = evaluation.request.customer
        decision = answer(evaluation, selection, "")
        row = decision_row(evaluation, customer, decision, selection, NOTHING_SAID)
        made = contact_rows(evaluation.compiled.book.channels, customer, decision, selection)
        self._tally.see(person, row, made, lambda _: None)
        for chosen in selection.chosen:
            self._histories.add(np.array([person]), chosen.contact)
            if chosen.withheld is None:
                quotas = chosen.proposal.campaign_channel.quotas
                self._counts.take(quotas, now, chosen.contact.expires_at)
        return SimulatedRow.of(row)

    def _rows(
        self, decisions: Decisions, positions: Codes, kept: Bools, now: Instant
    ) -> Iterator[tuple[int, SimulatedRow]]:
        """The rows of the customers of the columns, by position."""
        version = self._compiled.book.version
        for at in np.flatnonzero(kept).tolist():
            decision = decisions.row(at)
            head = decisions.names[at], now, version, decision.outcome, None
            if not decision.chosen:
                row = SimulatedRow(*head, next_allowed_at=decision.next_allowed_at)
            else:
                form = decision.chosen[0]
                row = SimulatedRow(
                    *head,
                    form.campaign,
                    self._campaigns[form.campaign].offer.name,
                    form.variant,
                    form.channel,
                    form.score,
                    decision.selection_probability,
                    decision.next_allowed_at,
                    form.expires_at,
                )
            yield int(positions[at]), row


def _positions(batch: pa.RecordBatch, come: Codes | None) -> Codes:
    return np.arange(batch.num_rows) if come is None else come


def _taken(people: ColumnPeople, rows: Codes) -> ColumnPeople:
    taken = people.taken(rows)
    if people.histories is not None:
        taken.histories = ValueColumn(people.histories.codes[rows], people.histories.values)
    return taken


def _is_mixed(room: Mapping[QuotaKey, Mapping[int, int]]) -> bool:
    """Whether a counter has room for contacts that take less and none for others, for which then each contact matters."""
    return any(min(of_key.values()) < 0 <= max(of_key.values()) for of_key in room.values())


def _undisturbed(segment: _Segment, room: Mapping[QuotaKey, Mapping[int, int]], size: int) -> int:
    """How many visits there are up to the one that leaves a counter without room for a contact that had some."""
    first = size
    for key, taken in segment.taken.items():
        left = [amount for amount in room[key].values() if amount >= 0]
        if left:
            first = min(first, int(np.searchsorted(np.cumsum(taken), min(left), side="right")) + 1)
    return min(first, size)
