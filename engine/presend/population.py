"""The population of a run: its customers in order of their names, in parts, in files that a resumed run finds again.

A part is an Arrow file with the columns of `engine.batch.people`, so that a place of it is read without what stands before.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.batch.people import (
    CUSTOMER,
    ColumnPeople,
    SendMoment,
    batch_of,
    completed,
    kept_attributes,
    people_schema,
)
from engine.decide.compiled import CompiledBook
from engine.measure.database import as_pattern, open_database
from engine.measure.population.columns import ColumnFile, PeopleChunk
from engine.measure.population.files import Fault
from engine.measure.population.people import Faults
from engine.measure.population.simulate import PeopleRefused
from engine.model.instant import Instant
from engine.model.request import Request
from engine.presend.pieces import replace_file
from engine.wire.parse import Parser

PART = 50_000
"""Customers in a part, unless a run says otherwise."""

_READ = 8_192
"""Customers who are read at once."""

_FOLDER = ".population"
"""In the run's folder, until the run is over."""

_ROW = ":row"
"""The column with the customer's row in the source, until it is sorted."""

_IN_MEMORY = 64 << 20
"""Bytes of columns that are sorted in memory; more are sorted by DuckDB, which spills to disk."""

_FORM = "arrow 1"
"""Of the staged files; those of another form are not read."""


