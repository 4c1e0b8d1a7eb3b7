"""The result of a run as one file: what its manifest in the log names, checked, for whoever sends it."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from engine.presend.pieces import SCHEMA, read_file
from engine.presend.run import RunRefused, RunSummary


class Wanted(NamedTuple):
    """Which decisions of a run are wanted; empty: of all."""

    outcomes: Sequence[str] = ("offer",)
    campaigns: Sequence[str] = ()
    channels: Sequence[str] = ()


def tables(summary: RunSummary, folder: Path, wanted: Wanted) -> Iterator[pa.Table]:
    """The decisions, file by file. Raises RunRefused if a file is not there, or not the one that was committed."""
    for file, sha256 in summary.files:
        path = folder / file
        if not path.exists():
            raise RunRefused(f"{path} is not there: name the folder of the run by --from")
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
                raise RunRefused(f"{path} is not the file that was committed")
        table = read_file(path)
        for column, names in (
            ("outcome", wanted.outcomes),
            ("campaign", wanted.campaigns),
            ("channel", wanted.channels),
        ):
            if names:
                texts = table[column].cast(pa.string())
                table = table.filter(pc.is_in(texts, value_set=pa.array(list(names), pa.string())))
        yield table


def write_result(summary: RunSummary, folder: Path, wanted: Wanted, target: Path) -> int:
    """Writes the decisions to a .csv or .parquet file, whole or not at all; how many there are.

    In CSV reasons are joined by spaces, and content is left out. Raises RunRefused, OSError.
    """
    if target.is_dir() or not target.parent.is_dir():
        what = "is a folder" if target.is_dir() else f"cannot be written: there is no folder {target.parent}"
        raise RunRefused(f"{target} {what}: name a file by --to")
    if target.resolve() in {(folder / file).resolve() for file, _ in summary.files}:
        raise RunRefused(f"{target} is a file of the run itself: name another by --to")
    temporary = target.with_name(f".{target.name}-{uuid4().hex[:12]}")  # others may write the same beside
    rows = 0
    try:
        with temporary.open("wb") as stream:
            writer: pa.csv.CSVWriter | pq.ParquetWriter | None = None
            for table in tables(summary, folder, wanted):
                written = _for_csv(table) if target.suffix == ".csv" else table.unify_dictionaries()
                if writer is None:
                    writer = _writer(stream, written.schema, target)
                writer.write_table(written)
                rows += table.num_rows
            if writer is None:
                schema = _for_csv(SCHEMA.empty_table()).schema if target.suffix == ".csv" else SCHEMA
                writer = _writer(stream, schema, target)
            writer.close()
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return rows


def _writer(stream: object, schema: pa.Schema, target: Path) -> "pa.csv.CSVWriter | pq.ParquetWriter":
    if target.suffix == ".csv":
        return pyarrow.csv.CSVWriter(stream, schema)
    return pq.ParquetWriter(stream, schema, compression="zstd")


def _for_csv(table: pa.Table) -> pa.Table:
    """The columns as texts and numbers."""
    columns = {
        name: table[name].cast(pa.string()) if pa.types.is_dictionary(table[name].type) else table[name]
        for name in table.column_names
        if name not in ("reasons", "content")
    }
    columns["reasons"] = pc.binary_join(table["reasons"], " ")
    return pa.table(columns)
