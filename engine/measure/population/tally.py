"""Counts what a book decides of a population: by campaign, variant, channel and rule, by person and week, of shared counters.

Everything is taken from the rows that the decisions would have in a log. A person is a position in the order of the run, and
takes one bit for each count of persons and two bytes for the contacts of a week.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import orjson

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.decide.compiled import CompiledBook
from engine.decide.pressure.counters import QuotaKey
from engine.decide.pressure.registry import PRESSURE
from engine.ledger.store.rows import ContactRow, DecisionRow
from engine.model.contact import ContactState
from engine.model.decision import ReasonCode
from engine.model.instant import Instant

MOST_COUNTED = 65_535
ALL_CHANNELS = ""

ValueOf: TypeAlias = Callable[[str], str | None]
"""Gives the value of an attribute of the person who is decided, as text; None where it is missing."""


class PersonSet:
    """A set of persons by position, one bit each."""

    __slots__ = ("_bits", "count")

    def __init__(self) -> None:
        self._bits = bytearray()
        self.count = 0

    def add(self, person: int) -> None:
        """Adds the person, once."""
        index, bit = person >> 3, 1 << (person & 7)
        if index >= len(self._bits):
            self._bits.extend(bytes(index + 1 - len(self._bits)))
        if not self._bits[index] & bit:
            self._bits[index] |= bit
            self.count += 1

    def add_bits(self, start: int, bits: bytes) -> None:
        """Adds persons by a map of bits, the lowest of a byte first. start: the position of the first, a multiple of 8."""
        index, stop = start >> 3, (start >> 3) + len(bits)
        if stop > len(self._bits):
            self._bits.extend(bytes(stop - len(self._bits)))
        before = int.from_bytes(self._bits[index:stop], "little")
        after = before | int.from_bytes(bits, "little")
        self._bits[index:stop] = after.to_bytes(len(bits), "little")
        self.count += after.bit_count() - before.bit_count()


class CampaignForm(NamedTuple):
    """A form in which a campaign reaches persons."""

    campaign: str
    variant: str
    channel: str


class Watched(NamedTuple):
    """Persons whose chances of getting something are compared by the values of an attribute."""

    kind: str
    """`offer` or `campaign`."""
    name: str
    attribute: str


@dataclass(slots=True)
class FormCount:
    """Contacts and persons of one form; what an experiment withheld is counted apart."""

    persons: PersonSet
    contacts: int = 0
    withheld: int = 0


@dataclass(slots=True)
class CampaignCount:
    """What became of a campaign in the decisions for which it was eligible."""

    persons: PersonSet
    """Who were eligible."""
    eligible: int = 0
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By code and name of the first reason."""
    blocked: Counter[str] = field(default_factory=Counter)
    """By rule, the decisions in which it lost and the rule blocked one of its channels."""


class RateCount(NamedTuple):
    """Of the persons with one value, those who were eligible, and those of them who got it."""

    eligible: PersonSet
    got: PersonSet


class Visit(NamedTuple):
    """A person to be decided at a moment."""

    person: int
    now: Instant
    message: DecideRequest


