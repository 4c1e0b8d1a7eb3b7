"""A decision, its reasons and offers, as plain values."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from engine.model.instant import Instant


class Outcome(StrEnum):
    """Kinds of decisions."""

    OFFER = "offer"
    FALLBACK = "fallback"
    CONTROL = "control"
    BLOCKED = "blocked"
    NOTHING = "nothing"


class ReasonCode(StrEnum):
    """Why a candidate fell, was withheld or was chosen, and why a placement shows its fallback; by stage of the funnel."""

    NOT_ACTIVE = "not_active"
    NOT_ELIGIBLE = "not_eligible"
    NOT_REQUESTED = "not_requested"
    NO_VARIANT = "no_variant"
    NOT_WORTH_IT = "not_worth_it"
    UNREACHABLE = "unreachable"
    NO_CONSENT = "no_consent"
    OBJECTED = "objected"
    QUIET = "quiet"
    CAPPED = "capped"
    TOO_SOON = "too_soon"
    PAUSED = "paused"
    OTHER_SLOT = "other_slot"
    RAMPING = "ramping"
    OUT_OF_STOCK = "out_of_stock"
    OVER_CAPACITY = "over_capacity"
    OVER_BUDGET = "over_budget"
    GROUP_TAKEN = "group_taken"
    CATEGORY_FULL = "category_full"
    OUTRANKED = "outranked"
    HELD_OUT = "held_out"
    CONTROL = "control"
    CHOSEN = "chosen"
    FALLBACK = "fallback"
    DEGRADED = "degraded"


CLOSED = frozenset((ReasonCode.OTHER_SLOT, ReasonCode.RAMPING))
"""The reasons for which a campaign is not open to a person, as if they were not eligible."""


WITHHELD = frozenset((ReasonCode.HELD_OUT, ReasonCode.CONTROL))
"""The reasons for which an experiment withholds an offer that passed every rule."""


class Reason(NamedTuple):
    """A reason code, and the name of the rule, campaign, channel, placement, holdout or layer that it is about."""

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
    """The kinds of pressure rules; each has its row in decide/pressure/registry.py."""

    QUIET = "quiet"
    CAP = "cap"
    LIMIT = "limit"
    """A campaign's own cap."""
    GAP = "gap"
    PAUSE = "pause"
    STOP = "stop"
    """A campaign's own pause."""
    CONSENT = "consent"
    """The customer withdrew a purpose."""
    OBJECTION = "objection"
    """The customer objects to being profiled for a purpose."""
    STOCK = "stock"
    """An offer's, over all customers."""
    TOTAL = "total"
    """A campaign's, over all customers."""
    CAPACITY = "capacity"
    """A channel's, over all customers."""
    BUDGET = "budget"
    """Of a channel, a campaign or the book: what contacts cost, over all customers."""


class Lapsed(NamedTuple):
    """Contacts that no longer count, since nothing was reported of them while they were reserved."""

    contacts: int
    at: Instant
    """When the latest of them was decided."""
    expired_at: Instant
    """When its reservation expired."""


class RuleReading(NamedTuple):
    """Result of one pressure rule when a proposal was tried."""

    campaign: str
    channel: str
    rule: str
    kind: RuleKind
    blocks: bool
    counted: int | None
    """Contacts in the window, or the outcomes of a pause or stop; None where the rule counts nothing."""
    limit: int | None
    """The limit, as lowered by the customer."""
    window: str
    """As a book would write it: `rolling 7d`, `calendar week`, `2d`, `21:00-08:00`; empty for what counts for good."""
    zones: tuple[str, ...]
    """IANA time zones in all of which it was evaluated; empty where no clock matters."""
    next_allowed_at: Instant | None
    """When this rule alone lets the proposal pass; None: not within 400 days."""
    lapsed: Lapsed | None = None
    """The contacts in its window that lapsed; None: there are none."""
    lifted: bool = False
    """Whether it would block, and was not applied because the customer is in the rule's trial."""
    applies_to: str = ""
    """For which customers the rule holds, as text; empty: for all."""
    cost: int | None = None
    """Of a budget: what a contact of the proposal costs; it, `counted` and `limit` are millionths of the currency."""
    currency: str = ""
    """Of a budget, by its code of ISO 4217."""


class CandidateOutcome(NamedTuple):
    """Result for one eligible campaign."""

    campaign: str
    reason: Reason
    """CHOSEN, why it was withheld, what it gave way to, or its first obstacle."""
    score: float
    details: tuple[Reason, ...]
    """Every channel that is out of reach and every pressure rule that blocked it."""
    readings: tuple[RuleReading, ...] = ()
    """Every pressure rule that was evaluated."""
    kept_at: Instant | None = None
    """When the draw was made that a sticky campaign keeps; None: it was made now, or nothing is kept."""


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
    """When the best blocked campaign may go on its first channel; None: not within 400 days."""
    degraded: bool = False
    """Whether it is a fallback for a decision that could not be logged; then it is not logged either."""
    candidate_outcomes: tuple[CandidateOutcome, ...] = ()
    """Of the eligible campaigns, best first; filled in PREVIEW only."""
    signals: tuple[SignalSince, ...] = ()
    """Those that held, by name."""
    selection_probability: float = 1.0
    """Probability with which the randomised policy produced this outcome: the first offer, or that the first is withheld;
    1.0 if nothing was randomised."""
    next_any_at: Instant | None = None
    """When any of the blocked campaigns may go on any of its channels; None: not within 400 days, or not in the log."""
    maybe_decision_id: str = ""
    """If degraded: the id of the decision that the log may have kept all the same; empty: it kept none."""
