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
from engine.conditions.index.index import ConditionIndex
from engine.conditions.model import ALWAYS, Condition
from engine.decide.arbitrate.campaign import CompiledCampaign, Creative
from engine.decide.arbitrate.content import ACCEPT_LANGUAGE, LANGUAGE, LANGUAGES, CompiledTexts
from engine.decide.attributes.zones import NEEDS, countries_of, plausible_zones, zones_of
from engine.decide.compiled import CompiledBook
from engine.decide.match import clocks_of
from engine.decide.pressure.caps import CountRule
from engine.model.contact import Contact
from engine.model.instant import Instant
from engine.model.request import Request
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
    def contacts(self) -> ValueColumn | None:
        """By customer, their contacts that may still count, as a tuple; None: nobody has any."""

    def reach(self, purposes: frozenset[str]) -> ValueColumn:
        """By customer, which of these purposes they have agreed to, sorted, and which channels they prefer."""

    def request(self, row: int) -> Request:
        """The request that the engine decides for the customer of a row."""


def contacts_of(people: People, row: int) -> Sequence[Contact]:
    """The contacts of the customer of a row that may still count."""
    column = people.contacts
    contacts: Sequence[Contact] = () if column is None else column.values[int(column.codes[row])]
    return contacts


class RequestPeople:
    """Customers of whom each comes as a request."""

    def __init__(self, requests: Sequence[Request], contacts: ValueColumn | None = None) -> None:
        self._requests, self.contacts = requests, contacts
        self.names = [request.customer for request in requests]
        self.chunk = Chunk(AttributeRows([request.attributes for request in requests]))

    def reach(self, purposes: frozenset[str]) -> ValueColumn:
        """By customer, which of these purposes they have agreed to, sorted, and which channels they prefer."""
        given = [(request.consents, request.preferred_channels) for request in self._requests]
        numbers = {own: number for number, own in enumerate(dict.fromkeys(given))}
        codes = np.fromiter(map(numbers.__getitem__, given), np.int64, len(given))
        return reach_of(ValueColumn(codes, list(numbers)), purposes)

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
        self._derives = bool(compiled.derivation.derive({}, (), now)) or bool(compiled.derivation.needs)

    def derive(self, chunk: Chunk) -> None:
        """Adds the derived attributes to the chunk."""
        if not self._derives:
            return
        names = tuple(sorted(self._compiled.derivation.needs))
        joint = chunk.joint(names)
        derived = [
            self._compiled.derivation.derive(chunk.attributes(names, own), (), self._now)
            for own in joint.combinations
        ]
        chunk.add(derived, joint.codes)

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
        contacts = customers.people.contacts
        columns.append(_without_contacts(chunk.rows) if contacts is None else self._history(chunk, contacts))
        return self._interned.codes(columns, chunk.rows)

    def _history(self, chunk: Chunk, contacts: ValueColumn) -> ValueColumn:
        """The contacts, with the attributes that rules read of who has some."""
        if not self._with_history:
            return contacts
        joint = joined([contacts, *map(chunk.column, self._with_history)], chunk.rows)
        read = [
            (own, *values) if (own := contacts.values[code]) else ()
            for code, values in (
                (code, chunk.attributes(self._with_history, rest).items())
                for code, *rest in joint.combinations
            )
        ]
        distinct = ValueColumn.coded(read)
        return ValueColumn(distinct.codes[joint.codes], distinct.values)


def _without_contacts(rows: int) -> ValueColumn:
    return ValueColumn(np.zeros(rows, np.int64), [()])


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
