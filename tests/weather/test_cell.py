"""Cells of the map."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.weather.cache import cell_of


@pytest.mark.parametrize(
    ("latitude", "longitude", "sent"),
    [
        (45.803, 126.534, ("45.8", "126.5")),
        (45.779, 126.466, ("45.8", "126.5")),
        (-33.87, 151.21, ("-33.9", "151.2")),
        (0.0, 0.0, ("0.0", "0.0")),
        (-0.0, -0.0, ("0.0", "0.0")),
        (-0.04, 0.04, ("0.0", "0.0")),
        (90.0, 17.0, ("90.0", "0.0")),
        (89.97, -180.0, ("90.0", "0.0")),
        (-90.0, 180.0, ("-90.0", "0.0")),
        (10.0, 180.0, ("10.0", "-180.0")),
        (10.0, -180.0, ("10.0", "-180.0")),
        (10.0, 179.97, ("10.0", "-180.0")),
    ],
)
def test_middle_is_sent(latitude: float, longitude: float, sent: tuple[str, str]) -> None:
    """Coordinates are sent as the middle of their cell; each pole and the 180th meridian is one cell."""
    cell = cell_of(latitude, longitude)
    assert cell is not None
    assert cell.coordinates() == sent


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        (90.01, 0),
        (-90.01, 0),
        (0, 180.01),
        (0, -180.01),
        (math.nan, 0),
        (0, math.nan),
        (math.inf, 0),
        (0, -math.inf),
    ],
)
def test_nowhere(latitude: float, longitude: float) -> None:
    """Coordinates out of range have no cell."""
    assert cell_of(latitude, longitude) is None


@settings(max_examples=100, deadline=None)
@given(st.floats(-90, 90), st.floats(-180, 180))
def test_square_is_near(latitude: float, longitude: float) -> None:
    """The middle of the cell is within a twentieth of a degree, and lies in that cell."""
    cell = cell_of(latitude, longitude)
    assert cell is not None
    north, east = map(float, cell.coordinates())
    assert abs(north - latitude) <= 0.0501
    assert abs(north) == 90 or abs((east - longitude + 180) % 360 - 180) <= 0.0501
    assert cell_of(north, east) == cell
