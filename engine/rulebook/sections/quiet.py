"""Reads the quiet rules of the section `pressure`."""

from dataclasses import dataclass
from datetime import date, time

from engine.rulebook.holidays import countries
from engine.rulebook.model.policies import CUSTOMER_COUNTRY, WEEKDAYS, Clock, Holidays, Quiet, Selector
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, ParseError, Path
from engine.rulebook.sections.caps import SelectorReader
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.pressure import HolidaysShape, QuietShape
from engine.rulebook.text import datetimes, regions
from engine.rulebook.text.nodes import PlainData


@dataclass(frozen=True, slots=True)
class QuietReader:
    """Reads quiet rules."""

    selectors: SelectorReader
    findings: Findings

    def read(self, name: str, value: PlainData, path: Path) -> Quiet | None:
        """The rule at the path; None after reporting what is wrong with its shape."""
        shape = shaped(QuietShape, value, path, self.findings)
        if shape is None:
            return None
        self._check_extent(shape, path)
        select = Selector(channel=self.selectors.channel_names(shape.channel, (*path, "channel")))
        return Quiet(
            name,
            self._hours(shape, path),
            frozenset(WEEKDAYS.index(day) for day in shape.days),
            self._dates(shape.dates, (*path, "dates")),
            self._holidays(shape.holidays, (*path, "holidays")) if shape.holidays else None,
            Clock(shape.clock),
            select,
            self.selectors.read(shape.except_, (*path, "except")),
        )

    def _check_extent(self, shape: QuietShape, path: Path) -> None:
        """Report a rule that has neither hours nor days, or that is always quiet."""
        keys = ("from", "until", "days", "dates", "holidays")
        if shape.from_ or shape.until or any((*path, key) in self.findings.poisoned for key in keys):
            return
        if not (shape.days or shape.dates or shape.holidays):
            hint = 'for example: from: "21:00", until: "08:00"'
            message = "a quiet rule needs hours (`from`, `until`), `days`, `dates` or `holidays`"
            self.findings.key_error(path, Code.MISSING, message, hint)
        elif len(set(shape.days)) == len(WEEKDAYS):
            hint = "add hours, or leave the channel out of the campaigns"
            message = "quiet on every day and at every hour would let nothing through"
            self.findings.error((*path, "days"), Code.VALUE, message, hint)

    def _hours(self, shape: QuietShape, path: Path) -> tuple[time, time] | None:
        for key, given, other in (("from", shape.from_, "until"), ("until", shape.until, "from")):
            is_missing = (shape.until if key == "from" else shape.from_) is None
            if given is not None and is_missing and (*path, other) not in self.findings.poisoned:
                message = f"`{other}` is missing: hours have both ends"
                self.findings.key_error(
                    path, Code.MISSING, message, 'midnight is "00:00", or "24:00" as `until`'
                )
        since = self._clock(shape.from_, (*path, "from"))
        until = self._clock(shape.until, (*path, "until"), end=True)
        if since is None or until is None:
            return None
        if since == until:
            hint = "to be quiet all day, name days, dates or holidays without hours"
            self.findings.error((*path, "until"), Code.VALUE, "`until` is the same hour as `from`", hint)
        return since, until

    def _clock(self, text: str | None, path: Path, *, end: bool = False) -> time | None:
        if text is None:
            return None
        try:
            return datetimes.parse_clock(text, end=end)
        except ParseError as error:
            self.findings.error(path, Code.VALUE, error.message(text), error.hint)
            return None

    def _dates(self, texts: list[str], path: Path) -> frozenset[date]:
        dates = set()
        for index, text in enumerate(texts):
            try:
                dates.add(datetimes.parse_date(text))
            except ParseError as error:
                self.findings.error((*path, index), Code.VALUE, error.message(text), error.hint)
        return frozenset(dates)

    def _holidays(self, shape: HolidaysShape, path: Path) -> Holidays | None:
        """The holidays of a country; None after reporting that the country or its subdivision is unknown."""
        if shape.country == CUSTOMER_COUNTRY:
            if shape.subdivision is not None:
                message = "the part of a country that a customer is in is not known: only the whole country's holidays are"
                self.findings.error((*path, "subdivision"), Code.VALUE, message, "take it out")
            return Holidays(CUSTOMER_COUNTRY)
        parts = countries().get(shape.country)
        if parts is None:
            if (*path, "country") not in self.findings.poisoned:
                meant = self.findings.suggest(shape.country, (CUSTOMER_COUNTRY,))
                hint = regions.country_hint(shape.country) or meant or "a code of two letters, such as CN"
                message = f"no holidays are known of a country {quote(shape.country)}"
                self.findings.error((*path, "country"), Code.UNKNOWN, message, hint)
            return None
        if shape.subdivision is not None and shape.subdivision not in parts:
            hint = self.findings.suggest(shape.subdivision, parts)
            listed = f"there are: {', '.join(parts)}" if parts else "none has holidays of its own"
            message = f"{shape.country} has no subdivision {quote(shape.subdivision)}"
            self.findings.error((*path, "subdivision"), Code.UNKNOWN, message, hint or listed)
            return None
        return Holidays(shape.country, shape.subdivision)
