"""What decisions read of a customer besides eligibility, as small codes: reach, contact pressure, clocks, fitting texts."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from engine.batch.columns import (
    AttributeRows,
    Bools,
    Chunk,
    Codes,
    JointColumn,
    ValueColumn,
    joined,
    value_key,
)
from engine.batch.frame import MaskFrame, Words
from engine.batch.logged import NOTHING_LOGGED, LoggedHistory
from engine.conditions.index.index import ConditionIndex
from engine.conditions.model import ALWAYS, Condition
from engine.decide.arbitrate.campaign import CompiledCampaign, Creative
from engine.decide.arbitrate.content import ACCEPT_LANGUAGE, LANGUAGE, LANGUAGES, CompiledTexts
from engine.decide.attributes.zones import NEEDS, countries_of, plausible_zones, zones_of
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import derived_of
from engine.decide.match import clocks_of
from engine.decide.pressure.caps import CountRule
from engine.model.customer import NO_MEMORY
from engine.model.instant import Instant
from engine.model.request import Request
from engine.model.trends import TrendSource
from engine.model.values import Attributes, Moment, is_blank
from engine.rulebook.model.policies import Clock

_TAGS = (ACCEPT_LANGUAGE, LANGUAGE, LANGUAGES)


class Interned:
    """Numbers for keys, the same ones in every chunk."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, key: Hashable) -> int:
        """The key's number; a new one for a new key."""
        return self._numbers.setdefault(key, len(self._numbers))

    def codes(self, columns: Sequence[ValueColumn], rows: int) -> Codes:
        """By customer, the number of the combination of their values."""
        joint = joined(columns, rows)
        numbers = [
            self.number(tuple(value_key(column.values[at]) for column, at in zip(columns, own, strict=True)))
            for own in joint.combinations
        ]
        return np.array(numbers, np.int64)[joint.codes]


class People(Protocol):
    """The customers of a chunk, wherever they come from."""

    @property
    def names(self) -> Sequence[str]:
        """Their ids."""

    @property
    def chunk(self) -> Chunk:
        """Their attributes."""

    @property
    def histories(self) -> ValueColumn | None:
        """By customer, a LoggedHistory; None: nobody has any."""

    @property
    def trends(self) -> TrendSource | None:
        """The counts of trends; None: they are not known."""

    def remembered(self) -> Sequence[int]:
        """The rows of those who bring events, or of whom events or contacts are remembered; ascending."""

    def reach(self, purposes: frozenset[str]) -> ValueColumn:
        """By customer, which of these purposes they have agreed to, sorted, and which channels they prefer."""

    def request(self, row: int) -> Request:
        """The request that the engine decides for the customer of a row."""


def history_of(people: People, row: int) -> LoggedHistory:
    """What stands for the history of the customer of a row."""
    column = people.histories
    history: LoggedHistory = NOTHING_LOGGED if column is None else column.values[int(column.codes[row])]
    return history


class RequestPeople:
    """Customers of whom each comes as a request."""

    def __init__(self, requests: Sequence[Request], histories: ValueColumn | None = None) -> None:
        self._requests, self.histories = requests, histories
        self.trends = next((own.trends for own in requests if own.trends is not None), None)
        self.names = [request.customer for request in requests]
        self.chunk = Chunk(AttributeRows([request.attributes for request in requests]))

    def reach(self, purposes: frozenset[str]) -> ValueColumn:
        """By customer, which of these purposes they have agreed to, sorted, and which channels they prefer."""
        given = [(request.consents, request.preferred_channels) for request in self._requests]
        numbers = {own: number for number, own in enumerate(dict.fromkeys(given))}
        codes = np.fromiter(map(numbers.__getitem__, given), np.int64, len(given))
        return reach_of(ValueColumn(codes, list(numbers)), purposes)

    def remembered(self) -> Sequence[int]:
        """The rows of those who bring events, or of whom events or contacts are remembered."""
        return [row for row, own in enumerate(self._requests) if own.events or own.memory != NO_MEMORY]

    def request(self, row: int) -> Request:
        """The request of a row."""
        return self._requests[row]


def reach_of(column: ValueColumn, purposes: frozenset[str]) -> ValueColumn:
    """A column of consents and preferred channels, by what of them is looked at."""
    reach = ValueColumn.coded(
        [(tuple(sorted(consents & purposes)), preferred) for consents, preferred in column.values]
    )
    return ValueColumn(reach.codes[column.codes], reach.values)


@dataclass(slots=True)
class Customers:
    """The customers of a chunk who are decided by columns."""

    people: People
    chunk: Chunk
    days: Codes
    """By customer, which of the moments is theirs."""
    moments: Sequence[Moment]
    """The moment of decision on each day that some customer's clock shows."""
    clock: ValueColumn
    """What clocks and zones say of a customer."""
    running: Sequence[tuple[bool, ...]]
    """By code of `clock`, which scheduled campaigns run."""
    alive: Words | None
    """The clauses that hold, of the conditions other than the campaigns' own."""
    held: dict[Condition, Bools] = field(default_factory=dict)


