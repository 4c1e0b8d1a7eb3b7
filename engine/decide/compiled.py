"""A book compiled for deciding: one immutable value, replaced as a whole when the book changes."""

import gc
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from engine.conditions.index.columns import union
from engine.conditions.index.index import ConditionIndex
from engine.conditions.model import Condition, attributes_of, tests_of
from engine.decide.arbitrate.campaign import CompiledCampaign, Creative, Fallback, compile_campaign, fallback
from engine.decide.arbitrate.content import ACCEPT_LANGUAGE, LANGUAGE, LANGUAGES
from engine.decide.attributes import zones
from engine.decide.attributes.contacts import outcomes_of, reach_of, selectors_of
from engine.decide.attributes.derive import IS_NEW, Derivation, closure, derivation
from engine.decide.pressure.policies import Pressure
from engine.decide.signals.certain import certain
from engine.decide.signals.compile import CompiledSignals, compile_signals
from engine.decide.signals.evaluator import Evaluator, open_evaluator
from engine.model.customer import Recall
from engine.model.instant import Instant
from engine.model.pace import MakeWay, go_on, paced
from engine.model.texts import TimeAttributes
from engine.model.values import Attributes, Moment
from engine.rulebook.model.book import AttributeType, Book, Campaign, Kind, Placeholder
from engine.rulebook.model.experiments import ConversionRamp
from engine.rulebook.model.policies import Clock

_COORDINATES = frozenset(("location.latitude", "location.longitude"))
"""The attributes for which weather is fetched."""


@dataclass(frozen=True, slots=True)
class BookSignals:
    """The signals that campaigns depend on, and their evaluator."""

    compiled: CompiledSignals
    evaluator: Evaluator
    certain: CompiledSignals
    """The same signals, with only those alternatives that events alone can prove."""


@dataclass(frozen=True, slots=True)
class CompiledBook:
    """Everything that a decision looks up in the book."""

    book: Book
    compiled_campaigns: tuple[CompiledCampaign, ...]
    index: ConditionIndex
    """Of the campaigns' conditions, by the campaign's position."""
    clauses_by_channel: Mapping[str, int]
    """The index's clauses of the campaigns on each channel."""
    clauses_by_placement: Mapping[str, int]
    fallbacks: Mapping[str, Fallback | None]
    """By placement, what it shows if no campaign is selected."""
    pressure: Pressure
    referenced: frozenset[str]
    """The attributes that the book refers to or derives others from; no other attribute is read."""
    weather: frozenset[str]
    """The weather attributes among them."""
    times: TimeAttributes
    """The attributes of type time, on the book's clock."""
    derivation: Derivation
    """Computes the derived attributes among them."""
    recall: Recall | None
    """What has to be read of a customer's stored events and signals; None if nothing."""
    signals: BookSignals | None
    """None if no campaign depends on a signal."""
    masked: frozenset[str]
    """The attributes whose values must not be logged, referenced or not: masked ones and addresses of channels."""
    masked_events: frozenset[str]
    """Those of them that are derived from sensitive fields of events. Whether they have a value is not logged either."""
    ramped: frozenset[str]
    """The campaigns whose ramps go by conversions."""
    needs_day: bool
    """Whether any condition compares a date with the customer's day, as `within` does."""
    scheduled: bool
    """Whether any campaign or its offer has a schedule."""
    units: tuple[str, ...]
    """The attributes by whose values anything is drawn, in order."""
    sticky: bool
    """Whether any campaign keeps its draws."""
    counted: Mapping[str, Mapping[str, frozenset[str]]]
    """By type of events, the fields by which they are counted for trends, with the values that conditions name."""
    learns: bool
    """Whether any campaign learns."""
    outbound: tuple[str, ...]
    """The outbound channels, which serve requests without channels and placement."""
    outbound_clauses: int
    """The index's clauses of the campaigns on outbound channels."""
    cldr: str
    """Version of the CLDR by which languages are chosen and values written; empty if no content depends on the language."""

    def moment(self, now: Instant, attributes: Attributes) -> Moment:
        """The instant and its calendar day on the customer's clock, as `now.date`; on the book's if no test needs it."""
        if self.needs_day:
            local = zones.local_time(now, zones.zone_of(attributes, self.book.timezone))
            if local is not None:
                return Moment(now, local.date())
        return Moment(now, self.local(now).date())

    def local(self, instant: Instant) -> datetime:
        """The instant in the book's time zone."""
        return datetime.fromtimestamp(instant / 1_000_000, self.book.timezone)

    def values_read(self) -> frozenset[str]:
        """The referenced attributes whose values matter; of an address that is not among them, only whether there is one."""
        names = _names_of_values(self.index, self.compiled_campaigns, self.fallbacks.values())
        names = closure(self.book.derived, names | self.pressure.attributes)
        return names.union(self.derivation.needs)

    def close(self) -> None:
        """Free what the evaluator of signals holds. Call it when no decision uses the book any more."""
        if self.signals is not None:
            self.signals.evaluator.close()


