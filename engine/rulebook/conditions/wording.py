"""The names of derived attributes: each says what it measures, so that equal ones are one."""

import json
import re

from engine.conditions.model import All, Any_, Audience, Condition, None_, Operand, Test
from engine.instant import DAY, SECOND, Microseconds
from engine.rulebook.model.derived import Aggregate, Measure

_WORD = re.compile(r"(?!(true|false)$)[A-Za-z_/][A-Za-z0-9_./-]*")
_UNITS = (("d", DAY), ("h", 3600 * SECOND), ("m", 60 * SECOND), ("s", SECOND), ("us", 1))


def aggregate(wanted: Aggregate) -> str:
    """For example `sum of value of purchase where category eq cream within 30d`; its own name is ignored."""
    of = f" of {wanted.field}" if wanted.measure in (Measure.SUM, Measure.DISTINCT) else ""
    where = "" if wanted.where == All(()) else f" where {_condition(wanted.where)}"
    within = "" if wanted.within is None else f" within {_span(wanted.within)}"
    return f"{wanted.measure}{of} of {_text(wanted.event)}{where}{within}"


def distance(place: str) -> str:
    """For example `distance to store km`."""
    return f"distance to {place} km"


def _condition(condition: Condition) -> str:
    match condition:
        case Test(attribute=name, operator=operator, operand=operand):
            return f"{name} {operator} {_operand(operand)}"
        case All(parts=parts):
            return " and ".join(map(_inner, parts))
        case Any_(parts=parts):
            return f"({' or '.join(map(_inner, parts))})"
        case None_(parts=parts):
            return f"not ({' or '.join(map(_inner, parts))})"
        case Audience(condition=inner):
            return _condition(inner)


def _inner(condition: Condition) -> str:
    return f"({_condition(condition)})" if isinstance(condition, All) else _condition(condition)


def _operand(operand: Operand) -> str:
    if isinstance(operand, tuple):
        return f"[{', '.join(map(_operand, operand))}]"
    if isinstance(operand, bool):
        return "true" if operand else "false"
    return _text(operand) if isinstance(operand, str) else str(operand)


def _text(text: str) -> str:
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _span(span: Microseconds) -> str:
    unit, size = next((unit, size) for unit, size in _UNITS if span % size == 0)
    return f"{span // size}{unit}"
