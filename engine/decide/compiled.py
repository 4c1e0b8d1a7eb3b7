"""A book compiled for deciding: one immutable set, swapped as a whole."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from engine.conditions.index.index import ConditionIndex
from engine.conditions.model import attributes_of
from engine.decide.arbitrate.campaign import CompiledCampaign, Creative, Fallback, compile_campaign, fallback
from engine.decide.arbitrate.content import CompiledTexts
from engine.decide.attributes import zones
from engine.decide.attributes.derive import IS_NEW, Derivation, closure, derivation
from engine.decide.pressure.policies import Pressure
from engine.decide.signals.certain import certain
from engine.decide.signals.compile import CompiledSignals, compile_signals
from engine.decide.signals.evaluator import Evaluator, open_evaluator
from engine.model.customer import Recall
from engine.model.instant import Instant
from engine.model.values import Moment
from engine.rulebook.model.book import Active, Book, Campaign, Kind, Placeholder
from engine.rulebook.model.experiments import ConversionRamp
from engine.rulebook.model.policies import Clock

_PLACE = frozenset(("location.latitude", "location.longitude"))
"""Where weather is fetched for."""


@dataclass(frozen=True, slots=True)
class BookSignals:
    """The signals that campaigns depend on, and who evaluates them."""

    compiled: CompiledSignals
    evaluator: Evaluator
    certain: CompiledSignals
    """What of them can be concluded from events alone."""


@dataclass(frozen=True, slots=True)
class CompiledBook:
    """Everything that a decision looks up in the book."""

    book: Book
    compiled_campaigns: tuple[CompiledCampaign, ...]
    index: ConditionIndex
    clauses_by_channel: Mapping[str, int]
    clauses_by_placement: Mapping[str, int]
    fallbacks: Mapping[str, Fallback | None]
    """What is shown when there is nothing better, by placement."""
    pressure: Pressure
    wanted: frozenset[str]
    """Names of the attributes that the book refers to, or derives others from; no other is read."""
    weather: frozenset[str]
    """The weather attributes among them."""
    derivation: Derivation
    """How the derived ones among them are found."""
    recall: Recall | None
    """What is needed of the memory of persons; None: nothing."""
    signals: BookSignals | None
    """None where no campaign depends on a signal."""
    masked: frozenset[str]
    """The wanted attributes whose values the log must not hold: sensitive ones and addresses."""
    ramped: frozenset[str]
    """The campaigns whose ramps go by conversions."""
    scheduled: bool
    """Whether any campaign or its offer has a schedule."""
    learns: bool
    """Whether any campaign learns."""
    outbound: tuple[str, ...]
    """The outbound channels, which serve calls that name no channel and no placement."""
    outbound_clauses: int
    """The index's clauses of the campaigns on them."""

    def moment(self, now: Instant) -> Moment:
        """What conditions compare times with: the instant, and its day on the book's clock."""
        return Moment(now, self.local(now).date())

    def local(self, instant: Instant) -> datetime:
        """The instant on the book's clock."""
        return datetime.fromtimestamp(instant / 1_000_000, self.book.timezone)

    def close(self) -> None:
        """Frees what its signals hold; for when nothing is decided by it any more."""
        if self.signals is not None:
            self.signals.evaluator.close()


OpenSignals: TypeAlias = Callable[[CompiledSignals], Evaluator]
"""Makes what evaluates signals."""


