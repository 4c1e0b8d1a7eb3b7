"""The book as plain frozen values: everything checked, every name resolved, nothing of YAML left."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from engine.conditions.model import ALWAYS, Condition
from engine.model.instant import Instant, Microseconds
from engine.rulebook.model.derived import Derived, EventStore
from engine.rulebook.model.experiments import Control, ConversionRamp, Experiments, Learn, Ramp, Slot
from engine.rulebook.model.policies import Cap, Clock, Policies, Quota


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


@dataclass(frozen=True, slots=True)
class Attribute:
    """What callers may send under a dotted name."""

    name: str
    type: AttributeType
    minimum: float | None = None
    maximum: float | None = None
    one_of: frozenset[str | int | float] | None = None
    sensitive: str | None = None
    """The category of sensitive data, if it is one; its values are masked in the decision log."""


class Kind(StrEnum):
    """Which way a channel goes."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class OnSilence(StrEnum):
    """What becomes of a reserved contact when its hold ends without word."""

    RELEASE = "release"
    CONFIRM = "confirm"


class Confirm(StrEnum):
    """When a contact on an inbound channel is confirmed."""

    AT_ONCE = "at_once"
    ON_IMPRESSION = "on_impression"
    """When it is reported that it was shown; until then it is reserved."""


class Format(StrEnum):
    """What a channel's texts are written in."""

    HTML = "html"
    """Values that are filled in are escaped."""
    PLAIN = "plain"
    SMS = "sms"
    """Plain, and counted in segments."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to reach a customer."""

    name: str
    kind: Kind
    address: str | None = None
    """The attribute that holds the customer's address; None on inbound channels."""
    consent: str | None = None
    """The purpose to which the customer must have consented; None where none is needed."""
    cost: float = 0.0
    """Cost of one contact, in the book's currency."""
    hold: Microseconds = 24 * 3_600_000_000
    on_silence: OnSilence = OnSilence.RELEASE
    confirm: Confirm = Confirm.AT_ONCE
    format: Format = Format.PLAIN
    max_segments: int | None = None
    """How many segments a short message should take at most; None: any number."""
    capacity: Quota | None = None
    """How many contacts it takes, of all customers."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A slot on an inbound channel."""

    name: str
    channel: str
    max_offers: int = 1
    fallback: str | None = None
    """The offer to show when there is nothing better."""
    max_per_category: int | None = None
    """How many offers of one category it shows at once; None: any number."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A place in a text that an attribute's value fills."""

    attribute: str
    fallback: str | None
    """What stands there when the attribute is missing; None: the text cannot be rendered without it."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders, as literal texts and placeholders in order."""

    parts: tuple[str | Placeholder, ...]


Fields = Mapping[str, Template]
"""Templates by field name."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is said, by channel; `default` serves channels without fields of their own."""

    default: Fields = field(default_factory=dict)
    channels: Mapping[str, Fields] = field(default_factory=dict)
    locales: Mapping[str, "Content"] = field(default_factory=dict)
    """The fields that read otherwise in a language, by BCP 47 tag as written; these have no locales of their own."""

    def on(self, channel: str) -> Fields:
        """What is said on the channel: its own fields, or else the default ones; none where it is silent there."""
        return self.channels.get(channel, self.default)

    def changes_on(self, channel: str, locale: str) -> Fields:
        """The fields that the locale has of its own on the channel; none where it says nothing there."""
        changes = self.locales[locale]
        return changes.channels.get(channel, {} if channel in self.channels else changes.default)


@dataclass(frozen=True, slots=True)
class Variant:
    """A form of a campaign's content."""

    name: str
    content: Content
    when: Condition = ALWAYS
    share: float = 1.0
    """Its weight among the variants whose condition holds; above 0."""


@dataclass(frozen=True, slots=True)
class Active:
    """When a campaign or an offer runs."""

    start: Instant | None = None
    """The first instant (inclusive)."""
    end: Instant | None = None
    """The first instant after (exclusive); `until: 2026-03-31` is the start of April 1st."""
    days: frozenset[int] | None = None
    """Weekdays, Monday is 0; None: every day."""
    hours: tuple[time, time] | None = None
    """From (inclusive) and until (exclusive); until before from crosses midnight; None: all day."""
    clock: Clock = Clock.BOOK
    """Whose days and hours they are, and whose local start and end."""
    local_start: datetime | None = None
    """As `start`, as the customer's clock shows it; for bounds that name no zone, on his clock."""
    local_end: datetime | None = None
    """As `end`, as the customer's clock shows it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What is proposed."""

    name: str
    title: str
    category: str = ""
    value: float = 1.0
    tags: frozenset[str] = frozenset()
    content: Content | None = None
    active: Active = Active()
    stock: Quota | None = None
    """How often it can be given in all."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor of the score: a number, an attribute's value with a default for customers without one, or learned."""

    number: float
    attribute: str | None = None
    learned: bool = False
    """Whether what the campaign learned goes before: the number is what is thought as long as nothing is known."""


@dataclass(frozen=True, slots=True)
class Boost:
    """Multiplies the score where its condition holds."""

    when: Condition
    by: float


class Category(StrEnum):
    """Why a campaign speaks."""

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
    """None: the offer's value."""
    propensity: Factor = Factor(1.0)
    """In [0, 1]."""
    boosts: tuple[Boost, ...] = ()
    variants: tuple[Variant, ...] = ()
    """Empty: the offer's own content serves."""
    group: str = ""
    """At most one campaign of a group is in a response; empty: it is in none."""
    per_customer: Cap | None = None
    """How many of its contacts one customer gets."""
    total: Quota | None = None
    """How many of these contacts there are, of all customers."""
    control: Control | None = None
    """Who of its customers does not get it, to compare with."""
    slot: Slot | None = None
    """Whom of a layer it is for; None: everybody."""
    ramp: Ramp | ConversionRamp | None = None
    """Whom it reaches already; None: everybody."""
    learn: Learn | None = None
    """How it learns which variant does best, or how likely it is taken; None: it does not."""


@dataclass(frozen=True, slots=True)
class Book:
    """A rulebook. Mappings keep the order of names (sorted), so that no order of files can show."""

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

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of all that can hold a proposal back: policies, limits of campaigns, and what all customers share."""
        campaigns = self.campaigns.values()
        limits = [limit for campaign in campaigns for limit in (campaign.per_customer, campaign.total)]
        limits += [offer.stock for offer in self.offers.values()]
        limits += [channel.capacity for channel in self.channels.values()]
        return (*self.pressure.names, *(limit.name for limit in limits if limit))
