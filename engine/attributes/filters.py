"""Conditions on events, made ready to be asked of many."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeAlias

from engine.conditions.model import ALWAYS, All, Condition, Moment, Operator, Test, Value
from engine.conditions.reference import holds

Filter: TypeAlias = Callable[[Mapping[str, Value]], bool]
"""Whether an event's fields satisfy a condition."""

_NO_MOMENT = Moment(0, date(1970, 1, 1))
"""The fields of events are texts, numbers and booleans, of which no test looks at the clock."""


def filter_of(where: Condition) -> Filter | None:
    """The condition as a function; None if it always holds. It means what engine.conditions.reference says."""
    if where == ALWAYS:
        return None
    match where:
        case Test(attribute=name, operator=Operator.EQ, operand=str(text)):
            return lambda fields: fields.get(name) == text  # no other kind of value equals a text
        case All(parts=parts):
            inner = [one for one in map(filter_of, parts) if one is not None]
            return lambda fields: all(one(fields) for one in inner)
        case _:
            return lambda fields: holds(where, fields, _NO_MOMENT)
