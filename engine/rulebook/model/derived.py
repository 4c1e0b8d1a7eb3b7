"""Attributes that a book derives: behaviour aggregates, patterns, distances, and signals. Plain frozen values.

Each derived value is an attribute with a name of its own, so that conditions test it as they test any other:

- an aggregate's name says what it measures (`count of page_view where page eq /cancel within 3d`);
- `pattern.NAME` and `signal.NAME` are true where they hold and missing where they do not, and what they expose is
  `pattern.NAME.FIELD`, `signal.NAME.FIELD`;
- `distance to PLACE km` and `distance to LATITUDE,LONGITUDE km` are great-circle distances in kilometres.

Conditions on events (`where`) test the event's fields by name: type, item, category, page, value, currency, and its
further attributes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from engine.conditions.model import ALWAYS, Condition
from engine.model.contact import ContactSelector
from engine.model.instant import DAY, Microseconds
from engine.model.trends import TrendAlarm

EVENT_NUMBER = "value"
"""The field of events that is a number."""

EVENT_TEXTS = ("item", "category", "page", "currency")
"""The fields of events that are texts. Further attributes may be of any type, and are exposed as texts only."""


class Measure(StrEnum):
    """What an aggregate measures of its events."""

    COUNT = "count"
    """Number of events; 0 without events."""
    SUM = "sum"
    """Sum of a field; 0 without events."""
    DISTINCT = "distinct"
    """Number of different values of a field; 0 without events."""
    DAYS_SINCE_LAST = "days_since_last"
    """Days since the latest event, with fractions; missing without events."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A number about a customer's events."""

    name: str
    """The attribute."""
    event: str
    """The events' type."""
    measure: Measure
    field: str = ""
    """The measured field, for SUM and DISTINCT."""
    where: Condition = ALWAYS
    within: Microseconds | None = None
    """Events with now - within < at <= now; None: all events up to now."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What a condition reads of the events of all customers: how many now, and how many times the usual number that is."""

    name: str
    """What it is about, of which the names of its two attributes are made."""
    event: str
    """The events' type."""
    field: str
    """The field by whose values events are counted; empty: all of them together."""
    within: Microseconds
    against: Microseconds
    least: int
    """The fewest events that make a trend."""
    value: str = ""
    """The value of the field, where it is the same for everybody."""
    attribute: str = ""
    """The attribute whose value is that of the field; empty: see `value` and `any`."""
    any: bool = False
    """Whether it is about the value of the field with the strongest trend."""

    @property
    def count_name(self) -> str:
        """The attribute that holds the number of events."""
        return f"trend count of {self.name}"

    @property
    def ratio_name(self) -> str:
        """The attribute that holds how many times the usual number that is."""
        return f"trend ratio of {self.name}"


NO_OUTCOME = "none"
"""In place of an outcome: of contacts of which nothing was reported."""


IGNORED_AFTER = DAY
"""From which age on a contact without a response counts as ignored, unless the condition says otherwise."""


@dataclass(frozen=True, slots=True)
class ContactCount:
    """How many contacts of a customer there are, by what became of them."""

    name: str
    """The attribute."""
    selector: ContactSelector
    outcomes: tuple[str, ...] = ()
    """Types of outcomes, or NO_OUTCOME; a contact counts that has any of them. Empty: whatever became of it."""
    within: Microseconds | None = None
    """Contacts with now - within < at; None: of any age."""
    after: Microseconds | None = None
    """Contacts with at <= now - after; None: of any age."""
    sent: str = ""
    """For explanations, the attribute of how many of them went out, whatever became of them; empty: the same."""

    @property
    def ignored_after(self) -> Microseconds:
        """From which age on a contact without a response is ignored."""
        return IGNORED_AFTER if self.after is None else self.after


PURCHASE = "purchase"
"""The event type that RFM attributes count."""


RFM: Mapping[str, Aggregate] = {
    aggregate.name: aggregate
    for aggregate in (
        Aggregate("rfm.recency_days", PURCHASE, Measure.DAYS_SINCE_LAST),
        Aggregate("rfm.frequency", PURCHASE, Measure.COUNT),
        Aggregate("rfm.monetary", PURCHASE, Measure.SUM, "value"),
    )
}
"""Days since the latest purchase (missing without one), number of purchases, and the sum of their `value`s in any currency."""


class Anchor(StrEnum):
    """Where the window of a step begins or ends."""

    NOW = "now"
    """The step lies in (now - within, now]."""
    FIRST = "first"
    """The step lies in [first, first + within]."""
    PREVIOUS = "previous"
    """The step lies in [previous step, previous step + within]."""


