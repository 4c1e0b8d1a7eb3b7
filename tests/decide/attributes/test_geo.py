"""Distances."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.attributes.derive import EARTH_RADIUS_KM, distance_km

latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)


@pytest.mark.parametrize(
    ("start", "other", "kilometres"),
    [
        ((0, 0), (0, 0), 0),
        ((0, 179.5), (0, -179.5), 111.19508),
        ((90, 0), (-90, 77), 20015.1146),
        ((0, 0), (0, 180), 20015.1146),
        ((48.8566, 2.3522), (51.5074, -0.1278), 343.5565),
        ((36.12, -86.67), (33.94, -118.40), 2886.4485),
    ],
)
def test_known_distances(start: tuple[float, float], other: tuple[float, float], kilometres: float) -> None:
    """Degrees of the equator, the poles, across the date line, Paris to London, Nashville to Los Angeles."""
    assert distance_km(*start, *other) == pytest.approx(kilometres, abs=1e-3)


@given(latitudes, longitudes, latitudes, longitudes)
def test_distances_are_distances(a: float, b: float, c: float, d: float) -> None:
    """Both ways alike, never below 0, never more than half around the Earth."""
    there = distance_km(a, b, c, d)
    assert there == distance_km(c, d, a, b)
    assert 0 <= there <= 3.141592653589794 * EARTH_RADIUS_KM
