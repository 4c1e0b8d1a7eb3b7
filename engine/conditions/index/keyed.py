"""Columns by key: a value has several keys (a list its elements, a text its prefixes), one of which must match."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from engine.conditions.dnf import Literal
from engine.conditions.evaluate import kind_of
from engine.conditions.index.columns import IndexColumn, Mask, share_of
from engine.conditions.model import Collation, Deferred, Operator
from engine.conditions.typed_texts import HostBitsError, address_bits, network_of

_LONG = 64
"""`in` lists longer than this are looked up by key: a scalar column would evaluate every operand against every list."""


class Keying(Enum):
    """How keys are taken from a value."""

    ELEMENTS = "the elements of a list"
    WHOLE = "the value itself"
    STARTS = "the beginnings of a text"
    ENDS = "the ends of a text"
    LIST = "a list as a whole, with the kinds of its items"
    NETWORKS = "the networks around an IP address"


@dataclass(frozen=True, slots=True)
class Keyed:
    """A literal as keys, one of which the value must have."""

    keying: Keying
    keys: tuple[Any, ...]


_KEYINGS = {
    Operator.HAS: Keying.ELEMENTS,
    Operator.HAS_ANY: Keying.ELEMENTS,
    Operator.IN: Keying.WHOLE,
    Operator.STARTS_WITH: Keying.STARTS,
    Operator.ENDS_WITH: Keying.ENDS,
}


_BY_TUPLE = frozenset({Operator.HAS_ANY, Operator.IN})


def keyed(literal: Literal) -> Keyed | None:
    """Convert a literal to keys; None if it has none, or a scalar column is faster."""
    operator, operand = literal.test.operator, literal.test.operand
    if not literal.positive or literal.test.collation is not Collation.EXACT or isinstance(operand, Deferred):
        return None
    if operator is Operator.IN_NETWORK:
        return _networks(operand) if isinstance(operand, tuple) else None
    if operator is Operator.EQ and isinstance(operand, tuple):
        return _list(operand)
    keying = _KEYINGS.get(operator)
    if keying is None or isinstance(operand, tuple) is not (operator in _BY_TUPLE):
        return None
    keys: tuple[Any, ...] = operand if isinstance(operand, tuple) else (operand,)
    kinds = {str} if keying in {Keying.STARTS, Keying.ENDS} else {str, float}
    if not all(kind_of(key) in kinds for key in keys) or (keying is Keying.WHOLE and len(keys) <= _LONG):
        return None
    return Keyed(keying, keys)


def _list(operand: tuple[Any, ...]) -> Keyed | None:
    kinds = tuple(map(kind_of, operand))
    return None if None in kinds else Keyed(Keying.LIST, ((kinds, operand),))


def _networks(operand: tuple[Any, ...]) -> Keyed | None:
    try:
        networks = [network_of(network) if isinstance(network, str) else None for network in operand]
    except HostBitsError:
        return None
    return None if None in networks else Keyed(Keying.NETWORKS, tuple(networks))


def keyed_column(
    attribute: str, keying: Keying, numbered: Mapping[int, Keyed], all_clauses: Mask
) -> IndexColumn:
    """The column of one keyed literal per clause number; clauses without one are never ruled out."""
    clauses = 0
    by_key: dict[Any, Mask] = {}
    for number, keyed_literal in numbered.items():
        clauses |= 1 << number
        for key in keyed_literal.keys:
            by_key[key] = by_key.get(key, 0) | 1 << number
    free = all_clauses & ~clauses
    keys_of = _keys_of(keying, by_key)

    def lookup(value: Any) -> Mask:
        mask = free
        for key in keys_of(value):
            clauses_of_key = by_key.get(key)
            if clauses_of_key is not None and type(key) is not bool:  # True is the key 1 to a dictionary
                mask |= clauses_of_key
        return mask

    share = share_of((free, *(free | mask for mask in by_key.values())), all_clauses)
    costly = keying in {Keying.LIST, Keying.NETWORKS}
    return IndexColumn(attribute, share, lookup=lookup, is_costly=costly)


def _keys_of(keying: Keying, keys: Iterable[Any]) -> Callable[[Any], Iterable[Any]]:
    lengths = sorted({len(key) for key in keys if isinstance(key, str)})
    match keying:
        case Keying.ELEMENTS:
            return lambda value: value if isinstance(value, tuple) else ()
        case Keying.WHOLE:
            return lambda value: (value,)
        case Keying.STARTS:
            return lambda value: [value[:length] for length in lengths] if isinstance(value, str) else ()
        case Keying.ENDS:
            return lambda value: _ends(value, lengths) if isinstance(value, str) else ()
        case Keying.LIST:
            return lambda value: ((tuple(map(kind_of, value)), value),) if isinstance(value, tuple) else ()
        case Keying.NETWORKS:
            around = sorted({(key.family, key.length, key.size.bit_length() - 1) for key in keys})
            return lambda value: _around(value, around) if isinstance(value, str) else ()


def _ends(text: str, lengths: Sequence[int]) -> Iterable[str]:
    return [text[len(text) - length :] for length in lengths if length <= len(text)]


def _around(text: str, around: Iterable[tuple[int, int, int]]) -> Iterable[tuple[int, int, int]]:
    """The networks, as plain tuples, of these families, lengths and numbers of free bits that hold the address."""
    family, bits = address_bits(text)
    return [(family, length, bits >> free) for of, length, free in around if of == family]
