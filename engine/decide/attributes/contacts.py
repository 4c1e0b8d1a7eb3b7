"""Numbers of a customer's contacts, by what became of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from engine.model.contact import ContactSelector, MadeContact
from engine.model.instant import Instant, Microseconds
from engine.model.outcome import RESPONSES, OutcomeType
from engine.rulebook.model.derived import NO_OUTCOME, ContactCount


def numbers_of_contacts(
    counts: Iterable[ContactCount], contacts: Sequence[MadeContact], now: Instant
) -> Iterator[tuple[str, int]]:
    """The number of contacts by attribute: those that have the outcomes, and of how many that went out."""
    for count in counts:
        yield count.name, number_of_contacts(count, contacts, now)
        if count.sent:
            yield count.sent, number_of_contacts(replace(count, outcomes=()), contacts, now)


def number_of_contacts(count: ContactCount, contacts: Iterable[MadeContact], now: Instant) -> int:
    """How many of the contacts count. Linear in the contacts and their outcomes.

    Contacts and outcomes later than now do not count.
    """
    return sum(_counts(count, contact, now) for contact in contacts)


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


def _counts(count: ContactCount, contact: MadeContact, now: Instant) -> bool:
    if contact.at > now - (count.after or 0) or (
        count.within is not None and contact.at <= now - count.within
    ):
        return False
    if not count.selector.selects(contact.campaign, contact.offer, contact.channel):
        return False
    if not count.outcomes:
        return contact.went_out
    reported = {type_ for type_, at in contact.outcomes if at <= now}
    return any(_became(count, contact, outcome, reported, now) for outcome in count.outcomes)


def _became(
    count: ContactCount, contact: MadeContact, outcome: str, reported: set[str], now: Instant
) -> bool:
    """Whether the outcome is the contact's."""
    if outcome == NO_OUTCOME:
        return contact.went_out and not reported
    if outcome == OutcomeType.CONTACTED:
        return contact.is_elsewhere
    if outcome == OutcomeType.IGNORED:
        is_old = contact.at <= now - count.ignored_after
        is_silent = contact.went_out and not contact.is_elsewhere and is_old
        return reported.isdisjoint(RESPONSES) and (outcome in reported or is_silent)
    return outcome in reported