class Population(NamedTuple):
    """The customers of a run, staged: checked, and sorted by name."""

    path: Path
    """The folder of the parts."""
    people: int
    fingerprint: str
    """SHA-256 of the file that they were read from."""
    ignored: Mapping[str, str]
    """Columns that were not read, with what was probably meant."""
    part_size: int
    """Customers in a part; the last one has what is left."""
    channels: tuple[str, ...] = ()
    """Those that are allowed; empty: every outbound channel."""
    first_part: int = 0
    """The number of the first part, of a population that is a part of another."""

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return -(-self.people // self.part_size)

    def size(self, part: int) -> int:
        """How many customers the part has."""
        return min(self.part_size, self.people - (part - self.first_part) * self.part_size)

    def discard(self) -> None:
        """Deletes the staged files: the run is over."""
        _emptied(self.path)
        self.path.rmdir()

    def moment(self, now: Instant, clock: Instant) -> SendMoment:
        """The moment of a send; clock: the present moment."""
        return SendMoment(now, self.channels, clock if now > clock else None)

    def chunks(
        self, part: int, first: int, size: int, compiled: CompiledBook, moment: SendMoment
    ) -> Iterator[ColumnPeople]:
        """The customers of the part from the place `first` on, by name, so many at a time."""
        parser, kinds = Parser(compiled), kept_attributes(compiled)

        def parse(message: bytes) -> Request:
            return parser.parse(DecideRequest.FromString(message), moment.now)

        with pa.memory_map(str(self.path / _name(part - self.first_part))) as source:
            table = pa.ipc.open_file(source).read_all()
            for start in range(first, table.num_rows, size):
                (batch,) = table.slice(start, size).combine_chunks().to_batches()
                yield ColumnPeople(batch, kinds, moment, parse)

    def requests(
        self, part: int, first: int, compiled: CompiledBook, now: Instant, clock: Instant
    ) -> Iterator[Request]:
        """The requests of the part's customers from the place `first` on, by name; clock: the present moment."""
        for people in self.chunks(part, first, _READ, compiled, self.moment(now, clock)):
            yield from map(people.request, range(people.rows))


def fingerprint_of(source: Path) -> str:
    """SHA-256 of the file. Raises OSError."""
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class PopulationSource(NamedTuple):
    """The file of a population, and for what it is staged."""

    path: Path
    fingerprint: str
    """As of `fingerprint_of`."""
    folder: Path
    """Of the run."""
    channels: tuple[str, ...] = ()
    part_size: int = PART


def staged(source: PopulationSource, compiled: CompiledBook, advance: Callable[[int], object]) -> Population:
    """Checks and sorts the customers, or finds what an earlier call with the same source and book left.

    Raises PeopleRefused if the file does not fit the book, and what opening it raises.
    """
    key = [_FORM, source.fingerprint, compiled.book.version, list(source.channels), source.part_size]
    folder = source.folder / _FOLDER
    if (known := _indexed(folder, key)) is not None:
        advance(known.people)
        return known
    file = ColumnFile(source.path, compiled, 0, source.channels)
    folder.mkdir(parents=True, exist_ok=True)
    _emptied(folder)
    people = store_parts(folder, _sorted(file, compiled, folder, advance), source.part_size, file.faults)
    if not people and not file.faults.count:
        file.faults.add(Fault(0, "", "there are no people"))
    if file.faults.count:
        _emptied(folder)
        raise PeopleRefused(file.faults)
    document = {"key": key, "people": people, "ignored": dict(file.ignored)}
    replace_file(folder / _INDEX, orjson.dumps(document))
    return Population(folder, people, source.fingerprint, file.ignored, source.part_size, source.channels)


_INDEX = "index.json"


def _indexed(folder: Path, key: Sequence[Any]) -> Population | None:
    """What an earlier call staged; None where there is nothing, or it was of another file, book or channels."""
    if not (folder / _INDEX).exists():
        return None
    document = orjson.loads((folder / _INDEX).read_bytes())
    if document["key"] != list(key):
        return None
    return Population(folder, document["people"], key[1], document["ignored"], key[-1], tuple(key[-2]))


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _name(part: int) -> str:
    return f"part-{part:05}.arrow"


def _sorted(
    file: ColumnFile, compiled: CompiledBook, folder: Path, advance: Callable[[int], object]
) -> Iterator[pa.RecordBatch]:
    """The customers of a file by name, then by row, with their rows. More than fit into memory go through the folder."""
    schema = people_schema(compiled).append(pa.field(_ROW, pa.int64()))
    batches: list[pa.RecordBatch] = []
    path, writer = folder / "unsorted.parquet", None
    for chunk in file.chunks():
        batches += _with_rows(chunk, compiled, schema)
        advance(chunk.people.rows + len(chunk.persons))
        if sum(batch.nbytes for batch in batches) > _IN_MEMORY:
            writer = writer or pq.ParquetWriter(path, schema, compression="zstd")
            writer.write_table(pa.Table.from_batches(batches, schema))
            batches = []
    if writer is None:
        table = pa.Table.from_batches(batches, schema)
        yield from table.sort_by([(CUSTOMER, "ascending"), (_ROW, "ascending")]).to_batches(_READ)
        return
    writer.write_table(pa.Table.from_batches(batches, schema))
    writer.close()
    with open_database(memory="400MB", spill=folder / "spill") as database:
        query = f'SELECT * FROM read_parquet(?) ORDER BY {CUSTOMER}, "{_ROW}"'  # noqa: S608 -- names of columns
        for batch in database.sql(query, params=[as_pattern(path)]).to_arrow_reader(_READ):
            yield batch.cast(schema)
    path.unlink()
    shutil.rmtree(folder / "spill", ignore_errors=True)


def _with_rows(chunk: PeopleChunk, compiled: CompiledBook, schema: pa.Schema) -> list[pa.RecordBatch]:
    """The people of a chunk as batches."""
    plain = pa.schema(list(schema)[:-1])
    batches = [completed(chunk.people.batch, plain).append_column(_ROW, pa.array(chunk.rows, pa.int64()))]
    if chunk.persons:
        messages = [
            person.message.SerializeToString() if person.message.context.events else None
            for person in chunk.persons
        ]
        batch = batch_of(compiled, [person.request for person in chunk.persons], messages)
        rows = pa.array([person.row for person in chunk.persons], pa.int64())
        batches.append(batch.append_column(_ROW, rows))
    return batches


def store_parts(folder: Path, batches: Iterator[pa.RecordBatch], size: int, faults: Faults) -> int:
    """Writes customers who come by name as parts of so many; how many there are. Who is there twice is a fault."""
    people, last, writer = 0, ("", 0), None
    for batch in batches:
        last = _check_doubled(batch, last, faults)
        kept, start = batch.drop_columns([_ROW]), 0
        while start < kept.num_rows:
            if people % size == 0:
                if writer is not None:
                    writer.close()
                writer = pa.ipc.new_file(str(folder / _name(people // size)), kept.schema)
            number = min(size - people % size, kept.num_rows - start)
            if writer is not None:
                writer.write_batch(kept.slice(start, number))
            people, start = people + number, start + number
    if writer is not None:
        writer.close()
    return people


def _check_doubled(batch: pa.RecordBatch, last: tuple[str, int], faults: Faults) -> tuple[str, int]:
    """Notes customers who are there twice; the last customer of the batch, and their row. last: that of the batch before."""
    if not batch.num_rows:
        return last
    names, rows = batch.column(CUSTOMER), batch.column(_ROW)
    same = pc.equal(names.slice(1), names.slice(0, len(names) - 1)).to_numpy(zero_copy_only=False)
    again = (np.flatnonzero(same) + 1).tolist()
    for at in [0, *again] if names[0].as_py() == last[0] else again:
        first = rows[at - 1].as_py() if at else last[1]
        name = names[at].as_py()
        faults.add(Fault(rows[at].as_py(), CUSTOMER, f"{name!r} is in row {first:,} already"))
    return names[-1].as_py(), rows[-1].as_py()
