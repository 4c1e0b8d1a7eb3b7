"""Distances on the Earth."""

from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 = (2a + b) / 3 of the International Union of Geodesy and Geophysics (H. Moritz, "Geodetic Reference
System 1980", Journal of Geodesy 74, 2000)."""


def distance_km(latitude: float, longitude: float, to_latitude: float, to_longitude: float) -> float:
    """The great-circle distance in kilometres between two places in degrees, on a sphere: wrong by 0.6 % at most.

    By the haversine formula, which keeps its digits at small distances (R. W. Sinnott, "Virtues of the Haversine", Sky and
    Telescope 68(2), 1984).
    """
    north, south = radians(latitude), radians(to_latitude)
    half_height = sin((south - north) / 2) ** 2
    half_width = sin(radians(to_longitude - longitude) / 2) ** 2
    # Rounding may lead beyond 1 at antipodes.
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half_height + cos(north) * cos(south) * half_width)))
