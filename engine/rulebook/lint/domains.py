"""The values that attributes can have, and of these enough to try every way in which tests can come out.

Tests compare with constants, so between two neighbouring constants all values pass the same tests. It is enough to try the
constants and their neighbours; of texts, those that are named and one that is made of what it must contain; of lists,
those of the items that tests name. What passes among them is checked by engine/conditions/evaluate.py itself.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations

from engine.conditions.dnf import Literal
from engine.conditions.model import Deferred, Operator
from engine.conditions.typed_texts import FIRST_VERSION, after, network_of, version_of
from engine.model.values import Scalar, Value
from engine.rulebook.conditions.event_fields import FIELDS
from engine.rulebook.model.book import Attribute, AttributeType, Book
from engine.rulebook.model.derived import Measure

_MOST_ITEMS = 10
"""Items that tests may name of one list, all of whose subsets are tried."""
_MOST_CONSTANTS = 2_000
_LISTS = frozenset((AttributeType.TEXTS, AttributeType.INTEGERS, AttributeType.NUMBERS))
_FINITE = frozenset((Operator.EQ, Operator.IN))
_ALWAYS_KNOWN = ("now.", "customer.is_new", "rfm.frequency", "rfm.monetary")
"""How attributes begin that every decision knows (one that is made without the log offers fallbacks only)."""
_EVENTS = (AttributeType.NUMBER, AttributeType.TEXT, AttributeType.BOOLEAN)
"""The types that an attribute of events may have."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that an attribute can have. It may be larger than the truth, never smaller."""

    types: tuple[AttributeType, ...]
    minimum: float | None = None
    maximum: float | None = None
    one_of: frozenset[Scalar] | None = None
    may_be_missing: bool = True

    def candidates(self, literals: Sequence[Literal]) -> list[Value] | None:
        """Values that pass the literals, if any value of the domain does; None if there would be too many.

        `matches`, and what moves with the clock, are not decided by them: see solver.py.
        """
        if self.one_of is not None and not _LISTS.intersection(self.types):
            return list(self.one_of)
        operands = list(_operands(literals))
        if len(operands) > _MOST_CONSTANTS:
            return None
        values: list[Value] = []
        for kind in self.types:
            if kind in _LISTS:
                items = list(dict.fromkeys(operands))
                if len(items) > _MOST_ITEMS:
                    return None
                values += _lists(items)
            elif kind is AttributeType.TEXT:
                values += _texts(literals, operands)
            elif kind is AttributeType.VERSION:
                values += _versions(operands)
            elif kind is AttributeType.IP:
                values += _addresses(operands)
            else:
                values += self._scalars(kind, operands)
        return values

    def _scalars(self, kind: AttributeType, operands: Iterable[Scalar]) -> Iterator[Scalar]:
        if kind is AttributeType.BOOLEAN:
            yield from (False, True)
        elif kind is AttributeType.DATE:
            yield from _days(operand for operand in operands if isinstance(operand, date))
        else:
            bounds = (bound for bound in (self.minimum, self.maximum) if bound is not None)
            constants: list[float] = [*bounds, *_numbers(operands), 0]
            whole = kind is not AttributeType.NUMBER
            yield from (number for number in _neighbours(constants, whole=whole) if self._has(number))

    def _has(self, number: float) -> bool:
        low, high = self.minimum, self.maximum
        return (low is None or number >= low) and (high is None or number <= high)


def domains_of(book: Book) -> dict[str, Domain]:
    """By name, the domains of all attributes that conditions on customers can test."""
    domains = {name: _domain(attribute) for name, attribute in book.attributes.items()}
    for name, aggregate in book.derived.aggregates.items():
        counted = aggregate.measure in (Measure.COUNT, Measure.DISTINCT)
        domains[name] = Domain(
            (AttributeType.INTEGER if counted else AttributeType.NUMBER,),
            None if aggregate.measure is Measure.SUM else 0,
            may_be_missing=aggregate.measure is Measure.DAYS_SINCE_LAST,
        )
    for trend in book.derived.trends.values():
        domains[trend.count_name] = Domain((AttributeType.INTEGER,), 0)
        domains[trend.ratio_name] = Domain((AttributeType.NUMBER,), 0)
    for name in book.derived.contacts:
        domains[name] = Domain((AttributeType.INTEGER,), 0, may_be_missing=False)
    for name in book.derived.distances:
        domains[name] = Domain((AttributeType.NUMBER,), 0)
    concluded = (("pattern", book.derived.patterns), ("signal", book.derived.signals))
    for noun, names in concluded:
        domains.update({f"{noun}.{name}": _HOLDS for name in names})
    return domains


