"""The book as frozen values: everything is checked, every name is resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.conditions.model import ALWAYS, Condition
from engine.model.instant import Instant, Microseconds
from engine.rulebook.model.derived import Derived, EventStore
from engine.rulebook.model.experiments import (
    Attribution,
    Control,
    ConversionRamp,
    Experiments,
    Learn,
    Ramp,
    Slot,
)
from engine.rulebook.model.policies import Cap, Clock, Pause, PlaceQuota, Policies, Quota

MICROS = 1_000_000
"""Amounts of money are added up as whole millionths of a currency, so that sums are exact."""


BOOK_BUDGET = "book/budget"
"""The name of the rule that is the book's budget."""


class AttributeType(StrEnum):
    """The types that a book may declare for an attribute."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    TEXTS = "list of text"
    INTEGERS = "list of integer"
    NUMBERS = "list of number"
    VERSION = "version"
    """A text that is a version by SemVer 2.0.0."""
    IP = "ip"
    """A text that is an IP address."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A value that requests can carry under a dotted name."""

    name: str
    type: AttributeType
    minimum: float | None = None
    maximum: float | None = None
    one_of: frozenset[str | int | float] | None = None
    sensitive: str | None = None
    """Category of sensitive data, or None. Sensitive values are masked."""
    masked: bool = False
    """Whether its values are left out of the decision log, and cannot stand in content."""


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of events that the book declares."""

    name: str
    fields: Mapping[str, Attribute] | None = None
    """Its further fields, and of those that every event can have the sensitive ones; None: any."""

    @property
    def sensitive(self) -> frozenset[str]:
        """The names of its sensitive fields."""
        return frozenset(name for name, field in (self.fields or {}).items() if field.sensitive)


class Kind(StrEnum):
    """Direction of a channel."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class OnSilence(StrEnum):
    """What becomes of a contact of which nothing is reported."""

    RELEASE = "release"
    """It lapses when the channel's hold ends."""
    CONFIRM = "confirm"
    """It counts on."""


class Confirm(StrEnum):
    """When a contact on an inbound channel is confirmed."""

    AT_ONCE = "at_once"
    ON_IMPRESSION = "on_impression"
    """When an impression is reported; until then it is reserved."""


MAIL_HEAD = ("subject", "preheader", "title")
"""The fields that are plain on an e-mail in HTML unless the book says otherwise."""


class Format(StrEnum):
    """Format of a channel's texts."""

    HTML = "html"
    """Values of placeholders are escaped."""
    PLAIN = "plain"
    SMS = "sms"
    """Plain, and counted in segments."""


_MOST_MICROS = 9 * 10**18


@lru_cache(maxsize=1024)
def _in_micros(cost: float) -> int:
    return min(round(Decimal(repr(cost)) * MICROS), _MOST_MICROS)


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to reach a customer."""

    name: str
    kind: Kind
    address: str | None = None
    """The attribute that holds the customer's address; None on inbound channels."""
    consent: str | None = None
    """The purpose to which the customer must have consented; None if no consent is needed."""
    cost: float = 0.0
    """Cost of one contact, in the book's currency."""
    hold: Microseconds = 24 * 3_600_000_000
    """How long a contact counts that waits for a report; where silence confirms, none waits."""
    on_silence: OnSilence = OnSilence.CONFIRM
    confirm: Confirm = Confirm.AT_ONCE
    format: Format = Format.PLAIN
    """Of the fields that `formats` does not name."""
    formats: Mapping[str, Format] = field(default_factory=dict)
    """By field: what the book says, and the fields of an e-mail's head, which are plain unless it says otherwise."""
    max_segments: int | None = None
    """Most segments that a short message should take; None for any number."""
    capacity: Quota | None = None
    """Limit on its contacts, over all customers."""
    capacity_each: PlaceQuota | None = None
    """Limit on its contacts at each place of a set, over all customers whose nearest place it is."""
    budget: Quota | None = None
    """Limit on what its contacts cost, over all customers."""

    @property
    def cost_micros(self) -> int:
        """The cost of one contact, rounded to millionths of the book's currency; at most what an integer of 64 bits holds."""
        return _in_micros(self.cost)

    def format_of(self, name: str) -> Format:
        """The format of the field of the name."""
        return self.formats.get(name, self.format)


