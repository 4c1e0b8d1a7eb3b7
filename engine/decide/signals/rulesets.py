"""Packs rules into rulesets within the limits of durable-rules. Each limit is explained beside it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple, TypeAlias

from engine.decide.signals.facts import (
    Equal,
    FactBuilder,
    FactCondition,
    Position,
    Property,
    Sign,
    ascending,
    fact_conditions,
    position,
)
from engine.decide.signals.strata import Conjunction, SignalRule
from engine.model.values import Scalar

GROUPS, GROUP = 16, 32
"""Groups of a ruleset, each behind a guard condition of its own, and conjunctions of a group. The library hangs from 512
conditions under one parent on, and fails if more than 64 that are true at once wait: here at most 17 and 32, together 48."""


PROPERTIES = 240
"""Properties of a fact; the library refuses more than 252 beside its own."""


LENGTH = 240
"""Conditions of one conjunction."""


CONDITIONS = 4096
"""Conditions of one ruleset, which take 5 to 8 kB each."""


ROOM = 32_768
"""Conditions of all rulesets of a book, at most some 300 MB."""


GUARD, CANARY, CANARY_ABSENT = "g", "c", "d"


RESERVED = ("id", "sid", "$s", GUARD, CANARY, CANARY_ABSENT)


CANARY_RULE = "canary"


_CANARY = (("$gte", CANARY, 2), ("$lt", CANARY, 4), ("$nex", CANARY_ABSENT, 1))


_SIGNS = list(Sign)


_Owned: TypeAlias = tuple[str, tuple[FactCondition, ...]]
"""A signal, and one of its conjunctions."""


_Condition: TypeAlias = tuple[str, str, int]
"""Operator, name and operand, as written in a definition."""


_Written: TypeAlias = tuple[tuple[_Condition, ...], str]
"""A conjunction as written, and its signal."""


class Ruleset(NamedTuple):
    """A ruleset for the library."""

    owners: tuple[str, ...]
    """The signal of each rule, `r0`, `r1` and so on."""
    definition: str
    """JSON."""


class Packed(NamedTuple):
    """Rules packed into batches."""

    batches: tuple["Batch", ...]
    outside: tuple[SignalRule, ...]
    """Rules that do not fit into a ruleset."""
    conditions: int
    """Number of conditions in the batches."""


class Batch(NamedTuple):
    """Rulesets that share their names, so that one fact serves them all."""

    rulesets: tuple[Ruleset, ...]
    fact_builder: FactBuilder


@dataclass
class _OpenBatch:
    """A batch that is being filled."""

    conjunctions: dict[_Owned, None] = field(default_factory=dict)
    slots: set[object] = field(default_factory=set)

    def fits(self, slots: set[object]) -> bool:
        return len(self.slots | slots) <= PROPERTIES


def pack(rules: Sequence[SignalRule], room: int = ROOM) -> Packed:
    """Pack rules into batches, each conjunction into the first that it fits, up to `room` conditions."""
    batches: list[_OpenBatch] = []
    outside = []
    used = 0
    for rule in rules:
        encoded = [_conditions(conjunction) for conjunction in rule.conjunctions]
        size = sum(map(len, encoded))
        if used + size > room or any(map(_too_large, encoded)):
            outside.append(rule)
            continue
        used += size
        for conditions in encoded:
            _add(batches, rule.name, conditions)
    return Packed(tuple(_closed(batch) for batch in batches), tuple(outside), used)


def _too_large(conditions: tuple[FactCondition, ...]) -> bool:
    return len(conditions) > LENGTH or len(_slots(conditions)) > PROPERTIES


def _conditions(conjunction: Conjunction) -> tuple[FactCondition, ...]:
    return tuple(
        dict.fromkeys(condition for literal in conjunction for condition in fact_conditions(literal))
    )


def _slots(conditions: Iterable[FactCondition]) -> set[object]:
    """What takes up a property of a fact: of all operands that an attribute may equal, only one is in it at once."""
    properties = [condition.property for condition in conditions]
    return {property_.attribute if isinstance(property_, Equal) else property_ for property_ in properties}


def _add(batches: list[_OpenBatch], owner: str, conditions: tuple[FactCondition, ...]) -> None:
    slots = _slots(conditions)
    batch = next((candidate for candidate in batches if candidate.fits(slots)), None)
    if batch is None:
        batch = _OpenBatch()
        batches.append(batch)
    batch.conjunctions[owner, conditions] = None
    batch.slots |= slots


def _closed(batch: _OpenBatch) -> Batch:
    all_conditions = [condition for _, conditions in batch.conjunctions for condition in conditions]
    properties = dict.fromkeys(condition.property for condition in all_conditions)
    names = dict(zip(properties, distinct_names(), strict=False))
    operands = _operands(all_conditions)
    written = sorted(
        (tuple(_written(condition, names, operands) for condition in sorted(conditions, key=_order)), owner)
        for owner, conditions in batch.conjunctions
    )
    return Batch(tuple(_ruleset(run) for run in _cut(written)), FactBuilder.build(names, operands))


def _cut(written: list[_Written]) -> Iterator[list[_Written]]:
    """Runs of sorted rules that each fit into one ruleset."""
    run: list[_Written] = []
    size = 0
    for rule in written:
        if len(run) == GROUPS * GROUP or size + len(rule[0]) > CONDITIONS:
            yield run
            run, size = [], 0
        run.append(rule)
        size += len(rule[0])
    if run:
        yield run


def _ruleset(run: list[_Written]) -> Ruleset:
    definition: dict[str, Any] = {CANARY_RULE: _all(_CANARY)}
    for number, (conditions, _) in enumerate(run):
        guard = (Sign.GREATER_OR_EQUAL.value, GUARD, -(number // GROUP))
        definition[f"r{number}"] = _all([guard, *conditions])
    return Ruleset(tuple(owner for _, owner in run), json.dumps(definition, separators=(",", ":")))


def _order(condition: FactCondition) -> int:
    """Names that must be present come first: of most rules the library then evaluates nothing more."""
    return _SIGNS.index(condition.sign)


def _written(
    condition: FactCondition, names: dict[Property, str], operands: dict[Position, tuple[Scalar, ...]]
) -> _Condition:
    property_, operand = condition.property, condition.operand
    if isinstance(property_, Position) and operand is not None:
        return condition.sign.value, names[property_], position(operands[property_], operand)
    return condition.sign.value, names[property_], 1


def _operands(conditions: Iterable[FactCondition]) -> dict[Position, tuple[Scalar, ...]]:
    """By position, the operands that its attribute is compared with, ascending."""
    by_position: dict[Position, list[Scalar]] = {}
    for condition in conditions:
        if isinstance(condition.property, Position) and condition.operand is not None:
            by_position.setdefault(condition.property, []).append(condition.operand)
    return {compared: ascending(operands) for compared, operands in by_position.items()}


def _all(conditions: Iterable[_Condition]) -> dict[str, Any]:
    return {"all": [{"m": {"$and": [{operator: {name: value}} for operator, name, value in conditions]}}]}


def distinct_names() -> Iterator[str]:
    """Names whose hashes differ from each other and from the reserved: the library knows names by hash alone."""
    seen = {fnv1a(name) for name in RESERVED}
    for number in count():
        name = f"p{number}"
        if fnv1a(name) not in seen:
            seen.add(fnv1a(name))
            yield name


def fnv1a(text: str) -> int:
    """The 32-bit FNV-1a hash of an ASCII text."""
    value = 0x811C9DC5
    for octet in text.encode("ascii"):
        value = (value ^ octet) * 16_777_619 & 0xFFFFFFFF
    return value
