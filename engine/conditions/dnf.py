"""Disjunctive normal form: a condition as clauses, at least one of which must hold; a clause is a set of literals."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from engine.conditions.model import All, Any_, Audience, Condition, None_, Test

CLAUSE_LIMIT = 64


DEPTH_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Literal:
    """A test or its negation; equal only if their operands are of the same types too (1 == True)."""

    test: Test
    positive: bool
    types: tuple[type, ...]


Clause: TypeAlias = frozenset[Literal]


def literal_of(test: Test, positive: bool = True) -> Literal:
    """The test, or its negation, as a literal."""
    return Literal(test, positive, tuple(_types(test)))


def _types(test: Test) -> Iterator[type]:
    """The types of the operand and of all that it is made of, then those of the inner tests."""
    operand = test.operand
    yield type(operand)
    if isinstance(operand, tuple):
        yield from map(type, operand)
    for inner in test.inner:
        yield from _types(inner)


def clauses_of(condition: Condition, limit: int = CLAUSE_LIMIT) -> tuple[Clause, ...] | None:
    """Convert a condition to clauses. Without clauses it never holds; with an empty clause it always does.

    Returns None if more than `limit` clauses would arise on the way, or the nesting is deeper than DEPTH_LIMIT.
    """
    try:
        clauses = _clauses(condition, True, limit, DEPTH_LIMIT)
    except _TooLargeError:
        return None
    return tuple(clause for clause in clauses if not any(other < clause for other in clauses))


class _TooLargeError(Exception):
    """The normal form exceeds its limits."""


_Clauses: TypeAlias = dict[Clause, None]
"""An ordered set."""


def _clauses(condition: Condition, positive: bool, limit: int, depth: int) -> _Clauses:
    """Move negation down to the tests: not (a and b) is (not a) or (not b), and the other way round."""
    if depth == 0:
        raise _TooLargeError
    match condition:
        case Test():
            return {frozenset((literal_of(condition, positive),)): None}
        case Audience(condition=inner):
            return _clauses(inner, positive, limit, depth - 1)
        case All(parts=parts):
            inner_positive, conjoined = positive, positive
        case Any_(parts=parts):
            inner_positive, conjoined = positive, not positive
        case None_(parts=parts):
            inner_positive, conjoined = not positive, positive
    combine = _conjunction if conjoined else _disjunction
    return combine((_clauses(part, inner_positive, limit, depth - 1) for part in parts), limit)


def _disjunction(operands: Iterable[_Clauses], limit: int) -> _Clauses:
    union: _Clauses = {}
    for clauses in operands:
        union.update(clauses)
        if len(union) > limit:
            raise _TooLargeError
    return union


def _conjunction(operands: Iterable[_Clauses], limit: int) -> _Clauses:
    """Join single clauses first: each product would copy them again."""
    single: set[Literal] = set()
    several: list[_Clauses] = []
    for clauses in operands:
        if len(clauses) == 1:
            single.update(*clauses)
        else:
            several.append(clauses)
    product: _Clauses = {frozenset(single): None} if _consistent(single) else {}
    for clauses in several:
        product = _product(product, clauses, limit)
    return product


def _product(left: _Clauses, right: _Clauses, limit: int) -> _Clauses:
    product: _Clauses = {}
    for left_clause in left:
        for right_clause in right:
            joined = left_clause | right_clause
            if _consistent(joined):
                product[joined] = None
                if len(product) > limit:
                    raise _TooLargeError
    return product


def _consistent(literals: Iterable[Literal]) -> bool:
    """Whether no test is required to be both true and false."""
    seen: dict[tuple[Test, tuple[type, ...]], bool] = {}
    return all(
        seen.setdefault((literal.test, literal.types), literal.positive) is literal.positive
        for literal in literals
    )
