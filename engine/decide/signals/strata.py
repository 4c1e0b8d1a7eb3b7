"""Strata: signals ordered so that each refers to signals of lower strata only."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple, TypeAlias

from engine.conditions.dnf import Literal
from engine.conditions.model import attributes_of
from engine.rulebook.model.derived import Signal

Conjunction: TypeAlias = tuple[Literal, ...]
"""Literals that must all hold; an empty conjunction always holds."""


class SignalRule(NamedTuple):
    """A signal's condition in disjunctive normal form: one of the conjunctions must hold. Without any it never holds."""

    name: str
    conjunctions: tuple[Conjunction, ...]


PREFIX = "signal."
"""Prefix of the attribute that is true if a signal holds."""


class SignalCycle(Exception):
    """Signals that depend on themselves."""

    def __init__(self, cycle: tuple[str, ...]) -> None:
        super().__init__(f"signals depend on themselves: {' -> '.join(cycle)}")
        self.cycle = cycle
        """Each refers to the next; the last is the first again."""


def strata(signals: Mapping[str, Signal]) -> tuple[tuple[str, ...], ...]:
    """Sort signals into strata, names ascending within each. Raises SignalCycle.

    References to signals that are not among these are ignored.
    """
    sorter = TopologicalSorter({name: lower(signals, name) for name in sorted(signals)})
    try:
        sorter.prepare()
    except CycleError as error:
        raise SignalCycle(_from_smallest(error.args[1])) from None
    levels = []
    while sorter.is_active():
        ready = sorter.get_ready()
        levels.append(tuple(sorted(ready)))
        sorter.done(*ready)
    return tuple(levels)


def lower(signals: Mapping[str, Signal], name: str) -> tuple[str, ...]:
    """The signals that `when` and `until` of the signal refer to, by their name or a field that they expose."""
    signal = signals[name]
    attributes = attributes_of(signal.when)
    if signal.until is not None:
        attributes |= attributes_of(signal.until)
    tested = [attribute.removeprefix(PREFIX) for attribute in attributes if attribute.startswith(PREFIX)]
    owners = {name if name in signals else name.partition(".")[0] for name in tested}
    return tuple(sorted(owner for owner in owners if owner in signals))


def _from_smallest(cycle: list[str]) -> tuple[str, ...]:
    """The sorter lists each signal before the one that refers to it; reverse this, and begin with the first name."""
    names = cycle[:0:-1]
    start = names.index(min(names))
    return (*names[start:], *names[:start], names[start])