OpenSignals: TypeAlias = Callable[[CompiledSignals], Evaluator]
"""Makes the evaluator of a book's signals."""


def keep_loaded() -> None:
    """Spares the garbage collector what is loaded by now, the book above all: else it looks through it again and again."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def compile_book(
    book: Book, open_signals: OpenSignals = open_evaluator, pause: MakeWay = go_on
) -> CompiledBook:
    """Compile a checked book. The cost is about proportional to the number of condition clauses.

    pause: called between campaigns and between clauses, so that a thread that compiles can make way for others.
    """
    pressure = Pressure(book)
    campaigns = tuple(
        compile_campaign(book, campaign, pressure) for campaign in paced(book.campaigns.values(), pause)
    )
    index = ConditionIndex.build([compiled.campaign.when for compiled in campaigns], pause)
    fallbacks = {name: fallback(book, name) for name in book.placements}
    units = unit_attributes(book)
    own = _names_in(book, index, paced(campaigns, pause), fallbacks.values()).union(units)
    names = closure(book.derived, own | pressure.attributes)
    needs_day = any(_tests_day(condition, book) for condition in _conditions(book, names))
    on_customer_clock = _on_customer_clock(campaigns, fallbacks.values())
    needs_zones = pressure.by_customer_clock or on_customer_clock or needs_day
    if needs_zones:
        zones.by_country()  # reads a file, which a decision must not
    derived = derivation(book.derived, names, book.timezone)
    weather = frozenset(name for name in names if name.startswith("weather."))
    referenced = names.union(
        derived.needs, zones.NEEDS if needs_zones else (), _COORDINATES if weather else ()
    )
    signals = _signals(book, names, derived, open_signals)
    outbound = tuple(name for name, channel in book.channels.items() if channel.kind is Kind.OUTBOUND)
    by_channel = _clauses_by(index, book.channels, [compiled.channels for compiled in campaigns])
    by_placement = _clauses_by(index, book.placements, [compiled.placements for compiled in campaigns])
    of_events = _from_sensitive_fields(book)
    return CompiledBook(
        book=book,
        compiled_campaigns=campaigns,
        index=index,
        clauses_by_channel=by_channel,
        clauses_by_placement=by_placement,
        fallbacks=fallbacks,
        pressure=pressure,
        referenced=referenced,
        weather=weather,
        times=_times(book),
        derivation=derived,
        recall=_recall(book, names, derived, signals),
        signals=signals,
        masked=_masked(book) | of_events,
        masked_events=of_events & referenced,
        ramped=_ramped(book),
        needs_day=needs_day,
        scheduled=any(compiled.active for compiled in campaigns),
        units=units,
        sticky=any(campaign.sticky for campaign in book.campaigns.values()),
        counted=_counted(book),
        learns=any(campaign.learn is not None for campaign in book.campaigns.values()),
        outbound=outbound,
        outbound_clauses=union(by_channel[name] for name in outbound),
        cldr=_cldr(campaigns, fallbacks.values()),
    )


def _cldr(campaigns: Iterable[CompiledCampaign], fallbacks: Iterable[Fallback | None]) -> str:
    if not any(map(_depends_on_language, _creatives(campaigns, fallbacks))):
        return ""
    from engine.rulebook.text import cldr  # noqa: PLC0415 `tact --help` loads no Babel

    return cldr.VERSION


def _times(book: Book) -> TimeAttributes:
    names = (name for name, declared in book.attributes.items() if declared.type is AttributeType.TIME)
    return TimeAttributes(frozenset(names), book.timezone)


def _counted(book: Book) -> dict[str, dict[str, frozenset[str]]]:
    counted: dict[str, dict[str, frozenset[str]]] = {}
    for trend in book.derived.trends.values():
        fields = counted.setdefault(trend.event, {})
        named = {trend.value} if trend.value else set()
        fields[trend.field] = fields.get(trend.field, frozenset()) | named
    return counted


def _clauses_by(
    index: ConditionIndex, names: Iterable[str], of_campaigns: Sequence[Container[str]]
) -> dict[str, int]:
    """By channel or placement, the index's clauses of the campaigns that have it."""
    return {
        name: index.clauses_of(number for number, own in enumerate(of_campaigns) if name in own)
        for name in names
    }


