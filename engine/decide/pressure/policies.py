"""The contact pressure of a book, compiled: which rules a proposal has to pass."""

from collections.abc import Mapping, Sequence
from heapq import nlargest

from engine.conditions.model import attributes_of
from engine.decide.pressure.pauses import compile_outcome_rules
from engine.decide.pressure.quotas import QuotaRule, compile_places
from engine.decide.pressure.registry import ROWS
from engine.decide.pressure.rule import CountingRule, PressureRule, RuleInput
from engine.model.contact import Contact, Facts
from engine.model.instant import Instant
from engine.model.outcome import PastOutcome, PastOutcomes
from engine.rulebook.model.book import Book, Campaign


class Pressure:
    """The rules of a book: compiled once, then looked up for each campaign channel.

    A rule applies to a proposal that it would count itself (or, when it counts none, that it names), unless its `except`
    selects the proposal. What `except` selects still counts: it was a contact.
    """

    def __init__(self, book: Book) -> None:
        self._rules = [row.compile(book) for row in ROWS if row.compile]
        self._quotas = [row.compile_quotas(book) for row in ROWS if row.compile_quotas]
        self.shared = tuple(rule for quotas in self._quotas for rule in quotas.rules.values())
        """The rules that count the contacts of all customers together."""
        self.periodic = tuple(rule for rule in self.shared if rule.span is not None)
        """Those of them that count anew in each period."""
        self.lasting = {rule.key(0): rule for rule in self.shared if rule.span is None}
        """Those that count for good, by their counter, which is the same at every moment."""
        self.places = compile_places(book)
        """By channel, the capacity of each place of a set."""
        of_places = (rule for places in self.places.values() for rule in places.rules.values())
        self.counters = {rule.counter: rule for rule in (*self.shared, *of_places)}
        """The rules of all counters that all customers share, by counter; those of places too."""
        self.is_shared = bool(self.shared or self.places)
        """Whether any rule counts the contacts of all customers together."""
        needs = [rules.needs for rules in self._rules]
        self._counting = [rule for need in needs for rule in need.counting]
        self._counting_by_facts: dict[Facts, Sequence[CountingRule]] = {}
        self.lookback = max((rule.lookback for rule in self._counting), default=0)
        """No older contact is counted by any rule."""
        self.conditions = book.pressure.conditions
        """For which customers a rule holds, by its name; rules for everybody are left out."""
        by_place = (places.attribute for places in self.places.values())
        self.rule_attributes = frozenset(name for need in needs for name in need.attributes).union(by_place)
        """The attributes that rules read, without those in their conditions."""
        self.attributes = self.rule_attributes.union(*map(attributes_of, self.conditions.values()))
        """The attributes that rules read, and those in their conditions."""
        self.outcomes = frozenset(outcome for need in needs for outcome in need.outcomes)
        """The types of past outcomes that some rule reads."""
        self.hindsight = max(need.hindsight for need in needs)
        """No older outcome matters."""
        self.by_customer_clock = any(need.customer_clock for need in needs)
        """Whether it matters where a customer is."""

        self.keeps_zones = any(rule.by_customer_clock for rule in self._counting)
        """Whether contacts have to keep where their customer might be."""

        self._pauses = compile_outcome_rules(book)

    def rules_for(self, campaign: Campaign, facts: Facts) -> tuple[PressureRule, ...]:
        """The rules over the customer that a proposal of the campaign has to pass, in the order of the registry."""
        return tuple(rule for rules in self._rules for rule in rules.rules_for(campaign, facts))

    def counting(self, facts: Facts) -> Sequence[CountingRule]:
        """The rules that count contacts of one customer with these facts; looked up once."""
        rules = self._counting_by_facts.get(facts)
        if rules is None:
            rules = self._counting_by_facts[facts] = [rule for rule in self._counting if rule.counts(facts)]
        return rules

    def most(self, facts: Facts) -> int:
        """Of contacts with these facts that are held equally long, so many of the newest can matter to any rule."""
        return max((rule.most for rule in self.counting(facts)), default=0)

    def mattering(self, rule_input: RuleInput) -> Sequence[Contact]:
        """Those of the history that some rule counts, of each rule's as many as decide what it says now and later.

        Without the others every rule gives the same result, but for the number of contacts that lapsed. Contacts of which
        few are counted stay in any case, also those that expired or have left their window. Of a rule that counts contacts
        by a value these are as many of each value.
        """
        history, now = rule_input.history, rule_input.now
        if not history:
            return ()
        by_rule: dict[tuple[CountingRule, str | None], list[int]] = {}
        for index, contact in enumerate(history):
            for rule in self.counting(contact.facts):
                if contact.at > now - rule.lookback:
                    by_rule.setdefault((rule, rule.value_of(contact)), []).append(index)
        mattering: set[int] = set()
        for (rule, _), indexes in by_rule.items():
            if len(indexes) > rule.most:
                stops = {index: rule.stops(history[index], rule_input) for index in indexes}
                mattering.update(nlargest(rule.most, indexes, key=stops.__getitem__))
                mattering.update(_latest_lapsed(history, indexes, now))
            else:
                mattering.update(indexes)
        return [history[index] for index in sorted(mattering)]

    def mattering_outcomes(self, outcomes: Sequence[PastOutcome], now: Instant) -> Sequence[PastOutcome]:
        """Those of the outcomes without which some pause would give another result; all where there are few."""
        return self._pauses.mattering(outcomes, now)

    def pauses_in_force(
        self, outcomes: Sequence[PastOutcome], now: Instant
    ) -> frozenset[tuple[str, str, str, str]]:
        """Which pauses hold by these outcomes, and for which proposals."""
        return self._pauses.in_force(outcomes, now)

    def undecided_outcomes(self, portions: Sequence[PastOutcomes], now: Instant) -> set[int]:
        """The indexes of those of which older outcomes might give some pause another result."""
        return self._pauses.undecided(portions, now)

    def quotas_for(self, campaign: Campaign, facts: Facts) -> tuple[QuotaRule, ...]:
        """The rules over all customers together that count such a contact: stock, total, capacity, budgets."""
        return tuple(rule for quotas in self._quotas for rule in quotas.rules_for(campaign, facts))

    def unruled_for(self, campaign: Campaign, facts: Facts) -> Mapping[str, int]:
        """What such a contact would take, by counter, if the book had rules for these: another book may have."""
        return {
            name: amount
            for quotas in self._quotas
            for name, amount in quotas.unruled_for(campaign, facts).items()
        }


def _latest_lapsed(history: Sequence[Contact], indexes: Sequence[int], now: Instant) -> Sequence[int]:
    """The index of the latest contact that lapsed, of which explanations speak; none if there is none."""
    lapsed = [
        (contact.at, expires_at, index)
        for index in indexes
        if (expires_at := (contact := history[index]).expires_at) is not None and expires_at <= now
    ]
    return [max(lapsed)[2]] if lapsed else ()
