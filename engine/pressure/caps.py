"""Caps over rolling windows: at most so many contacts of one customer."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.instant import Instant
from engine.pressure.contact import Contact, Facts, selects
from engine.rulebook.model import Cap


class CapCount(NamedTuple):
    """How a cap stands for one proposal."""

    cap: Cap
    counted: int
    """Contacts in the window (now - window, now] that the cap counts; later ones too, should a clock have stepped back."""
    next_allowed_at: Instant
    """The earliest moment, now or later, at which the cap lets the proposal pass if nothing else happens."""

    @property
    def blocks(self) -> bool:
        """Whether the cap is reached."""
        return self.counted >= self.cap.limit


class Caps:
    """The caps of a book, each looked up once per kind of contact.

    A cap applies to a proposal that it would count itself, unless its `except` selects the proposal. What `except`
    selects still counts: it was a contact.
    """

    def __init__(self, caps: Mapping[str, Cap]) -> None:
        self._caps = tuple(caps.values())
        self._counting: dict[Facts, frozenset[str]] = {}
        self.longest_window = max((cap.window for cap in self._caps), default=0)

    def applicable(self, facts: Facts) -> tuple[Cap, ...]:
        """The caps that a proposal with these facts must pass."""
        return tuple(
            cap
            for cap in self._caps
            if selects(cap.count, facts) and not (cap.except_ is not None and selects(cap.except_, facts))
        )

    def counted_by(self, facts: Facts) -> frozenset[str]:
        """The names of the caps that count a contact with these facts."""
        names = self._counting.get(facts)
        if names is None:
            names = frozenset(cap.name for cap in self._caps if selects(cap.count, facts))
            self._counting[facts] = names
        return names

    def count(self, cap: Cap, history: Sequence[Contact], now: Instant) -> CapCount:
        """How the cap stands at `now` for one more contact, given the customer's contacts.

        A contact leaves the window at `at + window`, or when its reservation ends. So the cap lets the next one pass
        when all but `limit - 1` of those that count now have left.
        """
        if not history:
            return CapCount(cap, 0, now)
        leaving = [
            leaves
            for contact in history
            if (leaves := _leaves(contact, cap)) > now and cap.name in self.counted_by(contact.facts)
        ]
        excess = len(leaving) - cap.limit
        return CapCount(cap, len(leaving), now if excess < 0 else sorted(leaving)[excess])


def _leaves(contact: Contact, cap: Cap) -> Instant:
    leaves = contact.at + cap.window
    if contact.expires_at is not None and contact.expires_at < leaves:
        return contact.expires_at
    return leaves
