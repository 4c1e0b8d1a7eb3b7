"""What is answered: a decision, as plain values."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from engine.model.instant import Instant


class Outcome(StrEnum):
    """What was decided."""

    OFFER = "offer"
    FALLBACK = "fallback"
    CONTROL = "control"
    BLOCKED = "blocked"
    NOTHING = "nothing"


class ReasonCode(StrEnum):
    """The causes, by stage of the funnel."""

    NOT_ACTIVE = "not_active"
    NOT_ELIGIBLE = "not_eligible"
    NOT_REQUESTED = "not_requested"
    NO_VARIANT = "no_variant"
    UNREACHABLE = "unreachable"
    NO_CONSENT = "no_consent"
    QUIET = "quiet"
    CAPPED = "capped"
    TOO_SOON = "too_soon"
    PAUSED = "paused"
    OTHER_SLOT = "other_slot"
    RAMPING = "ramping"
    OUT_OF_STOCK = "out_of_stock"
    OVER_CAPACITY = "over_capacity"
    GROUP_TAKEN = "group_taken"
    CATEGORY_FULL = "category_full"
    OUTRANKED = "outranked"
    HELD_OUT = "held_out"
    CONTROL = "control"
    CHOSEN = "chosen"
    FALLBACK = "fallback"
    DEGRADED = "degraded"


PRESSURE = frozenset(
    (
        ReasonCode.QUIET,
        ReasonCode.CAPPED,
        ReasonCode.TOO_SOON,
        ReasonCode.PAUSED,
        ReasonCode.OUT_OF_STOCK,
        ReasonCode.OVER_CAPACITY,
    )
)
"""The causes that contact pressure gives; they are about one of its rules."""


CLOSED = frozenset((ReasonCode.OTHER_SLOT, ReasonCode.RAMPING))
"""The causes for which a campaign is not open to a person: as if it were not for him."""


WITHHELD = frozenset((ReasonCode.HELD_OUT, ReasonCode.CONTROL))
"""The causes for which an offer that could go is deliberately withheld."""


class Reason(NamedTuple):
    """Why something happened: the cause, and the rule, campaign or channel it is about."""

    code: ReasonCode
    name: str


class ChosenOffer(NamedTuple):
    """One offer to show or to send."""

    campaign: str
    """Empty for a fallback."""
    offer: str
    variant: str
    channel: str
    placement: str
    score: float
    selection_probability: float
    content: Mapping[str, str]
    expires_at: Instant | None = None


class RuleKind(StrEnum):
    """The kinds of rules of contact pressure."""

    QUIET = "quiet"
    CAP = "cap"
    LIMIT = "limit"
    """A campaign's own cap."""
    GAP = "gap"
    PAUSE = "pause"
    CONSENT = "consent"
    """That the customer withdrew it."""
    STOCK = "stock"
    """Of an offer."""
    TOTAL = "total"
    """Of a campaign."""
    CAPACITY = "capacity"
    """Of a channel."""


class RuleReading(NamedTuple):
    """How one rule of contact pressure stood when a proposal was tried."""

    campaign: str
    channel: str
    rule: str
    kind: RuleKind
    blocks: bool
    counted: int | None
    """Contacts in the window; None where the rule counts none."""
    limit: int | None
    """How many there may be, lowered by the customer's wish."""
    window: str
    """As a book would write it: `rolling 7d`, `calendar week`, `2d`, `21:00-08:00`; empty for what counts for good."""
    zones: tuple[str, ...]
    """On whose clocks it was read; empty where no clock matters."""
    next_allowed_at: Instant | None
    """When this rule alone lets the proposal pass; None: not within the horizon."""


class CandidateOutcome(NamedTuple):
    """What became of one eligible campaign."""

    campaign: str
    reason: Reason
    """CHOSEN, what it gave way to, or the first thing that stood in its way."""
    score: float
    details: tuple[Reason, ...]
    """Every channel out of reach and every pressure rule that blocked it."""
    readings: tuple[RuleReading, ...] = ()
    """Every pressure rule that was looked at."""


class SignalSince(NamedTuple):
    """A signal that held, and since when."""

    name: str
    since: Instant


class Decision(NamedTuple):
    """The answer to a request."""

    decision_id: str
    """UUIDv7; empty in PREVIEW."""
    request_id: str
    at: Instant
    outcome: Outcome
    book_version: str
    offers: tuple[ChosenOffer, ...] = ()
    reasons: tuple[Reason, ...] = ()
    blocked_by: tuple[str, ...] = ()
    next_allowed_at: Instant | None = None
    degraded: bool = False
    """Whether it stands in for a decision that the log did not take; then it is not logged."""
    candidate_outcomes: tuple[CandidateOutcome, ...] = ()
    """What became of the eligible campaigns, best first; filled in PREVIEW only."""
    signals: tuple[SignalSince, ...] = ()
    """Those that held, by name."""
    selection_probability: float = 1.0
    """With which chance decided so: of the first offer, or that the first was withheld; 1 where chance had no part."""
