"""Columns of a population: an attribute's values in a chunk of customers, as codes of its distinct values."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import copysign
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.model.values import Attributes, Value

Codes: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
ScoreColumn: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """The values of one attribute: `values[codes]`."""

    codes: Codes
    values: Sequence[Any]
    """The distinct values; None for a missing one."""

    @classmethod
    def coded(cls, values: Sequence[Any]) -> "ValueColumn":
        """Codes any values. Those of different types, and zeros of different signs, are distinct."""
        plain = (
            {value: code for code, value in enumerate(dict.fromkeys(values))} if _are_plain(values) else {}
        )
        if plain:
            return cls(np.fromiter(map(plain.__getitem__, values), np.int64, len(values)), list(plain))
        codes: dict[Hashable, int] = {}
        distinct: list[Any] = []
        coded = np.empty(len(values), np.int64)
        for row, value in enumerate(values):
            key = value if type(value) is str else value_key(value)
            code = codes.get(key)
            if code is None:
                code = codes[key] = len(distinct)
                distinct.append(value)
            coded[row] = code
        return cls(coded, distinct)

    def test(self, holds: Callable[[Any], bool]) -> Bools:
        """By customer, whether it holds for the value; it is called once for each distinct value."""
        passed: Bools = np.fromiter(map(holds, self.values), np.bool_, len(self.values))[self.codes]
        return passed

    def floats(self, otherwise: float) -> ScoreColumn:
        """By customer, the value as a factor of a score; the other number where it is missing or no number."""
        numbers = [float(value) if isinstance(value, int | float) else otherwise for value in self.values]
        return np.array(numbers, np.float64)[self.codes]


def _are_plain(values: Sequence[Any]) -> bool:
    """Whether all are of one type, or missing, of which equal values are the same."""
    kinds = set(map(type, values)) - {type(None)}
    if float in kinds and 0.0 in values:  # zeros have signs
        return False
    return len(kinds) <= 1 and kinds <= {str, int, float, bool, date}


def value_key(value: Any) -> Hashable:
    """A key that only values of the same type have that nothing can tell apart."""
    kind = type(value)
    if kind is float:
        return kind, value, copysign(1.0, value)
    if kind is tuple:
        return kind, tuple(map(value_key, value))
    return kind, value


def rows_by_code(codes: Codes) -> Iterator[tuple[int, Codes]]:
    """Each code that occurs, with its rows, ascending."""
    if not len(codes):
        return
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=codes[order[0]] - 1))
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(codes)], strict=True):
        yield int(codes[order[start]]), order[start:stop]


def numbered(keys: Codes) -> tuple[Codes, Codes]:
    """The distinct keys in the order in which they occur, and the number of each key among them; hashed, without sorting."""
    encoded = pa.array(keys).dictionary_encode()
    return encoded.dictionary.to_numpy(), encoded.indices.to_numpy().astype(np.int64)


def first_rows(codes: Codes, size: int) -> Codes:
    """Where each of so many codes occurs first; -1 for one that does not."""
    first = np.full(size, -1, np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    return first


class JointColumn(NamedTuple):
    """The distinct combinations of several columns' values."""

    codes: Codes
    combinations: Sequence[tuple[int, ...]]
    """By code, a code of each column."""


class ColumnSource(Protocol):
    """Where the attributes of a chunk's customers come from."""

    @property
    def rows(self) -> int:
        """The number of customers."""

    def coded(self, name: str) -> ValueColumn:
        """The attribute's column."""

    def test(self, name: str, holds: Callable[[Any], bool]) -> Bools:
        """By customer, whether it holds for the attribute's value; `holds` is `bool` or `is_blank`."""

    def floats(self, name: str, otherwise: float) -> ScoreColumn:
        """By customer, the value as a factor of a score; the other number where it is missing or no number."""