@dataclass(frozen=True, slots=True)
class Placement:
    """A slot on an inbound channel."""

    name: str
    channel: str
    max_offers: int = 1
    fallback: str | None = None
    """The offer to show when no campaign is selected."""
    max_per_category: int | None = None
    """Most offers of one category in one answer; None for any number."""


class FormatKind(StrEnum):
    """How a placeholder writes its value, in the customer's language; books write it behind a colon."""

    NUMBER = "number"
    PERCENT = "percent"
    MONEY = "money"
    DATE = "date"
    URL = "url"
    """Percent-encoded, the same in every language."""


class ValueFormat(NamedTuple):
    """How a placeholder writes its value."""

    kind: FormatKind
    digits: int | None = None
    """Exact number of digits behind the decimal sign; None: at most 3 of numbers, none of percentages, a currency's own."""
    currency: str = ""
    """Code of ISO 4217, of money."""
    style: str = "medium"
    """Of dates: short, medium, long or full."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A part of a text that is replaced by the value of an attribute."""

    attribute: str
    fallback: str | None
    """The text when the attribute is missing; None if the text cannot be rendered without it."""
    format: ValueFormat | None = None
    """None: as `as_text` writes it, the same in every language."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders, as literal texts and placeholders in order."""

    parts: tuple[str | Placeholder, ...]


Fields = Mapping[str, Template]
"""Templates by field name."""


@dataclass(frozen=True, slots=True)
class Content:
    """Fields by channel; `default` serves channels without fields of their own."""

    default: Fields = field(default_factory=dict)
    channels: Mapping[str, Fields] = field(default_factory=dict)
    locales: Mapping[str, "Content"] = field(default_factory=dict)
    """Fields that differ in a language, by BCP 47 tag as written. These contents have no locales of their own."""

    def on(self, channel: str) -> Fields:
        """The fields of the channel, or else the default ones; empty if there are none."""
        return self.channels.get(channel, self.default)

    def changes_on(self, channel: str, locale: str) -> Fields:
        """The fields of the channel that differ in the locale; empty if none do."""
        changes = self.locales[locale]
        return changes.channels.get(channel, {} if channel in self.channels else changes.default)


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of a campaign's content."""

    name: str
    content: Content
    when: Condition = ALWAYS
    share: float = 1.0
    """Weight among the variants whose condition holds; above 0."""
    promise: str = ""
    """Name of what it promises; empty: what its offer does."""


@dataclass(frozen=True, slots=True)
class Active:
    """The period in which a campaign or an offer runs."""

    start: Instant | None = None
    """The first instant (inclusive)."""
    end: Instant | None = None
    """The first instant after (exclusive); `until: 2026-03-31` is the start of April 1st."""
    days: frozenset[int] | None = None
    """Weekdays, Monday is 0; None for every day."""
    hours: tuple[time, time] | None = None
    """From (inclusive) and until (exclusive); until before from crosses midnight. None for all day."""
    clock: Clock = Clock.BOOK
    """The clock of `days`, `hours`, `local_start` and `local_end`."""
    local_start: datetime | None = None
    """As `start`, on the customer's clock; used for bounds without a zone when the clock is the customer's."""
    local_end: datetime | None = None
    """As `end`, on the customer's clock."""


OFFER_PRICE = "offer.price"
"""Stands in texts for the price of the offer that they are about."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that campaigns propose."""

    name: str
    title: str
    category: str = ""
    value: float = 1.0
    tags: frozenset[str] = frozenset()
    content: Content | None = None
    active: Active = Active()
    stock: Quota | None = None
    """Limit on how often it is given, over all customers."""
    price: float | None = None
    """What customers pay, for texts; no decision depends on it."""
    promise: str = ""
    """Name of what it promises, in reports; empty for nothing. No decision depends on it."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor of the score: a number, the value of an attribute, or a learned value."""

    number: float
    """The factor itself, the default for customers without the attribute, or the prior of a learned factor."""
    attribute: str | None = None
    learned: bool = False
    """Whether the campaign learns it."""


@dataclass(frozen=True, slots=True)
class Boost:
    """Multiplies the score where its condition holds."""

    when: Condition
    by: float