@dataclass(frozen=True, slots=True)
class PatternStep:
    """One event of a pattern."""

    event: str
    where: Condition = ALWAYS
    within: Microseconds | None = None
    anchor: Anchor = Anchor.NOW


@dataclass(frozen=True, slots=True)
class Absence:
    """An event that must not follow the first one, up to now."""

    event: str
    where: Condition = ALWAYS
    same: str = ""
    """The field in which it must equal the first event to count; empty if any such event counts."""


class Prefer(StrEnum):
    """Which first event counts where several qualify."""

    LATEST = "latest"
    EARLIEST = "earliest"
    MOST_VALUE = "most value"


@dataclass(frozen=True, slots=True)
class Exposed:
    """A field of a step's event."""

    step: int
    """0 is the first event, 1 the first of `then`…"""
    field: str
    is_number: bool = False
    """Whether the book declares it as a number; `value` is one in any case, and everything else a text."""
    sensitive: str | None = None
    """Category of sensitive data that the field belongs to, or None."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A sequence of events of one customer, and events that must not follow it."""

    name: str
    first: PatternStep
    then: tuple[PatternStep, ...] = ()
    not_after: tuple[Absence, ...] = ()
    prefer: Prefer = Prefer.LATEST
    expose: Mapping[str, Exposed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance from the customer's location, in kilometres."""

    name: str
    """The attribute."""
    latitude: float
    longitude: float


NEAREST = "nearest."
"""Begins the names of attributes of the nearest place: `nearest.stores.name`, `nearest.stores.distance`."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place on the Earth, in degrees."""

    latitude: float
    longitude: float
    fields: Mapping[str, str] = field(default_factory=dict)
    """A field that it does not have has no key."""
    line: int = field(default=0, compare=False)
    """Of the table, from 1; 0 where it stands in the book itself."""
    positions: Mapping[str, int] = field(default_factory=dict, compare=False)
    """By column of the table, in which column of its line the cell begins."""


@dataclass(frozen=True, slots=True)
class PlaceSet:
    """Places under one name, of which the nearest to the customer counts."""

    name: str
    places: tuple[Site, ...]
    """Never empty. Of places that are equally near the first counts."""
    fields: tuple[str, ...] = ()
    """The fields that any of them has."""
    is_table: bool = False
    """Whether they are from a table; else it is one place."""
    file: str = field(default="", compare=False)
    """Of the table."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A conclusion about a customer, kept for as long as `hold`."""

    name: str
    when: Condition
    hold: Microseconds = 0
    """How long it is kept after its condition last held; 0 for the request only."""
    until: Condition | None = None
    """A held signal is dropped as soon as this condition holds."""
    expose: Mapping[str, str] = field(default_factory=dict)
    """By field, the attribute whose value it keeps (`pattern.left-in-cart.item`)."""


DAYS_TO_ANNIVERSARY = ".days_to_anniversary"
"""Ends the name of the attribute that counts the days to the next anniversary of a declared date, whose name precedes it."""


@dataclass(frozen=True, slots=True)
class Derived:
    """Everything that a book derives; mappings by name, in order of names."""

    aggregates: Mapping[str, Aggregate] = field(default_factory=dict)
    distances: Mapping[str, Distance] = field(default_factory=dict)
    patterns: Mapping[str, Pattern] = field(default_factory=dict)
    signals: Mapping[str, Signal] = field(default_factory=dict)
    places: Mapping[str, PlaceSet] = field(default_factory=dict)
    anniversaries: Mapping[str, str] = field(default_factory=dict)
    """By attribute, the date to whose next anniversary it counts the days."""
    contacts: Mapping[str, ContactCount] = field(default_factory=dict)
    trends: Mapping[str, Trend] = field(default_factory=dict)
    alarms: tuple[TrendAlarm, ...] = ()


@dataclass(frozen=True, slots=True)
class EventStore:
    """Which recorded events are kept for a person and used beside the request's own."""

    stored: bool = False
    newest: int = 500
    """Most events of a person that are kept, of all types together that `newest_of` does not name."""
    keep: Microseconds = 90 * 86_400_000_000
    """Age up to which events are kept."""
    newest_of: Mapping[str, int] = field(default_factory=dict)
    """By type, most events of that type that are kept."""

    def most(self, event: str) -> int:
        """Most events of the type that are kept."""
        return self.newest_of.get(event, self.newest)
