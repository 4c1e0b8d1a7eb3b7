"""Conditions on trends in words: how many events of all customers there are, in which window, and how many are usual."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.conditions.model import AttributeOperand, Test
from engine.model.instant import DAY
from engine.model.texts import number_text, value_text
from engine.model.trends import HOUR
from engine.model.values import Attributes, Value
from engine.rulebook.model.derived import Trend

_DIGITS = 3
"""Of how many times the usual number it is."""


class TrendSeen(NamedTuple):
    """What a decision read of a trend."""

    trend: Trend
    value: str
    """The value of the field that was compared; empty: of no field, of any, or not known."""
    number: int | None
    """None: the trend was missing."""
    ratio: float | None


def trends_seen(trends: Sequence[Trend], attributes: Attributes) -> dict[str, TrendSeen]:
    """By each of their two attributes, what the decision read of the trends."""
    seen: dict[str, TrendSeen] = {}
    for trend in trends:
        number, ratio = attributes.get(trend.count_name), attributes.get(trend.ratio_name)
        own = attributes.get(trend.attribute) if trend.attribute else None
        text = "" if own is None else value_text(own)
        value = trend.value or (text if text.strip() else "")
        seen[trend.count_name] = seen[trend.ratio_name] = TrendSeen(
            trend,
            value,
            number if isinstance(number, int) else None,
            float(ratio) if isinstance(ratio, int | float) else None,
        )
    return seen


def trend_in_words(seen: TrendSeen, tests: Sequence[Test], *, holds: bool) -> str:
    """What was counted, how often that usually is, and what the tests need; or why too little is known.

    holds: whether the tests hold where they ought not to.
    """
    if seen.number is None or seen.ratio is None:
        return f"how many {_events(seen, 0)} there are is not known{_why_missing(seen)}"
    words = _counted(seen, seen.number)
    if seen.number:
        words += f", {_times(seen.trend, seen.ratio)}"
    if holds:
        return f"{words}, which rules it out"
    needs = " and ".join(filter(None, (_need(seen.trend, test) for test in tests)))
    return f"{words}, where {needs} are needed" if needs else words


def changed_trend_in_words(seen: TrendSeen, name: str, after: Value | None) -> str:
    """Another number or ratio, after "if": `there were 12 complaint events of all customers … instead of 3`."""
    if isinstance(after, bool) or not isinstance(after, int | float):
        return f"it were not known how many {_events(seen, 0)} there are"
    if name == seen.trend.count_name:
        before = "" if seen.number is None else f" instead of {seen.number:,}"
        return f"there were {_counted(seen, int(after))}{before}"
    before = "" if seen.ratio is None else f" instead of {number_text(seen.ratio, _DIGITS)} times"
    return f"the {_events(seen, 0)} were {_times(seen.trend, after)}{before}"


def _counted(seen: TrendSeen, number: int) -> str:
    return f"{number:,} {_events(seen, number)}" if number else f"no {_events(seen, 1)}"


def _events(seen: TrendSeen, number: int) -> str:
    """`complaint events of all customers with product nougat in the last 2 to 3 hours`."""
    trend = seen.trend
    which = ""
    if trend.any:
        which = f" with any one {trend.field}"
    elif trend.field:
        which = f" with {trend.field} {seen.value or f'as {trend.attribute}'}"
    noun, hours = "event" if number == 1 else "events", trend.within // HOUR
    return f"{trend.event} {noun} of all customers{which} in the last {hours} to {hours + 1} hours"


def _times(trend: Trend, ratio: float) -> str:
    return f"{number_text(ratio, _DIGITS)} times the usual number of the {_span(trend.against)} before"


def _span(against: int) -> str:
    size, unit = (DAY, "day") if against % DAY == 0 else (HOUR, "hour")
    count = against // size
    return f"{count} {unit}s" if count > 1 else unit


def _need(trend: Trend, test: Test) -> str:
    operand = test.operand
    if isinstance(operand, AttributeOperand) or not isinstance(operand, int | float):
        return ""
    if test.attribute == trend.count_name:
        return f"at least {operand:,}"
    return f"at least {number_text(float(operand), _DIGITS)} times"


def _why_missing(seen: TrendSeen) -> str:
    if seen.trend.attribute and not seen.value:
        return f", since {seen.trend.attribute} is missing"
    return ", since too little of the time before is known"
