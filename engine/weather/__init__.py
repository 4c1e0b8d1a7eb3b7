"""Weather: what it is like where a customer is, from a provider, in time or not at all."""

from engine.weather.breaker import State
from engine.weather.weather import Counters, Weather

__all__ = ["Counters", "State", "Weather"]
