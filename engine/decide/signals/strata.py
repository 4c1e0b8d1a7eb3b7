"""A signal's condition in disjunctive form."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple, TypeAlias

from engine.conditions.dnf import Literal
from engine.conditions.model import attributes_of
from engine.rulebook.model.derived import Signal

Conjunction: TypeAlias = tuple[Literal, ...]
"""Tests, some of them negated, that must all come out; without any it always holds."""


class SignalRule(NamedTuple):
    """A signal, and the conjunctions of which one is enough; without any it never holds."""

    name: str
    conjunctions: tuple[Conjunction, ...]


PREFIX = "signal."
"""Before a signal's name, in the attribute that says that it holds."""


class SignalCycle(Exception):
    """Signals that depend on themselves."""

    def __init__(self, cycle: tuple[str, ...]) -> None:
        super().__init__(f"signals depend on themselves: {' -> '.join(cycle)}")
        self.cycle = cycle
        """Each refers to the next; the last is the first again."""


def strata(signals: Mapping[str, Signal]) -> tuple[tuple[str, ...], ...]:
    """Sort signals into strata: a signal refers to lower strata only; names ascend within a stratum.

    Raises SignalCycle. What a condition says of signals that are not among these is no dependency.
    """
    sorter = TopologicalSorter({name: lower(signals, name) for name in sorted(signals)})
    try:
        sorter.prepare()
    except CycleError as error:
        raise SignalCycle(_from_smallest(error.args[1])) from None
    found = []
    while sorter.is_active():
        ready = sorter.get_ready()
        found.append(tuple(sorted(ready)))
        sorter.done(*ready)
    return tuple(found)


def lower(signals: Mapping[str, Signal], name: str) -> tuple[str, ...]:
    """The signals that `when` and `until` of this one refer to, by themselves or by what they expose."""
    one = signals[name]
    named = attributes_of(one.when) | (attributes_of(one.until) if one.until is not None else frozenset())
    tested = (each.removeprefix(PREFIX) for each in named if each.startswith(PREFIX))
    owners = (one if one in signals else one.partition(".")[0] for one in tested)
    return tuple(sorted({one for one in owners if one in signals}))


def _from_smallest(cycle: list[str]) -> tuple[str, ...]:
    """The sorter gives each before the one that refers to it; told the other way round, from the first name on."""
    names = cycle[:0:-1]
    start = names.index(min(names))
    return (*names[start:], *names[:start], names[start])
