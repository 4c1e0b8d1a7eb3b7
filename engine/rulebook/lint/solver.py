"""Decide whether a condition can hold, exactly where its tests allow it; nothing is said where they do not."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from engine.conditions.dnf import Clause, Literal, clauses_of
from engine.conditions.evaluate import test_holds
from engine.conditions.model import SPANS, AttributeOperand, Collation, Condition, None_, Operator, Test
from engine.model.instant import DAY, Instant
from engine.model.values import Moment, Value
from engine.rulebook.lint.domains import Domain
from engine.rulebook.model.book import AttributeType

_TRIALS = 50_000
"""Values times tests that are tried for one attribute of one clause."""
_NOW: Instant = 20_000 * DAY
_TODAY = date(2024, 10, 4)


class Solution(NamedTuple):
    """Whether a condition can hold: attributes and a moment at which it does, or not even that."""

    attributes: dict[str, Value] | None = None
    """With these it holds; None if no attributes are known with which it does."""
    moment: Moment = Moment(_NOW, _TODAY)
    decided: bool = True
    """Whether it never holds, if there are no attributes."""


UNDECIDED = Solution(decided=False)
NEVER = Solution()


@dataclass(frozen=True, slots=True)
class Solver:
    """Solves conditions on attributes with these domains."""

    domain: Callable[[str], Domain]
    """By the attribute's name."""

    def never(self, condition: Condition) -> bool:
        """Whether it is certain that the condition never holds."""
        solution = self.solve(condition)
        return solution.decided and solution.attributes is None

    def always(self, condition: Condition) -> bool:
        """Whether it is certain that the condition always holds."""
        return self.never(None_((condition,)))

    def possible(self, condition: Condition) -> bool:
        """Whether it is certain that the condition can hold."""
        return self.solve(condition).attributes is not None

    def solve(self, condition: Condition) -> Solution:
        """The solution; undecided for more alternatives than a disjunctive normal form may have.

        Attributes are independent of each other here, as if a customer could have any combination of values.
        """
        clauses = clauses_of(condition)
        if clauses is None:
            return UNDECIDED
        decided = True
        for clause in clauses:
            solution = self._solve(clause)
            if solution.attributes is not None:
                return solution
            decided &= solution.decided
        return NEVER if decided else UNDECIDED

    def _solve(self, clause: Clause) -> Solution:
        by_attribute: defaultdict[str, list[Literal]] = defaultdict(list)
        for literal in clause:
            by_attribute[literal.test.attribute].append(literal)
        attributes: dict[str, Value] = {}
        moving: dict[str, list[Literal]] = {}
        decided = True
        for name, literals in by_attribute.items():
            domain = self.domain(name)
            if domain.may_be_missing and _pass(literals, name, None, NEVER.moment):
                continue
            known = [literal for literal in literals if _is_known(literal)]
            decided &= len(known) == len(literals)
            if any(literal.test.moves for literal in known):
                moving[name] = known
                continue
            values = _values(domain, name, known)
            value = next(values, None)
            if value is not None:
                attributes[name] = value
            elif _is_undecided(domain, known, name):
                decided = False
            else:
                return NEVER
        within = _solve_moving(self.domain, moving, attributes)
        if within.attributes is None and within.decided:
            return NEVER
        return within if decided else UNDECIDED


def _is_known(literal: Literal) -> bool:
    """Whether candidates decide the literal: they are made without other attributes and anniversaries."""
    return (
        not isinstance(literal.test.operand, AttributeOperand)
        and literal.test.operator is not Operator.ANNIVERSARY
    )


def _pass(literals: Sequence[Literal], name: str, value: Value | None, moment: Moment) -> bool:
    """Whether all literals hold for the value; None: a missing one."""
    attributes = {} if value is None else {name: value}
    return all(test_holds(literal.test, attributes, moment) is literal.positive for literal in literals)


def _values(domain: Domain, name: str, literals: Sequence[Literal]) -> Iterator[Value]:
    """The candidates that pass the literals; none if there are too many."""
    candidates = domain.candidates(literals)
    if candidates is not None and len(candidates) * len(literals) <= _TRIALS:
        yield from (value for value in candidates if _pass(literals, name, value, NEVER.moment))


