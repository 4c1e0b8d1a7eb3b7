"""Conditions with the paths at which their parts are written: a walk through the plain data beside the tree read from it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from engine.conditions.model import All, Any_, Condition, None_, Test
from engine.rulebook.conditions.trees import GROUPS, IGNORE_CASE
from engine.rulebook.model.book import Book
from engine.rulebook.model.derived import Measure
from engine.rulebook.model.policies import POLICY_SECTIONS
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.text.nodes import PlainData

_NAMED = ("audience", "pattern", "signal")


@dataclass(frozen=True, slots=True)
class Located:
    """A condition and where it is written."""

    condition: Condition
    path: Path
    parts: tuple["Located", ...] = ()
    """Of groups; audiences have none, since their conditions are written elsewhere."""
    behaviour: Path = ()
    """Where the `behaviour` is written whose aggregate it compares; empty for other conditions."""


def located(condition: Condition, data: PlainData, path: Path) -> Located:
    """The condition that was read from the data at the path. conditions/trees.py and grammar.py read it in the same order."""
    entries = list(data.items()) if isinstance(data, dict) else []
    if len(entries) == 1:
        key, value = entries[0]
        return _entry(condition, key, value, (*path, key))
    parts = zip(_parts(condition), entries, strict=True)
    return Located(
        condition, path, tuple(_entry(part, key, value, (*path, key)) for part, (key, value) in parts)
    )


def _entry(condition: Condition, key: str, value: PlainData, path: Path) -> Located:
    if key in GROUPS and isinstance(value, list):
        items = zip(_parts(condition), enumerate(value), strict=True)
        return Located(
            condition, path, tuple(located(part, item, (*path, index)) for part, (index, item) in items)
        )
    if key in _NAMED and isinstance(value, list):
        leaves = (Located(part, (*path, index)) for index, part in enumerate(_parts(condition)))
        return Located(condition, path, tuple(leaves))
    if key == "behaviour" and isinstance(value, dict):
        measure = next(measure.value for measure in Measure if measure in value)
        return replace(_operators(condition, value[measure], (*path, measure)), behaviour=path)
    if key == "contact" and isinstance(value, dict):
        return (
            _operators(condition, value["count"], (*path, "count"))
            if value.get("count")
            else Located(condition, path)
        )
    if isinstance(value, dict) and key not in (*_NAMED, "near", "trend"):
        return _operators(condition, value, path)
    return Located(condition, path)


def _operators(condition: Condition, data: PlainData, path: Path) -> Located:
    operators = [key for key in data if key not in ("of", IGNORE_CASE)] if isinstance(data, dict) else []
    if len(operators) == 1:
        return Located(condition, (*path, operators[0]))
    leaves = zip(_parts(condition), operators, strict=True)
    return Located(condition, path, tuple(Located(part, (*path, operator)) for part, operator in leaves))


def _parts(condition: Condition) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, All | Any_ | None_) else ()


def tests_in(node: Located) -> Iterator[Located]:
    """The tests that are written in the condition."""
    if isinstance(node.condition, Test):
        yield node
    for part in node.parts:
        yield from tests_in(part)


def nodes_in(node: Located) -> Iterator[Located]:
    """The condition and all of its parts, from the outside in."""
    yield node
    for part in node.parts:
        yield from nodes_in(part)


def at(data: PlainData, path: Path) -> PlainData:
    """The plain data at the path; None if there is nothing."""
    for key in path:
        if isinstance(data, dict) and isinstance(key, str):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        else:
            return None
    return data


def line_of(path: Path, beside: Path, findings: Findings) -> str:
    """Where the key of the path is written, for a message at another path: its line, and its file if that is another one."""
    file, line, _ = findings.key_location(path)
    if file != findings.key_location(beside)[0]:
        return f"{file}, line {line}"
    return "the same line" if line == findings.key_location(beside)[1] else f"line {line}"


def conditions_of(book: Book, data: PlainData) -> Iterator[Located]:
    """All conditions on customers that the book has, in the order of its sections."""
    yield from _located_at(data, [(book.audiences[name], ("audiences", name)) for name in book.audiences])
    for name, signal in book.derived.signals.items():
        until = [(signal.until, ("signals", name, "until"))] if signal.until is not None else []
        yield from _located_at(data, [(signal.when, ("signals", name, "when")), *until])
    for name, campaign in book.campaigns.items():
        path: Path = ("campaigns", name)
        inner: list[tuple[Condition, Path]] = [(campaign.when, (*path, "when"))]
        inner += [
            (boost.when, (*path, "boosts", index, "when")) for index, boost in enumerate(campaign.boosts)
        ]
        inner += [(variant.when, (*path, "variants", variant.name, "when")) for variant in campaign.variants]
        yield from _located_at(data, inner)
    for section in POLICY_SECTIONS:
        policies = getattr(book.pressure, section)
        yield from _located_at(
            data, [(policies[name].when, ("pressure", section, name, "when")) for name in policies]
        )


def event_conditions_of(nodes: Iterable[Located], book: Book, data: PlainData) -> Iterator[Located]:
    """The conditions on events: of each `behaviour` in these conditions, and of the steps of patterns."""
    for node in nodes:
        test = next(tests_in(node)).condition
        aggregate = book.derived.aggregates.get(test.attribute) if isinstance(test, Test) else None
        if aggregate:
            yield from _located_at(data, [(aggregate.where, (*node.behaviour, "where"))])
    for name, pattern in book.derived.patterns.items():
        path: Path = ("patterns", name)
        yield from _of_step(pattern.first.where, data, (*path, "first"), "within")
        for index, step in enumerate(pattern.then):
            yield from _of_step(step.where, data, (*path, "then", index), "within")
        listed = isinstance(at(data, (*path, "not_after")), list)
        for index, absence in enumerate(pattern.not_after):
            here = (*path, "not_after", index) if listed else (*path, "not_after")
            yield from _of_step(absence.where, data, here, "same")


def _of_step(where: Condition, data: PlainData, path: Path, beside: str) -> Iterator[Located]:
    """The tests of a pattern's step: all of its keys but `event` and the one beside it."""
    step = at(data, path)
    fields = (
        {key: value for key, value in step.items() if key not in ("event", beside)}
        if isinstance(step, dict)
        else {}
    )
    if fields:
        yield located(where, fields, path)


def _located_at(data: PlainData, conditions: list[tuple[Condition, Path]]) -> Iterator[Located]:
    for condition, path in conditions:
        written = at(data, path)
        if written is not None:
            yield located(condition, written, path)
