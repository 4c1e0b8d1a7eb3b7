"""What is remembered of each square: its last report, and when to ask again after a failure. Bounded."""

from collections import OrderedDict
from dataclasses import dataclass

from engine.weather.cell import Cell
from engine.weather.report import Report


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is known of one square. Times are seconds of the monotonic clock."""

    report: Report | None = None
    """The last good answer."""
    read_at: float = 0.0
    """When that came."""
    ask_after: float = 0.0
    """Not before this: the last call for this square failed."""


UNKNOWN = Remembered()


class Cache:
    """The `limit` squares that were asked for last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._cells: OrderedDict[Cell, Remembered] = OrderedDict()

    def __len__(self) -> int:
        return len(self._cells)

    def get(self, cell: Cell) -> Remembered:
        """What is known of the square, which is now the last asked for."""
        if cell not in self._cells:
            return UNKNOWN
        self._cells.move_to_end(cell)
        return self._cells[cell]

    def put(self, cell: Cell, remembered: Remembered) -> None:
        """Remembers it; forgets the square asked for longest ago when there are too many."""
        self._cells[cell] = remembered
        self._cells.move_to_end(cell)
        if len(self._cells) > self._limit:
            self._cells.popitem(last=False)
