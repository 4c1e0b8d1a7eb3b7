"""What is asked of a person's memory, and what is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from engine.model.event import Event
from engine.model.instant import Instant, Microseconds
from engine.model.outcome import PastOutcome
from engine.model.values import Value


class RecallQuery(NamedTuple):
    """What is wanted of one person."""

    person: str
    events: tuple[str, ...] = ()
    """Their types; none: no events are wanted."""
    since: Instant = 0
    """Events later than this."""
    signals: bool = False
    is_known: bool = False
    aliases: tuple[str, ...] = ()
    """Further names of the person, linked or not."""


class Recalled(NamedTuple):
    """What was found of one person, as JSON has it."""

    events: Sequence[Sequence[Any]]
    """at, position, event_id, type, fields: in order."""
    signals: Sequence[Sequence[Any]]
    """name, since, expires_at, fields: also those that have expired."""
    is_known: bool | None
    """None: it was not asked."""


EVERYTHING = "*"
"""Stands for all purposes; no book can name one so."""


class Consent(NamedTuple):
    """What was said of one purpose, or of everything."""

    withdrawn_at: Instant | None = None
    given_at: Instant | None = None


Consents: TypeAlias = Mapping[str, Consent]
"""By purpose; of those that are not there nothing was said."""


class CustomerState(NamedTuple):
    """What is known of one customer."""

    consents: Mapping[str, Consent] = {}
    outcomes: Sequence[PastOutcome] = ()
    """Of the types that some pause of the book looks at, in any order."""


NOTHING_SAID = CustomerState()


class HeldSignal(NamedTuple):
    """A signal that holds."""

    name: str
    since: Instant
    """When it was concluded first, without having been forgotten since."""
    expires_at: Instant | None = None
    """From this moment on it is forgotten; None: it holds for one request."""
    fields: Mapping[str, Value] = {}
    """What it exposes."""


class Memory(NamedTuple):
    """What is remembered of one person, as far as the live book needs it."""

    events: tuple[Event, ...] = ()
    signals: Mapping[str, HeldSignal] = {}
    """Those that have not expired, by name."""
    expired: tuple[HeldSignal, ...] = ()
    """Signals that are still kept and no longer hold."""
    is_new: bool | None = None
    """Whether nothing was known of the person; None: nobody looked."""


NO_MEMORY = Memory()


@dataclass(frozen=True, slots=True)
class Recall:
    """What a live book needs of the memory of persons."""

    events: tuple[str, ...]
    """Their types."""
    reach: Microseconds
    """How long ago the oldest event that can matter happened."""
    signals: bool
    is_new: bool

    def of(self, name: str, now: Instant, aliases: tuple[str, ...] = ()) -> RecallQuery:
        """What is to be read at the moment of the person who bears the names."""
        return RecallQuery(name, self.events, now - self.reach, self.signals, self.is_new, aliases)
