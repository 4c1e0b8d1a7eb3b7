"""Audiences: finding cycles among them and reading each after those that it names."""

from collections.abc import Iterator, Mapping

from engine.rulebook.conditions import Grammar
from engine.rulebook.diagnostics import Code
from engine.rulebook.findings import Findings
from engine.rulebook.nodes import Plain


def read(data: Mapping[str, Plain], grammar: Grammar) -> None:
    """Read all audiences into the grammar; those in a cycle or with errors become broken names."""
    order, cyclic = _ordered({name: _named(value) for name, value in data.items()}, grammar.findings)
    grammar.audiences.broken.update(data)
    for name in order:
        if name in cyclic:
            continue
        condition = grammar.parse(data[name], ("audiences", name))
        if condition is not None:
            grammar.audiences.broken.discard(name)
            grammar.audiences.add(name, condition)
            grammar.extents[name] = grammar.extent(condition)


def _named(data: Plain) -> list[str]:
    """The names under `audience` anywhere in a condition, in order; its nesting is limited when it is read."""
    names: dict[str, None] = {}
    pending = [data]
    while pending:
        here = pending.pop()
        if isinstance(here, list):
            pending.extend(here)
        elif isinstance(here, dict):
            pending.extend(value for key, value in here.items() if key in ("all", "any", "none"))
            named = here.get("audience")
            names.update(
                (each, None)
                for each in (named if isinstance(named, list) else [named])
                if isinstance(each, str)
            )
    return sorted(names)


def _ordered(graph: Mapping[str, list[str]], findings: Findings) -> tuple[list[str], set[str]]:
    """The names, each after those that it names, and the names in cycles, which are reported; linear in the graph."""
    order: list[str] = []
    cyclic: set[str] = set()
    done: set[str] = set()
    for start in graph:
        if start in done:
            continue
        trail: dict[str, Iterator[str]] = {start: iter(graph[start])}
        while trail:
            name = next(reversed(trail))
            following = next((each for each in trail[name] if each in graph and each not in done), None)
            if following is None:
                trail.popitem()
                done.add(name)
                order.append(name)
            elif following in trail:
                _report(_cycle(trail, following), cyclic, findings)
            else:
                trail[following] = iter(graph[following])
    return order, cyclic


def _cycle(trail: Mapping[str, object], first: str) -> list[str]:
    names = list(trail)
    return names[names.index(first) :]


def _report(cycle: list[str], cyclic: set[str], findings: Findings) -> None:
    # Cycles that share a name are mostly one mistake.
    if cyclic.isdisjoint(cycle):
        first = cycle.index(min(cycle))
        names = [*cycle[first:], *cycle[:first]]
        shown = [*names, names[0]] if len(names) < 10 else [*names[:9], "…", names[0]]
        message = f"audiences contain each other: {' → '.join(shown)}"
        findings.key_error(("audiences", names[0]), Code.CYCLE, message)
    cyclic.update(cycle)
