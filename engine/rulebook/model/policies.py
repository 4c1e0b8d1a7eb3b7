"""Whose clock and calendar a schedule or a policy goes by."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, time
from enum import StrEnum
from typing import Literal, TypeAlias, get_args

from engine.model.instant import Microseconds

DayName: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


WEEKDAYS: tuple[DayName, ...] = get_args(DayName)
"""Monday is 0, as in the standard library."""


class Clock(StrEnum):
    """Whose clock days and hours are read from."""

    BOOK = "book"
    CUSTOMER = "customer"


class Period(StrEnum):
    """The periods of a calendar that a cap can count in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Selector:
    """Which contacts a policy is about: all criteria that are given must fit, each by any of its values."""

    channel: frozenset[str] = frozenset()
    kind: frozenset[str] = frozenset()
    """Kinds of channels (inbound, outbound)."""
    campaign: frozenset[str] = frozenset()
    offer: frozenset[str] = frozenset()
    category: frozenset[str] = frozenset()
    """Categories of campaigns (commercial, service)."""
    tag: frozenset[str] = frozenset()
    """Tags of offers."""


@dataclass(frozen=True, slots=True)
class Rolling:
    """The window of the last so many microseconds."""

    span: Microseconds


@dataclass(frozen=True, slots=True)
class Calendar:
    """The window of the day, week or month that it is."""

    period: Period
    clock: Clock = Clock.CUSTOMER
    week_starts: int = 0
    """Weekday, Monday is 0."""


Window = Rolling | Calendar


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` contacts of one customer in a window."""

    name: str
    limit: int
    window: Window
    count: Selector = Selector()
    except_: Selector | None = None
    customer_limit: str | None = None
    """The attribute by which the customer may lower the limit."""


@dataclass(frozen=True, slots=True)
class Quota:
    """At most so many contacts of all customers together: an offer's stock, a campaign's total, a channel's capacity."""

    name: str
    limit: int
    window: Calendar | None = None
    """The period in which they are counted, on the book's clock; None: for good."""


@dataclass(frozen=True, slots=True)
class Gap:
    """At least so long between the latest contact and the next."""

    name: str
    at_least: Microseconds
    count: Selector = Selector()
    except_: Selector | None = None


@dataclass(frozen=True, slots=True)
class Holidays:
    """The public holidays of a country, or of a part of it."""

    country: str
    """ISO 3166-1 alpha-2."""
    subdivision: str | None = None
    """The second part of an ISO 3166-2 code."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours and days at which nothing goes out.

    Its days are those of `days`, `dates` and `holidays` together, or every day where none of the three is given. Hours
    that cross midnight belong to the day on which they begin.
    """

    name: str
    hours: tuple[time, time] | None = None
    """From (inclusive) and until (exclusive); until before from crosses midnight; None: all day."""
    days: frozenset[int] = frozenset()
    """Weekdays, Monday is 0."""
    dates: frozenset[date] = frozenset()
    holidays: Holidays | None = None
    clock: Clock = Clock.CUSTOMER
    select: Selector = Selector()
    """What it holds back."""
    except_: Selector | None = None


class Scope(StrEnum):
    """What a pause silences."""

    CUSTOMER = "customer"
    """Everything that is sent to the customer."""
    CHANNEL = "channel"
    OFFER = "offer"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence for so long after outcomes."""

    name: str
    outcomes: frozenset[str]
    """Their types."""
    span: Microseconds
    times: int = 1
    """How many of them are enough."""
    within: Microseconds | None = None
    """In which time; None for a single one."""
    scope: Scope = Scope.CUSTOMER
    except_: Selector | None = None


@dataclass(frozen=True, slots=True)
class Policies:
    """The section `pressure`, by name; names are unique across the kinds."""

    caps: Mapping[str, Cap] = field(default_factory=dict)
    gaps: Mapping[str, Gap] = field(default_factory=dict)
    quiet: Mapping[str, Quiet] = field(default_factory=dict)
    pauses: Mapping[str, Pause] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all policies."""
        return (*self.quiet, *self.caps, *self.gaps, *self.pauses)


POLICY_SECTIONS = tuple(policy.name for policy in fields(Policies))
"""The keys of the section `pressure`."""
