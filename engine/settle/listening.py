"""Listening: what the customers of a group told us is read with their contacts, in the group's transaction."""

from collections.abc import Sequence

from engine.consent import Consents, stricter
from engine.ledger import consents
from engine.ledger.store import Store
from engine.pressure.told import NOTHING, Told
from engine.settle.ask import Ask
from engine.settle.people import People


class Listening:
    """What was told by the persons of a group, as far as it can matter to what is asked."""

    def __init__(self, store: Store, asks: Sequence[Ask], people: People) -> None:
        sending = [ask for ask in asks if ask.candidates and not ask.request.placement and ask.live.outbound]
        asked = {person for ask in sending for person in people.all_of(ask)}
        self._consents: dict[str, Consents] = consents.consents_of(store, list(asked)) if asked else {}

    def of(self, person: str) -> Told:
        """What the person told."""
        found = self._consents.get(person)
        return Told(found) if found else NOTHING

    def of_all(self, persons: Sequence[str]) -> Told:
        """What several told who are one person: the stricter holds."""
        if len(persons) == 1:
            return self.of(persons[0])
        return Told(stricter([self._consents[one] for one in persons if one in self._consents]))