class Category(StrEnum):
    """Purpose of a campaign."""

    COMMERCIAL = "commercial"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Campaign:
    """Who gets which offer, in which variants, on which channels, when, and how important it is."""

    name: str
    offer: str
    description: str = ""
    category: Category = Category.COMMERCIAL
    active: Active = Active()
    when: Condition = ALWAYS
    channels: tuple[str, ...] = ()
    placements: tuple[str, ...] = ()
    tier: int = 0
    value: Factor | None = None
    """None for the offer's value."""
    propensity: Factor = Factor(1.0)
    """In [0, 1]."""
    boosts: tuple[Boost, ...] = ()
    variants: tuple[Variant, ...] = ()
    """Empty if the content of the offer is used."""
    group: str = ""
    """At most one campaign of a group is in a response; empty for no group."""
    per_customer: Cap | None = None
    """Limit on its contacts, per customer."""
    total: Quota | None = None
    """Limit on its contacts, over all customers."""
    control: Control | None = None
    """The share of its customers who do not get it, for comparison."""
    slot: Slot | None = None
    """The slot of a layer whose persons it is for; None for everybody."""
    ramp: Ramp | ConversionRamp | None = None
    """The growing share of persons whom it reaches; None for everybody."""
    learn: Learn | None = None
    """How it learns which variant does best, or its propensity; None if it does not learn."""
    attribution: Attribution = field(default_factory=Attribution)
    unit: str = ""
    """The attribute by whose values its control, ramp and variants are drawn; empty: by persons."""
    sticky: bool = False
    """Whether who was once treated or control stays so, with the variant that was drawn, when shares change."""
    stop: tuple[Pause, ...] = ()
    """After which outcomes of its own decisions it does not go on for a customer, and for how long."""
    budget: Quota | None = None
    """Limit on what its contacts cost, over all customers."""
    personalised: bool = True
    """Whether it depends on the customer; one that does not goes to those, too, who object to being profiled."""


class ScoreKind(StrEnum):
    """What campaigns of one tier are ranked by."""

    GROSS = "gross"
    """value × propensity × boosts."""
    NET = "net"
    """The same, less the cost of the channel that is tried."""


class ScarceKind(StrEnum):
    """Who gets what all customers share, when it runs short."""

    ORDER = "order"
    """Whoever comes first."""
    PRICES = "prices"
    """Whoever is worth more than its price."""


@dataclass(frozen=True, slots=True)
class Book:
    """A rulebook. Mappings are sorted by name, so that they do not depend on the order of files."""

    name: str
    version: str
    """SHA-256 of the normalised content, hexadecimal."""
    timezone: ZoneInfo
    locale: str = "en"
    salt: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    """Declared and built-in attributes, and what patterns and signals expose."""
    channels: Mapping[str, Channel] = field(default_factory=dict)
    placements: Mapping[str, Placement] = field(default_factory=dict)
    audiences: Mapping[str, Condition] = field(default_factory=dict)
    offers: Mapping[str, Offer] = field(default_factory=dict)
    campaigns: Mapping[str, Campaign] = field(default_factory=dict)
    pressure: Policies = field(default_factory=Policies)
    derived: Derived = field(default_factory=Derived)
    events: EventStore = field(default_factory=EventStore)
    experiments: Experiments = field(default_factory=Experiments)
    attribution: Attribution = field(default_factory=Attribution)
    """Of campaigns that do not say otherwise, and of those that are no longer in the book."""
    event_types: Mapping[str, EventType] = field(default_factory=dict)
    """The only types of events that there are, by name; empty: any."""
    currency: str = ""
    """The currency of values, prices and costs, by ISO 4217; empty: not said."""
    score: ScoreKind = ScoreKind.GROSS
    budget: Quota | None = None
    """Limit on what all contacts cost, over all customers."""
    scarce: ScarceKind = ScarceKind.ORDER
    text: str = field(default="", compare=False, repr=False)
    """A JSON object of its files, by name; it loads again by `load_text`, to the same version. Empty: not read from files."""

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of what can hold a contact back: policies, campaigns' limits and stops, stocks, capacities, budgets."""
        campaigns = self.campaigns.values()
        limits: list[Cap | Quota | PlaceQuota | None] = [
            limit for campaign in campaigns for limit in (campaign.per_customer, campaign.total)
        ]
        limits += [offer.stock for offer in self.offers.values()]
        limits += [
            limit
            for channel in self.channels.values()
            for limit in (channel.capacity, channel.capacity_each, channel.budget)
        ]
        limits += [*(campaign.budget for campaign in campaigns), self.budget]
        stops = (stop.name for campaign in campaigns for stop in campaign.stop)
        return (*self.pressure.names, *(limit.name for limit in limits if limit), *stops)
