"""The contact pressure of a book, compiled: which rules a proposal has to pass."""

from engine.decide.pressure.quotas import QuotaRule
from engine.decide.pressure.registry import ROWS
from engine.decide.pressure.rule import PressureRule
from engine.model.contact import Facts
from engine.rulebook.model.book import Book, Campaign


class Pressure:
    """The rules of a book: compiled once, then looked up for each campaign channel.

    A rule applies to a proposal that it would count itself (or, when it counts none, that it names), unless its `except`
    selects the proposal. What `except` selects still counts: it was a contact.
    """

    def __init__(self, book: Book) -> None:
        self._rules = [row.compile(book) for row in ROWS if row.compile]
        self._quotas = [row.compile_quotas(book) for row in ROWS if row.compile_quotas]
        self.is_shared = any(quotas.rules for quotas in self._quotas)
        """Whether any rule counts the contacts of all customers together."""
        needs = [rules.needs for rules in self._rules]
        self.lookback = max(need.lookback for need in needs)
        """No older contact is counted by any rule."""
        self.customer_limits = frozenset(name for need in needs for name in need.customer_limits)
        """The attributes by which customers lower limits."""
        self.outcomes = frozenset(outcome for need in needs for outcome in need.outcomes)
        """The types of past outcomes that some rule reads."""
        self.hindsight = max(need.hindsight for need in needs)
        """No older outcome matters."""
        self.by_customer_clock = any(need.customer_clock for need in needs)
        """Whether it matters where a customer is."""

    def rules_for(self, campaign: Campaign, facts: Facts) -> tuple[PressureRule, ...]:
        """The rules over the customer that a proposal of the campaign has to pass, in the order of the registry."""
        return tuple(rule for rules in self._rules for rule in rules.rules_for(campaign, facts))

    def quotas_for(self, campaign: Campaign, facts: Facts) -> tuple[QuotaRule, ...]:
        """The rules over all customers together that count such a contact: stock, total, capacity."""
        return tuple(rule for quotas in self._quotas for rule in quotas.rules_for(campaign, facts))
