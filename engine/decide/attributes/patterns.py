"""Patterns: sequences among a customer's events, and events that must not follow.

A candidate for the first event has its type, passes its tests and lies in its window. Each further step is the earliest
event later in the order than the one before it that has the step's type, passes its tests and (for a window from now)
lies in its window; if that event is beyond a window from the first or the previous event, the candidate fails: no other
event is tried. A candidate fails as well if an event of `not_after` is later in the order and, with `same`, equals it in
that field. A candidate without the field fails on any such event, since nothing shows that the event is about something
else; an event without the field fails only candidates without it.

The search is one pass from the latest candidate to the earliest, in which the event of a step only moves backwards: it
is linear in the events.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.decide.attributes.events import Filter, History, filter_of, number_of, value_key
from engine.model.event import Event
from engine.model.instant import Microseconds
from engine.model.values import Value
from engine.rulebook.model.derived import EVENT_NUMBER, Absence, Anchor, Pattern, PatternStep, Prefer


class PatternSearch(NamedTuple):
    """A compiled pattern."""

    pattern: Pattern
    filters: tuple[Filter | None, ...]
    """Of the first event and of each further step."""
    absences: tuple[Filter | None, ...]
    """Of each entry of `not_after`."""


def pattern_search(pattern: Pattern) -> PatternSearch:
    """Compile a pattern."""
    return PatternSearch(
        pattern,
        tuple(filter_of(step.where) for step in (pattern.first, *pattern.then)),
        tuple(filter_of(absence.where) for absence in pattern.not_after),
    )


def find(search: PatternSearch, past: History) -> tuple[Event, ...] | None:
    """The events of the pattern's steps, for the preferred first event; None if the pattern does not hold."""
    pattern = search.pattern
    eligible = []
    for step, accepts in zip((pattern.first, *pattern.then), search.filters, strict=True):
        indices = _eligible(step, accepts, past)
        if not indices:
            return None
        eligible.append(indices)
    chains = _Chains(pattern.then, eligible[1:], past.events)
    ends = [
        _Ends.of(absence, accepts, past)
        for absence, accepts in zip(pattern.not_after, search.absences, strict=True)
    ]
    best: tuple[Event, ...] | None = None
    for first in reversed(eligible[0]):
        event = past.events[first]
        if any(end.follows(first, event) for end in ends) or not _may_replace(best, event, pattern.prefer):
            continue
        chain = chains.from_(first)
        if chain is None:
            continue
        best = chain
        if pattern.prefer is Prefer.LATEST:
            break
    return best


def exposed(pattern: Pattern, chain: Sequence[Event]) -> Mapping[str, Value]:
    """What the pattern exposes of its events, by field; a field that the event lacks is missing.

    `value` and fields that the book declares as numbers must be numbers, every other field a text; a value of another kind
    is missing.
    """
    values: dict[str, Value] = {}
    for name, source in pattern.expose.items():
        value = chain[source.step].fields.get(source.field)
        if source.is_number or source.field == EVENT_NUMBER:
            value = number_of(value)
        elif not isinstance(value, str):
            value = None
        if value is not None:
            values[name] = value
    return values


def _may_replace(best: tuple[Event, ...] | None, event: Event, prefer: Prefer) -> bool:
    """Whether a chain that begins with this earlier event is preferred to the best of the later ones."""
    if best is None or prefer is Prefer.EARLIEST:
        return True
    value, highest = number_of(event.fields.get(EVENT_NUMBER)), number_of(best[0].fields.get(EVENT_NUMBER))
    return value is not None and (highest is None or value > highest)


def _eligible(step: PatternStep, accepts: Filter | None, past: History) -> list[int]:
    """Indices of the events that the step could be, regardless of windows that begin at another step."""
    indices = past.by_type.get(step.event, ())
    start = past.now - step.within if step.within is not None and step.anchor is Anchor.NOW else None
    events = past.events
    return [
        index
        for index in indices
        if (start is None or events[index].at > start) and (accepts is None or accepts(events[index].fields))
    ]


class _Chains:
    """Follows the steps from first events, which must be passed latest first."""

    def __init__(
        self, steps: Sequence[PatternStep], eligible: Sequence[Sequence[int]], events: Sequence[Event]
    ) -> None:
        self._steps = [(step, _window(step), indices) for step, indices in zip(steps, eligible, strict=True)]
        self._after = [len(indices) for indices in eligible]
        """By step, where in its indices those after the previous event begin; only decreases."""
        self._events = events

    def from_(self, first: int) -> tuple[Event, ...] | None:
        """The events of all steps for this first event; None if a step has none."""
        events, previous = self._events, first
        chain = [events[first]]
        for number, (step, window, indices) in enumerate(self._steps):
            after = self._after[number]
            while after and indices[after - 1] > previous:
                after -= 1
            self._after[number] = after
            if after == len(indices):
                return None
            start = chain[0].at if step.anchor is Anchor.FIRST else chain[-1].at
            previous = indices[after]
            if window is not None and events[previous].at - start > window:
                return None
            chain.append(events[previous])
        return tuple(chain)


def _window(step: PatternStep) -> Microseconds | None:
    return None if step.anchor is Anchor.NOW else step.within


class _Ends(NamedTuple):
    """The last events that must not follow, by index."""

    same: str
    last: int
    """The last of all; -1 if there is none."""
    last_by_value: Mapping[tuple[bool, Value], int]
    """By value of the field `same`, the last event with it."""

    @classmethod
    def of(cls, absence: Absence, accepts: Filter | None, past: History) -> "_Ends":
        last, by_value = -1, {}
        for index in past.by_type.get(absence.event, ()):
            fields = past.events[index].fields
            if accepts is None or accepts(fields):
                last = index
                value = fields.get(absence.same) if absence.same else None
                if value is not None:
                    by_value[value_key(value)] = index
        return cls(absence.same, last, by_value)

    def follows(self, first: int, event: Event) -> bool:
        """Whether such an event is later than the pattern's first event."""
        value = event.fields.get(self.same) if self.same else None
        if value is None:
            return self.last > first
        return self.last_by_value.get(value_key(value), -1) > first
