"""Listening: what the customers of a group told us is read with their contacts, in the group's transaction."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson

from engine.decide.evaluate import Evaluation
from engine.decide.pressure.consent import stricter
from engine.ledger.commit.identity import Identities
from engine.ledger.queries import consents, decisions, outcomes
from engine.ledger.store.store import Store
from engine.model.contact import Contact, Facts
from engine.model.customer import NOTHING_SAID, Consents, CustomerState
from engine.model.outcome import PastOutcome


class CustomerStates:
    """What was told by the persons of a group, as far as it can matter to what is asked."""

    def __init__(self, store: Store, asks: Sequence[Evaluation], identities: Identities) -> None:
        proposing = [ask for ask in asks if ask.candidates]
        sending = [ask for ask in proposing if not ask.request.placement and ask.compiled.outbound]
        asked = {person for ask in sending for person in identities.all_of(ask)}
        self._consents: dict[str, Consents] = consents.consents_of(store, list(asked)) if asked else {}
        pausing = [ask for ask in proposing if ask.compiled.pressure.outcomes]
        self._outcomes = _outcomes(store, pausing, identities) if pausing else {}

    def of(self, person: str) -> CustomerState:
        """What the person told."""
        found, happened = self._consents.get(person), self._outcomes.get(person)
        return CustomerState(found or {}, happened or ()) if found or happened else NOTHING_SAID

    def of_all(self, persons: Sequence[str]) -> CustomerState:
        """What several told who are one person: the stricter holds."""
        if len(persons) == 1:
            return self.of(persons[0])
        return CustomerState(
            stricter([self._consents[one] for one in persons if one in self._consents]),
            [happened for one in persons for happened in self._outcomes.get(one, ())],
        )


def _outcomes(
    store: Store, asks: Sequence[Evaluation], identities: Identities
) -> dict[str, list[PastOutcome]]:
    """The outcomes that some pause of the asks' books looks at, by person."""
    persons = list({person for ask in asks for person in identities.all_of(ask)})
    types = sorted({each for ask in asks for each in ask.compiled.pressure.outcomes})
    since = min(ask.request.now - ask.compiled.pressure.hindsight for ask in asks)
    found: dict[str, list[PastOutcome]] = defaultdict(list)
    for person, *one in outcomes.of_persons(store, persons, types, since):
        found[person].append(PastOutcome(*one))
    return found


Histories = dict[str, list[Contact]]
"""The contacts that may still count, by person."""


def _histories(store: Store, asks: Sequence[Evaluation], identities: Identities) -> Histories:
    """The contacts of the persons for whom some rule could count them."""
    found: Histories = defaultdict(list)
    window = max((ask.compiled.pressure.lookback for ask in asks), default=0)
    found_for = list({person for ask in asks if ask.candidates for person in identities.all_of(ask)})
    if window and found_for:
        since = min(ask.request.now for ask in asks) - window
        for person, *contact in decisions.contacts_of(store, found_for, since):
            found[person].append(_contact(contact))
    return found


def _contact(row: list[Any]) -> Contact:
    at, expires_at, channel, kind, campaign, offer, category, tags = row
    return Contact(
        at, expires_at, Facts(channel, kind, campaign, offer, category, frozenset(orjson.loads(tags)))
    )
