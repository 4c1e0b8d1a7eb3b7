"""The oracle: aggregates and patterns as documented, without regard to speed."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from engine.conditions.evaluate import holds, same
from engine.model.event import Event
from engine.model.instant import DAY, Instant
from engine.model.values import Moment, Value
from engine.rulebook.model.derived import Absence, Aggregate, Anchor, Measure, Pattern, PatternStep, Prefer

MOMENT = Moment(0, date(2026, 3, 10))


def ordered(events: Sequence[Event], now: Instant) -> list[Event]:
    """The events that count, in order."""
    kept: list[Event] = []
    for event in events:
        repeated = event.event_id and any(event.event_id == other.event_id for other in kept)
        if event.at <= now and not repeated:
            kept.append(event)
    return sorted(kept, key=lambda event: event.at)


def is_number(value: object) -> bool:
    """Whether the value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def aggregate(declared: Aggregate, events: Sequence[Event], now: Instant) -> float | None:
    """The number of an aggregate."""
    mine = [
        event
        for event in ordered(events, now)
        if event.type == declared.event
        and holds(declared.where, event.fields, MOMENT)
        and (declared.within is None or now - declared.within < event.at <= now)
    ]
    values = [event.fields[declared.field] for event in mine if declared.field in event.fields]
    match declared.measure:
        case Measure.COUNT:
            return len(mine)
        case Measure.SUM:
            return float(sum(Fraction(value) for value in values if is_number(value)))  # type: ignore[arg-type, misc]
        case Measure.DISTINCT:
            different: list[Value] = []
            for value in values:
                if not any(same(value, other) for other in different):
                    different.append(value)
            return len(different)
        case Measure.DAYS_SINCE_LAST:
            return (now - max(event.at for event in mine)) / DAY if mine else None


def fits(step: PatternStep, event: Event) -> bool:
    """Whether the event has the step's type and passes its tests."""
    return event.type == step.event and holds(step.where, event.fields, MOMENT)


def in_window(step: PatternStep, event: Event, chain: Sequence[Event], now: Instant) -> bool:
    """Whether the event lies in the step's window."""
    if step.within is None:
        return True
    if step.anchor is Anchor.NOW:
        return now - step.within < event.at <= now
    start = chain[0].at if step.anchor is Anchor.FIRST else chain[-1].at
    return start <= event.at <= start + step.within


def breaks(absence: Absence, first: Event, other: Event) -> bool:
    """Whether the other event, later than the first, breaks the pattern."""
    if other.type != absence.event or not holds(absence.where, other.fields, MOMENT):
        return False
    mine = first.fields.get(absence.same) if absence.same else None
    return mine is None or same(mine, other.fields.get(absence.same))


def chain_from(pattern: Pattern, events: Sequence[Event], start: int, now: Instant) -> list[Event] | None:
    """The pattern's events that begin with the one at the index."""
    first = events[start]
    if not fits(pattern.first, first) or not in_window(pattern.first, first, [first], now):
        return None
    if any(breaks(absence, first, other) for absence in pattern.not_after for other in events[start + 1 :]):
        return None
    chain, position = [first], start
    for step in pattern.then:
        for later in range(position + 1, len(events)):
            if fits(step, events[later]) and in_window(step, events[later], chain, now):
                chain.append(events[later])
                position = later
                break
        else:
            return None
    return chain


def find(pattern: Pattern, sent: Sequence[Event], now: Instant) -> list[Event] | None:
    """The pattern's events; None if it does not hold."""
    events = ordered(sent, now)
    chains = [chain for start in range(len(events)) if (chain := chain_from(pattern, events, start, now))]
    if not chains:
        return None
    match pattern.prefer:
        case Prefer.LATEST:
            return chains[-1]
        case Prefer.EARLIEST:
            return chains[0]
        case Prefer.MOST_VALUE:
            worth = [chain[0].fields.get("value") for chain in chains]
            values = [value if is_number(value) else float("-inf") for value in worth]
            highest = max(values)  # type: ignore[type-var]
            return chains[len(values) - 1 - values[::-1].index(highest)]