class ClockReader:
    """Derives attributes, and determines day, zones and schedules, once for each combination of what they are read from."""

    def __init__(self, compiled: CompiledBook, now: Instant) -> None:
        self._compiled, self._now = compiled, now
        self.scheduled = [at for at, own in enumerate(compiled.compiled_campaigns) if own.active]
        """Positions of the campaigns with a schedule."""
        schedules = [active for at in self.scheduled for active in compiled.compiled_campaigns[at].active]
        self._reads_zones = (
            compiled.pressure.by_customer_clock
            or compiled.needs_day
            or any(active.clock is not Clock.BOOK for active in schedules)
        )
        derivation = compiled.derivation
        self._derives = bool(derivation.derive({}, (), now) or derivation.needs or derivation.trends)
        """Whether anything is derived of customers of whom nothing is remembered."""

    def derive(self, people: People) -> None:
        """Adds the derived attributes to the chunk; of those of whom something is remembered one by one."""
        derivation, chunk, remembered = self._compiled.derivation, people.chunk, people.remembered()
        if not self._derives and not remembered:
            return
        names = tuple(sorted(derivation.needs))
        joint = chunk.joint(names)
        derived = [
            derivation.derive(chunk.attributes(names, own), (), self._now, trends=people.trends)
            for own in joint.combinations
        ]
        codes = joint.codes.copy()
        codes[list(remembered)] = len(derived) + np.arange(len(remembered))
        derived += [derived_of(self._compiled, people.request(row)) for row in remembered]
        chunk.add(derived, codes)

    def read(self, people: People) -> Customers:
        """The customers with their clocks."""
        chunk = people.chunk
        names = NEEDS if self._reads_zones else ()
        joint: JointColumn = chunk.joint(names)
        read = [self._clock(chunk.attributes(names, own)) for own in joint.combinations]
        moments = list(dict.fromkeys(moment for moment, _, _ in read))
        days = np.array([moments.index(moment) for moment, _, _ in read], np.int64)
        distinct = ValueColumn.coded([clock for _, clock, _ in read])
        running = [schedules for _, _, schedules in read]
        return Customers(
            people,
            chunk,
            days[joint.codes],
            moments,
            ValueColumn(distinct.codes[joint.codes], distinct.values),
            [running[distinct.codes.tolist().index(code)] for code in range(len(distinct.values))],
            None,
        )

    def _clock(self, attributes: Attributes) -> tuple[Moment, Any, tuple[bool, ...]]:
        compiled, now = self._compiled, self._now
        moment = compiled.moment(now, attributes)
        clocks = clocks_of(compiled, Request("", now, attributes))
        running = tuple(clocks.run(compiled.compiled_campaigns[at].active) for at in self.scheduled)
        if not self._reads_zones:
            return moment, (moment.today, running), running
        zone = compiled.book.timezone
        plausible = plausible_zones(attributes, zone)
        keys = tuple(own.key for own in plausible), countries_of(attributes, plausible)
        zones = tuple(own.key for own in zones_of(attributes, zone).zones)
        return moment, (moment.today, running, *keys, zones), running


class SideConditions:
    """The conditions of boosts, variants and rules, looked up like those of campaigns."""

    def __init__(self, compiled: CompiledBook) -> None:
        conditions = dict.fromkeys(_side_conditions(compiled))
        self._position = {condition: at for at, condition in enumerate(conditions)}
        self._frame = MaskFrame(ConditionIndex.build(list(conditions))) if conditions else None

    def match(self, customers: Customers) -> None:
        """Finds the clauses that hold."""
        if self._frame is not None:
            customers.alive = self._frame.alive(customers.chunk, customers.days, customers.moments)

    def holds(self, customers: Customers, condition: Condition) -> Bools:
        """By customer, whether the condition holds."""
        held = customers.held.get(condition)
        if held is None:
            if self._frame is None or customers.alive is None:
                raise LookupError("a condition was not looked up")
            held = self._frame.holds(customers.alive, self._position[condition])
            customers.held[condition] = held
        return held

    def column(self, customers: Customers, condition: Condition) -> ValueColumn:
        """The same as a column."""
        return _flags(self.holds(customers, condition))


