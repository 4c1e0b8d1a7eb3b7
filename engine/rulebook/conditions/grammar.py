"""The conditions of a book: from plain data to the tree that the engine evaluates; audiences, and cycles among names."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from engine.conditions.model import Any_, Audience, Condition, Operator, Test
from engine.rulebook.conditions.contacts import ContactReader
from engine.rulebook.conditions.derived import BehaviourReader, DistanceReader, MeasureUse
from engine.rulebook.conditions.trees import GROUPS, Trees, joined
from engine.rulebook.conditions.trends import TrendReader
from engine.rulebook.model.derived import RFM
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.symbols import AttributeScope, SymbolTable
from engine.rulebook.text.nodes import PlainData

_NAMED = ("audience", "pattern", "signal")
_LOGIC = {
    "and": "write all, with a list of conditions",
    "or": "write any, with a list of conditions",
    "not": "write none, with a list of conditions: none of them may hold",
}
"""What is meant by words of other languages."""
_DERIVED = ("behaviour", "contact", "near", "trend")
"""Keys of conditions on derived attributes."""
_KEYS = (*GROUPS, *_NAMED, *_DERIVED)


@dataclass(slots=True, kw_only=True)
class Grammar(Trees):
    """Reads the conditions of audiences, signals, campaigns and variants."""

    attribute_scope: AttributeScope
    behaviours: BehaviourReader
    distances: DistanceReader
    trends: TrendReader
    contacts: ContactReader
    audiences: SymbolTable[Condition] = field(default_factory=lambda: SymbolTable("audience"))

    def read_audiences(self, data: Mapping[str, PlainData], *, partial: bool) -> None:
        """Read all audiences, each after those that it names; those in a cycle or with errors become broken names."""
        cycles = Cycles("audiences", "audiences contain each other", self.findings)
        self.audiences.partial = partial
        self.audiences.broken.update(data)
        for name in cycles.ordered({name: named(value, "audience") for name, value in data.items()}):
            if name in cycles.cyclic:
                continue
            condition = self.parse(data[name], ("audiences", name))
            if condition is not None:
                self.audiences.broken.discard(name)
                self.audiences.add(name, condition)
                self.extents[name] = self.extent(condition)

    def _reader(self, key: str) -> BehaviourReader | ContactReader | DistanceReader | TrendReader:
        if key == "behaviour":
            return self.behaviours
        if key == "contact":
            return self.contacts
        return self.distances if key == "near" else self.trends

    def _entry(self, key: str, value: PlainData, path: Path) -> Condition | None:
        if key in _NAMED:
            return self._any_of(key, value, path)
        if key in _DERIVED:
            return self._reader(key).read(value, path)
        if "." in key:
            attribute = self.attribute_scope.use(key, path, self.findings, key=True)
            condition = self._tests(attribute, value, path) if attribute else None
            if condition is not None and key in RFM:
                self.behaviours.events.of(RFM[key].event, path)
                self.behaviours.uses.append(MeasureUse(RFM[key], condition, path, path))
            return condition
        hint = _LOGIC.get(key.lower()) or self.findings.suggest(
            key, [*_KEYS, *self.attribute_scope.declared.values]
        )
        message = f"{quote(key)} is neither an attribute nor one of {', '.join(_KEYS)}"
        self.findings.key_error(path, Code.UNKNOWN, message, hint)
        return None

    def _any_of(self, noun: str, value: PlainData, path: Path) -> Condition | None:
        if isinstance(value, list):
            return joined(Any_, [self._named(noun, name, (*path, i)) for i, name in enumerate(value)])
        return self._named(noun, value, path)

    def _named(self, noun: str, name: PlainData, path: Path) -> Condition | None:
        if not isinstance(name, str):
            article = "an" if noun == "audience" else "a"
            message = f"`{noun}` needs the name of {article} {noun}, or a list of names"
            self.findings.error(path, Code.TYPE, message)
            return None
        if noun != "audience":
            known = self.attribute_scope.concluded[noun].get(name, path, self.findings)
            return None if known is None else Test(f"{noun}.{name}", Operator.EQ, True)
        condition = self.audiences.get(name, path, self.findings)
        return None if condition is None else Audience(name, condition)


@dataclass(slots=True)
class Cycles:
    """Finds and reports the cycles among the names of a section whose conditions name each other."""

    section: str
    """Where the names are declared."""
    claim: str
    """What the message says of the names in a cycle."""
    findings: Findings
    foreign: str = ""
    """Prefix of names that another section declares. Cycles lead through them; a cycle of these alone is not reported."""
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
        own = [name for name in cycle if not (self.foreign and name.startswith(self.foreign))]
        # Cycles that share a name are mostly one mistake.
        if own and self.cyclic.isdisjoint(cycle):
            first = cycle.index(min(own))
            names = [*cycle[first:], *cycle[:first]]
            shown = [*names, names[0]] if len(names) < 10 else [*names[:9], "…", names[0]]
            message = f"{self.claim}: {' → '.join(shown)}"
            self.findings.key_error((self.section, names[0]), Code.CYCLE, message)
        self.cyclic.update(own)


def named(data: PlainData, noun: str) -> list[str]:
    """The names under `noun` anywhere in a condition, and in attributes `noun.NAME.FIELD`, on either side; sorted.

    Recursion is not needed; reading the condition bounds its nesting later.
    """
    names: set[str] = set()
    pending = [data]
    while pending:
        here = pending.pop()
        if isinstance(here, list):
            pending.extend(here)
        elif isinstance(here, dict):
            pending.extend(value for key, value in here.items() if key in GROUPS)
            given = here.get(noun)
            listed = given if isinstance(given, list) else [given]
            names.update(name for name in listed if isinstance(name, str))
            read = (*here, *_operands(here.values()))
            names.update(name.split(".")[1] for name in read if name.startswith(f"{noun}."))
    return sorted(names)


def _operands(tests: Iterable[PlainData]) -> Iterator[str]:
    """The attributes that others are compared with."""
    for operators in tests:
        for operand in operators.values() if isinstance(operators, dict) else ():
            name = operand.get("attribute") if isinstance(operand, dict) else None
            if isinstance(name, str):
                yield name
