"""Reads caps, gaps, and limits of campaigns and channels, with their selectors and windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from engine.rulebook.model.book import AttributeType, Campaign, Channel, Kind, Offer
from engine.rulebook.model.policies import Calendar, Cap, Clock, Gap, Period, Quota, Rolling, Selector, Window
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.pressure import (
    CapacityShape,
    CapShape,
    CustomerLimitShape,
    GapShape,
    LimitsShape,
    SelectorShape,
)
from engine.rulebook.symbols import AttributeScope, SymbolTable
from engine.rulebook.text import durations
from engine.rulebook.text.durations import span
from engine.rulebook.text.nodes import PlainData

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SelectorReader:
    """Reads selectors, and checks that the book has every name in them. Its other sections are read already."""

    channels: SymbolTable[Channel]
    offers: SymbolTable[Offer]
    campaigns: SymbolTable[Campaign]
    findings: Findings

    def read(self, shape: SelectorShape | None, path: Path) -> Selector | None:
        """The selector at the path; None where there is none."""
        if shape is None:
            return None
        return Selector(
            self.channel_names(shape.channel, (*path, "channel")),
            frozenset(_listed(shape.kind)),
            self._names(shape.campaign, (*path, "campaign"), self.campaigns),
            self._names(shape.offer, (*path, "offer"), self.offers),
            frozenset(_listed(shape.category)),
            self._tags(shape.tag, (*path, "tag")),
        )

    def channel_names(self, value: str | Sequence[str], path: Path) -> frozenset[str]:
        """The channels at the path."""
        return self._names(value, path, self.channels)

    def check_effect(self, selector: Selector, noun: str, path: Path) -> None:
        """Warn of a policy that no contact of the book can be about."""
        if self.channels.broken or self.channels.partial or (selector.channel - set(self.channels.values)):
            return
        fits = (
            (not selector.channel or channel.name in selector.channel)
            and (not selector.kind or channel.kind in selector.kind)
            for channel in self.channels.values.values()
        )
        if not any(fits):
            message = f"no channel of the book is counted by this {noun}"
            self.findings.remark(path, Code.NO_EFFECT, message, Severity.WARNING)

    def _names(self, value: str | Sequence[str], path: Path, declared: SymbolTable[T]) -> frozenset[str]:
        for index, name in enumerate(_listed(value)):
            declared.get(name, (*path, index), self.findings, use=False)
        return frozenset(_listed(value))

    def _tags(self, value: str | Sequence[str], path: Path) -> frozenset[str]:
        known = frozenset(tag for offer in self.offers.values.values() for tag in offer.tags)
        for index, tag in enumerate(_listed(value)):
            self.findings.use(("tags", tag), (*path, index))
            if tag not in known and not self.offers.partial and not self.offers.broken:
                message = f"no offer has the tag {quote(tag)}"
                hint = self.findings.suggest(tag, known)
                self.findings.error((*path, index), Code.UNKNOWN, message, hint)
        return frozenset(_listed(value))


def _listed(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


_RATES = (str(Period.MINUTE), str(Period.HOUR))


_PERIODS = (str(Period.DAY), str(Period.WEEK), str(Period.MONTH))


_CAPACITY_PERIODS = (*_RATES, *_PERIODS)
"""The periods of capacities."""


@dataclass(frozen=True, slots=True)
class WindowReader:
    """Reads limits and windows of one book."""

    attribute_scope: AttributeScope
    findings: Findings
    week_starts: int
    """Weekday, Monday is 0."""
    addresses: frozenset[str] = frozenset()
    """The attributes with addresses of channels, which are not kept in the log."""

    def check_above_zero(self, value: PlainData, path: Path) -> None:
        """Report a limit of 0, with a better message than its shape has."""
        limit = value.get("limit") if isinstance(value, dict) else None
        number, at = limit, (*path, "limit")
        if isinstance(limit, Mapping):
            number, at = limit.get("default"), (*at, "default")
        if type(number) is int and number == 0:
            hint = "to send nothing on a channel, leave the channel out of the campaigns"
            self.findings.error(at, Code.VALUE, "a cap of 0 would let nothing through", hint)
            self.findings.poison(at)

    def limit(self, form: int | CustomerLimitShape, path: Path) -> tuple[int, str | None]:
        """The limit at the path, and the attribute that may lower it."""
        if isinstance(form, int):
            return form, None
        at = (*path, "attribute")
        attribute = self.attribute_scope.use(form.attribute, at, self.findings)
        if attribute and attribute.type not in (AttributeType.INTEGER, AttributeType.NUMBER):
            message = f"a number is needed; {quote(form.attribute)} is of type {attribute.type}"
            self.findings.error(at, Code.TYPE, message)
        return form.default, form.attribute

    def counted_by(self, name: str, path: Path) -> str | None:
        """The attribute at the path, by whose values contacts are counted apart; None after reporting that it cannot be."""
        attribute = self.attribute_scope.use(name, path, self.findings)
        if attribute is None:
            return None
        if attribute.type.startswith("list"):
            message = f"one value is needed; {quote(name)} is of type {attribute.type}"
            self.findings.error(path, Code.TYPE, message)
        elif attribute.sensitive in self.attribute_scope.lawful:
            message = f"{quote(name)} is sensitive ({attribute.sensitive}), and the value would be kept with each contact"
            self.findings.error(path, Code.SENSITIVE, message)
        elif attribute.masked and not attribute.sensitive:
            message = f"{quote(name)} is masked, and the value would be kept with each contact"
            hint = f"write `masked: false` at {quote(name)} if its values may be logged"
            self.findings.error(path, Code.SENSITIVE, message, hint)
        elif name in self.addresses:
            message = f"{quote(name)} is an address, and the value would be kept with each contact"
            self.findings.error(path, Code.VALUE, message, "count by an order, a cart or an item")
        return name

    def window(self, text: str, clock: str | None, path: Path, periods: Sequence[str] = _PERIODS) -> Window:
        """The window of the policy at the path, from its `per` and its `clock`. periods: those that it may be of."""
        word, _, rest = map(str.strip, text.partition(" "))
        at = (*path, "per")
        if word == "calendar":
            return self._calendar(rest, Clock(clock or Clock.CUSTOMER), at, periods)
        if clock is not None and word == "rolling":
            message = "`clock` does nothing here: a rolling window is as long on every clock"
            self.findings.remark((*path, "clock"), Code.NO_EFFECT, message, Severity.WARNING)
        if word != "rolling":
            hint = "for example: rolling 7d, or calendar week"
            self.findings.error(at, Code.VALUE, f"{quote(text)} is not a window", hint)
            return Rolling(1)
        if rest in _PERIODS:
            hint = f"write `calendar {rest}`, or a duration: rolling 7d"
            self.findings.error(at, Code.VALUE, f"{quote(rest)} is a period of the calendar", hint)
            return Rolling(1)
        return Rolling(span(at, rest, self.findings), rest)

    def capacity(self, channel: str, value: PlainData, path: Path) -> Quota | None:
        """The capacity of the channel at the path; None after reporting what is wrong with it."""
        self.check_above_zero(value, path)
        shape = shaped(CapacityShape, value, path, self.findings)
        if shape is None:
            return None
        window = self.capacity_period(shape.per, path)
        return None if window is None else Quota(f"{channel}/capacity", shape.limit, window)

    def capacity_period(self, per: str, path: Path) -> Calendar | None:
        """The period of the capacity at the path; None after reporting that it is none."""
        if per.strip().partition(" ")[0] == "rolling":
            message = "a capacity is counted in a period of the calendar, not in a rolling window"
            self.findings.error((*path, "per"), Code.VALUE, message, _one_of(_CAPACITY_PERIODS))
            return None
        window = self.window(per, Clock.BOOK, path, _CAPACITY_PERIODS)
        return window if isinstance(window, Calendar) else None

    def _calendar(self, rest: str, clock: Clock, path: Path, periods: Sequence[str]) -> Window:
        if rest in periods:
            return Calendar(Period(rest), clock, self.week_starts)
        message = f"{quote(rest)} is not a period of the calendar" if rest else "the period is missing"
        hint = self.findings.suggest(rest, periods) or _one_of(periods)
        if rest in _RATES:
            message = f"only capacities count in a calendar {rest}"
            hint = f"write `rolling 1{rest[0]}`, or {_one_of(periods)}"
        elif _is_span(rest):
            hint = f"write `rolling {rest}`, or {_one_of(periods)}"
        self.findings.error(path, Code.VALUE, message, hint)
        return Calendar(Period.DAY, clock, self.week_starts)


def _one_of(periods: Sequence[str]) -> str:
    return f"one of: {', '.join(f'calendar {period}' for period in periods)}"


def _is_span(text: str) -> bool:
    try:
        durations.parse(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class CapReader:
    """Reads caps and gaps."""

    selectors: SelectorReader
    windows: WindowReader
    findings: Findings

    def cap(self, name: str, value: PlainData, path: Path) -> Cap | None:
        """The cap at the path; None after reporting what is wrong with its shape."""
        self.windows.check_above_zero(value, path)
        shape = shaped(CapShape, value, path, self.findings)
        if shape is None:
            return None
        limit, customer_limit = self.windows.limit(shape.limit, (*path, "limit"))
        window = self.windows.window(shape.per, shape.clock, path)
        count = self.selectors.read(shape.count, (*path, "count")) or Selector()
        except_ = self.selectors.read(shape.except_, (*path, "except"))
        self.selectors.check_effect(count, "cap", path)
        return Cap(name, limit, window, count, except_, customer_limit)

    def gap(self, name: str, value: PlainData, path: Path) -> Gap | None:
        """The gap at the path; None after reporting what is wrong with its shape."""
        shape = shaped(GapShape, value, path, self.findings)
        if shape is None:
            return None
        at_least = span((*path, "at_least"), shape.at_least, self.findings)
        count = self.selectors.read(shape.count, (*path, "count")) or Selector()
        except_ = self.selectors.read(shape.except_, (*path, "except"))
        self.selectors.check_effect(count, "gap", path)
        return Gap(name, at_least, count, except_, shape.at_least)


def limits(
    campaign: str, outbound: bool, value: PlainData, path: Path, windows: WindowReader
) -> tuple[Cap | None, Quota | None]:
    """A campaign's `limits`, over its own contacts: the cap for one customer, and the total; None where it has none.

    `outbound`: whether it goes out on any outbound channel; then inbound contacts do not count.
    """
    own_path = (*path, "per_customer")
    windows.check_above_zero(value.get("per_customer") if isinstance(value, dict) else None, own_path)
    shape = shaped(LimitsShape, value, path, windows.findings)
    if shape is None:
        return None, None
    total = None if shape.total is None else Quota(f"{campaign}/total", shape.total)
    if shape.per_customer is None:
        return None, total
    own = shape.per_customer
    limit, customer_limit = windows.limit(own.limit, (*own_path, "limit"))
    window = windows.window(own.per, own.clock, own_path)
    kind = Kind.OUTBOUND if outbound else Kind.INBOUND
    count = Selector(campaign=frozenset((campaign,)), kind=frozenset((kind,)))
    by = None if own.by is None else windows.counted_by(own.by, (*own_path, "by"))
    return Cap(f"{campaign}/per_customer", limit, window, count, customer_limit=customer_limit, by=by), total
