"""Contacts as rules of contact pressure see them, so that customers with different ones are decided alike."""

from engine.decide.pressure.policies import Pressure
from engine.decide.pressure.rule import CountingRule, RuleInput
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
        self._counted: dict[tuple[Instant, tuple[CountingRule, ...], str | None], Contact] = {}
        """By the moment, the rules that count them then, and the value by which they do."""

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

    def at(self, contact: Contact, now: Instant) -> Contact | None:
        """The contact that stands for all that the same rules count at the moment, however long yet; None: none does.

        Where a rule goes by the customer's clock, that which `of` gives: whether it counts depends on where they are.
        """
        counting = self._pressure.counting(contact.facts)
        if any(rule.by_customer_clock for rule in counting):
            standing, until = self.of(contact)
            return standing if until > now else None
        rule_input = RuleInput(now, (contact,), {}, ())
        rules = tuple(rule for rule in counting if rule.stops(contact, rule_input) > now)
        return self._counted.setdefault((now, rules, contact.counted_by), contact) if rules else None