class AttributeRows:
    """Attributes that are there customer by customer."""

    def __init__(self, customers: Sequence[Attributes]) -> None:
        self._customers = customers

    @property
    def rows(self) -> int:
        """The number of customers."""
        return len(self._customers)

    def coded(self, name: str) -> ValueColumn:
        """The attribute's column."""
        return ValueColumn.coded([attributes.get(name) for attributes in self._customers])

    def test(self, name: str, holds: Callable[[Any], bool]) -> Bools:
        """By customer, whether it holds for the attribute's value."""
        values = (holds(attributes.get(name)) for attributes in self._customers)
        return np.fromiter(values, np.bool_, self.rows)

    def floats(self, name: str, otherwise: float) -> ScoreColumn:
        """By customer, the value as a factor of a score; the other number where it is missing or no number."""
        values = (attributes.get(name) for attributes in self._customers)
        numbers = (float(value) if isinstance(value, int | float) else otherwise for value in values)
        return np.fromiter(numbers, np.float64, self.rows)


@dataclass(slots=True)
class Chunk:
    """The columns of customers who are decided together. A column is coded when it is first read."""

    source: ColumnSource
    columns: dict[str, ValueColumn] = field(default_factory=dict)
    _joint: dict[tuple[str, ...], JointColumn] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """The number of customers."""
        return self.source.rows

    def column(self, name: str) -> ValueColumn:
        """The attribute's column."""
        column = self.columns.get(name)
        if column is None:
            column = self.columns[name] = self.source.coded(name)
        return column

    def test(self, name: str, holds: Callable[[Any], bool]) -> Bools:
        """By customer, whether it holds for the attribute's value. An uncoded column is not coded for it."""
        column = self.columns.get(name)
        return self.source.test(name, holds) if column is None else column.test(holds)

    def floats(self, name: str, otherwise: float) -> ScoreColumn:
        """By customer, the value as a factor of a score. An uncoded column is not coded for it."""
        column = self.columns.get(name)
        return self.source.floats(name, otherwise) if column is None else column.floats(otherwise)

    def joint(self, names: tuple[str, ...]) -> JointColumn:
        """The combinations of values of these attributes."""
        known = self._joint.get(names)
        if known is None:
            known = self._joint[names] = joined([self.column(name) for name in names], self.rows)
        return known

    def attributes(self, names: Sequence[str], combination: Sequence[int]) -> dict[str, Value]:
        """The values of a combination; a missing one has no key."""
        values = (
            (name, self.column(name).values[code]) for name, code in zip(names, combination, strict=True)
        )
        return {name: value for name, value in values if value is not None}

    def add(self, derived: Sequence[Mapping[str, Value]], codes: Codes) -> None:
        """Adds derived attributes, given by code; a given value takes precedence."""
        names = {name for values in derived for name in values}
        for name in sorted(names):
            made = ValueColumn.coded([values.get(name) for values in derived])
            column = ValueColumn(made.codes[codes], made.values)
            self.columns[name] = _preferred(self.column(name), column)


def _preferred(given: ValueColumn, derived: ValueColumn) -> ValueColumn:
    """The given value where there is one, else the derived."""
    missing = given.test(lambda value: value is None)
    codes = np.where(missing, derived.codes + len(given.values), given.codes)
    return ValueColumn(codes, [*given.values, *derived.values])


def joined(columns: Sequence[ValueColumn], rows: int) -> JointColumn:
    """The combinations of the columns' values that occur."""
    if len(columns) == 1:
        return JointColumn(columns[0].codes, [(code,) for code in range(len(columns[0].values))])
    codes, combinations = np.zeros(rows, np.int64), [()] if rows else []
    joined_combinations: list[tuple[int, ...]] = list(combinations)
    for column in columns:
        size = len(column.values)
        pairs, codes = numbered(codes * size + column.codes)
        joined_combinations = [(*joined_combinations[pair // size], pair % size) for pair in pairs.tolist()]
    return JointColumn(codes, joined_combinations)
