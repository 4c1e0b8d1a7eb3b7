"""Audiences: reading each after those that it names."""

from collections.abc import Mapping

from engine.rulebook.conditions.cycles import Cycles, named
from engine.rulebook.conditions.grammar import Grammar
from engine.rulebook.text.nodes import PlainData


def read(data: Mapping[str, PlainData], grammar: Grammar) -> None:
    """Read all audiences into the grammar; those in a cycle or with errors become broken names."""
    cycles = Cycles("audiences", "audiences contain each other", grammar.findings)
    grammar.audiences.broken.update(data)
    for name in cycles.ordered({name: named(value, "audience") for name, value in data.items()}):
        if name in cycles.cyclic:
            continue
        condition = grammar.parse(data[name], ("audiences", name))
        if condition is not None:
            grammar.audiences.broken.discard(name)
            grammar.audiences.add(name, condition)
            grammar.extents[name] = grammar.extent(condition)
