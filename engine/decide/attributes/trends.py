"""The attributes of trends: how often all customers together did something, and how many times the usual number that is."""

from collections.abc import Iterator, Mapping, Sequence

from engine.model.instant import Instant
from engine.model.texts import as_text
from engine.model.trends import OTHER, TrendReading, TrendSource
from engine.model.values import Attributes, Value
from engine.rulebook.model.derived import Trend

_NOTHING = TrendReading(0, 0.0)


def trend_values(
    trends: Sequence[Trend], source: TrendSource, attributes: Attributes, now: Instant
) -> Iterator[tuple[str, Value]]:
    """Count and ratio of each trend; nothing of one whose value or whose time before is not known.

    attributes: with those derived from events. A list of texts, or a blank text, is no value.
    """
    for trend in trends:
        readings = source.readings((trend.event, trend.field), trend.within, trend.against, now)
        reading = None if readings is None else _reading(trend, readings, attributes)
        if reading is not None:
            yield trend.count_name, reading.number
            yield trend.ratio_name, reading.ratio


def _reading(
    trend: Trend, readings: Mapping[str, TrendReading], attributes: Attributes
) -> TrendReading | None:
    if trend.any:
        of_values = (reading for value, reading in readings.items() if value != OTHER)
        return max(of_values, key=lambda reading: _strength(trend, reading), default=_NOTHING)
    value: str | None = trend.value
    if trend.attribute:
        value = counted_text(attributes.get(trend.attribute))
    return None if value is None else readings.get(value, _NOTHING)


def _strength(trend: Trend, reading: TrendReading) -> tuple[bool, float, int, float]:
    """By which the value with the strongest trend is found; first of all it has to have enough events."""
    return reading.number >= trend.least, reading.ratio, reading.number, -reading.usual


LONGEST_VALUE = 200
"""Characters of a value that is counted by itself."""


def counted_text(value: object) -> str | None:
    """The text under which a field's value is counted; OTHER for what is none; None for a missing or blank value."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str | int | float | bool):
        return OTHER
    text = as_text(value)
    return text if len(text) <= LONGEST_VALUE and text != OTHER else OTHER
