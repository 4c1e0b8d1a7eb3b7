"""Offers, and the periods in which offers and campaigns run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import TypeAlias
from zoneinfo import ZoneInfo

from engine.model.instant import Instant
from engine.rulebook.checks.content import check_price
from engine.rulebook.content.fields import ContentReader
from engine.rulebook.model.book import Active, Offer
from engine.rulebook.model.policies import WEEKDAYS, Clock, Quota
from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.sections import ActiveShape, OfferShape
from engine.rulebook.symbols import SymbolTable
from engine.rulebook.text import datetimes
from engine.rulebook.text.merge import check_name
from engine.rulebook.text.nodes import PlainData

Bound: TypeAlias = Instant | datetime
"""An instant, or a local time without zone, as the customer's clock shows it."""


@dataclass(frozen=True, slots=True)
class ActiveReader:
    """Reads the periods in which offers and campaigns run."""

    zone: ZoneInfo
    findings: Findings

    def read(self, shape: ActiveShape | None, path: Path) -> Active:
        """The period at the path, unbounded without a shape; errors go to the findings."""
        if shape is None:
            return Active()
        hours = self.findings.parse((*path, "hours"), shape.hours, datetimes.parse_hours)
        days = None if shape.days is None else frozenset(map(WEEKDAYS.index, shape.days))
        if Clock(shape.clock) is Clock.CUSTOMER:
            return self._of_customer(shape, path, days, hours)
        start = self.findings.parse(
            (*path, "from"), shape.from_, lambda text: datetimes.parse_bound(text, self.zone, end=False)
        )
        end = self.findings.parse(
            (*path, "until"), shape.until, lambda text: datetimes.parse_bound(text, self.zone, end=True)
        )
        self._check_order(start, end, path)
        return Active(start, end, days, hours)

    def _of_customer(
        self, shape: ActiveShape, path: Path, days: frozenset[int] | None, hours: tuple[time, time] | None
    ) -> Active:
        """The period on the customer's clock; a bound with an offset is the same instant for everybody."""
        start = self.findings.parse(
            (*path, "from"), shape.from_, lambda text: datetimes.parse_local_bound(text, end=False)
        )
        end = self.findings.parse(
            (*path, "until"), shape.until, lambda text: datetimes.parse_local_bound(text, end=True)
        )
        self._check_order(start, end, path)
        return Active(
            start=start if isinstance(start, int) else None,
            end=end if isinstance(end, int) else None,
            days=days,
            hours=hours,
            clock=Clock.CUSTOMER,
            local_start=start if isinstance(start, datetime) else None,
            local_end=end if isinstance(end, datetime) else None,
        )

    def _check_order(self, start: Bound | None, end: Bound | None, path: Path) -> None:
        """Report an end that is not after the start; an instant and a local time are not compared."""
        moments = isinstance(start, int) and isinstance(end, int) and end <= start
        locals_ = isinstance(start, datetime) and isinstance(end, datetime) and end <= start
        if moments or locals_:
            self.findings.error((*path, "until"), Code.VALUE, "`until` is not after `from`")


def read(
    data: Mapping[str, PlainData], contents: ContentReader, periods: ActiveReader, *, partial: bool
) -> SymbolTable[Offer]:
    """The section `offers`."""
    findings = contents.findings
    offers: SymbolTable[Offer] = SymbolTable("offer", partial=partial)
    for name, value in data.items():
        path = ("offers", name)
        shape = shaped(OfferShape, value, path, findings)
        offer = _offer(name, shape, path, contents, periods) if shape else None
        if offer and offer.content:
            check_price(offer.content, path, offer, findings)
        offers.add(name, offer, sound=path not in findings.recovered)
    return offers


def _offer(
    name: str, shape: OfferShape, path: Path, contents: ContentReader, periods: ActiveReader
) -> Offer | None:
    active = periods.read(shape.active, (*path, "active"))
    content = None
    if shape.content is None and shape.locales:
        message = "`locales` say what of `content` reads otherwise, and there is no `content`"
        contents.findings.key_error((*path, "locales"), Code.CONTENT, message)
    if shape.content is not None:
        content = contents.read(shape.content, shape.locales, path)
        if not shape.content or not all(shape.content.values()):
            return None  # empty content is reported once, not for each use
    stock = None if shape.stock is None else Quota(f"{name}/stock", shape.stock)
    for index, tag in enumerate(shape.tags):
        contents.findings.use(("tags", tag), (*path, "tags", index))
    tags = frozenset(shape.tags)
    if shape.promise is not None:
        check_name(shape.promise, (*path, "promise"), contents.findings)
    return Offer(
        *(name, shape.name, shape.category, shape.value, tags, content, active, stock, shape.price),
        promise=shape.promise or "",
    )
