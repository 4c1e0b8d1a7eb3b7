"""Counts decisions of columns as `Tally` counts those of the log's rows, all customers of a chunk at once."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from engine.batch.classes import Sequences
from engine.batch.columns import Bools, Codes, rows_by_code
from engine.batch.kernel import Kernel
from engine.batch.order import NO_PAIR, in_rank_order
from engine.batch.profiles import RulesRead
from engine.batch.results import ChosenForm, TriedPeople
from engine.decide.arbitrate.candidates import gives_way
from engine.decide.compiled import CompiledBook
from engine.decide.pressure.registry import PRESSURE
from engine.ledger.commit.decision_rows import MOST_CANDIDATES
from engine.measure.population.tally import ALL_CHANNELS, MOST_COUNTED, CampaignForm, PersonSet, Tally
from engine.model.decision import Reason
from engine.model.instant import Instant


class CountedPeople(NamedTuple):
    """Customers whose decisions are counted."""

    tried: TriedPeople
    persons: Codes
    """By customer, their position in the order of the run, ascending."""
    kept: Bools
    """By customer, whether the decision is counted."""


class ColumnTally:
    """Adds to a tally what columns decide."""

    def __init__(self, tally: Tally, compiled: CompiledBook) -> None:
        self._tally, self._campaigns = tally, compiled.compiled_campaigns

    def see(self, kernel: Kernel, people: CountedPeople, now: Instant) -> None:
        """Counts the decisions that are kept, and their contacts."""
        decisions, tally = people.tried.decisions, self._tally
        kept = people.kept
        number = int(np.count_nonzero(kept))
        if not number:
            return
        tally.persons = max(tally.persons, int(people.persons[kept].max()) + 1)
        tally.decisions += number
        persons = people.persons[kept]
        for code, rows in rows_by_code(decisions.codes[kept]):
            tally.outcomes[decisions.distinct[code].outcome] += len(rows)
            for form in decisions.distinct[code].chosen:
                self._contacts(form, persons[rows], now)
        pairs = _ListedPairs.of(people)
        tally.more_candidates += pairs.more
        self._eligible(pairs, people)
        self._lost(kernel, pairs, people)
        self._rules(kernel.rules_read, pairs, people)

    def _contacts(self, form: ChosenForm, persons: Codes, now: Instant) -> None:
        tally, number = self._tally, len(persons)
        count = tally.form(CampaignForm(form.campaign, form.variant, form.channel))
        if form.withheld is not None:
            count.withheld += number
            return
        count.contacts += number
        _add(persons, count.persons, tally.reached)
        for channel in (ALL_CHANNELS, form.channel):
            weekly = np.frombuffer(tally.of_week(channel, int(persons[-1]) + 1), np.uint16)
            weekly[persons] = np.minimum(weekly[persons], MOST_COUNTED - 1) + np.uint16(1)
        tally.spend(form.campaign, form.channel, now, number)

    def _eligible(self, pairs: "_ListedPairs", people: CountedPeople) -> None:
        """Counts who was eligible for each campaign."""
        own = people.tried.tried.pairs
        listed = np.flatnonzero(pairs.listed)
        for at, members in rows_by_code(own.campaigns[listed]):
            count = self._tally.campaign(self._campaigns[at].campaign.name)
            count.eligible += len(members)
            _add(people.persons[own.rows[listed[members]]], count.persons)

    def _lost(self, kernel: Kernel, pairs: "_ListedPairs", people: CountedPeople) -> None:
        """Counts why campaigns were not chosen."""
        tried, decisions = people.tried.tried, people.tried.decisions
        own, size = tried.pairs, len(self._campaigns)
        ahead = tried.ahead[pairs.listed[tried.ahead]]
        for key, number in _counted(tried.profiles[ahead] * size + own.campaigns[ahead]):
            profile, campaign = divmod(key, size)
            reason = kernel.profiles[profile].reason
            if reason is not None:
                self._count_lost(campaign, reason, kernel.profiles[profile].obstacles, number)
        best = tried.best[people.kept & (tried.best != NO_PAIR)]
        best = best[pairs.listed[best]]
        codes = decisions.codes[own.rows[best]]
        width = len(kernel.profiles)
        for key, number in _counted((codes * width + tried.profiles[best]) * size + own.campaigns[best]):
            of_row, campaign = divmod(key, size)
            code, profile = divmod(of_row, width)
            withheld = decisions.distinct[code].chosen[0].withheld
            if withheld is not None:
                self._count_lost(campaign, withheld, kernel.profiles[profile].obstacles, number)
        behind = np.flatnonzero(pairs.listed & ~pairs.tried)
        winners = own.campaigns[tried.best[own.rows[behind]]]
        for key, number in _counted(winners * size + own.campaigns[behind]):
            winner, campaign = divmod(key, size)
            reason = gives_way(self._campaigns[campaign], [self._campaigns[winner]], 1, None)
            if reason is not None:
                self._count_lost(campaign, reason, (), number)

    def _count_lost(self, campaign: int, reason: Reason, obstacles: Sequence[Reason], number: int) -> None:
        name = self._campaigns[campaign].campaign.name
        count = self._tally.campaign(name)
        count.lost[reason.code, reason.name if reason.name != name else ""] += number
        for rule in {obstacle.name for obstacle in obstacles if obstacle.code in PRESSURE}:
            count.blocked[rule] += number

    def _rules(self, rules_read: Sequence[RulesRead], pairs: "_ListedPairs", people: CountedPeople) -> None:
        """Counts the decisions for which each rule was evaluated, and those in which it blocked."""
        tried = people.tried.tried
        members = np.flatnonzero(pairs.tried)
        rows = tried.pairs.rows[members]
        codes = tried.read[members] * 2 + ~pairs.listed[members]
        order = np.lexsort((codes, rows))
        sequences = Sequences()
        numbers = sequences.codes(rows[order], codes[order], len(people.kept))
        for number, customers in _counted(numbers[people.kept]):
            evaluated: set[str] = set()
            blocking: set[str] = set()
            for code in sequences.path(number):
                read = rules_read[code // 2]
                evaluated |= read.shared if code % 2 else read.evaluated
                blocking |= read.blocking & read.shared if code % 2 else read.blocking
            for rules, counts in ((evaluated, self._tally.evaluated), (blocking, self._tally.binding)):
                for rule in rules:
                    counts[rule] += customers


class _ListedPairs(NamedTuple):
    """The pairs of the customers who are counted."""

    listed: Bools
    """Those that a row of the log would list: of a customer the first so many in rank order."""
    tried: Bools
    """Those whose rules were read: the customer's best, and what is ahead of it; also where they are not listed."""
    more: int
    """How many are not listed."""

    @classmethod
    def of(cls, people: CountedPeople) -> "_ListedPairs":
        tried = people.tried.tried
        pairs, rows = tried.pairs, tried.pairs.rows
        kept = people.kept[rows]
        listed = kept.copy()
        many = np.flatnonzero(kept & (np.bincount(rows, minlength=len(people.kept))[rows] > MOST_CANDIDATES))
        if len(many):
            ordered = in_rank_order(pairs, many, pairs.campaigns, tried.ties)
            sizes = np.bincount(rows[ordered], minlength=len(people.kept))
            places = np.arange(len(ordered)) - (np.cumsum(sizes) - sizes)[rows[ordered]]
            listed[ordered[places >= MOST_CANDIDATES]] = False
        were_tried = np.zeros(len(rows), np.bool_)
        were_tried[tried.ahead] = True
        were_tried[tried.best[tried.best != NO_PAIR]] = True
        return cls(listed, were_tried & kept, int(np.count_nonzero(kept & ~listed)))


def _counted(keys: Codes) -> Iterator[tuple[int, int]]:
    """Each key, and how often it occurs."""
    distinct, numbers = np.unique(keys, return_counts=True)
    yield from zip(distinct.tolist(), numbers.tolist(), strict=True)


def _add(persons: Codes, *sets: PersonSet) -> None:
    """Adds persons to sets."""
    start = int(persons.min()) & ~7
    flags = np.zeros(int(persons.max()) + 1 - start, np.bool_)
    flags[persons - start] = True
    bits = np.packbits(flags, bitorder="little").tobytes()
    for own in sets:
        own.add_bits(start, bits)
