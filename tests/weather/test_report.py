"""Reports: which values of an answer are accepted."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rulebook.sections.attributes import BUILTIN, WEATHER_CONDITIONS
from engine.weather.report import CONDITIONS, read_report
from tests.weather.station import TEN_O_CLOCK, forecast

HOUR = 3600
NOW = {
    "weather.temperature_c": 3.1,
    "weather.feels_like_c": -1.4,
    "weather.humidity_pct": 30.0,
    "weather.wind_kph": 14.5,
    "weather.precipitation_mm": 0.2,
    "weather.condition": "snow",
    "weather.is_day": True,
}
TOMORROW = {
    "weather.tomorrow.temperature_min_c": -2.5,
    "weather.tomorrow.temperature_max_c": 5.5,
    "weather.tomorrow.precipitation_mm": 12.5,
    "weather.tomorrow.wind_kph": 31.0,
    "weather.tomorrow.frost": True,
    "weather.tomorrow.hail": True,
}


def at(document: object, moment: float = TEN_O_CLOCK) -> dict[str, Any]:
    """The attributes that an answer gives."""
    report = read_report(document)
    return dict(report.at(moment)) if report else {}


def test_good_answer() -> None:
    """Every attribute has its value."""
    assert at(forecast()) == {**NOW, **TOMORROW}


def test_names_are_the_rulebook_s() -> None:
    """The attributes of the present are those that a rulebook knows, and so are the conditions."""
    assert set(NOW) == {name for name in BUILTIN if name.startswith("weather.") and "tomorrow" not in name}
    assert set(CONDITIONS.values()) == set(WEATHER_CONDITIONS)


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        ("temperature_2m", "3.1", "weather.temperature_c"),
        ("temperature_2m", True, "weather.temperature_c"),
        ("temperature_2m", None, "weather.temperature_c"),
        ("temperature_2m", math.nan, "weather.temperature_c"),
        ("temperature_2m", math.inf, "weather.temperature_c"),
        ("temperature_2m", 10**400, "weather.temperature_c"),
        ("temperature_2m", [3.1], "weather.temperature_c"),
        ("temperature_2m", 276.3, "weather.temperature_c"),
        ("apparent_temperature", -200, "weather.feels_like_c"),
        ("relative_humidity_2m", 100.5, "weather.humidity_pct"),
        ("wind_speed_10m", -1, "weather.wind_kph"),
        ("precipitation", -0.1, "weather.precipitation_mm"),
        ("weather_code", 42, "weather.condition"),
        ("weather_code", 71.5, "weather.condition"),
        ("weather_code", "71", "weather.condition"),
        ("weather_code", {}, "weather.condition"),
        ("is_day", 2, "weather.is_day"),
        ("is_day", "yes", "weather.is_day"),
        ("is_day", math.nan, "weather.is_day"),
    ],
)
def test_bad_value_is_dropped_alone(name: str, value: object, attribute: str) -> None:
    """An implausible value is missing; all others are kept."""
    expected = {**NOW, **TOMORROW}
    del expected[attribute]
    assert at(forecast(**{name: value})) == expected


def test_other_units_are_dropped() -> None:
    """A value in another unit than requested is missing: 50 °F is not 50 °C."""
    document = forecast()
    document["current_units"]["temperature_2m"] = "°F"
    document["daily_units"]["wind_speed_10m_max"] = "m/s"
    missing = {"weather.temperature_c", "weather.tomorrow.wind_kph"}
    assert {*NOW, *TOMORROW} - set(at(document)) == missing


@pytest.mark.parametrize(
    ("minimum", "frost"), [(-0.1, True), (0, False), (-0.0, False), (3, False), (None, None), ("-3", None)]
)
def test_frost(minimum: object, frost: bool | None) -> None:
    """Frost is a minimum below zero, and missing without a minimum."""
    document = forecast()
    document["daily"]["temperature_2m_min"][1] = minimum
    assert at(document).get("weather.tomorrow.frost") is frost


@pytest.mark.parametrize(
    ("code", "hail"), [(95, False), (96, True), (99, True), (0, False), (97, None), (None, None)]
)
def test_hail(code: object, hail: bool | None) -> None:
    """Hail is WMO code 96 or 99, and missing without a code that is known."""
    document = forecast()
    document["daily"]["weather_code"][1] = code
    assert at(document).get("weather.tomorrow.hail") is hail


def test_tomorrow_moves_at_the_place_s_midnight() -> None:
    """A report read before midnight has the right tomorrow after it, and none beyond the forecast."""
    document = forecast()
    name = "weather.tomorrow.temperature_max_c"
    assert at(document, TEN_O_CLOCK + 14 * HOUR - 1)[name] == 5.5
    assert at(document, TEN_O_CLOCK + 14 * HOUR)[name] == 9.0
    assert at(document, TEN_O_CLOCK + 38 * HOUR) == NOW


@pytest.mark.parametrize("offset", [None, "28800", 10**6, math.nan, True])
def test_no_offset_no_tomorrow(offset: object) -> None:
    """Without a plausible offset from UTC there is no tomorrow; the present is kept."""
    assert at({**forecast(), "utc_offset_seconds": offset}) == NOW


@pytest.mark.parametrize(
    "daily",
    [
        None,
        [],
        {},
        {"time": "2026-03-11"},
        {"time": [7, "soon", None, "0001-01-01"], "weather_code": [1, 1, 1, 1]},
    ],
)
def test_no_days(daily: object) -> None:
    """Without days the present stays."""
    assert at({**forecast(), "daily": daily}) == NOW


def test_short_columns() -> None:
    """A column without a value for tomorrow costs that value only."""
    document = forecast()
    document["daily"]["precipitation_sum"] = [1.0]
    assert {*NOW, *TOMORROW} - set(at(document)) == {"weather.tomorrow.precipitation_mm"}


@pytest.mark.parametrize(
    "document", [None, [], "sunny", 3, {}, {"error": True, "reason": "no"}, {"current": [1]}]
)
def test_nothing_to_believe(document: object) -> None:
    """An answer without a plausible value is no report."""
    assert read_report(document) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("2026-03-11"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(forecast()["daily"])), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from([*forecast()]), JSON), st.floats(0, 4e9))
def test_any_answer(document: dict[str, object], moment: float) -> None:
    """Whatever the answer, nothing is raised, and the accepted values are finite."""
    values = at({**forecast(), **document}, moment).values()
    assert all(math.isfinite(value) for value in values if isinstance(value, float))
