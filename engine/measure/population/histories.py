"""What simulated persons have been contacted with: few different histories, since visits share their moments."""

from collections.abc import Sequence

import numpy as np

from engine.batch.columns import Codes, ValueColumn
from engine.batch.contacts import AlikeContacts
from engine.batch.logged import LoggedHistory
from engine.decide.pressure.policies import Pressure
from engine.model.contact import Contact
from engine.model.instant import Instant

_History = tuple[int, ...]
"""Contacts by number, in order of time."""


class Histories:
    """The contacts of every person, as a number of their history: eight bytes a person."""

    def __init__(self, pressure: Pressure, persons: int) -> None:
        self._alike = AlikeContacts(pressure)
        self._codes = np.zeros(persons, np.int64)
        self._contacts: list[Contact] = []
        self._number_of_contact: dict[Contact, int] = {}
        self._histories: list[_History] = [()]
        self._number_of: dict[_History, int] = {(): 0}
        self._counting: dict[int, Instant] = {}
        """By contact, until when some rule counts it."""

    def at(self, persons: Codes, now: Instant) -> ValueColumn:
        """The contacts of these persons that some rule may count at the moment or later, or is about to."""
        distinct, codes = np.unique(self._codes[persons], return_inverse=True)
        left = [self._numbered(self._left(self._histories[code], now)) for code in distinct.tolist()]
        self._codes[persons] = np.array(left, np.int64)[codes]
        used = list(dict.fromkeys(left))
        position_of = {number: position for position, number in enumerate(used)}
        values = [
            LoggedHistory(tuple(self._contacts[own] for own in self._histories[number])) for number in used
        ]
        return ValueColumn(np.array([position_of[number] for number in left], np.int64)[codes], values)

    def add(self, persons: Codes, contact: Contact) -> None:
        """Adds a contact to the history of these persons, as one that the same rules count."""
        contact, until = self._alike.of(contact)
        number = self._number_of_contact.setdefault(contact, len(self._contacts))
        if number == len(self._contacts):
            self._contacts.append(contact)
            self._counting[number] = until
        if self._counting[number] <= contact.at:
            return
        distinct, codes = np.unique(self._codes[persons], return_inverse=True)
        longer = [self._numbered((*self._histories[code], number)) for code in distinct.tolist()]
        self._codes[persons] = np.array(longer, np.int64)[codes]

    def _left(self, history: Sequence[int], now: Instant) -> _History:
        """Without contacts that lapsed or that every rule has stopped to count, which change no decision."""
        return tuple(number for number in history if self._counting[number] > now)

    def _numbered(self, history: _History) -> int:
        number = self._number_of.setdefault(history, len(self._histories))
        if number == len(self._histories):
            self._histories.append(history)
        return number
