"""Reads what scenarios and context files state of the prices of what is scarce."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bid_prices import BidPrice
from engine.rulebook.model.book import ScarceKind
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.scenario.shapes import GivenPriceShape


@dataclass(frozen=True, slots=True)
class StatedPriceReader:
    """Reads prices by counter, each of which holds at every moment."""

    compiled: CompiledBook
    findings: Findings

    def read(self, data: Mapping[str, Any] | None, path: Path) -> tuple[BidPrice, ...]:
        """The prices; reports counters that the book does not have, and prices of a book that reads none."""
        if data and self.compiled.book.scarce is not ScarceKind.PRICES:
            message = "this book gives what is scarce to who comes first, and reads no prices"
            self.findings.key_error(
                path, Code.NO_EFFECT, message, "add `arbitration: {scarce: prices}` to `book`"
            )
        stated = (self._price(counter, item, (*path, counter)) for counter, item in (data or {}).items())
        return tuple(price for price in stated if price is not None)

    def _price(self, counter: str, data: Any, path: Path) -> BidPrice | None:
        shape = shaped(GivenPriceShape, data, path, self.findings)
        if shape is None:
            return None
        counters = self.compiled.pressure.counters
        if counter not in counters:
            hint = (
                self.findings.suggest(counter, counters)
                or f"there are: {', '.join(sorted(counters)) or 'none'}"
            )
            message = f"the book has no counter {quote(counter)}"
            self.findings.key_error(path, Code.UNKNOWN, message, hint)
        if ("price" in data) == ("above" in data):
            self.findings.key_error(
                path, Code.MISSING, "a counter has either a `price`, or `above`, its cut-off"
            )
        return BidPrice(counter, shape.tier, shape.price or 0.0, shape.above, 0, None)
