"""Sends to a population that lies in Spark: a job of DataFrames, with Spark itself or by Spark Connect.

from engine.presend.spark import presend
summary = presend(spark.table("crm.customers"), book="book", log="postgresql://…", out="/mnt/sends/spring", run="spring")

A first pass checks everybody; then parts, which are ranges of names, are decided where Spark puts them, each by the protocol
of every run. What Spark collects counts for nothing: tasks that are tried again, or run twice at once, find the manifest.
"""

import json
import tempfile
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from engine.batch.scarce import ScarceWay
from engine.decide.compiled import CompiledBook, compile_book, keep_loaded
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.measure.population.files import Fault
from engine.measure.population.people import MOST_SHOWN, Faults, PeopleReader
from engine.measure.population.scarcity import PairSpool
from engine.measure.population.simulate import PeopleRefused
from engine.model.instant import Instant
from engine.presend.left import LastPass
from engine.presend.parts import Job, PartSender
from engine.presend.population import PART, Population, PopulationSource, staged
from engine.presend.processes import now
from engine.presend.rows import SendPlan
from engine.presend.run import (
    RunRefused,
    RunSummary,
    begin,
    check_files,
    finish,
    own_folder,
    run_row,
    summary,
)
from engine.presend.shares import DemandReader, shared_out, way_of
from engine.rulebook.load import load, load_text

_CHECKED = "kind string, value string"
_SENT = "part int, customers bigint"
_SAMPLED = 64
"""Of each batch so many names are looked at to cut the population into parts."""


class SparkWork(NamedTuple):
    """What the tasks of a job need; it is sent to them."""

    book: str
    """The book's text, from which it loads as the same version."""
    version: str
    plan: SendPlan
    log: str
    out: str
    group: int
    boundaries: tuple[str, ...] = ()
    """The first name of each part but the first."""
    busy_timeout: float = 30.0


PartTask = Callable[[SparkWork, pa.Table], pa.Table]
"""Decides the customers of one part, as a table with the column `part`."""


def presend(  # noqa: PLR0913 -- the options of the command
    population: Any,
    *,
    book: str | Path,
    log: str,
    out: str | Path,
    run: str,
    moment: Instant | None = None,
    channels: Sequence[str] = (),
    content: bool = False,
    full_log: bool = False,
    group: int = 1000,
    part: int = PART,
    scarce: str | None = None,
    task: PartTask | None = None,
) -> RunSummary:
    """Sends to everybody in a DataFrame of Spark; the same call goes on with a run that was ended.

    population: columns as of a people file; names with dots need `__` or structs. book: folder of the book. log: URL of a
    log in PostgreSQL that all tasks reach, or of a file if they all run on this machine. out: a folder that they all see.
    moment: of all decisions; None: now.
    scarce: order, best or value, how what all customers share is shared out where it runs short; None: best.

    Raises PeopleRefused, RunRefused, LedgerError, and what Spark raises.
    """
    loaded = load(Path(book)).book
    if loaded is None:
        raise RunRefused(f"the book {book} does not load: see tact check {book}")
    folder, started_at = Path(out), now()
    with closing(open_store(log)) as store, own_folder(folder, run) as identity:
        known = summary(store, run)
        at = moment if moment is not None else known.run.now if known is not None else started_at
        compiled = compile_book(loaded)
        way = scarce or way_of(None if known is None else known.run)
        plan = SendPlan(run, at, tuple(channels), content, full_log, ScarceWay(way).value)
        work = SparkWork(loaded.text, loaded.version, plan, log, str(out), group)
        checked = _checked(population, work)
        row = run_row(loaded.version, plan, checked.people, checked.fingerprint, part, started_at)
        if known is not None:
            boundaries = tuple(json.loads(known.run.settings).get("boundaries", ()))
        else:
            boundaries = _boundaries(checked, part)
        settings = {**orjson.loads(row.settings), "boundaries": boundaries}
        row = row._replace(settings=orjson.dumps(settings).decode())
        begin(store, row, identity)
        if known is not None and known.run.finished_at is not None:
            return known
        if known is not None:
            check_files(known, folder)
        work = work._replace(boundaries=boundaries)
        plan = _shared_out(population, work, compiled, store, row.people)
        work = work._replace(plan=plan)
        _send(population, work, task or send_part)
        if plan.prices:
            _send(population, work, send_left)
        done = summary(store, run)
        if done is None or done.customers != row.people:
            raise RunRefused(f"the population changed while it was sent: {row.people:,} were checked")
        return finish(store, folder, run, now())