def _is_undecided(domain: Domain, literals: Sequence[Literal], name: str) -> bool:
    """Whether it is unknown if some value passes, although no candidate does."""
    candidates = domain.candidates(literals)
    if candidates is None or len(candidates) * len(literals) > _TRIALS:
        return True
    if domain.one_of is None and any(_is_open(literal.test) for literal in literals):
        return True
    rest = [literal for literal in literals if literal.test.operator is not Operator.MATCHES]
    named = domain.one_of is not None or any(
        literal.positive and literal.test.operator in (Operator.EQ, Operator.IN) for literal in rest
    )
    return len(rest) < len(literals) and not named and next(_values(domain, name, rest), None) is not None


def _is_open(test: Test) -> bool:
    """Whether values beside the candidates may pass the test or fail it: lists of other items, texts in other cases."""
    listed = isinstance(test.operand, tuple) and test.operator in (Operator.EQ, Operator.NE)
    return bool(test.inner) or listed or test.collation is Collation.CASELESS


def _solve_moving(
    domain: Callable[[str], Domain], moving: dict[str, list[Literal]], attributes: dict[str, Value]
) -> Solution:
    """The solution with the attributes that are compared with the moment.

    One attribute of each type (time, date) may also be compared with constants: it fixes the moment. With more of them the
    clause is undecided.
    """
    now, today = _NOW, _TODAY
    ages: dict[str, int] = {}
    fixed: set[bool] = set()
    decided = True
    for name, literals in moving.items():
        is_day = _is_day(domain(name))
        aged = _aged(domain(name), name, literals)
        if aged is None:
            return NEVER
        if isinstance(aged, Solution):
            return aged
        value, age = aged
        if all(literal.test.moves or literal.test.operator is Operator.EXISTS for literal in literals):
            ages[name] = age
            continue
        decided &= is_day not in fixed
        fixed.add(is_day)
        attributes[name] = value
        if isinstance(value, date):
            today = date.fromordinal(value.toordinal() + age)
        else:
            now = value + age
    if not decided:
        return UNDECIDED
    for name, age in ages.items():
        dated = _dated(domain(name), Moment(now, today), age)
        if dated is None:
            return UNDECIDED
        attributes[name] = dated
    return Solution(attributes, Moment(now, today))


def _dated(domain: Domain, moment: Moment, age: int) -> date | int | None:
    """The time or the date that has the age at the moment; None beyond the calendar."""
    if not _is_day(domain):
        return moment.now - age
    number = moment.today.toordinal() - age
    return date.fromordinal(number) if 1 <= number <= date.max.toordinal() else None


def _is_day(domain: Domain) -> bool:
    return AttributeType.DATE in domain.types


class _Aged(NamedTuple):
    """A value and its age: microseconds, or days of a date."""

    value: date | int
    age: int


def _aged(domain: Domain, name: str, literals: Sequence[Literal]) -> _Aged | Solution | None:
    """A value and an age with which the literals hold; None if there is none, UNDECIDED if there are too many to try."""
    fixed = [literal for literal in literals if not literal.test.moves]
    spans = [literal.test.operand for literal in literals if literal.test.operator in SPANS]
    unit = DAY if _is_day(domain) else 1
    # Now, and as long ago or to come as each span, with the ages next to these: the outcomes change nowhere else.
    bounds = {0, *(span // unit for span in spans if isinstance(span, int))}
    ages = sorted({age + by for bound in bounds for age in (bound, -bound) for by in (-1, 0, 1)})
    candidates = domain.candidates(fixed)
    if candidates is None or len(candidates) * len(ages) * len(literals) > _TRIALS:
        return UNDECIDED
    for value in candidates:
        for age in ages:
            moment = _moment_at(value, age)
            if moment is not None and isinstance(value, date | int) and _pass(literals, name, value, moment):
                return _Aged(value, age)
    return None


def _moment_at(value: Value, age: int) -> Moment | None:
    """The moment at which the value has the age; None beyond the calendar."""
    if isinstance(value, date):
        number = value.toordinal() + age
        return Moment(_NOW, date.fromordinal(number)) if 1 <= number <= date.max.toordinal() else None
    return Moment(value + age, _TODAY) if isinstance(value, int) else None
