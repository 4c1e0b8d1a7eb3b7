"""Numbers of a customer's contacts, by what became of them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple, Self

from engine.model.contact import ContactSelector, MadeContact
from engine.model.instant import Instant, Microseconds
from engine.model.outcome import RESPONSES, OutcomeType
from engine.rulebook.model.derived import NO_OUTCOME, ContactCount


def numbers_of_contacts(
    counts: Iterable[ContactCount], contacts: Sequence[MadeContact], now: Instant
) -> Iterator[tuple[str, int]]:
    """The number of contacts by attribute: those that have the outcomes, and of how many that went out.

    Contacts and outcomes later than now do not count. Contacts are selected once for each selector, and sorted by time.
    """
    made = sorted((_Made.of(contact, now) for contact in contacts if contact.at <= now), key=_instant)
    by_selector: dict[ContactSelector, _Selected] = {}
    for count in counts:
        selected = by_selector.get(count.selector)
        if selected is None:
            selected = by_selector[count.selector] = _Selected.of(count.selector, made)
        window = selected.window(count, now)
        yield count.name, selected.number(count, window, now)
        if count.sent:
            yield count.sent, selected.number_sent(window)


def next_changes(
    counts: Iterable[ContactCount], contacts: Sequence[MadeContact], now: Instant
) -> list[Instant]:
    """The later moments at which a number of contacts may change though nothing happens, in order.

    A contact comes into a window, leaves it, or has been ignored for long enough.
    """
    moments = {
        contact.at + age
        for count in counts
        for contact in contacts
        if count.selector.selects(contact.campaign, contact.offer, contact.channel)
        for age in (count.after, count.within, *_ages_ignored(count))
        if age is not None
    }
    return sorted(moment for moment in moments if moment > now)


def _ages_ignored(count: ContactCount) -> Iterator[Microseconds]:
    if OutcomeType.IGNORED in count.outcomes:
        yield count.ignored_after


def selectors_of(counts: Iterable[ContactCount]) -> tuple[ContactSelector, ...]:
    """Which contacts are counted, each selector once, in order."""
    return tuple(sorted({count.selector for count in counts}))


def reach_of(counts: Sequence[ContactCount]) -> Microseconds | None:
    """Maximum age of a contact that is counted; None if contacts of any age are."""
    limited = [count.within for count in counts if count.within is not None]
    return max(limited, default=0) if len(limited) == len(counts) else None


def outcomes_of(counts: Iterable[ContactCount]) -> tuple[str, ...]:
    """The types of the contacts' outcomes on which the numbers depend, in order."""
    return tuple(sorted(frozenset().union(*map(_outcomes_read, counts))))


def _outcomes_read(count: ContactCount) -> frozenset[str]:
    if NO_OUTCOME in count.outcomes:
        return frozenset(map(str, OutcomeType))
    types = frozenset(count.outcomes)
    return types | RESPONSES if OutcomeType.IGNORED in types else types


_NOTHING: frozenset[str] = frozenset()


class _Made(NamedTuple):
    """A contact, and the types of the outcomes that were reported of it up to now."""

    contact: MadeContact
    reported: frozenset[str]

    @classmethod
    def of(cls, contact: MadeContact, now: Instant) -> Self:
        if not contact.outcomes:
            return cls(contact, _NOTHING)
        return cls(contact, frozenset(type_ for type_, at in contact.outcomes if at <= now))


def _instant(made: _Made) -> Instant:
    return made.contact.at


class _Selected(NamedTuple):
    """The contacts that one selector selects, the oldest first."""

    made: list[_Made]
    instants: list[Instant]
    sent: list[int]
    """How many of the contacts before each position, and of all, went out."""

    @classmethod
    def of(cls, selector: ContactSelector, all_made: Iterable[_Made]) -> Self:
        made = [
            entry
            for entry in all_made
            if selector.selects(entry.contact.campaign, entry.contact.offer, entry.contact.channel)
        ]
        sent = accumulate((contact.went_out for contact, _ in made), initial=0)
        return cls(made, [contact.at for contact, _ in made], list(sent))

    def window(self, count: ContactCount, now: Instant) -> tuple[int, int]:
        """The positions of the contacts that are old and young enough: from the first until before the second."""
        first = 0 if count.within is None else bisect_right(self.instants, now - count.within)
        return first, max(first, bisect_right(self.instants, now - (count.after or 0)))

    def number_sent(self, window: tuple[int, int]) -> int:
        """How many of the window went out."""
        first, end = window
        return self.sent[end] - self.sent[first]

    def number(self, count: ContactCount, window: tuple[int, int], now: Instant) -> int:
        """How many of the window have any of the outcomes."""
        if not count.outcomes:
            return self.number_sent(window)
        reported = frozenset(count.outcomes) - _CONCLUDED
        concluded = _CONCLUDED.intersection(count.outcomes)
        made = self.made[slice(*window)]
        if not concluded:
            return sum(not reported.isdisjoint(types) for _, types in made)
        return sum(
            not reported.isdisjoint(entry.reported)
            or any(_became(count, entry, outcome, now) for outcome in concluded)
            for entry in made
        )


_CONCLUDED = frozenset((NO_OUTCOME, OutcomeType.CONTACTED, OutcomeType.IGNORED))
"""The outcomes that a contact may have without a report of them."""


def _became(count: ContactCount, made: _Made, outcome: str, now: Instant) -> bool:
    """Whether the concluded outcome is the contact's."""
    contact, reported = made
    if outcome == NO_OUTCOME:
        return contact.went_out and not reported
    if outcome == OutcomeType.CONTACTED:
        return contact.is_elsewhere
    is_old = contact.at <= now - count.ignored_after
    is_silent = contact.went_out and not contact.is_elsewhere and is_old
    return reported.isdisjoint(RESPONSES) and (outcome in reported or is_silent)
