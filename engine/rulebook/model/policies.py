"""Contact pressure as frozen values: caps, gaps, quiet rules, pauses and quotas, with their selectors and windows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, time
from enum import StrEnum
from typing import Literal, TypeAlias, get_args

from engine.conditions.model import ALWAYS, Condition
from engine.model.contact import Facts
from engine.model.instant import Microseconds

DayName: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

WEEKDAYS: tuple[DayName, ...] = get_args(DayName)
"""In order, as `datetime.date.weekday` counts: Monday is 0."""


class Clock(StrEnum):
    """The clock that days and hours are read from."""

    BOOK = "book"
    CUSTOMER = "customer"


class Period(StrEnum):
    """The periods of a calendar.

    Caps count in days, weeks and months, capacities also in hours and minutes, budgets also in quarters and years.
    """

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Selector:
    """Which contacts a policy covers: every given criterion must match, each by any of its values."""

    channel: frozenset[str] = frozenset()
    kind: frozenset[str] = frozenset()
    """Kinds of channels (inbound, outbound)."""
    campaign: frozenset[str] = frozenset()
    offer: frozenset[str] = frozenset()
    category: frozenset[str] = frozenset()
    """Categories of campaigns (commercial, service)."""
    tag: frozenset[str] = frozenset()
    """Tags of offers."""

    def selects(self, facts: Facts) -> bool:
        """Whether it covers such a contact.

        Inbound contacts are covered only where their channel or their kind is named: the customer came to us.
        """
        if facts.kind == "inbound" and not self.channel and not self.kind:
            return False
        return self.fits(facts)

    def fits(self, facts: Facts) -> bool:
        """Whether all given criteria fit, whichever way the channel goes."""
        return (
            (not self.channel or facts.channel in self.channel)
            and (not self.kind or facts.kind in self.kind)
            and (not self.campaign or facts.campaign in self.campaign)
            and (not self.offer or facts.offer in self.offer)
            and (not self.category or facts.category in self.category)
            and (not self.tag or not facts.tags.isdisjoint(self.tag))
        )


@dataclass(frozen=True, slots=True)
class Rolling:
    """A window that ends now."""

    span: Microseconds
    written: str = field(default="", compare=False)
    """The span as the book writes it, for people; empty: by default."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The current period."""

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
    when: Condition = ALWAYS
    """For which customers it holds."""
    by: str | None = None
    """The attribute by whose values contacts are counted apart; None: all together."""


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` contacts of all customers: the stock of an offer, the total of a campaign, the capacity of a channel.

    Or, of a budget, at most what contacts may cost.
    """

    name: str
    limit: int
    """Of a budget in millionths of the book's currency."""
    window: Calendar | None = None
    """The period in which they are counted, on the book's clock; None for all time."""


UNKNOWN_PLACE = "(no place)"
"""In place of a place's name: the customer's is not known."""


@dataclass(frozen=True, slots=True)
class PlaceQuota:
    """At most so many contacts of all customers at each place of a set: of each customer the nearest counts."""

    name: str
    by: str
    """The attribute that names the customer's nearest place, such as `nearest.dealers.name`."""
    limits: Mapping[str, int]
    """By the name of the place."""
    window: Calendar
    """The period in which they are counted, on the book's clock."""

    @staticmethod
    def in_counter(site: str) -> str:
        """The name of a place as names of counters have it, in which a stroke divides other parts."""
        return site.replace("/", "|")


@dataclass(frozen=True, slots=True)
class Gap:
    """A minimum time between two contacts of one customer."""

    name: str
    at_least: Microseconds
    count: Selector = Selector()
    except_: Selector | None = None
    written: str = field(default="", compare=False)
    """`at_least` as the book writes it, for people; empty: by default."""
    when: Condition = ALWAYS
    """For which customers it holds."""


CUSTOMER_COUNTRY = "customer"
"""In place of a country: the one in which the customer is."""


@dataclass(frozen=True, slots=True)
class Holidays:
    """The public holidays of a country, or of a part of it."""

    country: str
    """ISO 3166-1 alpha-2, or CUSTOMER_COUNTRY."""
    subdivision: str | None = None
    """The second part of an ISO 3166-2 code."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Quiet hours: hours and days at which nothing goes out.

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
    when: Condition = ALWAYS
    """For which customers it holds."""


class Scope(StrEnum):
    """What a pause holds back."""

    CUSTOMER = "customer"
    """Everything that is sent to the customer."""
    CHANNEL = "channel"
    OFFER = "offer"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class Pause:
    """A time without contacts after outcomes."""

    name: str
    outcomes: frozenset[str]
    """Types of outcomes."""
    span: Microseconds
    times: int = 1
    """Number of outcomes that begin it."""
    within: Microseconds | None = None
    """The time in which they must occur; None for a single outcome."""
    scope: Scope = Scope.CUSTOMER
    except_: Selector | None = None
    written: tuple[str, str] = field(default=("", ""), compare=False)
    """`span` and `within` as the book writes them, for people; empty: by default."""
    when: Condition = ALWAYS
    """For which customers it holds."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The section `pressure`, by name; names are unique across the kinds."""

    caps: Mapping[str, Cap] = field(default_factory=dict)
    gaps: Mapping[str, Gap] = field(default_factory=dict)
    quiet: Mapping[str, Quiet] = field(default_factory=dict)
    pauses: Mapping[str, Pause] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all policies."""
        return (*self.quiet, *self.caps, *self.gaps, *self.pauses)

    @property
    def conditions(self) -> Mapping[str, Condition]:
        """The conditions of the policies that hold for some customers only, by the name of the policy."""
        kinds: tuple[Mapping[str, Cap | Gap | Quiet | Pause], ...] = (
            self.quiet,
            self.caps,
            self.gaps,
            self.pauses,
        )
        return {
            name: policy.when
            for policies in kinds
            for name, policy in policies.items()
            if policy.when != ALWAYS
        }


POLICY_SECTIONS = tuple(policy.name for policy in fields(Policies))
"""The keys of the section `pressure`."""