def _signals(
    book: Book, names: frozenset[str], derived: Derivation, open_signals: OpenSignals
) -> BookSignals | None:
    used = {name: signal for name, signal in book.derived.signals.items() if f"signal.{name}" in names}
    if not used:
        return None
    compiled = compile_signals(used)
    return BookSignals(compiled, open_signals(compiled), certain(compiled, derived.names_from_events))


def _recall(
    book: Book, names: frozenset[str], derived: Derivation, signals: BookSignals | None
) -> Recall | None:
    kept, reach = book.events.keep, derived.reach
    recall = Recall(
        events=tuple(sorted(derived.event_types)) if book.events.stored else (),
        reach=kept if reach is None else min(reach, kept),
        signals=signals is not None and bool(signals.compiled.hold),
        is_new=IS_NEW in names,
        contacts=selectors_of(derived.contacts),
        contact_reach=reach_of(derived.contacts),
        outcomes=outcomes_of(derived.contacts),
    )
    return recall if recall.events or recall.signals or recall.is_new or recall.contacts else None


def _names_in(
    book: Book,
    index: ConditionIndex,
    campaigns: Iterable[CompiledCampaign],
    fallbacks: Iterable[Fallback | None],
) -> frozenset[str]:
    """The attributes in conditions, scores and contents, and the channels' addresses."""
    addresses = (channel.address for channel in book.channels.values() if channel.address is not None)
    return _names_of_values(index, campaigns, fallbacks).union(addresses)


def _names_of_values(
    index: ConditionIndex, campaigns: Iterable[CompiledCampaign], fallbacks: Iterable[Fallback | None]
) -> frozenset[str]:
    """The attributes in conditions, scores and contents."""
    names = set(index.attributes)
    for creative in _creatives((), fallbacks):
        names |= _names_in_creative(creative)
    for compiled in campaigns:
        names |= _names_in_campaign(compiled.campaign)
        for creative in _creatives((compiled,), ()):
            names |= _names_in_creative(creative)
    return frozenset(names)


def _creatives(
    campaigns: Iterable[CompiledCampaign], fallbacks: Iterable[Fallback | None]
) -> Iterator[Creative]:
    yield from (declared.creative for declared in fallbacks if declared)
    for compiled in campaigns:
        for campaign_channel in compiled.campaign_channels.values():
            yield from campaign_channel.creatives


