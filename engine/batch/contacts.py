"""Contacts as rules of contact pressure see them, so that customers with different ones are decided alike."""

from collections.abc import Sequence

import numpy as np

from engine.batch.columns import ValueColumn
from engine.decide.pressure.policies import Pressure
from engine.decide.pressure.rule import CountingRule
from engine.model.contact import Contact, Facts
from engine.model.instant import Instant

LEAST_ALIKE = 4
"""Customers with the same contacts who are decided by columns: of fewer each is decided sooner one by one."""


_MOST_KEPT = 1 << 16
"""Contacts of which it is kept what stands for them."""


class AlikeContacts:
    """Finds for contacts those that stand for all that no rule of a book can tell from them."""

    def __init__(self, pressure: Pressure) -> None:
        self._pressure = pressure
        self._facts: dict[tuple[CountingRule, ...], Facts] = {}
        """By the rules that count them."""
        self._known: dict[Contact, tuple[Contact, Instant]] = {}

    def of(self, contact: Contact) -> tuple[Contact, Instant]:
        """The contact that stands for this one, and the moment from which on no rule counts it."""
        known = self._known.get(contact)
        if known is None:
            if len(self._known) == _MOST_KEPT:
                self._known.clear()
            rules = tuple(self._pressure.counting(contact.facts))
            until = contact.at + max((rule.lookback for rule in rules), default=0)
            if contact.expires_at is not None:
                until = min(until, contact.expires_at)
            facts = self._facts.setdefault(rules, contact.facts)
            known = self._known[contact] = contact._replace(facts=facts), until
        return known

    def column(self, histories: Sequence[Sequence[Contact]], now: Instant) -> ValueColumn:
        """The contacts of customers that some rule may count at the moment."""
        contacts: dict[Contact, int] = {}
        numbers: dict[tuple[int, ...], int] = {}
        codes = []
        for history in histories:
            standing = map(self.of, history)
            left = [contacts.setdefault(own, len(contacts)) for own, until in standing if until > now]
            codes.append(numbers.setdefault(tuple(sorted(left)), len(numbers)))
        by_number = list(contacts)
        values = [tuple(by_number[own] for own in numbered) for numbered in numbers]
        return ValueColumn(np.array(codes, np.int64), values)
