"""Weather reports by cell, a square of the map a tenth of a degree wide.

One call serves all customers in a cell, and the provider never learns a customer's coordinates: only those of the cell's
middle are sent, up to 8 km from the customer.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from engine.weather.report import WeatherReport

CELLS_A_DEGREE = 10


_QUARTER = 90 * CELLS_A_DEGREE


_HALF = 180 * CELLS_A_DEGREE


class Cell(NamedTuple):
    """A square of the map, identified by its middle in tenths of a degree."""

    latitude: int
    """From -900 to 900."""
    longitude: int
    """From -1800, which is also 1800, to 1799."""

    def coordinates(self) -> tuple[str, str]:
        """Latitude and longitude of the middle in degrees, as they are sent to a provider."""
        return f"{self.latitude / CELLS_A_DEGREE:.1f}", f"{self.longitude / CELLS_A_DEGREE:.1f}"


def cell_of(latitude: float, longitude: float) -> Cell | None:
    """The cell around the coordinates; None if they are out of range.

    latitude: degrees from -90 to 90; longitude: degrees from -180 to 180 (WGS 84). At a pole all longitudes are one cell.
    """
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):  # also refuses NaN
        return None
    north, east = round(latitude * CELLS_A_DEGREE), round(longitude * CELLS_A_DEGREE)
    if abs(north) == _QUARTER:
        return Cell(north, 0)
    return Cell(north, -_HALF if east == _HALF else east)


@dataclass(frozen=True, slots=True)
class CachedReport:
    """The cached report of one cell. Times are seconds of the monotonic clock."""

    report: WeatherReport | None = None
    """The last report received; None if there was none yet."""
    read_at: float = 0.0
    """When it was received."""
    retry_at: float = 0.0
    """No earlier call for this cell is allowed, since the last one failed."""


UNKNOWN = CachedReport()


class Cache:
    """The `limit` most recently used cells."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._cells: OrderedDict[Cell, CachedReport] = OrderedDict()

    def __len__(self) -> int:
        return len(self._cells)

    def get(self, cell: Cell) -> CachedReport:
        """The cell's cached report, which becomes the most recently used; UNKNOWN if there is none."""
        if cell not in self._cells:
            return UNKNOWN
        self._cells.move_to_end(cell)
        return self._cells[cell]

    def put(self, cell: Cell, cached: CachedReport) -> None:
        """Cache a report; drops the least recently used cell beyond the limit."""
        self._cells[cell] = cached
        self._cells.move_to_end(cell)
        if len(self._cells) > self._limit:
            self._cells.popitem(last=False)
