"""Columns by key: a value has several keys (a list its elements, a text its prefixes), one of which must match."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from engine.conditions.dnf import Literal
from engine.conditions.evaluate import kind_of
from engine.conditions.index.columns import IndexColumn, Mask, share_of
from engine.conditions.model import Deferred, Operator
from engine.model.values import Scalar

_LONG = 64
"""`in` lists longer than this are looked up by key: a scalar column would evaluate every operand against every list."""


class Keying(Enum):
    """How keys are taken from a value."""

    ELEMENTS = "the elements of a list"
    WHOLE = "the value itself"
    STARTS = "the beginnings of a text"
    ENDS = "the ends of a text"


@dataclass(frozen=True, slots=True)
class Keyed:
    """A literal as keys, one of which the value must have."""

    keying: Keying
    keys: tuple[Scalar, ...]


_KEYINGS = {
    Operator.HAS: Keying.ELEMENTS,
    Operator.HAS_ANY: Keying.ELEMENTS,
    Operator.IN: Keying.WHOLE,
    Operator.STARTS_WITH: Keying.STARTS,
    Operator.ENDS_WITH: Keying.ENDS,
}


_BY_TUPLE = frozenset({Operator.HAS_ANY, Operator.IN})


def keyed(literal: Literal) -> Keyed | None:
    """Convert a literal to keys, which are texts or numbers; None if it has none, or a scalar column is faster."""
    keying, operand = _KEYINGS.get(literal.test.operator), literal.test.operand
    if (
        keying is None
        or not literal.positive
        or isinstance(operand, Deferred)
        or isinstance(operand, tuple) is not (literal.test.operator in _BY_TUPLE)
    ):
        return None
    keys: tuple[Scalar, ...] = operand if isinstance(operand, tuple) else (operand,)
    kinds = {str} if keying in {Keying.STARTS, Keying.ENDS} else {str, float}
    if not all(kind_of(key) in kinds for key in keys) or (keying is Keying.WHOLE and len(keys) <= _LONG):
        return None
    return Keyed(keying, keys)


def keyed_column(
    attribute: str, keying: Keying, numbered: Mapping[int, Keyed], all_clauses: Mask
) -> IndexColumn:
    """The column of one keyed literal per clause number; clauses without one are never ruled out."""
    clauses = 0
    by_key: dict[Scalar, Mask] = {}
    for number, keyed_literal in numbered.items():
        clauses |= 1 << number
        for key in keyed_literal.keys:
            by_key[key] = by_key.get(key, 0) | 1 << number
    free = all_clauses & ~clauses
    keys_of = _keys_of(keying, sorted({len(key) for key in by_key if isinstance(key, str)}))

    def lookup(value: Any) -> Mask:
        mask = free
        for key in keys_of(value):
            clauses_of_key = by_key.get(key)
            if clauses_of_key is not None and type(key) is not bool:  # True is the key 1 to a dictionary
                mask |= clauses_of_key
        return mask

    share = share_of((free, *(free | mask for mask in by_key.values())), all_clauses)
    return IndexColumn(attribute, share, lookup=lookup)


def _keys_of(keying: Keying, lengths: Sequence[int]) -> Callable[[Any], Iterable[Any]]:
    match keying:
        case Keying.ELEMENTS:
            return lambda value: value if isinstance(value, tuple) else ()
        case Keying.WHOLE:
            return lambda value: (value,)
        case Keying.STARTS:
            return lambda value: [value[:length] for length in lengths] if isinstance(value, str) else ()
        case Keying.ENDS:
            return lambda value: _ends(value, lengths) if isinstance(value, str) else ()


def _ends(text: str, lengths: Sequence[int]) -> Iterable[str]:
    return [text[len(text) - length :] for length in lengths if length <= len(text)]