class Situations:
    """Everything that the reach of channels and the rules of contact pressure read of a customer and their contacts."""

    def __init__(self, compiled: CompiledBook, side: SideConditions) -> None:
        channels = compiled.book.channels.values()
        self._consents = frozenset(channel.consent for channel in channels if channel.consent is not None)
        self._addresses = sorted({channel.address for channel in channels if channel.address is not None})
        without_history = _read_without_history(compiled)
        self._attributes = sorted(without_history)
        self._with_history = sorted(compiled.pressure.rule_attributes - without_history)
        """What rules read besides of who has contacts."""
        self._conditions = list(compiled.pressure.conditions.values())
        self._side, self._interned = side, Interned()

    def __len__(self) -> int:
        return len(self._interned)

    def codes(self, customers: Customers) -> Codes:
        """By customer, the number of their situation."""
        chunk = customers.chunk
        columns = [customers.people.reach(self._consents), customers.clock]
        columns += [_flags(chunk.test(name, bool)) for name in self._addresses]
        columns += [chunk.column(name) for name in self._attributes]
        columns += [self._side.column(customers, condition) for condition in self._conditions]
        histories = customers.people.histories
        columns.append(_without_history(chunk.rows) if histories is None else self._history(chunk, histories))
        return self._interned.codes(columns, chunk.rows)

    def _history(self, chunk: Chunk, histories: ValueColumn) -> ValueColumn:
        """The histories, with the attributes that rules read of who has contacts."""
        if not self._with_history:
            return ValueColumn(histories.codes, [(own,) for own in histories.values])
        joint = joined([histories, *map(chunk.column, self._with_history)], chunk.rows)
        read = [
            (own, *values) if (own := histories.values[code]).contacts else (own,)
            for code, values in (
                (code, chunk.attributes(self._with_history, rest).items())
                for code, *rest in joint.combinations
            )
        ]
        distinct = ValueColumn.coded(read)
        return ValueColumn(distinct.codes[joint.codes], distinct.values)


def _without_history(rows: int) -> ValueColumn:
    return ValueColumn(np.zeros(rows, np.int64), [(NOTHING_LOGGED,)])


class Fits:
    """Everything that decides which of a campaign's creatives fit a customer, and what they lack."""

    def __init__(self, compiled_campaign: CompiledCampaign, side: SideConditions) -> None:
        creatives = [own for on in compiled_campaign.campaign_channels.values() for own in on.creatives]
        self._conditions = list(dict.fromkeys(own.when for own in creatives if own.when != ALWAYS))
        self._needs = sorted({name for own in creatives for texts in _texts(own) for name in texts.needs})
        self._translated = [own for own in creatives if own.by_language]
        self._side, self._interned = side, Interned()

    @property
    def is_plain(self) -> bool:
        """Whether the same creatives fit every customer."""
        return not (self._conditions or self._needs or self._translated)

    @property
    def is_own(self) -> bool:
        """Whether the codes are of this campaign alone, since its texts are."""
        return bool(self._translated)

    @property
    def shared_by(self) -> Hashable:
        """Other campaigns with the same key have the same codes."""
        return tuple(self._conditions), tuple(self._needs)

    def __len__(self) -> int:
        return max(1, len(self._interned))

    def codes(self, customers: Customers) -> Codes:
        """By customer, the number of what fits them."""
        chunk = customers.chunk
        columns = [self._side.column(customers, condition) for condition in self._conditions]
        columns += [_flags(chunk.test(name, is_blank)) for name in self._needs]
        if self._translated:
            joint = chunk.joint(_TAGS)
            texts = ValueColumn.coded(
                [self._languages(chunk.attributes(_TAGS, own)) for own in joint.combinations]
            )
            columns.append(ValueColumn(texts.codes[joint.codes], texts.values))
        return self._interned.codes(columns, chunk.rows)

    def _languages(self, attributes: Attributes) -> tuple[int, ...]:
        """Which of their texts the translated creatives have for the customer's languages."""
        return tuple(id(creative.texts_for(attributes)) for creative in self._translated)


def _texts(creative: Creative) -> Iterator[CompiledTexts]:
    yield from (creative.texts, creative.texts_by_lookup, *creative.by_language.values())


def _side_conditions(compiled: CompiledBook) -> Iterable[Condition]:
    yield from compiled.pressure.conditions.values()
    for compiled_campaign in compiled.compiled_campaigns:
        yield from (boost.when for boost in compiled_campaign.campaign.boosts)
        for campaign_channel in compiled_campaign.campaign_channels.values():
            yield from (own.when for own in campaign_channel.creatives if own.when != ALWAYS)


def _read_without_history(compiled: CompiledBook) -> frozenset[str]:
    """The attributes that rules read of a customer who has no contacts: the values by which they are counted apart are not."""
    channels = [on for own in compiled.compiled_campaigns for on in own.campaign_channels.values()]
    counting = [rule for on in channels for rule in on.rules if isinstance(rule, CountRule)]
    limits = {rule.customer_limit for rule in counting}
    counted_by = {rule.by for rule in counting} - limits
    return compiled.pressure.rule_attributes.difference(name for name in counted_by if name is not None)


def _flags(flags: Bools) -> ValueColumn:
    return ValueColumn(flags.astype(np.int64), (False, True))
