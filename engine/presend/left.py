"""The last pass of a run that shared out what is scarce: what is left then goes to those who got nothing, in their order.

A cut-off leaves something where a candidate takes from several counters, where prices are met by nobody exactly, and where
contacts were given back meanwhile. Customers whom a counter refused are decided again, without cut-offs and prices, as part
-1 of part 0, -2 of part 1, and so on, by the protocol of every part; then their rows replace those of the first pass.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batch.people import ColumnPeople, SendMoment
from engine.decide.compiled import CompiledBook
from engine.decide.pressure.registry import CODES
from engine.ledger.queries import presends
from engine.ledger.store.store import Store
from engine.measure.population.scarcity import counted_in, left_of
from engine.model.decision import Outcome
from engine.model.instant import Instant
from engine.presend.parts import Job, PartSender, files_of
from engine.presend.pieces import read_file, read_pieces, write_part
from engine.presend.rows import part_lock


def of_last_pass(part: int) -> int:
    """The part of the last pass that decides customers of the part again, and the other way round."""
    return -1 - part


class _Refused:
    """The customers whom a scarce counter refused, by parts of the last pass."""

    def __init__(self, store: Store, job: Job, reasons: list[str]) -> None:
        """reasons: as the files of the run have them."""
        self._store, self._job, self._reasons = store, job, reasons
        self._names: dict[int, set[str]] = {}

    def size(self, part: int) -> int:
        """How many there are."""
        return len(self._of(part))

    def chunks(
        self, part: int, first: int, size: int, compiled: CompiledBook, moment: SendMoment
    ) -> Iterator[ColumnPeople]:
        """They from a place on, in order, at most so many at a time."""
        names = self._of(part)
        for people in self._job.population.chunks(of_last_pass(part), 0, size, compiled, moment):
            rows = [row for row, name in enumerate(people.names) if name in names]
            own, first = rows[first:], max(0, first - len(rows))
            if own:
                yield people.taken(np.array(own, np.int64))

    def _of(self, part: int) -> set[str]:
        if part not in self._names:
            with self._store.transaction(writes=False):
                files = files_of(self._store, self._job.plan.run, of_last_pass(part))
            self._names = {part: self._read(files)}
        return self._names[part]

    def _read(self, files: list[str]) -> set[str]:
        names: set[str] = set()
        for file in files:
            table = read_file(self._job.folder / file, ["customer", "outcome", "reasons"])
            blocked = table.filter(pc.equal(table["outcome"].cast(pa.string()), Outcome.BLOCKED.value))
            reasons = blocked["reasons"].combine_chunks()
            by_counter = pc.is_in(reasons.flatten(), value_set=pa.array(self._reasons, pa.string()))
            rows = pc.unique(reasons.value_parent_indices().filter(by_counter))
            names.update(blocked["customer"].take(rows).to_pylist())
        return names


class LastPass:
    """Decides parts of the last pass in this process."""

    def __init__(self, compiled: CompiledBook, store: Store, job: Job, clock: Callable[[], Instant]) -> None:
        self._compiled, self._store, self._job, self._clock = compiled, store, job, clock
        prices = job.plan.prices or ()
        rules = compiled.pressure.counters
        self._scarce = {price.counter: rules[price.counter] for price in prices}
        reasons = [f"{CODES[rule.kind].value}:{rule.name}" for rule in self._scarce.values()]
        self._refused = _Refused(store, job, sorted(set(reasons)))
        in_order = job._replace(plan=job.plan._replace(prices=()))
        self._worker = PartSender(compiled, store, in_order, clock, self._refused)

    def send(self, part: int, stop: Callable[[], bool]) -> bool:
        """Decides those of the part again whom a counter refused that has something left; whether they are done."""
        last, run = of_last_pass(part), self._job.plan.run
        with self._store.transaction(writes=False):
            before, after = files_of(self._store, run, part), files_of(self._store, run, last)
        if after == before or (not after and not self._is_left()):
            return True
        if not self._worker.decide(last, stop, lambda _: None):
            return False
        self._replace(part, before)
        return True

    def _is_left(self) -> bool:
        """Whether something is left of a counter that refused customers."""
        now = self._job.plan.now
        counted = counted_in(self._store, self._compiled, now, min(now, self._clock()))
        return any(left_of(self._scarce, counted, now).values())

    def _replace(self, part: int, files: list[str]) -> None:
        """Makes one file of the part, with the rows of the last pass in place of those of the first."""
        last, run, folder = of_last_pass(part), self._job.plan.run, self._job.folder
        with self._store.transaction(writes=False):
            pieces = files_of(self._store, run, last)
        if not pieces:
            return
        file, sha256 = write_part(folder, f"part-{part:05}", _replaced(folder, files, pieces))
        with self._store.transaction((part_lock(run, part), part_lock(run, last))):
            is_current = (files_of(self._store, run, part), files_of(self._store, run, last)) == (
                files,
                pieces,
            )
            if is_current:
                presends.merge(self._store, run, part, file, sha256)
                presends.merge(self._store, run, last, file, sha256)
        for superseded in (*files, *pieces) if is_current else [file]:
            (folder / superseded).unlink(missing_ok=True)


def _replaced(folder: Path, files: list[str], pieces: list[str]) -> pa.Table:
    """The rows of the files by name, but of customers who are in the pieces those."""
    again, first = read_pieces(folder, pieces), read_pieces(folder, files)
    kept = first.filter(pc.invert(pc.is_in(first["customer"], value_set=again["customer"])))
    table = pa.concat_tables([kept, again]).unify_dictionaries().combine_chunks()
    return table.sort_by("customer")
