"""Attributes that every book has without declaring them."""

from engine.rulebook.model.book import Attribute, AttributeType

WEATHER_CONDITIONS = ("clear", "clouds", "fog", "drizzle", "rain", "snow", "thunderstorm")
"""WMO weather codes, grouped."""

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_NUMBER, _TEXT, _INTEGER, _BOOLEAN = (
    AttributeType.NUMBER,
    AttributeType.TEXT,
    AttributeType.INTEGER,
    AttributeType.BOOLEAN,
)

BUILTIN: dict[str, Attribute] = {
    attribute.name: attribute
    for attribute in (
        Attribute("profile.language", _TEXT),
        Attribute("profile.time_zone", _TEXT),
        Attribute("location.country", _TEXT),
        Attribute("location.region", _TEXT),
        Attribute("location.city", _TEXT),
        Attribute("location.latitude", _NUMBER, -90, 90),
        Attribute("location.longitude", _NUMBER, -180, 180),
        Attribute("location.time_zone", _TEXT),
        Attribute("weather.temperature_c", _NUMBER),
        Attribute("weather.feels_like_c", _NUMBER),
        Attribute("weather.humidity_pct", _NUMBER, 0, 100),
        Attribute("weather.wind_kph", _NUMBER, 0),
        Attribute("weather.precipitation_mm", _NUMBER, 0),
        Attribute("weather.condition", _TEXT, one_of=frozenset(WEATHER_CONDITIONS)),
        Attribute("weather.is_day", _BOOLEAN),
        Attribute("weather.tomorrow.temperature_min_c", _NUMBER),
        Attribute("weather.tomorrow.temperature_max_c", _NUMBER),
        Attribute("weather.tomorrow.precipitation_mm", _NUMBER, 0),
        Attribute("weather.tomorrow.wind_kph", _NUMBER, 0),
        Attribute("weather.tomorrow.frost", _BOOLEAN),
        Attribute("weather.tomorrow.hail", _BOOLEAN),
        Attribute("now.hour", _INTEGER, 0, 23),
        Attribute("now.weekday", _TEXT, one_of=frozenset(WEEKDAYS)),
        Attribute("now.date", AttributeType.DATE),
        Attribute("now.month", _INTEGER, 1, 12),
        Attribute("customer.is_new", _BOOLEAN),
        Attribute("rfm.recency_days", _NUMBER, 0),
        Attribute("rfm.frequency", _INTEGER, 0),
        Attribute("rfm.monetary", _NUMBER),
    )
}
