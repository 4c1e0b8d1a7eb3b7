"""Trees of tests: groups and operators, shared by conditions on customers and conditions on events."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from engine.conditions.model import (
    ITEM,
    NOW,
    OF_ITEMS,
    SPANS,
    All,
    Any_,
    Audience,
    Collation,
    Condition,
    None_,
    Operator,
    Test,
)
from engine.conditions.trace import text_of
from engine.rulebook.conditions.operands import FOLDING, ITEM_TYPES, OPERATORS, OperandReader
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.text import hints
from engine.rulebook.text.nodes import PlainData

MAX_DEPTH = 30
"""Nested groups, with audiences expanded."""

MAX_TESTS = 10_000
"""Tests in one condition, with audiences expanded."""

GROUPS: Mapping[str, type[All] | type[Any_] | type[None_]] = {"all": All, "any": Any_, "none": None_}
IGNORE_CASE = "ignore_case"
"""The key beside operators on texts that says to ignore capitals."""

_NOT_OF_ITEMS = frozenset((Operator.EXISTS,))
"""An item, and the size of a list, is always known."""

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
            case Test(inner=tests):
                return Extent(tests=max(len(tests), 1))
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
        self,
        attribute: Attribute,
        operators: Mapping[str, PlainData],
        path: Path,
        without: frozenset[Operator] = frozenset(),
    ) -> Iterator[Condition | None]:
        caseless = self._is_caseless(attribute, operators, path)
        for key, value in operators.items():
            here = (*path, key)
            if key == IGNORE_CASE:
                continue
            operator = _OPERATORS.get(key)
            fitting = sorted(OPERATORS[attribute.type] - without)
            if operator is None:
                hint = hints.operator(key) or self.findings.suggest(key, (*_OPERATORS, IGNORE_CASE))
                hint = hint or f"one of: {', '.join(fitting)}"
                self.findings.key_error(here, Code.UNKNOWN, f"there is no operator {quote(key)}", hint)
                yield None
            elif operator not in fitting:
                message = f"`{key}` does not fit {quote(attribute.name)}, which is of type {attribute.type}"
                self.findings.key_error(here, Code.OPERATOR, message, f"one of: {', '.join(fitting)}")
                yield None
            elif operator in OF_ITEMS:
                yield self._nested(attribute, operator, value, here)
            else:
                yield self._test(attribute, operator, value, here, caseless=caseless and operator in FOLDING)

    def _is_caseless(self, attribute: Attribute, operators: Mapping[str, PlainData], path: Path) -> bool:
        """Whether capitals are ignored; reports an `ignore_case` that has no effect."""
        if IGNORE_CASE not in operators:
            return False
        here, value = (*path, IGNORE_CASE), operators[IGNORE_CASE]
        if not isinstance(value, bool):
            self.findings.error(here, Code.TYPE, f"`{IGNORE_CASE}` needs true or false", hints.flag(value))
        elif attribute.type not in (AttributeType.TEXT, AttributeType.TEXTS):
            message = f"`{IGNORE_CASE}` is for texts, and {quote(attribute.name)} is of type {attribute.type}"
            self.findings.key_error(here, Code.OPERATOR, message, "delete it")
        elif FOLDING.isdisjoint(operators):
            hint = f"put it beside one of: {', '.join(sorted(FOLDING & OPERATORS[attribute.type]))}"
            if not OF_ITEMS.isdisjoint(operators):
                hint = "put it inside the braces of the operator on items"
            elif Operator.MATCHES in operators:
                hint = "begin the expression with (?i)"
            message = f"there is no operator beside `{IGNORE_CASE}` that has capitals to ignore"
            self.findings.key_error(here, Code.OPERATOR, message, hint)
        return value is True

    def _nested(
        self, attribute: Attribute, operator: Operator, value: PlainData, path: Path
    ) -> Condition | None:
        """The test whose operand is a mapping of operators on an item, or on the size."""
        sized = operator is Operator.SIZE
        inner = Attribute(f"the size of {attribute.name}", AttributeType.INTEGER, 0)
        if not sized:
            kind = ITEM_TYPES[attribute.type]
            inner = replace(attribute, name=f"an item of {attribute.name}", type=kind)
        if not isinstance(value, dict):
            example = (
                "{gte: 2}"
                if sized
                else "{starts_with: a}"
                if inner.type is AttributeType.TEXT
                else "{gt: 10}"
            )
            hint = f"for example {operator}: {example}"
            self.findings.error(path, Code.TYPE, f"`{operator}` needs a mapping of operators", hint)
            return None
        tests = list(self._operators(inner, value, path, without=_NOT_OF_ITEMS))
        sound = tuple(_on_item(test) for test in tests if isinstance(test, Test))
        if not sound or len(sound) != len(tests):
            return None
        return Test(attribute.name, operator, (), inner=sound)

    def _test(
        self,
        attribute: Attribute,
        operator: Operator,
        value: PlainData,
        path: Path,
        *,
        caseless: bool = False,
    ) -> Condition | None:
        operand = self.reader.read(attribute, operator, value, path, caseless=caseless)
        if operand is None:
            return None
        collation = Collation.CASELESS if caseless else Collation.EXACT
        if attribute.type is AttributeType.VERSION and operator is not Operator.EXISTS:
            collation = Collation.VERSION
        test = Test(attribute.name, operator, operand, collation=collation)
        return written(test, value, path, self.findings)


def _on_item(test: Test) -> Test:
    """The test on an item, or on the size, in the operand of another."""
    text = f"{ITEM}{test.written.removeprefix(test.attribute)}" if test.written else ""
    return replace(test, attribute=ITEM, written=text)


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
