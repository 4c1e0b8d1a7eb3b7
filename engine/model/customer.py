"""What is stored of a person (memory, consents, past outcomes), and queries for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from engine.model.contact import ContactQuery, ContactSelector, MadeContact
from engine.model.event import Event
from engine.model.instant import Instant, Microseconds
from engine.model.outcome import PastOutcome
from engine.model.values import Value


class RecallQuery(NamedTuple):
    """What to read of one person's memory."""

    person: str
    events: tuple[str, ...] = ()
    """Event types; empty: no events."""
    since: Instant = 0
    """Only later events are read."""
    signals: bool = False
    """Whether to read the signals."""
    is_known: bool = False
    """Whether to find out if anything is stored of the person."""
    aliases: tuple[str, ...] = ()
    """Further names of the person, linked or not."""
    contacts: ContactQuery | None = None
    """Which contacts to read; None: none."""


class Recalled(NamedTuple):
    """What is stored of one person, as rows of JSON values."""

    events: Sequence[Sequence[Any]]
    """Rows of at, position, event_id, type, fields; in order."""
    signals: Sequence[Sequence[Any]]
    """Rows of name, since, expires_at, fields; including those that have expired."""
    is_known: bool | None
    """None: the query did not ask for it."""
    contacts: Sequence[MadeContact] = ()
    """In any order."""


EVERYTHING = "*"
"""Stands for all purposes; no purpose of a book can have this name."""


class Consent(NamedTuple):
    """When the customer last withdrew and last gave consent to one purpose, or to everything."""

    withdrawn_at: Instant | None = None
    given_at: Instant | None = None


Consents: TypeAlias = Mapping[str, Consent]
"""By purpose; of a purpose that is missing nothing was reported."""


class KeptDraw(NamedTuple):
    """A draw for a campaign that is sticky, which holds for the person or their unit as long as the salt does."""

    campaign: str
    purpose: str
    """`control` or `variant`."""
    salt: str
    drawn: str
    """`treated` or `control`, or the variant."""
    share: float
    """The control's share, or the probability of the variant, when it was drawn."""
    at: Instant
    """The moment of the decision that drew it."""
    unit: str = ""
    """The attribute whose value was drawn; empty: the person was."""


class CustomerState(NamedTuple):
    """What is stored of one customer that pressure rules and draws read, besides contacts."""

    consents: Mapping[str, Consent] = {}
    outcomes: Sequence[PastOutcome] = ()
    """Of the types that some rule of the book reads, in any order."""
    kept: Sequence[KeptDraw] = ()
    """The draws for sticky campaigns among the candidates, in the order in which they were made."""


NOTHING_SAID = CustomerState()


class HeldSignal(NamedTuple):
    """A signal that holds."""

    name: str
    since: Instant
    """When it was first concluded since it last expired."""
    expires_at: Instant | None = None
    """When it expires; None: it holds for one request."""
    fields: Mapping[str, Value] = {}
    """The values that it exposes."""


class Memory(NamedTuple):
    """What is remembered of one person, as far as the book needs it."""

    events: tuple[Event, ...] = ()
    signals: Mapping[str, HeldSignal] = {}
    """Those that have not expired, by name."""
    expired: tuple[HeldSignal, ...] = ()
    """Signals that are still stored and no longer hold."""
    is_new: bool | None = None
    """Whether nothing was stored of the person; None: it was not read."""
    contacts: tuple[MadeContact, ...] = ()
    """Those that conditions count, in any order."""


NO_MEMORY = Memory()


@dataclass(frozen=True, slots=True)
class Recall:
    """What a book needs of the memory of persons."""

    events: tuple[str, ...]
    """Event types."""
    reach: Microseconds
    """Age of the oldest event that can matter."""
    signals: bool
    is_new: bool
    contacts: tuple[ContactSelector, ...] = ()
    """The contacts that conditions count."""
    contact_reach: Microseconds | None = None
    """Age of the oldest contact that can matter; None: contacts of any age do."""
    outcomes: tuple[str, ...] = ()
    """The types of the contacts' outcomes that conditions read."""

    def of(self, name: str, now: Instant, aliases: tuple[str, ...] = ()) -> RecallQuery:
        """The query for one person at the moment."""
        contacts = None
        if self.contacts:
            since = 0 if self.contact_reach is None else now - self.contact_reach
            contacts = ContactQuery(self.contacts, since, self.outcomes)
        return RecallQuery(name, self.events, now - self.reach, self.signals, self.is_new, aliases, contacts)

    @property
    def without_contacts(self) -> "Recall":
        """The same without contacts, where nothing is derived from them."""
        return replace(self, contacts=())
