"""Columns of record batches as arrays of the few types whose plain values are those that a row by itself would have."""

from collections.abc import Mapping
from typing import Any, Protocol

import pyarrow as pa

from engine.batch.people import CUSTOMER, GROUPS
from engine.model.request import Request

_EXACT_DIGITS = 15
"""Of decimals that are divided exactly."""


class NotByColumns(Exception):
    """A batch with columns that are read row by row only; the message says which."""


class CellReader(Protocol):
    """Reads values as a server reads them of a request."""

    def is_read(self, column: str) -> bool:
        """Whether the column is read; one that is not is noted as ignored."""

    def alone(self, values: Mapping[str, Any]) -> Request:
        """The request of a customer with the values of these columns only; raises ValueError that says what is wrong."""


def flattened(batch: pa.RecordBatch, cells: CellReader) -> dict[str, pa.Array]:
    """The columns of a batch that are read, as simple arrays; those of structs by their dotted names. Raises NotByColumns."""
    columns: dict[str, pa.Array] = {}
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        if name in columns:
            raise NotByColumns(f"the column {name} is there twice")
        if array.null_count == len(array) and name != CUSTOMER:
            continue
        if name in GROUPS:
            _flatten(name, array, cells, columns)
        elif cells.is_read(name):
            columns[name] = _plain(name, array)
    return columns


def _flatten(prefix: str, array: pa.Array, cells: CellReader, columns: dict[str, pa.Array]) -> None:
    if not pa.types.is_struct(array.type):
        raise NotByColumns(f"the column {prefix} is no struct")
    for field, own in zip(array.type, array.flatten(), strict=True):
        name = f"{prefix}.{field.name}"
        if "__" in field.name:
            raise NotByColumns(f"the column {name} has a name that stands for another outside of structs")
        if pa.types.is_struct(field.type):
            if own.null_count > array.null_count:  # then it is also there as a value that is missing
                cells.is_read(name)
            if own.null_count < len(own):
                _flatten(name, own, cells, columns)
        elif cells.is_read(name) and own.null_count < len(own):
            if name in columns:
                raise NotByColumns(f"the column {name} is there twice")
            if pa.types.is_decimal(own.type):
                raise NotByColumns(f"the column {name} is of type {own.type}")
            columns[name] = _plain(name, own)


def _plain(name: str, array: pa.Array) -> pa.Array:
    """The array as one of the types whose plain values are known. Raises NotByColumns."""
    kind = array.type
    try:
        if pa.types.is_dictionary(kind):
            array, kind = array.dictionary_decode(), kind.value_type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_string(kind):
            array.validate(full=True)
            return array.cast(pa.string())
        if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
            return array.cast(pa.int64())
        if pa.types.is_float32(kind):
            return array.cast(pa.float64())
        if pa.types.is_timestamp(kind):
            return array.cast(pa.timestamp("us", tz=kind.tz))
    except pa.ArrowInvalid as error:
        raise NotByColumns(f"the column {name}: {error}") from error
    if pa.types.is_decimal(kind) and kind.precision <= _EXACT_DIGITS:
        return pa.array([None if own is None else float(own) for own in array.to_pylist()], pa.float64())
    if not (_is_simple(kind) or (pa.types.is_list(kind) and _is_simple(kind.value_type))):
        raise NotByColumns(f"the column {name} is of type {kind}")
    return array


def _is_simple(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_int64(kind)
        or pa.types.is_int32(kind)
        or pa.types.is_float64(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_date32(kind)
        or pa.types.is_null(kind)
    )
