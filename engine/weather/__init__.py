"""Weather: what it is like where a customer is, from a provider, in time or not at all."""

from engine.weather.breaker import BreakerState
from engine.weather.weather import Weather, WeatherCounters

__all__ = ["BreakerState", "Weather", "WeatherCounters"]
