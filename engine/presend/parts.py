"""Decides the parts of a run, a group at a time, by columns or one by one.

A group's decisions are written to a piece, and in one transaction its contacts, its decisions and its row of the manifest.
Who comes later, after an end or beside, goes on behind the last piece of each part.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import orjson

from engine.batch.kernel import Kernel
from engine.batch.lanes import ColumnPlan, book_lane
from engine.batch.people import ColumnPeople, SendMoment
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.learning import Learned
from engine.decide.pressure.counters import CountsAsRead
from engine.ledger.commit.group import apply_group, commit_group, transaction
from engine.ledger.commit.learning import LearnCommand
from engine.ledger.errors import LedgerError, LedgerUnavailable
from engine.ledger.memory import memory_of
from engine.ledger.queries import persons, presends
from engine.ledger.queries.prices import bid_prices
from engine.ledger.queries.trends import KEPT
from engine.ledger.store.rows import PresendPieceRow
from engine.ledger.store.store import Store
from engine.model.customer import NO_MEMORY
from engine.model.instant import Instant
from engine.model.trends import TrendCounts
from engine.presend.chunk import CodePlans, SendChunk, proposed_by
from engine.presend.group import SendCommand, commands_of
from engine.presend.pieces import PieceTables, merge_pieces, write_piece
from engine.presend.population import Population
from engine.presend.rows import Full, Sender, SendPlan, part_lock
from engine.presend.sent import SentRows
from engine.rulebook.model.book import ScarceKind
from engine.server.trends import read_counts

_GROUPS = 8
"""Groups that are proposed by columns at once."""
_TRIES = 6
"""How often a group is tried while the log does not take it."""


class CustomersByPart(Protocol):
    """Customers of a run, by parts."""

    def size(self, part: int) -> int:
        """How many there are in the part."""

    def chunks(
        self, part: int, first: int, size: int, compiled: CompiledBook, moment: SendMoment
    ) -> Iterator[ColumnPeople]:
        """Those of the part from a place on, in order, at most so many at a time."""


class Job(NamedTuple):
    """What a process needs to decide parts of a run."""

    plan: SendPlan
    population: Population
    folder: Path
    group: int = 1000
    verified: float = 0.001


class _Moved(Exception):
    """Others have committed customers of the part meanwhile; the transaction is given up."""


class PartSender:
    """Decides parts of a run in this process."""

    def __init__(
        self,
        compiled: CompiledBook,
        store: Store,
        job: Job,
        clock: Callable[[], Instant],
        customers: CustomersByPart | None = None,
    ) -> None:
        """customers: None: the job's population."""
        self._customers: CustomersByPart = job.population if customers is None else customers
        self._compiled, self._store, self._job, self._clock = compiled, store, job, clock
        self.sender = Sender(compiled, job.plan, self._learned())
        self._tables = PieceTables(self.sender.kinds, content=job.plan.content)
        self._by_columns = not (book_lane(compiled) or job.plan.full_log or self.sender.keeps_of_units)
        """Whether columns propose: not where all is logged, nor where one customer may draw for others."""
        self._columns = ColumnPlan(job.plan.now, job.plan.channels, job.verified)
        self._kernel, self._full = self._by_counters()
        self._plans = CodePlans(self.sender)
        self._trends = self._counted()

    def send(self, part: int, stop: Callable[[], bool], advance: Callable[[int], object]) -> bool:
        """Decides what is left of the part; whether it is whole, and in one file then. Raises Disagreement, LedgerError.

        stop: asked before each group. advance: called with the customers of each group that is committed.
        """
        is_whole = self.decide(part, stop, advance)
        if is_whole:
            self._merge(part)
        return is_whole

    def decide(self, part: int, stop: Callable[[], bool], advance: Callable[[int], object]) -> bool:
        """The same, and leaves the pieces as they are."""
        while (first := self._done(part)) < self._customers.size(part):
            try:
                for group in self._groups(part, first):
                    if stop():
                        return False
                    self._commit(part, first, group)
                    number = sum(len(command.rows) for command in group)
                    first += number
                    advance(number)
            except _Moved:
                continue
        return True

    def _done(self, part: int) -> int:
        with self._store.transaction(writes=False):
            return presends.done(self._store, self._job.plan.run, part)

    def _groups(self, part: int, first: int) -> Iterator[list[SendCommand]]:
        """The customers from a place on, with what the columns propose."""
        with self._store.transaction(writes=False):
            linked = presends.linked(self._store) > 0
        for people in self.people(part, first):
            chunk, done = self._proposed(people), 0
            while done < len(chunk.names):
                if self.sender.full != self._full:
                    chunk, done = self._proposed(chunk.people.part(done, len(chunk.names))), 0
                stop = done + self._fitting(chunk, done, linked=linked)
                yield commands_of(self.sender, part, chunk, range(done, stop))
                done = stop

    def _proposed(self, people: ColumnPeople) -> SendChunk:
        """The customers with what the columns propose at the counters as they are."""
        if self.sender.full != self._full:
            self._kernel, self._full = self._by_counters()
            self._plans = CodePlans(self.sender)
        return proposed_by(self._kernel, people, self._full, self._plans)

    def people(self, part: int, first: int) -> Iterator[ColumnPeople]:
        """The customers from a place on, some at a time, with what is remembered of them, as far as the book reads it."""
        job, compiled = self._job, self._compiled
        moment = job.population.moment(job.plan.now, self._clock())
        chunks = self._customers.chunks(part, first, _GROUPS * job.group, compiled, moment)
        return map(self._recalled, chunks)

    def _by_counters(self) -> tuple[Kernel | None, Full]:
        """Columns, if they propose, for the counters as they are now; and those of them that have no room."""
        job = self._job
        with self._store.transaction(writes=False):
            counted = self.sender.counted(self._store, min(job.plan.now, self._clock()))
        self.sender.full = full = self.sender.full_of(counted)
        if not self._by_columns:
            return None, full
        return Kernel(self._compiled, self._columns, CountsAsRead(counted), self.sender.learned), full

    def _fitting(self, chunk: SendChunk, first: int, *, linked: bool) -> int:
        """How many of the customers make a group: as many as the locks of one transaction allow, but at least one.

        A name takes a lock, and its person another if they may be two. linked: whether any name was linked.
        """
        most, size = self._store.most_locks, min(self._job.group, len(chunk.names) - first)
        if most is None:
            return size
        left = most - 1  # the part's
        locks_units = self.sender.keeps_of_units
        if not locks_units and not chunk.with_aliases:
            return min(size, max(1, left // (2 if linked else 1)))
        for index, row in enumerate(range(first, first + size)):
            names = 1 + len(chunk.people.aliases(row))
            others = (
                len(SendCommand(self.sender, 0, chunk, range(row, row + 1)).locks()) - 1 if locks_units else 0
            )
            left -= others + names * (2 if linked or names > 1 else 1)
            if left < 0:
                return max(1, index)
        return size

    def _recalled(self, people: ColumnPeople) -> ColumnPeople:
        """The customers with what is remembered of them, as far as the book reads it."""
        recall, now = self._compiled.recall, people.moment.now
        if recall is None:
            return people if self._trends is None else people.remembering({}, self._trends)
        queries = [recall.of(name, now, people.aliases(row)) for row, name in enumerate(people.names)]
        with self._store.transaction(writes=False):
            recalled = persons.recall(self._store, queries)
        memories = (memory_of(of_customer, now) for of_customer in recalled)
        kept = {row: memory for row, memory in enumerate(memories) if memory != NO_MEMORY}
        return people.remembering(kept, self._trends)

    def _commit(self, part: int, first: int, commands: Sequence[SendCommand]) -> None:
        """Commits a group; again where the log does not take it. Raises _Moved, LedgerError."""
        for attempt in range(_TRIES):
            try:
                self._try(part, first, commands)
            except LedgerUnavailable:
                if attempt == _TRIES - 1:
                    raise
                time.sleep(0.25 * 2**attempt)
            else:
                return

    def _try(self, part: int, first: int, commands: Sequence[SendCommand]) -> None:
        run, folder = self._job.plan.run, self._job.folder
        written: Path | None = None
        try:
            with transaction(self._store, commands):
                if presends.done(self._store, run, part) != first:
                    raise _Moved
                results = apply_group(self._store, commands)
                sent = SentRows.joined(
                    [
                        SentRows.not_linked(command.names(), self.sender.kinds)
                        if isinstance(result, LedgerError)
                        else result
                        for command, result in zip(commands, results, strict=True)
                    ]
                )
                file, sha256 = write_piece(folder, f"piece-{part:05}-{first:06}", self._tables.table_of(sent))
                written = folder / file
                counts = orjson.dumps(sent.counts()).decode()
                row = PresendPieceRow(run, part, first, len(sent), counts, file, sha256, self._clock())
                presends.add_piece(self._store, row)
        except LedgerUnavailable:
            raise  # it may have been kept: what is rubbish is deleted at the end
        except BaseException:
            if written is not None:
                written.unlink(missing_ok=True)
            raise

    def _merge(self, part: int) -> None:
        """Makes one file of the part's pieces."""
        run, folder = self._job.plan.run, self._job.folder
        with self._store.transaction(writes=False):
            files = files_of(self._store, run, part)
        if len(files) == 1 and files[0].startswith("part-"):
            return
        file, sha256 = merge_pieces(folder, f"part-{part:05}", files)
        with self._store.transaction((part_lock(run, part),)):
            is_current = files_of(self._store, run, part) == files
            if is_current:
                presends.merge(self._store, run, part, file, sha256)
        for superseded in files if is_current else [file]:
            (folder / superseded).unlink(missing_ok=True)

    def _learned(self) -> Learned:
        learned = Learned()
        if self._compiled.learns:
            (states,) = commit_group(self._store, [LearnCommand(self._compiled, self._clock())])
            if isinstance(states, LedgerError):
                raise states
            learned.take(states)
        if self._compiled.book.scarce is ScarceKind.PRICES and self._job.plan.prices is None:
            with self._store.transaction(writes=False):
                learned.bid_prices = bid_prices(self._store)
        return learned

    def _counted(self) -> TrendCounts | None:
        """The counts of trends as they are now; None where the book reads none."""
        if not self._compiled.derivation.trends:
            return None
        counts = TrendCounts()
        with self._store.transaction(writes=False):
            cells, since, _ = read_counts(self._store, self._compiled, self._clock() - KEPT)
        counts.take(cells, since, None)
        return counts


def files_of(store: Store, run: str, part: int) -> list[str]:
    """The files of the part's pieces, in order; inside a transaction."""
    return list(dict.fromkeys(piece.file for piece in presends.pieces(store, run) if piece.part == part))
