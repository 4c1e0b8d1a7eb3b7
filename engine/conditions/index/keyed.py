"""Columns by key: a value has some keys (a list its elements, a text its beginnings), and one of them is enough."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from engine.conditions.dnf import Literal
from engine.conditions.evaluate import kind_of
from engine.conditions.index.columns import IndexColumn, Mask, share_of
from engine.conditions.model import Operator
from engine.model.values import Scalar

_LONG = 64
"""Longer choices are looked up by key: the other column would judge each value by each."""


class Keying(Enum):
    """Where a value's keys come from."""

    ELEMENTS = "the elements of a list"
    WHOLE = "the value itself"
    STARTS = "the beginnings of a text"
    ENDS = "the ends of a text"


@dataclass(frozen=True, slots=True)
class Keyed:
    """A literal as the keys of which a value must have one."""

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
    """Turn a literal to keys, texts and numbers; None where that cannot be, or where a scalar column does better."""
    keying, operand = _KEYINGS.get(literal.test.operator), literal.test.operand
    if (
        keying is None
        or not literal.positive
        or isinstance(operand, tuple) is not (literal.test.operator in _BY_TUPLE)
    ):
        return None
    keys: tuple[Scalar, ...] = operand if isinstance(operand, tuple) else (operand,)
    kinds = {str} if keying in {Keying.STARTS, Keying.ENDS} else {str, float}
    if not all(kind_of(key) in kinds for key in keys) or (keying is Keying.WHOLE and len(keys) <= _LONG):
        return None
    return Keyed(keying, keys)


def keyed_column(
    attribute: str, keying: Keying, numbered: Mapping[int, Keyed], everything: Mask
) -> IndexColumn:
    """Make the column of one keyed literal per clause number; the other clauses are not ruled out."""
    clauses = 0
    by_key: dict[Scalar, Mask] = {}
    for number, one in numbered.items():
        clauses |= 1 << number
        for key in one.keys:
            by_key[key] = by_key.get(key, 0) | 1 << number
    free = everything & ~clauses
    keys_of = _keys_of(keying, sorted({len(key) for key in by_key if isinstance(key, str)}))

    def lookup(value: Any) -> Mask:
        mask = free
        for key in keys_of(value):
            found = by_key.get(key)
            if found is not None and type(key) is not bool:  # Python takes True for the key 1
                mask |= found
        return mask

    share = share_of((free, *(free | one for one in by_key.values())), everything)
    return IndexColumn(attribute, share, lookup=lookup)


def _keys_of(keying: Keying, lengths: Sequence[int]) -> Callable[[Any], Iterable[Any]]:
    match keying:
        case Keying.ELEMENTS:
            return lambda value: value if isinstance(value, tuple) else ()
        case Keying.WHOLE:
            return lambda value: (value,)
        case Keying.STARTS:
            return lambda value: [value[:one] for one in lengths] if isinstance(value, str) else ()
        case Keying.ENDS:
            return lambda value: _ends(value, lengths) if isinstance(value, str) else ()


def _ends(text: str, lengths: Sequence[int]) -> Iterable[str]:
    return [text[len(text) - one :] for one in lengths if one <= len(text)]