_HOLDS = Domain((AttributeType.BOOLEAN,), one_of=frozenset((True,)))
"""Of patterns and signals: true, or missing."""


def domain_of_field(name: str) -> Domain:
    """The domain of a field of events."""
    return Domain((FIELDS[name].type,)) if name in FIELDS else Domain(_EVENTS)


def _domain(attribute: Attribute) -> Domain:
    known = attribute.name.startswith(_ALWAYS_KNOWN)
    domain = Domain((attribute.type,), attribute.minimum, attribute.maximum, attribute.one_of, not known)
    # What a signal exposes may be kept from a book that declared other bounds.
    return replace(domain, minimum=None, maximum=None, one_of=None) if _is_exposed(attribute) else domain


def _is_exposed(attribute: Attribute) -> bool:
    return attribute.name.startswith(("pattern.", "signal."))


def _numbers(operands: Iterable[Scalar]) -> Iterator[float]:
    for operand in operands:
        if isinstance(operand, int | float) and not isinstance(operand, bool) and math.isfinite(operand):
            yield operand


def _operands(literals: Iterable[Literal]) -> Iterator[Scalar]:
    for literal in literals:
        for test in literal.test.inner or (literal.test,):
            operand = test.operand
            if test.moves or test.operator in (Operator.EXISTS, Operator.MATCHES):
                continue
            if not isinstance(operand, Deferred):
                yield from operand if isinstance(operand, tuple) else (operand,)


def _neighbours(constants: Iterable[float], *, whole: bool) -> Iterator[float]:
    """The constants and the numbers next to them: whole ones, and decimal ones as floats hold them."""
    for constant in dict.fromkeys(constants):
        floor, ceiling = math.floor(constant), math.ceil(constant)
        yield from dict.fromkeys((floor - 1, floor, ceiling, ceiling + 1))
        if not whole and abs(constant) <= _LARGEST_FLOAT:
            near = float(constant)
            yield from (near, math.nextafter(near, -math.inf), math.nextafter(near, math.inf))


_LARGEST_FLOAT = 1e308


def _days(constants: Iterable[date]) -> Iterator[date]:
    for constant in (*constants, date(2000, 1, 1)):
        number = constant.toordinal()
        for near in (number - 1, number, number + 1):
            if 1 <= near <= date.max.toordinal():
                yield date.fromordinal(near)


def _lists(items: Sequence[Scalar]) -> Iterator[Value]:
    """All subsets of the items, the smaller first."""
    for size in range(len(items) + 1):
        yield from combinations(items, size)


def _versions(operands: Iterable[Scalar]) -> Iterator[str]:
    """The first version of all; those that tests name, and the ones right after them, which lie in all gaps between."""
    named = [version for operand in operands if isinstance(operand, str) and (version := version_of(operand))]
    yield from map(str, (FIRST_VERSION, *named, *map(after, named)))


def _addresses(operands: Iterable[Scalar]) -> Iterator[str]:
    """Of each family the first address; the addresses and networks that tests name, and the addresses right after them."""
    yield from ("0.0.0.0", "::")  # noqa: S104 - nothing listens
    for operand in operands:
        network = network_of(operand) if isinstance(operand, str) else None
        if network is not None:
            yield str(network.first)
            if int(network.first) + network.size < 1 << network.first.max_prefixlen:
                yield str(network.first + network.size)


def _texts(literals: Sequence[Literal], operands: Iterable[Scalar]) -> Iterator[str]:
    """The texts that tests name; or, if no test asks for one of these, a text that has all that it must contain.

    The made text has nothing else but a letter that no test names, so it passes every test that any other text does.
    """
    named = [operand for operand in operands if isinstance(operand, str)]
    yield from ("", *named)
    if any(literal.positive and literal.test.operator in _FINITE for literal in literals):
        return
    needed = {
        operator: [
            str(literal.test.operand)
            for literal in literals
            if literal.positive and literal.test.operator is operator
        ]
        for operator in (Operator.STARTS_WITH, Operator.CONTAINS, Operator.ENDS_WITH)
    }
    start = max(needed[Operator.STARTS_WITH], key=len, default="")
    end = max(needed[Operator.ENDS_WITH], key=len, default="")
    letter = next(
        chr(code) for code in range(ord("a"), 0xD800) if not any(chr(code) in text for text in named)
    )
    yield letter.join((start, *needed[Operator.CONTAINS], end))
    for literal in literals:
        if literal.test.operator is Operator.MATCHES:
            yield str(literal.test.operand).strip("^$")
