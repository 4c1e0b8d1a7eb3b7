"""What an explanation says, as plain values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from engine.conditions.trace import Trace
from engine.decide.experiments.posteriors import Propensity
from engine.model.decision import Decision, Reason, ReasonCode, RuleReading
from engine.model.instant import Instant
from engine.model.values import Value


class ChangeKind(StrEnum):
    """What would be otherwise."""

    ATTRIBUTE = "attribute"
    """A value that the customer brings, or that is derived of him."""
    CONSENT = "consent"
    """The customer agrees to a purpose."""
    CHANNEL = "channel"
    """The call allows a channel."""
    PLACEMENT = "placement"
    """The call asks for a placement."""
    TIME = "time"
    """The decision is made at a later moment."""
    TIER = "tier"
    """The campaign has another tier."""
    VALUE = "value"
    """The campaign has another value, the first factor of its score."""


class Change(NamedTuple):
    """One thing that would be otherwise."""

    kind: ChangeKind
    name: str = ""
    """The attribute, purpose, channel or placement; empty of times, tiers and values."""
    before: Value | None = None
    after: Value | None = None
    """None: the attribute is missing. Of TIME an instant."""
    any_value: bool = False
    """Whether any value serves, of which `after` is one."""
    size: float = 1.0
    """How large the change is: of numbers the share of their range, else of the larger; of what has no measure 1."""


class Counterfactual(NamedTuple):
    """A change that was tried by deciding again, and what the campaign came to then."""

    change: Change
    then: Reason
    """CHOSEN, or the later stage at which it falls then."""

    @property
    def wins(self) -> bool:
        """Whether the campaign is chosen then."""
        return self.then.code is ReasonCode.CHOSEN


class Rival(NamedTuple):
    """Who was taken in a campaign's place."""

    campaign: str
    tier: int
    score: float


class CreativeExplained(NamedTuple):
    """A variant on a channel that was considered."""

    channel: str
    variant: str
    """Empty for the offer's own content."""
    condition: Trace
    lacks: tuple[str, ...]
    """The attributes without which its content cannot be filled in."""
    share: float


@dataclass(frozen=True, slots=True)
class CampaignExplained:
    """What became of one campaign of the book."""

    campaign: str
    reason: Reason
    condition: Trace | None
    """None where the book that has it is not at hand."""
    score: float | None
    """None where it did not get as far as ranking."""
    details: tuple[Reason, ...] = ()
    readings: tuple[RuleReading, ...] = ()
    """How the rules of contact pressure stood."""
    tier: int = 0
    rival: Rival | None = None
    """Who was taken in its place, of several the one that is beaten most easily."""
    creatives: tuple[CreativeExplained, ...] = ()
    """Its variants, where it got as far as ranking."""
    counterfactuals: tuple[Counterfactual, ...] = ()
    """Single changes that would bring it further, each verified; those by which it is chosen first, then the smaller."""
    searched: bool = False
    """Whether such changes were looked for, within the bounds of flips.py."""
    propensity: Propensity | None = None
    """By which it was ranked, where it is learned."""


@dataclass(frozen=True, slots=True)
class SignalExplained:
    """Why a signal held."""

    name: str
    since: Instant
    expires_at: Instant | None
    """Until when it will be remembered; None: it holds for this request only."""
    remembered: bool
    """Whether it holds by memory alone: its condition does not hold now."""
    led_by: tuple[str, ...]
    """The signals that led to it, each after those that led to it in turn."""
    condition: Trace


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer, every campaign in the book's order, and every signal that held.

    Of a past decision that cannot be made again, the candidates that the log lists, best first.
    """

    decision: Decision
    campaigns: tuple[CampaignExplained, ...]
    signals: tuple[SignalExplained, ...] = ()
    notes: tuple[str, ...] = ()
    """What is to be known of an explanation that cannot tell everything; for people."""