def compile_book(book: Book, open_signals: OpenSignals = open_evaluator) -> CompiledBook:
    """Compiles a checked book; about as costly as its number of condition clauses."""
    pressure = Pressure(book)
    compiled_campaigns = tuple(
        compile_campaign(book, campaign, pressure) for campaign in book.campaigns.values()
    )
    outbound = tuple(name for name, channel in book.channels.items() if channel.kind is Kind.OUTBOUND)
    index = ConditionIndex.build([one.campaign.when for one in compiled_campaigns])
    fallbacks = {name: fallback(book, name) for name in book.placements}
    creatives = [
        creative
        for one in compiled_campaigns
        for campaign_channel in one.campaign_channels.values()
        for creative in campaign_channel.creatives
    ]
    creatives += [one.creative for one in fallbacks.values() if one]
    named = closure(
        book.derived, _wanted(book, compiled_campaigns, index, creatives) | _of_pressure(pressure)
    )
    derived = derivation(book.derived, named, book.timezone)
    weather = frozenset(name for name in named if name.startswith("weather."))
    schedules = [each for one in compiled_campaigns for each in one.active]
    schedules += [each for one in fallbacks.values() if one for each in one.active]
    clocks = _zones_wanted(schedules)
    wanted = named | derived.needs | clocks | (_PLACE if weather else frozenset())
    signals = _signals(book, named, derived, open_signals)
    return CompiledBook(
        book=book,
        compiled_campaigns=compiled_campaigns,
        index=index,
        clauses_by_channel={
            name: index.clauses_of(i for i, one in enumerate(compiled_campaigns) if name in one.channels)
            for name in book.channels
        },
        clauses_by_placement={
            name: index.clauses_of(i for i, one in enumerate(compiled_campaigns) if name in one.placements)
            for name in book.placements
        },
        fallbacks=fallbacks,
        pressure=pressure,
        wanted=wanted,
        weather=weather,
        derivation=derived,
        recall=_recall(book, named, derived, signals),
        signals=signals,
        masked=_masked(book) & wanted,
        ramped=frozenset(
            name for name, one in book.campaigns.items() if isinstance(one.ramp, ConversionRamp)
        ),
        scheduled=any(one.active for one in compiled_campaigns),
        learns=any(one.learn is not None for one in book.campaigns.values()),
        outbound=outbound,
        outbound_clauses=index.clauses_of(
            i for i, one in enumerate(compiled_campaigns) if not set(outbound).isdisjoint(one.channels)
        ),
    )


def _signals(
    book: Book, named: frozenset[str], derived: Derivation, open_signals: OpenSignals
) -> BookSignals | None:
    used = {name: one for name, one in book.derived.signals.items() if f"signal.{name}" in named}
    if not used:
        return None
    compiled = compile_signals(used)
    return BookSignals(compiled, open_signals(compiled), certain(compiled, derived.of_events))


def _recall(
    book: Book, named: frozenset[str], derived: Derivation, signals: BookSignals | None
) -> Recall | None:
    kept, reach = book.events.keep, derived.reach
    found = Recall(
        events=tuple(sorted(derived.event_types)) if book.events.stored else (),
        reach=kept if reach is None else min(reach, kept),
        signals=signals is not None and bool(signals.compiled.hold),
        is_new=IS_NEW in named,
    )
    return found if found.events or found.signals or found.is_new else None


def _wanted(
    book: Book,
    compiled_campaigns: Iterable[CompiledCampaign],
    index: ConditionIndex,
    creatives: Iterable[Creative],
) -> frozenset[str]:
    names = set(index.attributes)
    names.update(channel.address for channel in book.channels.values() if channel.address is not None)
    for one in compiled_campaigns:
        names |= _of_campaign(one.campaign)
    for creative in creatives:
        for texts in (creative.texts, *creative.spoken.values()):
            names |= _of_texts(texts)
        if creative.spoken:
            names.add("profile.language")
    return frozenset(names)


def _zones_wanted(schedules: Iterable[Active]) -> frozenset[str]:
    """What tells a customer's zones, where a schedule is on his clock."""
    if all(one.clock is Clock.BOOK for one in schedules):
        return frozenset()
    zones.by_country()  # read now, not within a decision
    return frozenset(zones.NEEDS)


def _of_pressure(pressure: Pressure) -> frozenset[str]:
    if not pressure.by_customer_clock:
        return pressure.customer_limits
    zones.by_country()  # read now, not within a decision
    return pressure.customer_limits.union(zones.NEEDS)


def _of_campaign(campaign: Campaign) -> set[str]:
    names = {one.attribute for one in (campaign.value, campaign.propensity) if one and one.attribute}
    for condition in (*(b.when for b in campaign.boosts), *(v.when for v in campaign.variants)):
        names |= attributes_of(condition)
    return names


def _of_texts(texts: CompiledTexts) -> set[str]:
    return {part.attribute for _, parts in texts.filled for part in parts if isinstance(part, Placeholder)}


def _masked(book: Book) -> frozenset[str]:
    sensitive = {name for name, attribute in book.attributes.items() if attribute.sensitive}
    return frozenset(sensitive | {channel.address for channel in book.channels.values() if channel.address})
