"""Compares two books on the decisions of a log: one step, and rolled on.

One step: each logged decision is made by both books at its logged history. Rolled on: the same requests in the same order,
where what each book itself decided is the history, and nothing is reported of it. What customers would do after more or fewer
contacts is in neither.

A decision is undecidable where a book reads what was not logged, of the decision or of its challenge; it is counted by reason,
and makes no contact in either book.
The history of one step are the contacts that the deciding book's rules counted, as they were then, and the person's other
contacts as they stand now.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation
from engine.decide.pressure.counters import QuotaKey, Taken, nth_expiry, total
from engine.decide.select import Selection
from engine.explain.books import Books
from engine.ledger.commit.replay import LoggedDecision, logged_decision_of
from engine.ledger.queries.contacts import contacts_before
from engine.ledger.store.rows import DecisionRow
from engine.ledger.store.store import Store
from engine.measure.draws import Undecidable
from engine.measure.one_step import COUNTER, NO_BOOK, BookSide, ChallengedStates, unread_counter
from engine.measure.population.logged import LoggedTallies
from engine.measure.replay import END, logged_rows
from engine.model.contact import Contact
from engine.model.decision import Outcome
from engine.model.instant import DAY, Instant
from engine.model.texts import value_text

_WEEK = 7 * DAY


class ComparedDecision(NamedTuple):
    """What a book decides of one request, as far as it is compared."""

    outcome: str
    offers: tuple[tuple[str, str, str], ...]
    """Campaign, variant and channel of each contact, withheld ones too."""

    @property
    def text(self) -> str:
        """For people: `cream-cold plain on sms`, `control: cream-cold plain on sms`, `blocked`."""
        offers = ", ".join(f"{' '.join(filter(None, offer[:2]))} on {offer[2]}" for offer in self.offers)
        if self.outcome == Outcome.OFFER:
            return offers
        return f"{self.outcome}: {offers}" if offers else self.outcome


class DecisionChange(NamedTuple):
    """A pair of different decisions."""

    before: ComparedDecision
    after: ComparedDecision


@dataclass(slots=True)
class Compared:
    """The decisions of both books, one step or rolled on."""

    same: int = 0
    changes: Counter[DecisionChange] = field(default_factory=Counter)
    by_segment: dict[str, Counter[bool]] = field(default_factory=dict)
    """By the value of an attribute, how many decisions changed and how many did not."""
    contacts: list[int] = field(default_factory=lambda: [0, 0])
    """Of the old and the new book, without withheld ones."""

    def add(self, old: Selection, new: Selection, segment: str | None) -> None:
        """Adds the decisions of one request."""
        change = DecisionChange(_decided(old), _decided(new))
        changed = change.before != change.after
        if changed:
            self.changes[change] += 1
        else:
            self.same += 1
        if segment is not None:
            self.by_segment.setdefault(segment, Counter())[changed] += 1
        for index, selection in enumerate((old, new)):
            self.contacts[index] += len(selection.offered)


@dataclass(slots=True)
class BookDiff:
    """What a log gives under two books."""

    tallies: LoggedTallies | None = None
    """Counts of the new book, where they are needed."""
    one_step: Compared = field(default_factory=Compared)
    rolled_on: Compared = field(default_factory=Compared)
    undecidable: Counter[str] = field(default_factory=Counter)
    """By reason, in words that begin with `the old book` or `the new book`."""
    persons: set[str] = field(default_factory=set)
    first: Instant = END
    last: Instant = 0
    stock: dict[str, list[tuple[int, int] | None]] = field(default_factory=dict)
    """By shared counter, what counts at the end and the limit: of the old and the new book, rolled on."""
    units: dict[str, int] = field(default_factory=dict)
    """By shared counter, how much of both is one contact, or one of the currency."""

    @property
    def person_weeks(self) -> float:
        """Persons times the weeks from the first decision to the last, at least one."""
        return len(self.persons) * max(1.0, (self.last - self.first) / _WEEK)


def _decided(selection: Selection) -> ComparedDecision:
    offers = tuple(
        (
            chosen.proposal.compiled_campaign.campaign.name,
            chosen.proposal.chosen.creative.variant,
            chosen.proposal.campaign_channel.channel,
        )
        for chosen in selection.chosen
    )
    return ComparedDecision(str(selection.outcome), offers)


def diff_log(  # noqa: PLR0913 - the parts of the question
    store: Store,
    pair: tuple[CompiledBook, CompiledBook],
    *,
    books: Books,
    period: tuple[Instant, Instant] = (0, END),
    segment: str = "",
    tallies: LoggedTallies | None = None,
    advance: Callable[[], object] = lambda: None,
) -> BookDiff:
    """Compares the two books, the old and the new one, on the decisions of the period, in the order in which they were made.

    segment: an attribute by whose logged value decisions are counted. tallies: counts what the new book does.
    Raises LedgerError.
    """
    diff = BookDiff(tallies)
    sides = _Side(pair[0], "the old book"), _Side(pair[1], "the new book")
    challenges = ChallengedStates(store, books, period)
    for row in logged_rows(store, period):
        _add(diff, store, row, sides, (books.of(row.book_version), challenges), segment)
        advance()
    for index, side in enumerate(sides):
        diff.units |= side.units
        for name, counted in side.stock().items():
            diff.stock.setdefault(name, [None, None])[index] = counted
    return diff


class _RolledCounts:
    """The shared counters of one book, rolled on: what it took itself, above what the log counted when it was first read."""

    def __init__(self) -> None:
        self._taken: dict[QuotaKey, list[Taken]] = {}
        self._before: dict[QuotaKey, int] = {}
        self._logged: Mapping[str, int] = {}

    def begin(self, logged: Mapping[str, int]) -> None:
        """Gives what the next decision read in the log, by rule."""
        self._logged = logged

    def take(self, key: QuotaKey, taken: Taken) -> None:
        """Counts a contact."""
        self._taken.setdefault(key, []).append(taken)

    def used(self, key: QuotaKey, now: Instant) -> int:
        """What counts at the moment."""
        before = self._before.setdefault(key, self._logged.get(key.rule, 0))
        return before + total(self._held(key, now))

    def counted(  # as QuotaCounts
        self,
        key: QuotaKey,
        limit: int,  # noqa: ARG002
        now: Instant,
        drawn: Sequence[Taken],
        amount: int,  # noqa: ARG002
    ) -> int:
        """What counts, with what the evaluation has drawn."""
        return self.used(key, now) + total(drawn)

    def given_back(  # as QuotaCounts
        self,
        key: QuotaKey,
        excess: int,
        now: Instant,
        drawn: Sequence[Taken],
        amount: int,  # noqa: ARG002
    ) -> Instant | None:
        """When so much of it has expired by itself."""
        return nth_expiry([*self._held(key, now), *drawn], excess)

    def _held(self, key: QuotaKey, now: Instant) -> list[Taken]:
        """What it took itself, and has not expired."""
        return [
            taken for taken in self._taken.get(key, ()) if taken.expires_at is None or taken.expires_at > now
        ]

    @property
    def keys(self) -> Iterator[QuotaKey]:
        """The latest period of each counter that was read or taken from."""
        latest: dict[str, QuotaKey] = {}
        for key in sorted({*self._before, *self._taken}):
            latest[key.rule] = key
        return iter(latest.values())


class _Side(BookSide):
    """One of the two books, with what it decided so far."""

    def __init__(self, compiled: CompiledBook, name: str) -> None:
        super().__init__(compiled, name)
        self.counts = _RolledCounts()
        self.now: Instant = 0
        self._history: dict[str, list[Contact]] = {}

    def roll(
        self,
        evaluation: Evaluation,
        logged: LoggedDecision,
        before: Callable[[], Sequence[Contact]],
        read: Mapping[str, int],
    ) -> Selection:
        """The selection at what this book itself decided; `before` gives the contacts before a person's first decision."""
        history = self._history.get(logged.state.person)
        if history is None:
            history = self._history[logged.state.person] = list(before())
        self.counts.begin(read)
        selection = self.step(evaluation, logged, history, self.counts)
        self.now = evaluation.request.now
        since = self.now - self.compiled.pressure.lookback
        history[:] = [contact for contact in history if contact.at > since]
        for proposal, contact, withheld in selection.chosen:
            history.append(contact)
            if withheld is None:
                for rule in proposal.campaign_channel.quotas:
                    self.counts.take(rule.key(self.now), Taken(contact.expires_at, rule.amount))
        return selection

    def stock(self) -> dict[str, tuple[int, int]]:
        """By shared counter, what counts at the end and the limit."""
        limits = {
            rule.name: rule.limit
            for campaign in self.compiled.compiled_campaigns
            for campaign_channel in campaign.campaign_channels.values()
            for rule in campaign_channel.quotas
        }
        limits |= {
            rule.counter: rule.limit
            for places in self.compiled.pressure.places.values()
            for rule in places.rules.values()
        }
        names = {key: key.counter if key.counter in limits else key.rule for key in self.counts.keys}
        return {name: (self.counts.used(key, self.now), limits[name]) for key, name in names.items()}

    @property
    def units(self) -> dict[str, int]:
        """By shared counter, how much of it is one contact, or one of the currency."""
        return {rule.name: rule.unit for rule in self.compiled.pressure.shared}


