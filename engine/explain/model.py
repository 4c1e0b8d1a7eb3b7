"""Explanations as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from engine.conditions.trace import Trace
from engine.decide.arbitrate.prices import Charge
from engine.decide.experiments.posteriors import Propensity
from engine.explain.contacts import ContactsSeen
from engine.explain.trends import TrendSeen
from engine.model.decision import Decision, Reason, ReasonCode, RuleReading
from engine.model.instant import Instant
from engine.model.values import Value

FELL_EARLY = (ReasonCode.NOT_ACTIVE, ReasonCode.NOT_ELIGIBLE, ReasonCode.NOT_REQUESTED)
"""The reasons of campaigns that did not become candidates."""


GAVE_WAY = (ReasonCode.OUTRANKED, ReasonCode.GROUP_TAKEN, ReasonCode.CATEGORY_FULL)
"""The reasons of campaigns that only a better one held back."""


class ChangeKind(StrEnum):
    """What a change changes."""

    ATTRIBUTE = "attribute"
    """A value of the customer, sent or derived."""
    CONSENT = "consent"
    """The customer agrees to a purpose."""
    CHANNEL = "channel"
    """The call allows a channel."""
    PLACEMENT = "placement"
    """The call requests a placement."""
    TIME = "time"
    """The decision is made at a later moment."""
    TIER = "tier"
    """The campaign has another tier."""
    VALUE = "value"
    """The campaign has another value, the first factor of its score."""


class Change(NamedTuple):
    """One change of the request or the book."""

    kind: ChangeKind
    name: str = ""
    """The attribute, purpose, channel or placement; empty of times, tiers and values."""
    before: Value | None = None
    after: Value | None = None
    """None: the attribute is missing. For TIME an instant."""
    is_time: bool = False
    """Whether before and after are instants."""
    any_value: bool = False
    """Whether any value would do; `after` is one of them."""
    size: float = 1.0
    """How large the change is, up to 1: of numbers the share of their range, else of the larger one; otherwise 1."""


class Counterfactual(NamedTuple):
    """A change that was tried by evaluating again, and the campaign's reason with it."""

    change: Change
    then: Reason
    """CHOSEN, or the reason of a later stage."""

    @property
    def wins(self) -> bool:
        """Whether the campaign is chosen with the change."""
        return self.then.code is ReasonCode.CHOSEN


class Rival(NamedTuple):
    """A campaign that was taken in another's place."""

    campaign: str
    tier: int
    score: float


class CreativeExplained(NamedTuple):
    """One variant on a channel of the call."""

    channel: str
    variant: str
    """Empty for the offer's own content."""
    condition: Trace
    lacks: tuple[str, ...]
    """The attributes that its content needs and the customer has not."""
    share: float


class LanguageChoice(NamedTuple):
    """Which language the customer reads and which the content has instead."""

    requested: str
    tag: str
    """As the book writes it."""
    is_near: bool
    """Whether it is near to the requested one; else it is the one for all customers for whose language there is nothing."""


@dataclass(frozen=True, slots=True)
class CampaignExplained:
    """What became of one campaign."""

    campaign: str
    reason: Reason
    condition: Trace | None
    """None if the book that decided is not the current one."""
    score: float | None
    """None if it was not ranked."""
    details: tuple[Reason, ...] = ()
    readings: tuple[RuleReading, ...] = ()
    """Results of its pressure rules."""
    tier: int = 0
    rival: Rival | None = None
    """The campaign taken in its place; of several the one that is beaten most easily."""
    creatives: tuple[CreativeExplained, ...] = ()
    """Its variants, if it was ranked."""
    counterfactuals: tuple[Counterfactual, ...] = ()
    """Single changes that would bring it further, each verified; those by which it is chosen first, then the smaller."""
    searched: bool = False
    """Whether such changes were searched for, within the bounds of counterfactuals/search.py."""
    propensity: Propensity | None = None
    """The learned propensity by which it was ranked; None: it is not learned."""
    paid: tuple[Charge, ...] = ()
    """What the prices of what is scarce took from its score, on the first channel to try, or what refuses it."""
    language: LanguageChoice | None = None
    """If it was chosen: the language of its content, where that is another than the customer's; None otherwise."""
    drawn: "DrawExplained | None" = None
    """By what the draw went that decided on it; None: by the person, or nothing was drawn."""
    contacts: Mapping[str, ContactsSeen] = field(default_factory=dict)
    """The contacts that conditions of the book count, by attribute."""
    trends: Mapping[str, TrendSeen] = field(default_factory=dict)
    """What was read of the book's trends, by attribute."""


@dataclass(frozen=True, slots=True)
class DrawExplained:
    """By what a draw went."""

    unit: str
    """The attribute whose values are drawn in place of persons; empty: persons are drawn."""
    has_unit: bool
    """Whether the customer has the attribute; if not, they are drawn by themself."""
    kept_at: Instant | None = None
    """When the draw was made that a sticky campaign keeps; None: it was made now."""


@dataclass(frozen=True, slots=True)
class SignalExplained:
    """Why a signal held."""

    name: str
    since: Instant
    expires_at: Instant | None
    """Until when it is remembered; None: it holds for this request only."""
    remembered: bool
    """Whether it holds only because it is remembered: its condition does not hold now."""
    led_by: tuple[str, ...]
    """The signals that led to it, each after those that led to it in turn."""
    condition: Trace


@dataclass(frozen=True, slots=True)
class Explained:
    """The decision, every campaign in the book's order, and every signal that held.

    For a past decision that cannot be evaluated again: the candidates that the log lists, best first.
    """

    decision: Decision
    campaigns: tuple[CampaignExplained, ...]
    signals: tuple[SignalExplained, ...] = ()
    notes: tuple[str, ...] = ()
    """What the explanation cannot show, and why; for people."""
    ignored: tuple[str, ...] = ()
    """Names of attributes of the request that the book does not declare."""
