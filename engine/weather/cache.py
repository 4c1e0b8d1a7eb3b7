"""Where: a square of the map, a tenth of a degree wide, in the place of a customer's own coordinates.

One call serves all who are in a square, and the provider never learns where a customer is: only the middle of the square
is sent, up to 8 km from where he stands.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from engine.weather.report import WeatherReport

CELLS_A_DEGREE = 10


_QUARTER = 90 * CELLS_A_DEGREE


_HALF = 180 * CELLS_A_DEGREE


class Cell(NamedTuple):
    """A square of the map, named by its middle, in tenths of a degree."""

    latitude: int
    """From -900 to 900."""
    longitude: int
    """From -1800, which is also 1800, to 1799."""

    def coordinates(self) -> tuple[str, str]:
        """Latitude and longitude of the middle in degrees, as a provider is asked for them."""
        return f"{self.latitude / CELLS_A_DEGREE:.1f}", f"{self.longitude / CELLS_A_DEGREE:.1f}"


def cell_of(latitude: float, longitude: float) -> Cell | None:
    """The square around a place; None for what is no place on Earth.

    latitude: degrees from -90 to 90; longitude: degrees from -180 to 180 (WGS 84). At a pole every longitude is one place.
    """
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):  # false for NaN, too
        return None
    north, east = round(latitude * CELLS_A_DEGREE), round(longitude * CELLS_A_DEGREE)
    if abs(north) == _QUARTER:
        return Cell(north, 0)
    return Cell(north, -_HALF if east == _HALF else east)


@dataclass(frozen=True, slots=True)
class CachedReport:
    """What is known of one square. Times are seconds of the monotonic clock."""

    report: WeatherReport | None = None
    """The last good answer."""
    read_at: float = 0.0
    """When that came."""
    ask_after: float = 0.0
    """Not before this: the last call for this square failed."""


UNKNOWN = CachedReport()


class Cache:
    """The `limit` squares that were asked for last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._cells: OrderedDict[Cell, CachedReport] = OrderedDict()

    def __len__(self) -> int:
        return len(self._cells)

    def get(self, cell: Cell) -> CachedReport:
        """What is known of the square, which is now the last asked for."""
        if cell not in self._cells:
            return UNKNOWN
        self._cells.move_to_end(cell)
        return self._cells[cell]

    def put(self, cell: Cell, remembered: CachedReport) -> None:
        """Remembers it; forgets the square asked for longest ago when there are too many."""
        self._cells[cell] = remembered
        self._cells.move_to_end(cell)
        if len(self._cells) > self._limit:
            self._cells.popitem(last=False)
