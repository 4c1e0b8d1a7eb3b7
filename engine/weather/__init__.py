"""Weather at a customer's location, from an HTTP provider, within the time of a decision or not at all."""

from engine.weather.breaker import BreakerState
from engine.weather.weather import Weather, WeatherCounters

__all__ = ["BreakerState", "Weather", "WeatherCounters"]
