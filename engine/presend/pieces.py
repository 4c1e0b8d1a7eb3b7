"""The files of a run: a piece for each group, written before its commit, and a file for each part once it is whole.

A file counts if the run's manifest in the log names it; others are left by what was ended before its commit. Pieces are
Arrow, which costs least to write and to read again; parts are Parquet, which is handed out. Earlier versions wrote pieces as
Parquet, too, and a run that one of them began goes on with these.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engine.measure.export.manifest import sync
from engine.presend.sent import SentKind, SentKinds, SentRows

FILES = ("piece-*.arrow", "piece-*.parquet", "part-*.parquet")
"""The names of a run's files, of any version."""

_MOMENT = pa.timestamp("us", tz="UTC")
_TEXT = pa.dictionary(pa.int32(), pa.string())

SCHEMA = pa.schema(
    [
        pa.field("customer", pa.string(), nullable=False),
        ("decision_id", pa.string()),
        pa.field("outcome", _TEXT, nullable=False),
        ("campaign", _TEXT),
        ("offer", _TEXT),
        ("variant", _TEXT),
        ("channel", _TEXT),
        ("score", pa.float64()),
        ("selection_probability", pa.float64()),
        ("reasons", pa.list_(pa.string())),
        ("next_allowed_at", _MOMENT),
        ("expires_at", _MOMENT),
    ]
)
"""The columns of the files; `content` follows where texts are wanted, a map of slot to text."""

_REPEATED = [name for name in SCHEMA.names if name not in ("customer", "decision_id", "score", "reasons")] + [
    "reasons.list.element"
]
"""The columns whose values many customers have alike, as the file names them."""

_CONTENT = pa.field("content", pa.map_(pa.string(), pa.string()))


def schema_of(*, content: bool) -> pa.Schema:
    """The columns of a run's files."""
    return SCHEMA.append(_CONTENT) if content else SCHEMA


class PieceTables:
    """Makes the tables of pieces; what many customers of a run have alike is made once."""

    def __init__(self, kinds: SentKinds, *, content: bool) -> None:
        """content: whether the texts are wanted."""
        self._kinds, self._schema = kinds, schema_of(content=content)
        self._columns = _columns_of(())
        """Those of the kinds, so far."""

    def table_of(self, sent: SentRows) -> pa.Table:
        """The decisions as a table."""
        known, kinds = self._columns.num_rows, self._kinds.kinds
        if known < len(kinds):
            self._columns = _joined([self._columns, _columns_of(kinds[known:])])
        columns, codes = self._columns, sent.codes
        if sent.alone:
            columns = _joined([columns, _columns_of(sent.alone)])
            codes = np.where(codes < 0, len(kinds) - 1 - codes, codes)
        columns = columns.take(pa.array(codes))
        of_rows = {
            "customer": sent.customers,
            "decision_id": sent.decision_ids,
            "score": sent.scores,
            "content": [
                list(sent.contents[row].items()) if row in sent.contents else None for row in range(len(sent))
            ]
            if _CONTENT.name in self._schema.names
            else [],
        }
        arrays = [
            pa.array(of_rows[field.name], field.type, from_pandas=True)  # NaN is no score
            if field.name in of_rows
            else columns.column(field.name)
            for field in self._schema
        ]
        return pa.Table.from_arrays(arrays, schema=self._schema)


def _columns_of(kinds: Sequence[SentKind]) -> pa.Table:
    """What kinds have alike, as columns."""
    columns = {
        "outcome": [kind.outcome for kind in kinds],
        "campaign": [kind.campaign for kind in kinds],
        "offer": [kind.offer for kind in kinds],
        "variant": [kind.variant for kind in kinds],
        "channel": [kind.channel for kind in kinds],
        "selection_probability": [kind.selection_probability for kind in kinds],
        "reasons": [
            [f"{own.code.value}:{own.name}" if own.name else own.code.value for own in kind.reasons]
            for kind in kinds
        ],
        "next_allowed_at": [kind.next_allowed_at for kind in kinds],
        "expires_at": [kind.expires_at for kind in kinds],
    }
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    return pa.Table.from_pydict(columns, schema)


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of the tables, each column as one array with one dictionary."""
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def write_piece(folder: Path, name: str, table: pa.Table) -> tuple[str, str]:
    """Writes a table to a new Arrow file, synced to disk; its name, which no other attempt has, and its SHA-256."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return _write_synced(folder, f"{name}-{uuid4().hex[:12]}.arrow", sink.getvalue())


def write_part(folder: Path, name: str, table: pa.Table) -> tuple[str, str]:
    """The same as a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=_REPEATED)
    return _write_synced(folder, f"{name}-{uuid4().hex[:12]}.parquet", sink.getvalue())


def read_pieces(folder: Path, files: Iterable[str]) -> pa.Table:
    """The rows of several files, pieces or parts, of which there is at least one."""
    return _joined([read_file(folder / file) for file in files])


def read_file(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a piece or of a part; columns: None: all."""
    if path.suffix == ".parquet":
        return pq.read_table(path, columns=columns)
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    return table if columns is None else table.select(columns)


def _write_synced(folder: Path, file: str, content: pa.Buffer) -> tuple[str, str]:
    with (folder / file).open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    sync(folder)
    return file, hashlib.sha256(content).hexdigest()


def merge_pieces(folder: Path, name: str, files: Iterable[str]) -> tuple[str, str]:
    """Writes the rows of several files to one; its name and SHA-256."""
    return write_part(folder, name, read_pieces(folder, files))


def replace_file(path: Path, content: bytes) -> None:
    """Writes the file whole or not at all, synced to disk."""
    temporary = path.with_name(f".{path.name}-{uuid4().hex[:12]}")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    sync(path.parent)
