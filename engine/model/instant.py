"""Instants: whole numbers of microseconds since 1970-01-01T00:00Z, and their conversion from and to datetime."""

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Instant: TypeAlias = int
"""Microseconds since 1970-01-01T00:00Z."""


Microseconds: TypeAlias = int
"""A span of time."""


SECOND: Microseconds = 1_000_000


DAY: Microseconds = 86_400 * SECOND


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_TICK = timedelta(microseconds=1)


def from_datetime(moment: datetime) -> Instant:
    """The instant of an aware datetime. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return (moment - _EPOCH) // _TICK


def to_datetime(instant: Instant) -> datetime:
    """The instant as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=instant)
