"""Cycles among named conditions, and an order in which each comes after those that it names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import Findings
from engine.rulebook.text.nodes import PlainData


def named(data: PlainData, noun: str) -> list[str]:
    """The names under `noun` anywhere in a condition, and in attributes `noun.NAME.FIELD`, in order.

    The nesting of the condition is limited when it is read.
    """
    names: set[str] = set()
    pending = [data]
    while pending:
        here = pending.pop()
        if isinstance(here, list):
            pending.extend(here)
        elif isinstance(here, dict):
            pending.extend(value for key, value in here.items() if key in ("all", "any", "none"))
            given = here.get(noun)
            listed = given if isinstance(given, list) else [given]
            names.update(name for name in listed if isinstance(name, str))
            names.update(key.split(".")[1] for key in here if key.startswith(f"{noun}."))
    return sorted(names)


@dataclass(slots=True)
class Cycles:
    """Finds the cycles of a graph of names, and reports them."""

    section: str
    """Where the names are declared."""
    claim: str
    """What the message says of those in a cycle."""
    findings: Findings
    passing: str = ""
    """How names begin that are declared elsewhere: cycles lead through them; those of them alone are none of ours."""
    cyclic: set[str] = field(default_factory=set)
    """The names in cycles."""

    def ordered(self, graph: Mapping[str, list[str]]) -> list[str]:
        """The names, each after those that it names, in time linear in the graph."""
        order: list[str] = []
        done: set[str] = set()
        for start in graph:
            if start in done:
                continue
            trail: dict[str, Iterator[str]] = {start: iter(graph[start])}
            while trail:
                name = next(reversed(trail))
                following = next(
                    (other for other in trail[name] if other in graph and other not in done), None
                )
                if following is None:
                    trail.popitem()
                    done.add(name)
                    order.append(name)
                elif following in trail:
                    names = list(trail)
                    self._report(names[names.index(following) :])
                else:
                    trail[following] = iter(graph[following])
        return order

    def _report(self, cycle: list[str]) -> None:
        ours = [name for name in cycle if not (self.passing and name.startswith(self.passing))]
        # Cycles that share a name are mostly one mistake.
        if ours and self.cyclic.isdisjoint(cycle):
            first = cycle.index(min(ours))
            names = [*cycle[first:], *cycle[:first]]
            shown = [*names, names[0]] if len(names) < 10 else [*names[:9], "…", names[0]]
            message = f"{self.claim}: {' → '.join(shown)}"
            self.findings.key_error((self.section, names[0]), Code.CYCLE, message)
        self.cyclic.update(ours)
