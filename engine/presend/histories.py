"""Reads what the log holds of the persons of a group, as far as rules of contact pressure read it."""

from collections.abc import Sequence

from engine.batch.logged import LoggedHistory
from engine.decide.pressure.policies import Pressure
from engine.ledger.queries import consents, contacts, outcomes
from engine.ledger.store.store import Store
from engine.model.contact import Contact
from engine.model.instant import Instant
from engine.model.outcome import PastOutcome, PastOutcomes


def logged_of(
    store: Store, persons: Sequence[str], pressure: Pressure, now: Instant, since: Instant
) -> dict[str, LoggedHistory]:
    """What is kept of each of the persons. since: only later contacts are read; none is if it is later than `now`."""
    contacts_of: dict[str, list[Contact]] = {person: [] for person in persons}
    if since < now:
        for person, contact in contacts.contacts_of(store, persons, since, pressure.most):
            contacts_of[person].append(contact)
    consents_of = consents.consents_of(store, persons)
    outcomes_of: dict[str, list[PastOutcome]] = {person: [] for person in persons}
    for portion in _outcomes(store, persons, pressure, now):
        outcomes_of[portion.person] += portion.outcomes
    return {
        person: LoggedHistory(
            tuple(contacts_of[person]),
            tuple(consents_of.get(person, {}).items()),
            tuple(outcomes_of[person]),
        )
        for person in persons
    }


def _outcomes(store: Store, persons: Sequence[str], pressure: Pressure, now: Instant) -> list[PastOutcomes]:
    """The outcomes that pauses may read."""
    if not pressure.outcomes:
        return []

    def undecided(portions: Sequence[PastOutcomes]) -> set[int]:
        by_person: dict[str, list[int]] = {}
        for index, portion in enumerate(portions):
            by_person.setdefault(portion.person, []).append(index)
        return {
            own[lacking]
            for own in by_person.values()
            for lacking in pressure.undecided_outcomes([portions[index] for index in own], now)
        }

    since = now - pressure.hindsight
    return outcomes.of_persons(store, persons, sorted(pressure.outcomes), since, undecided)
