"""Plain Python values as messages, and the checks of names that requests share."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import TypeAlias

from engine.api.v1.values_pb2 import IntegerList, NumberList, TextList, Value


def known_name(where: str, name: str, names: Iterable[str]) -> str:
    """The name, if it is one of `names`; otherwise raises ValueError with the closest one."""
    names = list(names)
    if name in names:
        return name
    close = get_close_matches(str(name), names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names)}"
    raise ValueError(f"{where}: unknown {name!r}; {hint}")


Plain: TypeAlias = (
    bool
    | int
    | float
    | str
    | datetime
    | date
    | Sequence[str]
    | Sequence[int]
    | Sequence[float]
    | Mapping[str, "Plain | None"]
)
"""The types of an attribute's value; a mapping holds attributes below it: {"scores": {"churn": 1}} is scores.churn."""


def value_of(name: str, value: object) -> Value:  # noqa: PLR0911 -- a return for each type
    """The value as a message; raises TypeError with the attribute's name if it cannot be sent."""
    match value:
        case bool():
            return Value(boolean=value)
        case int():
            return Value(integer=_whole(name, value))
        case float():
            return Value(number=value)
        case str():
            return Value(text=value)
        case datetime():
            return Value(time=aware(name, value))
        case date():
            return Value(date=value.isoformat())
        case list() | tuple():
            return _list(name, value)
        case _:
            raise TypeError(f"{name}: cannot be sent as {value!r}")


def _list(name: str, values: Sequence[object]) -> Value:
    kinds = {type(value) for value in values}
    if kinds <= {str}:  # an empty list is a list of text
        return Value(texts=TextList(values=[str(value) for value in values]))
    if kinds == {int}:
        return Value(
            integers=IntegerList(values=[_whole(name, value) for value in values if isinstance(value, int)])
        )
    if kinds <= {int, float}:
        return Value(numbers=NumberList(values=[value for value in values if isinstance(value, int | float)]))
    raise TypeError(f"{name}: a list holds texts only or numbers only, not {list(values)!r}")


def _whole(name: str, value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise TypeError(f"{name}: {value} does not fit into 64 bits")
    return value


def moment_of(name: str, value: object) -> datetime:
    """The time, given as a datetime or as ISO 8601 text; raises ValueError with its name for anything else."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{name}: needs a time such as 2026-03-10T10:00+08:00, not {value!r}") from None


def aware(name: str, moment: datetime) -> datetime:
    """The datetime; raises TypeError with its name if it has no time zone."""
    if moment.tzinfo is None:
        raise TypeError(f"{name}: {moment} needs a time zone")
    return moment


def texts(name: str, values: Iterable[str] | None) -> Iterable[str]:
    """The texts, none for None; raises TypeError for a single text, which is an iterable of characters."""
    if isinstance(values, str):
        raise TypeError(f"{name}: needs a list of texts, not {values!r}")
    return () if values is None else values