class _Step(NamedTuple):
    """A decision as one book makes it, one step."""

    logged: LoggedDecision
    """What the book reads of it: the log's, or with what a challenger read of it."""
    read: Mapping[str, int]
    """What the shared counters counted then, by rule."""
    evaluation: Evaluation
    selection: Selection


def _add(
    diff: BookDiff,
    store: Store,
    row: DecisionRow,
    sides: tuple[_Side, _Side],
    by: tuple[CompiledBook | None, ChallengedStates],
    segment: str,
) -> None:
    """Adds one logged decision. by: the book that decided, and what challengers read of decisions."""
    deciding, challenges = by
    if deciding is None:
        diff.undecidable[NO_BOOK] += 1
        return
    lookback = max(side.compiled.pressure.lookback for side in sides)
    with store.transaction(writes=False):
        before = contacts_before(store, row, row.at - lookback) if lookback else []
    try:
        old, new = (_step(row, side, deciding, challenges, before) for side in sides)
    except Undecidable as reason:
        diff.undecidable[str(reason)] += 1
        return
    _count(diff, row, old.logged)
    value = None
    for step in (new, old):
        value = step.logged.state.request.attributes.get(segment) if value is None else value
    named = None if not segment else "missing" if value is None else value_text(value)
    diff.one_step.add(old.selection, new.selection, named)
    rolled = [
        side.roll(step.evaluation, step.logged, lambda: before, step.read)
        for side, step in zip(sides, (old, new), strict=True)
    ]
    diff.rolled_on.add(rolled[0], rolled[1], named)
    if diff.tallies is not None:
        diff.tallies.add(new.logged, new.evaluation, new.selection, rolled[1])