class Tally:
    """The counts of one run.

    persons: how many there are; where that is not known beforehand, 0: it grows with the positions that are seen.
    """

    def __init__(self, compiled: CompiledBook, persons: int, watched: Sequence[Watched] = ()) -> None:
        self.compiled, self.persons = compiled, persons
        self.decisions = self.more_candidates = 0
        self.outcomes: Counter[str] = Counter()
        self.forms: dict[CampaignForm, FormCount] = {}
        self.campaigns: dict[str, CampaignCount] = {}
        self.binding: Counter[str] = Counter()
        """By rule, the decisions in which it blocked a proposal."""
        self.evaluated: Counter[str] = Counter()
        self.reached = PersonSet()
        self.cost_micros: Counter[str] = Counter()
        """By channel."""
        self.taken: Counter[QuotaKey] = Counter()
        """Contacts, or what they cost, by shared counter and period."""
        self.weeks = 0
        self.by_week: dict[str, Counter[int]] = {}
        """By channel, in how many person-weeks there were so many contacts, none aside; ALL_CHANNELS: on all together."""
        self.rates: dict[Watched, dict[str | None, RateCount]] = {watch: {} for watch in watched}
        self._week: dict[str, array[int]] = defaultdict(lambda: array("H"))
        self._units = {rule.name: rule.unit for rule in compiled.pressure.shared}
        self._campaigns_of = {watch: self._campaigns(watch) for watch in watched}
        self._compiled = {
            campaign.campaign.name: campaign.campaign_channels for campaign in compiled.compiled_campaigns
        }

    def see(self, person: int, row: DecisionRow, contacts: Sequence[ContactRow], value_of: ValueOf) -> None:
        """Counts one decision and its contacts."""
        trace = orjson.loads(row.trace)
        self.persons = max(self.persons, person + 1)
        self.decisions += 1
        self.more_candidates += trace["more_candidates"]
        self.outcomes[row.outcome] += 1
        for name, _, code, reason, obstacles, *_ in trace["candidates"]:
            campaign = self.campaign(name)
            campaign.eligible += 1
            campaign.persons.add(person)
            if code != ReasonCode.CHOSEN:
                campaign.lost[code, reason if reason != name else ""] += 1
                campaign.blocked.update({rule for obstacle, rule in obstacles if obstacle in PRESSURE})
        self.evaluated.update({counter[0] for counter in trace["counters"]})
        self.binding.update({counter[0] for counter in trace["counters"] if counter[3]})
        for contact in contacts:
            variant, *_ = trace["variants"][contact.position]
            self._contact(person, contact, variant)
        if self.rates:
            self._rate(person, [candidate[0] for candidate in trace["candidates"]], contacts, value_of)

    def campaign(self, name: str) -> CampaignCount:
        """The counts of a campaign."""
        campaign = self.campaigns.get(name)
        if campaign is None:
            campaign = self.campaigns[name] = CampaignCount(PersonSet())
        return campaign

    def form(self, key: CampaignForm) -> FormCount:
        """The counts of a form."""
        form = self.forms.get(key)
        if form is None:
            form = self.forms[key] = FormCount(PersonSet())
        return form

    def of_week(self, channel: str, persons: int) -> "array[int]":
        """Contacts of this week on the channel by person, for at least so many persons; none is above MOST_COUNTED."""
        counts = self._week[channel]
        if persons > len(counts):
            counts.frombytes(bytes(2 * (persons - len(counts))))
        return counts

    def spend(self, campaign: str, channel: str, at: Instant, contacts: int = 1) -> None:
        """Counts what contacts cost and what they take from shared counters."""
        self.cost_micros[channel] += self.compiled.book.channels[channel].cost_micros * contacts
        for rule in self._compiled[campaign][channel].quotas:
            self.taken[rule.key(at)] += rule.amount * contacts

    def end_week(self) -> None:
        """Closes a week: its contacts become part of the distribution."""
        self.weeks += 1
        for channel in {ALL_CHANNELS, *self._week}:
            self.by_week.setdefault(channel, Counter()).update(filter(None, self._week.get(channel, ())))
        self._week.clear()

    def distribution(self, channel: str = ALL_CHANNELS) -> "Distribution":
        """Contacts a person-week over the weeks that are closed, with those of none."""
        histogram, person_weeks = self.by_week.get(channel, Counter()), self.persons * self.weeks
        return Distribution.from_histogram(Counter({0: person_weeks - histogram.total()}) + histogram)

    def rule_limits(self) -> dict[str, float]:
        """The limit of each shared counter, in contacts or in the currency."""
        return {
            rule.name: _in_units(rule.limit, rule.unit)
            for channels in self._compiled.values()
            for campaign_channel in channels.values()
            for rule in campaign_channel.quotas
        }

    def most_taken(self, counter: str) -> float:
        """What contacts took from a shared counter in the period in which they took most, in contacts or in the currency.

        Contacts that lapsed and were given back are among them.
        """
        most = max((taken for key, taken in self.taken.items() if key.rule == counter), default=0)
        return _in_units(most, self._units.get(counter, 1))

    def _campaigns(self, watch: Watched) -> frozenset[str]:
        if watch.kind == "campaign":
            return frozenset((watch.name,))
        campaigns = self.compiled.book.campaigns.values()
        return frozenset(campaign.name for campaign in campaigns if campaign.offer == watch.name)

    def _contact(self, person: int, contact: ContactRow, variant: str) -> None:
        key = CampaignForm(contact.campaign, variant, contact.channel)
        form = self.form(key)
        if contact.state == ContactState.SHADOW:
            form.withheld += 1
            return
        form.contacts += 1
        form.persons.add(person)
        self.reached.add(person)
        for channel in (ALL_CHANNELS, contact.channel):
            counts = self.of_week(channel, person + 1)
            counts[person] = min(counts[person] + 1, MOST_COUNTED)
        self.spend(contact.campaign, contact.channel, contact.at)

    def _rate(
        self, person: int, candidates: Sequence[str], contacts: Sequence[ContactRow], value_of: ValueOf
    ) -> None:
        """Counts eligibility and receipt of the campaigns that are watched, by the person's value."""
        received = {contact.campaign for contact in contacts if contact.state != ContactState.SHADOW}
        for watch, campaigns in self._campaigns_of.items():
            if campaigns.isdisjoint(candidates):
                continue
            value = value_of(watch.attribute)
            rates = self.rates[watch]
            if value not in rates:
                rates[value] = RateCount(PersonSet(), PersonSet())
            rates[value].eligible.add(person)
            if not campaigns.isdisjoint(received):
                rates[value].got.add(person)


def _in_units(amount: int, unit: int) -> float:
    """The amount in contacts, or in the currency."""
    return amount if unit == 1 else amount / unit


class Distribution(NamedTuple):
    """Contacts a person-week."""

    person_weeks: int
    contacts: int
    histogram: dict[int, int]
    """Person-weeks by number of contacts."""

    @classmethod
    def from_histogram(cls, histogram: Counter[int]) -> "Distribution":
        """The distribution of a histogram, in order."""
        ordered = {number: histogram[number] for number in sorted(histogram) if histogram[number]}
        contacts = sum(number * weeks for number, weeks in ordered.items())
        return cls(sum(ordered.values()), contacts, ordered)

    @property
    def mean(self) -> float:
        """Contacts a person-week on average."""
        return self.contacts / self.person_weeks if self.person_weeks else 0.0

    @property
    def most(self) -> int:
        """The most contacts in any person-week."""
        return max(self.histogram, default=0)

    def percentile(self, percent: float) -> int:
        """The smallest number that at least so many percent of the person-weeks do not exceed (nearest rank)."""
        needed, below = percent / 100 * self.person_weeks, 0
        for number, weeks in self.histogram.items():
            below += weeks
            if below >= needed:
                return number
        return self.most


def form_order(form: CampaignForm) -> tuple[Any, ...]:
    """Orders forms by campaign, channel and variant."""
    return form.campaign, form.channel, form.variant
