"""Conditions: from plain data to the tree that the engine evaluates."""

from dataclasses import dataclass, field

from engine.conditions.model import Any_, Audience, Condition, Operator, Test
from engine.rulebook.conditions.derived import BehaviourReader, DistanceReader
from engine.rulebook.conditions.trees import GROUPS, MAX_DEPTH, MAX_TESTS, Extent, Trees, joined
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Path
from engine.rulebook.symbols import AttributeScope, SymbolTable
from engine.rulebook.text.nodes import PlainData

__all__ = ["MAX_DEPTH", "MAX_TESTS", "Extent", "Grammar"]


_NAMED = ("audience", "pattern", "signal")


_KEYS = (*GROUPS, *_NAMED, "behaviour", "near")


@dataclass(slots=True, kw_only=True)
class Grammar(Trees):
    """What conditions of one book are made of."""

    attribute_scope: AttributeScope
    behaviours: BehaviourReader
    distances: DistanceReader
    audiences: SymbolTable[Condition] = field(default_factory=lambda: SymbolTable("audience"))

    def _entry(self, key: str, value: PlainData, path: Path) -> Condition | None:
        if key in _NAMED:
            return self._any_of(key, value, path)
        if key == "behaviour":
            return self.behaviours.read(value, path)
        if key == "near":
            return self.distances.read(value, path)
        if "." in key:
            attribute = self.attribute_scope.use(key, path, self.findings, key=True)
            return self._tests(attribute, value, path) if attribute else None
        hint = self.findings.suggest(key, [*_KEYS, *self.attribute_scope.declared.values])
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
