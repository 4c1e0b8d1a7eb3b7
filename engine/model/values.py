"""Values that conditions compare: scalars, lists, attributes, and the moment of a decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from engine.model.instant import Instant

Scalar: TypeAlias = str | int | float | bool | date
"""A single value. A value of type time is an Instant, so an int."""


Value: TypeAlias = Scalar | tuple[str, ...] | tuple[int, ...] | tuple[float, ...]
"""A value of an attribute: a scalar, or a list as a tuple."""


Attributes: TypeAlias = Mapping[str, Value]
"""Attribute values by dotted name; a missing attribute has no key."""


class KeptBlank(str):
    """A blank text that fills placeholders, for the replay of decisions in which blank texts did not count as missing."""

    __slots__ = ()


class LookupTag(str):
    """A customer's language, for the replay of decisions in which it was shortened until there was content for it."""

    __slots__ = ()


def is_blank(value: Value | None) -> bool:
    """Whether there is nothing to show: no value, or a text of white space only."""
    return value is None or (type(value) is str and not value.strip())


@dataclass(frozen=True, slots=True)
class Moment:
    """The instant of a decision and its calendar day on the customer's clock, with which `within` compares."""

    now: Instant
    today: date
