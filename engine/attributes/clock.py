"""The moment of a decision as the customer's clock shows it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.conditions.model import Value
from engine.instant import Instant, to_datetime
from engine.rulebook.builtin import WEEKDAYS

CLOCK: Mapping[str, Callable[[datetime], Value]] = {
    "now.hour": lambda local: local.hour,
    "now.weekday": lambda local: WEEKDAYS[local.weekday()],
    "now.date": lambda local: local.date(),
    "now.month": lambda local: local.month,
}
"""By attribute, what is read off the clock: hours 0 to 23, days, ISO dates, months 1 to 12."""


def local_time(now: Instant, zone: ZoneInfo) -> datetime | None:
    """The moment on the zone's clock; None beyond the years 1 to 9999."""
    try:
        return to_datetime(now).astimezone(zone)
    except OverflowError:
        return None