def _names_in_campaign(campaign: Campaign) -> set[str]:
    factors = (campaign.value, campaign.propensity)
    names = {factor.attribute for factor in factors if factor and factor.attribute}
    for boost in campaign.boosts:
        names |= attributes_of(boost.when)
    for variant in campaign.variants:
        names |= attributes_of(variant.when)
    return names


def _conditions(book: Book, names: Container[str]) -> Iterator[Condition]:
    """The conditions of campaigns and of pressure rules, and of the signals among the names."""
    yield from book.pressure.conditions.values()
    for campaign in book.campaigns.values():
        yield campaign.when
        yield from (boost.when for boost in campaign.boosts)
        yield from (variant.when for variant in campaign.variants)
    for name, signal in book.derived.signals.items():
        if f"signal.{name}" in names:
            yield signal.when
            if signal.until is not None:
                yield signal.until


def _tests_day(condition: Condition, book: Book) -> bool:
    """Whether a test of the condition compares a date with the customer's day."""
    declared = (book.attributes.get(test.attribute) for test in tests_of(condition) if test.moves)
    return any(attribute is not None and attribute.type is AttributeType.DATE for attribute in declared)


def _names_in_creative(creative: Creative) -> set[str]:
    names = {LANGUAGE, LANGUAGES, ACCEPT_LANGUAGE} if _depends_on_language(creative) else set()
    for texts in (creative.texts, *creative.by_language.values()):
        for _, parts in texts.templates:
            names |= {part.attribute for part in parts if isinstance(part, Placeholder)}
    return names


def _depends_on_language(creative: Creative) -> bool:
    return bool(creative.by_language) or creative.texts.is_formatted


def _on_customer_clock(campaigns: Iterable[CompiledCampaign], fallbacks: Iterable[Fallback | None]) -> bool:
    """Whether a schedule runs by the customer's clock."""
    schedules = [schedule for compiled in campaigns for schedule in compiled.active]
    schedules += [schedule for declared in fallbacks if declared for schedule in declared.active]
    return any(schedule.clock is not Clock.BOOK for schedule in schedules)


def _ramped(book: Book) -> frozenset[str]:
    campaigns = book.campaigns.values()
    return frozenset(campaign.name for campaign in campaigns if isinstance(campaign.ramp, ConversionRamp))


def unit_attributes(book: Book) -> tuple[str, ...]:
    """The attributes by whose values something is drawn on which decisions depend, in order."""
    drawn = {holdout.unit for holdout in book.experiments.holdouts.values()}
    for campaign in book.campaigns.values():
        if campaign.control or campaign.ramp or campaign.sticky or len(campaign.variants) > 1:
            drawn.add(campaign.unit)
        if campaign.slot is not None:
            drawn.add(campaign.slot.unit)
    return tuple(sorted(drawn - {""}))


def _masked(book: Book) -> frozenset[str]:
    masked = {name for name, attribute in book.attributes.items() if attribute.masked}
    return frozenset(masked | {channel.address for channel in book.channels.values() if channel.address})


def _from_sensitive_fields(book: Book) -> frozenset[str]:
    """The aggregates and patterns that read sensitive fields of events, and what these patterns expose of them."""
    names = {
        aggregate.name
        for aggregate in book.derived.aggregates.values()
        if _reads_sensitive(book, aggregate.event, aggregate.where, aggregate.field)
    }
    for pattern in book.derived.patterns.values():
        steps = [(step.event, step.where, "") for step in (pattern.first, *pattern.then)]
        steps += [(absence.event, absence.where, absence.same) for absence in pattern.not_after]
        if any(_reads_sensitive(book, *step) for step in steps):
            names.add(f"pattern.{pattern.name}")
        exposed = (key for key, source in pattern.expose.items() if source.sensitive)
        names |= {f"pattern.{pattern.name}.{key}" for key in exposed}
    return frozenset(names)


def _reads_sensitive(book: Book, event: str, where: Condition, field: str) -> bool:
    declared = book.event_types.get(event)
    return declared is not None and not declared.sensitive.isdisjoint((*attributes_of(where), field))
