"""A signal's condition in disjunctive form."""

from typing import NamedTuple, TypeAlias

from engine.conditions.dnf import Literal

Conjunction: TypeAlias = tuple[Literal, ...]
"""Tests, some of them negated, that must all come out; without any it always holds."""


class Rule(NamedTuple):
    """A signal, and the conjunctions of which one is enough; without any it never holds."""

    name: str
    conjunctions: tuple[Conjunction, ...]