class _Checked(NamedTuple):
    people: int
    fingerprint: str
    names: list[str]
    """A sample, sorted."""


def _checked(population: Any, work: SparkWork) -> _Checked:
    """Checks everybody. Raises PeopleRefused with the faults."""
    faults, people, total, names = Faults(), 0, 0, list[str]()
    for row in population.mapInArrow(partial(_check_batches, work), _CHECKED).collect():
        if row.kind == "fault":
            faults.add(Fault(*json.loads(row.value)))
        elif row.kind == "faults":
            faults.count += int(row.value)
        else:
            seen = json.loads(row.value)
            people += seen["people"]
            total = (total + int(seen["hash"], 16)) % 2**128
            names += seen["names"]
    doubled = population.groupBy("customer").count().where("count > 1")
    for row in doubled.limit(MOST_SHOWN).collect() if not faults.count else ():
        faults.add(Fault(0, "customer", f"{row['customer']!r} is there {row['count']} times"))
    if not people and not faults.count:
        faults.add(Fault(0, "", "there are no people"))
    if faults.count:
        raise PeopleRefused(faults)
    return _Checked(people, f"{people:x}-{total:032x}", sorted(names))


def _boundaries(checked: _Checked, part: int) -> tuple[str, ...]:
    """Where parts begin, so that each has about so many customers."""
    parts = -(-checked.people // part)
    names = checked.names
    cuts = (names[at * len(names) // parts] for at in range(1, parts))
    return tuple(dict.fromkeys(cuts))


def _send(population: Any, work: SparkWork, task: PartTask) -> None:
    """Decides all parts; whichever tasks Spark starts for them."""
    fields = ", ".join(
        f"`{field.name}` {field.dataType.simpleString()}" for field in population.schema.fields
    )
    parted = population.mapInArrow(partial(_part_batches, work.boundaries), f"{fields}, `part` int")

    def of_part(table: pa.Table) -> pa.Table:  # Spark reads its types
        return task(work, table)

    parted.groupBy("part").applyInArrow(of_part, _SENT).collect()


def _shared_out(
    population: Any, work: SparkWork, compiled: CompiledBook, store: Store, people: int
) -> SendPlan:
    """The plan with its prices: tasks read what everybody could get, and this process shares it out."""

    def read(spool: PairSpool) -> None:
        pairs = population.mapInArrow(partial(_demand_batches, work), "pairs binary")
        for number, row in enumerate(pairs.toLocalIterator()):
            file = f"{number}.npz"
            (spool.folder / file).write_bytes(row["pairs"])
            spool.files.append(file)

    nobody = Population(Path(work.out), people, "", {}, people)
    return shared_out(compiled, store, Job(work.plan, nobody, Path(work.out)), read, now)


def _part_batches(boundaries: Sequence[str], batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches with the part of each customer."""
    for batch in batches:
        parts = [bisect_right(boundaries, name) for name in batch.column("customer").to_pylist()]
        columns = [*batch.columns, pa.array(parts, pa.int32())]
        yield pa.RecordBatch.from_arrays(columns, names=[*batch.schema.names, "part"])


def _check_batches(work: SparkWork, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The faults of the batches, and of each batch its people, a hash that does not go by their order, and some names."""
    compiled = _compiled(work)
    for batch in batches:
        if not batch.num_rows:
            continue
        rows: list[tuple[str, str]] = []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "batch.parquet"
            pq.write_table(pa.Table.from_batches([batch]), path)
            reader = PeopleReader(path, compiled, channels=work.plan.channels)
            messages = [person.message.SerializeToString(deterministic=True) for person in reader.people()]
        customers = batch.column("customer").to_pylist()
        rows += [
            ("fault", json.dumps([0, fault.column, f"{fault.message}, of {customers[fault.row - 1]!r}"]))
            for fault in reader.faults.first
        ]
        if hidden := reader.faults.count - len(reader.faults.first):
            rows.append(("faults", str(hidden)))
        total = sum(int.from_bytes(blake2b(message, digest_size=16).digest()) for message in messages)
        names = [name for name in customers if name is not None]
        step = max(1, len(names) // _SAMPLED)
        seen = {"people": batch.num_rows, "hash": f"{total % 2**128:x}", "names": sorted(names)[::step]}
        rows.append(("seen", json.dumps(seen)))
        kinds, values = zip(*rows, strict=True)
        yield pa.RecordBatch.from_arrays([pa.array(kinds), pa.array(values)], names=["kind", "value"])


def _demand_batches(work: SparkWork, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What the customers of each batch could get, as files of a spool."""
    for batch in batches:
        if not batch.num_rows:
            continue
        with _job_of(work, pa.Table.from_batches([batch]), 0) as (compiled, store, job):
            with PairSpool(compiled, work.plan.now) as spool:
                DemandReader(compiled, store, job, now, spool).read(0)
                files = [(spool.folder / file).read_bytes() for file in spool.files]
            yield pa.RecordBatch.from_arrays([pa.array(files, pa.binary())], names=["pairs"])


def send_part(work: SparkWork, table: pa.Table) -> pa.Table:
    """Decides the customers of one part, or what is left of them."""
    part, people = table.column("part")[0].as_py(), table.drop_columns(["part"])
    with _job_of(work, people, part) as (compiled, store, job):
        PartSender(compiled, store, job, now).send(part, lambda: False, lambda _: None)
    return _sent_table(part, table.num_rows)


def send_left(work: SparkWork, table: pa.Table) -> pa.Table:
    """Decides those of one part again whom a scarce counter refused, if it has something left."""
    part, people = table.column("part")[0].as_py(), table.drop_columns(["part"])
    with _job_of(work, people, part) as (compiled, store, job):
        LastPass(compiled, store, job, now).send(part, lambda: False)
    return _sent_table(part, table.num_rows)


@contextmanager
def _job_of(work: SparkWork, table: pa.Table, part: int) -> Iterator[tuple[CompiledBook, Store, Job]]:
    """What deciding the customers of a table takes, as one part."""
    compiled = _compiled(work)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_store(work.log, busy_timeout=work.busy_timeout)) as store,
    ):
        path = Path(folder) / "part.parquet"
        pq.write_table(table, path)
        source = PopulationSource(path, "", Path(folder), work.plan.channels, table.num_rows)
        population = staged(source, compiled, lambda _: None)._replace(first_part=part)
        yield compiled, store, Job(work.plan, population, Path(work.out), work.group)


def _sent_table(part: int, customers: int) -> pa.Table:
    return pa.table({"part": pa.array([part], pa.int32()), "customers": pa.array([customers], pa.int64())})


_books = threading.local()
"""By thread, the compiled book of the latest work: Sail calls tasks in threads of one process."""


def _compiled(work: SparkWork) -> CompiledBook:
    known: CompiledBook | None = getattr(_books, "compiled", None)
    if known is None or known.book.version != work.version:
        book = load_text(work.book).book
        if book is None or book.version != work.version:
            raise RunRefused("this worker has another version of the program, which reads the book otherwise")
        known = _books.compiled = compile_book(book)
        keep_loaded()
    return known
