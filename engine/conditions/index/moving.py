"""Columns of the tests that move with the clock: scalar columns of a value's age, or of the days to its anniversary.

Such a test bounds a number that the value and the moment give, so the column of that number needs no knowledge of either.
"""

from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from engine.conditions.ages import age, days_to_anniversary, is_day
from engine.conditions.dnf import Literal, literal_of
from engine.conditions.index.columns import Mask
from engine.conditions.model import NOW, Collation, Operator, Test
from engine.model.instant import DAY
from engine.model.values import Moment, Scalar, Value

MovingLookup: TypeAlias = Callable[[Value | None, Moment], Mask]
"""The clauses that an attribute's value does not rule out at a moment."""


class MovingMeasure(Enum):
    """The number that a test bounds."""

    AGE = "microseconds from a time, or days from a date"
    ANNIVERSARY = "days to the anniversary of a date"


class Moving(NamedTuple):
    """A literal as bounds of that number."""

    measured: MovingMeasure
    of_time: Literal
    of_day: Literal


_MIRRORED = {
    Operator.EQ: Operator.EQ,
    Operator.NE: Operator.NE,
    Operator.LT: Operator.GT,
    Operator.LTE: Operator.GTE,
    Operator.GT: Operator.LT,
    Operator.GTE: Operator.LTE,
    Operator.BEFORE: Operator.GT,
    Operator.AFTER: Operator.LT,
}
"""What is before now has an age above 0, and so on."""


_Bounds: TypeAlias = tuple[Operator, Scalar | tuple[Scalar, ...]]
"""The operator and the operand of a test on the number."""


_BOUNDS: dict[Operator, Callable[[int], _Bounds]] = {
    Operator.WITHIN: lambda span: (Operator.BETWEEN, (0, span - 1)),
    Operator.LESS_THAN_AGO: lambda span: (Operator.BETWEEN, (0, span - 1)),
    Operator.IN_NEXT: lambda span: (Operator.BETWEEN, (1 - span, 0)),
    Operator.MORE_THAN_AGO: lambda span: (Operator.GT, span),
    Operator.ANNIVERSARY: lambda days: (Operator.LT, days),
}
"""By operator, the bounds of a span in the number's unit."""


def moving(literal: Literal) -> Moving | None:
    """Convert a literal to bounds; None if it does not move, or has an operand of a wrong kind."""
    operator, operand = literal.test.operator, literal.test.operand
    if literal.test.collation is not Collation.EXACT:
        return None
    if operand is NOW and operator in _MIRRORED:
        return _of(literal, MovingMeasure.AGE, lambda _: (_MIRRORED[operator], 0))
    bounds = _BOUNDS.get(operator)
    if bounds is None or type(operand) is not int:
        return None
    measured = MovingMeasure.ANNIVERSARY if operator is Operator.ANNIVERSARY else MovingMeasure.AGE
    return _of(literal, measured, lambda unit: bounds(operand // unit))


def _of(literal: Literal, measured: MovingMeasure, bounds: Callable[[int], _Bounds]) -> Moving:
    """bounds: those in a unit of so many microseconds."""
    of_time, of_day = (
        literal_of(Test(literal.test.attribute, *bounds(unit)), literal.positive) for unit in (1, DAY)
    )
    return Moving(measured, of_time, of_day)


def moving_lookup(
    measured: MovingMeasure, of_time: Callable[[Any], Mask], of_day: Callable[[Any], Mask]
) -> MovingLookup:
    """The look-up by value and moment, from those by number of the literals `of_time` and `of_day`."""

    def by_age(value: Value | None, moment: Moment) -> Mask:
        return (of_day if is_day(value) else of_time)(age(value, moment))

    def by_anniversary(value: Value | None, moment: Moment) -> Mask:
        return of_day(
            days_to_anniversary(value, moment.today) if isinstance(value, date) and is_day(value) else None
        )

    return by_age if measured is MovingMeasure.AGE else by_anniversary
