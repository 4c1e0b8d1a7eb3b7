"""Weather reports: a provider's response in Open-Meteo's format, read into attributes value by value.

A provider is not trusted: a value that is missing, not a finite number, outside the range of the records on Earth or in
another unit is dropped, and the others are kept. Format: "JSON Return Object" in the documentation of Open-Meteo's forecast
API.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from engine.model.values import Attributes, Value

NOTHING: Attributes = MappingProxyType({})
"""No weather."""


_CODES: dict[str, tuple[int, ...]] = {
    "clear": (0, 1),
    "clouds": (2, 3),
    "fog": (45, 48),
    "drizzle": (51, 53, 55, 56, 57),
    "rain": (61, 63, 65, 66, 67, 80, 81, 82),
    "snow": (71, 73, 75, 77, 85, 86),
    "thunderstorm": (95, 96, 99),
}


CONDITIONS: Mapping[float | None, str] = {code: name for name, codes in _CODES.items() for code in codes}
"""Condition by WMO code, for those of code table 4677 that Open-Meteo uses. Any other code is dropped."""


HAIL = frozenset({96, 99})
"""WMO codes of a thunderstorm with hail."""


_LONGEST_OFFSET = timedelta(hours=18)


@dataclass(frozen=True, slots=True)
class _Number:
    """A number to read: its name in the response, its attribute, the plausible range, and the requested unit."""

    name: str
    attribute: str
    low: float
    high: float
    unit: str

    def read(self, value: object, unit: object) -> Iterator[tuple[str, Value]]:
        """The attribute and its value; nothing if the value is not plausible."""
        if isinstance(unit, str) and unit != self.unit:
            return
        number = _finite(value)
        if number is not None and self.low <= number <= self.high:
            yield self.attribute, number


# The ranges contain every record of the WMO's archive of extremes (-89.2 °C, 56.7 °C, 408 km/h, 1825 mm in a day).
NOW = (
    _Number("temperature_2m", "weather.temperature_c", -100, 70, "°C"),
    _Number("apparent_temperature", "weather.feels_like_c", -130, 100, "°C"),
    _Number("relative_humidity_2m", "weather.humidity_pct", 0, 100, "%"),
    _Number("wind_speed_10m", "weather.wind_kph", 0, 500, "km/h"),
    _Number("precipitation", "weather.precipitation_mm", 0, 500, "mm"),
)


TOMORROW = (
    _Number("temperature_2m_min", "weather.tomorrow.temperature_min_c", -100, 70, "°C"),
    _Number("temperature_2m_max", "weather.tomorrow.temperature_max_c", -100, 70, "°C"),
    _Number("precipitation_sum", "weather.tomorrow.precipitation_mm", 0, 2500, "mm"),
    _Number("wind_speed_10m_max", "weather.tomorrow.wind_kph", 0, 500, "km/h"),
)


@dataclass(frozen=True, slots=True)
class WeatherReport:
    """The weather of one cell, present and forecast."""

    now: Attributes
    """`weather.*` without a forecast."""
    offset: timedelta = timedelta(0)
    """The cell's offset from UTC."""
    forecasts: Mapping[date, Attributes] = field(default_factory=dict)
    """By local date, `weather.*` and, of the day after it, `weather.tomorrow.*`."""

    def at(self, moment: float) -> Attributes:
        """The attributes at a moment (seconds since 1970); tomorrow is the day after the local date of the moment."""
        today = (datetime.fromtimestamp(moment, UTC) + self.offset).date()
        return self.forecasts.get(today, self.now)


def read_report(document: object) -> WeatherReport | None:
    """The plausible values of a response; None if there are none. Never raises, whatever the document."""
    now = MappingProxyType(dict(_now(_mapping(document, "current"), _mapping(document, "current_units"))))
    seconds = _finite(document.get("utc_offset_seconds")) if isinstance(document, dict) else None
    if seconds is None or abs(seconds) > _LONGEST_OFFSET.total_seconds():
        return WeatherReport(now) if now else None
    forecasts = {
        day - timedelta(days=1): MappingProxyType({**now, **forecast})
        for day, forecast in _days(_mapping(document, "daily"), _mapping(document, "daily_units"))
    }
    return WeatherReport(now, timedelta(seconds=seconds), forecasts) if now or forecasts else None


def _now(values: Mapping[str, object], units: Mapping[str, object]) -> Iterator[tuple[str, Value]]:
    for number in NOW:
        yield from number.read(values.get(number.name), units.get(number.name))
    condition = CONDITIONS.get(_finite(values.get("weather_code")))
    if condition is not None:
        yield "weather.condition", condition
    is_day = values.get("is_day")
    if isinstance(is_day, int | float) and is_day in {0, 1}:
        yield "weather.is_day", bool(is_day)


def _days(
    values: Mapping[str, object], units: Mapping[str, object]
) -> Iterator[tuple[date, dict[str, Value]]]:
    dates = values.get("time")
    for index, text in enumerate(dates if isinstance(dates, list) else ()):
        day = _date(text)
        forecast = dict(_day({name: _item(column, index) for name, column in values.items()}, units))
        if day is not None and forecast:
            yield day, forecast


def _day(values: Mapping[str, object], units: Mapping[str, object]) -> Iterator[tuple[str, Value]]:
    for number in TOMORROW:
        for attribute, value in number.read(values.get(number.name), units.get(number.name)):
            yield attribute, value
            if number.name == "temperature_2m_min" and isinstance(value, float):
                yield "weather.tomorrow.frost", value < 0
    code = _finite(values.get("weather_code"))
    if code in CONDITIONS:
        yield "weather.tomorrow.hail", code in HAIL


def _mapping(document: object, name: str) -> Mapping[str, object]:
    part = document.get(name) if isinstance(document, dict) else None
    return part if isinstance(part, dict) else {}


def _item(column: object, index: int) -> object:
    return column[index] if isinstance(column, list) and index < len(column) else None


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # an int of hundreds of digits
        return None
    return number if math.isfinite(number) else None


def _date(text: object) -> date | None:
    try:
        day = date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return day if day is not None and day > date.min else None
