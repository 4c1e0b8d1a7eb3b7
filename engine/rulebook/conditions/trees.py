"""Trees of tests: groups and operators, shared by conditions on customers and conditions on events."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from engine.conditions.model import NOW, SPANS, All, Any_, Audience, Condition, None_, Operator, Test
from engine.conditions.trace import text_of
from engine.rulebook.conditions.operands import OPERATORS, OperandReader
from engine.rulebook.model.book import Attribute
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.text import hints
from engine.rulebook.text.nodes import PlainData

MAX_DEPTH = 30
"""Nested groups, with audiences expanded."""

MAX_TESTS = 10_000
"""Tests in one condition, with audiences expanded."""

GROUPS: Mapping[str, type[All] | type[Any_] | type[None_]] = {"all": All, "any": Any_, "none": None_}
_OPERATORS = {operator.value: operator for operator in Operator}


@dataclass(frozen=True, slots=True)
class Extent:
    """Size of a condition."""

    depth: int = 0
    tests: int = 1


@dataclass(slots=True, kw_only=True)
class Trees(ABC):
    """Reads conditions: groups, and tests on attributes."""

    reader: OperandReader
    findings: Findings
    extents: dict[str, Extent] = field(default_factory=dict)
    """Size of each audience, by name."""

    def parse(self, data: PlainData, path: Path) -> Condition | None:
        """The condition at the path; None after reporting what is wrong with it."""
        condition = self._mapping(data, path, 0)
        if condition is not None:
            extent = self.extent(condition)
            if extent.depth > MAX_DEPTH or extent.tests > MAX_TESTS:
                reason = f"more than {MAX_DEPTH} groups inside each other or {MAX_TESTS:,} tests"
                self.findings.key_error(path, Code.TOO_LARGE, f"the condition is too large: {reason}")
                return None
        return condition

    def extent(self, condition: Condition) -> Extent:
        """The size of the condition with audiences expanded; these are measured once, in `extents`."""
        match condition:
            case Test():
                return Extent()
            case Audience(name=name):
                inner = self.extents.get(name, Extent())
                return Extent(inner.depth + 1, inner.tests)
            case All(parts=parts) | Any_(parts=parts) | None_(parts=parts):
                inside = [self.extent(part) for part in parts]
                depth = max((extent.depth for extent in inside), default=0)
                return Extent(depth + 1, sum(extent.tests for extent in inside))

    @abstractmethod
    def _entry(self, key: str, value: PlainData, path: Path) -> Condition | None:
        """The condition in one entry of a mapping that is no group; None after reporting what is wrong with it."""

    def _mapping(self, data: PlainData, path: Path, depth: int) -> Condition | None:
        if not isinstance(data, dict):
            hint = self._meant(data) if isinstance(data, str) else ""
            self.findings.error(path, Code.TYPE, "a condition is a mapping: `attribute: value`", hint)
            return None
        if depth > MAX_DEPTH:
            message = f"the condition is too large: more than {MAX_DEPTH} groups inside each other"
            self.findings.error(path, Code.TOO_LARGE, message)
            return None
        parts = [
            self._group(key, value, (*path, key), depth)
            if key in GROUPS
            else self._entry(key, value, (*path, key))
            for key, value in data.items()
        ]
        return joined(All, parts, collapse=True)

    def _meant(self, text: str) -> str:
        """The hint for a text where a condition is needed: an entry without its blank, or an audience that it nearly names."""
        glued = "" if text in self.findings.audiences else hints.entries(text)
        return glued or self.findings.audience_hint(text)

    def _group(self, key: str, value: PlainData, path: Path, depth: int) -> Condition | None:
        if not isinstance(value, list):
            self.findings.error(
                path, Code.TYPE, f"`{key}` needs a list of conditions", "begin each with a dash"
            )
            return None
        parts = [self._mapping(item, (*path, i), depth + 1) for i, item in enumerate(value)]
        return joined(GROUPS[key], parts)

    def _tests(self, attribute: Attribute, value: PlainData, path: Path) -> Condition | None:
        listed = Operator.HAS in OPERATORS[attribute.type]
        if isinstance(value, dict):
            return self.operators(attribute, value, path)
        operator = Operator.IN if isinstance(value, list) else Operator.EQ
        if listed:
            better = "has_any" if isinstance(value, list) else "has"
            hint = f"write {{{better}: …}}"
            self.findings.error(path, Code.OPERATOR, f"{quote(attribute.name)} is a {attribute.type}", hint)
            return None
        return self._test(attribute, operator, value, path)

    def operators(
        self, attribute: Attribute, operators: Mapping[str, PlainData], path: Path
    ) -> Condition | None:
        """The tests of the operators at the path on the attribute; None after reporting what is wrong with them."""
        return joined(All, list(self._operators(attribute, operators, path)), collapse=True)

    def _operators(
        self, attribute: Attribute, operators: Mapping[str, PlainData], path: Path
    ) -> Iterator[Condition | None]:
        for key, value in operators.items():
            here = (*path, key)
            operator = _OPERATORS.get(key)
            fitting = sorted(OPERATORS[attribute.type])
            if operator is None:
                hint = hints.operator(key) or self.findings.suggest(key, _OPERATORS)
                hint = hint or f"one of: {', '.join(fitting)}"
                self.findings.key_error(here, Code.UNKNOWN, f"there is no operator {quote(key)}", hint)
                yield None
            elif operator not in fitting:
                message = f"`{key}` does not fit {quote(attribute.name)}, which is of type {attribute.type}"
                self.findings.key_error(here, Code.OPERATOR, message, f"one of: {', '.join(fitting)}")
                yield None
            else:
                yield self._test(attribute, operator, value, here)

    def _test(
        self, attribute: Attribute, operator: Operator, value: PlainData, path: Path
    ) -> Condition | None:
        operand = self.reader.read(attribute, operator, value, path)
        return (
            None
            if operand is None
            else written(Test(attribute.name, operator, operand), value, path, self.findings)
        )


def written(test: Test, value: PlainData, path: Path, findings: Findings) -> Test:
    """The test with its text as the book writes it, if that differs from the text by default."""
    operand = _written(value, path, findings)
    if isinstance(value, str) and (test.operator in SPANS or test.operand is NOW):
        operand = value
    elif test.operator is Operator.ANNIVERSARY and isinstance(value, dict):
        operand = f"within {value['within']}"
    text = f"{test.attribute} {test.operator} {operand}"
    return test if operand is None or text == text_of(test) else replace(test, written=text)


def _written(value: PlainData, path: Path, findings: Findings) -> str | None:
    """A number or a list of numbers as the book writes it; None for all else."""
    if isinstance(value, list):
        items = [_written(item, (*path, index), findings) for index, item in enumerate(value)]
        texts = [item for item in items if item is not None]
        return f"[{', '.join(texts)}]" if len(texts) == len(items) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return findings.lexemes.get(path)


def joined(
    group: type[All] | type[Any_] | type[None_], parts: list[Condition | None], *, collapse: bool = False
) -> Condition | None:
    """The parts as a group; None if any part is None or there are no parts, both reported before."""
    sound = tuple(part for part in parts if part is not None)
    if not sound or len(sound) != len(parts):
        return None
    return sound[0] if collapse and len(sound) == 1 else group(sound)