def _step(
    row: DecisionRow,
    side: _Side,
    deciding: CompiledBook,
    challenges: ChallengedStates,
    before: Sequence[Contact],
) -> _Step:
    """The decision as the book makes it, from what was logged of it, or else of its challenge. Raises Undecidable."""

    def made(
        logged: LoggedDecision, trace: Mapping[str, Any], challenger: CompiledBook | None = None
    ) -> _Step:
        if reason := side.why_not(logged, deciding, challenger):
            raise Undecidable(reason)
        evaluation = side.evaluate(logged)
        history = side.history(logged, before, deciding)
        selection = side.step(evaluation, logged, history, logged.state.counts)
        read = {counter[0]: counter[1] for counter in reversed(trace["counters"])}
        if unread := unread_counter(selection, read):
            raise Undecidable(f"{side.name} {COUNTER.format(unread)}")
        return _Step(logged, read, evaluation, selection)

    try:
        return made(logged_decision_of(row, deciding), orjson.loads(row.trace))
    except Undecidable:
        challenged = challenges.of(row, deciding, side.compiled)
        if challenged is None:
            raise
    logged, challenger, trace = challenged
    return made(logged, trace, challenger)


def _count(diff: BookDiff, row: DecisionRow, logged: LoggedDecision) -> None:
    diff.persons.add(logged.state.person)
    diff.first, diff.last = min(diff.first, row.at), max(diff.last, row.at)


def diff_document(diff: BookDiff, versions: tuple[str, str]) -> dict[str, Any]:
    """The document of `tact diff --json`."""
    return {
        "schema": 1,
        "old": versions[0],
        "new": versions[1],
        "decisions": diff.one_step.same + diff.one_step.changes.total(),
        "undecidable": dict(diff.undecidable.most_common()),
        "persons": len(diff.persons),
        "person_weeks": diff.person_weeks,
        "one_step": _compared_document(diff.one_step, diff.person_weeks),
        "rolled_on": _compared_document(diff.rolled_on, diff.person_weeks),
        "stock": [
            {"counter": name, "old": _counted(old, diff.units[name]), "new": _counted(new, diff.units[name])}
            for name, (old, new) in sorted(diff.stock.items())
        ],
    }


def _compared_document(compared: Compared, person_weeks: float) -> dict[str, Any]:
    old, new = compared.contacts
    changes = sorted(compared.changes.items(), key=lambda change: (-change[1], change[0]))
    return {
        "same": compared.same,
        "changed": compared.changes.total(),
        "changes": [
            {"from": change.before.text, "to": change.after.text, "decisions": decisions}
            for change, decisions in changes
        ],
        "segments": [
            {"value": value, "changed": counts[True], "same": counts[False]}
            for value, counts in sorted(compared.by_segment.items())
        ],
        "contacts": {"old": old, "new": new},
        "extra_contacts_a_person_week": (new - old) / person_weeks if person_weeks else None,
    }


def _counted(counted: tuple[int, int] | None, unit: int) -> dict[str, float] | None:
    """What is used and left of the limit, in contacts or in the currency."""
    if counted is None:
        return None
    used, limit = counted
    amounts = {"used": used, "limit": limit, "left": max(0, limit - used)}
    return {key: amount if unit == 1 else amount / unit for key, amount in amounts.items()}
