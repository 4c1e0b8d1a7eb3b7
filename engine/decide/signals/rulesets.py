"""Rules put into rulesets of a size that durable-rules bears; what each limit guards against stands beside it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple, TypeAlias

from engine.decide.signals.facts import (
    Equal,
    FactBuilder,
    PositionSign,
    Property,
    Sign,
    WantedFact,
    places,
    position,
    wanted_fact,
)
from engine.decide.signals.strata import Conjunction, SignalRule
from engine.model.values import Scalar

GROUPS, GROUP = 16, 32
"""Groups of a ruleset, each behind a guard of its own, and conjunctions of a group. The library hangs from 512 conditions
under one parent on, and fails when more than 64 that are true at once wait: here at most 17 and 32, together 48."""


PROPERTIES = 240
"""Of a fact; the library refuses more than 252 beside its own."""


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


_WORDS = list(Sign)


_Owned: TypeAlias = tuple[str, tuple[WantedFact, ...]]


_Condition: TypeAlias = tuple[str, str, int]


_Written: TypeAlias = tuple[tuple[_Condition, ...], str]


class Ruleset(NamedTuple):
    """What the library is given."""

    owners: tuple[str, ...]
    """The signal of each rule: that of `r0`, `r1`…"""
    definition: str


class Packed(NamedTuple):
    """Rules as the library takes them."""

    batches: tuple["Batch", ...]
    outside: tuple[SignalRule, ...]
    """Rules that it does not take."""
    conditions: int


class Batch(NamedTuple):
    """Rulesets that share their names, so that one fact serves them all."""

    rulesets: tuple[Ruleset, ...]
    projector: FactBuilder


@dataclass
class _Open:
    """A batch that is being filled."""

    conjunctions: dict[_Owned, None] = field(default_factory=dict)
    widths: set[object] = field(default_factory=set)

    def fits(self, widths: set[object]) -> bool:
        return len(self.widths | widths) <= PROPERTIES


def pack(rules: Sequence[SignalRule], room: int = ROOM) -> Packed:
    """Put rules into as few batches as come by taking the first that fits, as long as there is room for conditions."""
    found: list[_Open] = []
    outside = []
    used = 0
    for rule in rules:
        encoded = [_conditions(one) for one in rule.conjunctions]
        size = sum(map(len, encoded))
        if used + size > room or any(map(_too_large, encoded)):
            outside.append(rule)
            continue
        used += size
        for one in encoded:
            _place(found, rule.name, one)
    return Packed(tuple(_closed(one) for one in found), tuple(outside), used)


def _too_large(conditions: tuple[WantedFact, ...]) -> bool:
    return len(conditions) > LENGTH or len(_widths(conditions)) > PROPERTIES


def _conditions(conjunction: Conjunction) -> tuple[WantedFact, ...]:
    return tuple(dict.fromkeys(one for literal in conjunction for one in wanted_fact(literal)))


def _widths(conditions: Iterable[WantedFact]) -> set[object]:
    """What may stand in a fact at once: of all operands that an attribute may equal, one."""
    return {one.of.attribute if isinstance(one.of, Equal) else one.of for one in conditions}


def _place(found: list[_Open], owner: str, conditions: tuple[WantedFact, ...]) -> None:
    widths = _widths(conditions)
    place = next((one for one in found if one.fits(widths)), None)
    if place is None:
        place = _Open()
        found.append(place)
    place.conjunctions[owner, conditions] = None
    place.widths |= widths


def _closed(batch: _Open) -> Batch:
    every = [one for _, conditions in batch.conjunctions for one in conditions]
    names = dict(zip(dict.fromkeys(one.of for one in every), distinct_names(), strict=False))
    operands = _operands(every)
    written = sorted(
        (tuple(_written(one, names, operands) for one in sorted(conditions, key=_rank)), owner)
        for owner, conditions in batch.conjunctions
    )
    return Batch(tuple(_ruleset(one) for one in _cut(written)), FactBuilder.build(names, operands))


def _cut(written: list[_Written]) -> Iterator[list[_Written]]:
    """Runs of rules, alike ones together, that one ruleset can take."""
    run: list[_Written] = []
    size = 0
    for one in written:
        if len(run) == GROUPS * GROUP or size + len(one[0]) > CONDITIONS:
            yield run
            run, size = [], 0
        run.append(one)
        size += len(one[0])
    if run:
        yield run


def _ruleset(run: list[_Written]) -> Ruleset:
    definition: dict[str, Any] = {CANARY_RULE: _all(_CANARY)}
    for number, (conditions, _) in enumerate(run):
        guard = (Sign.GREATER_OR_EQUAL.value, GUARD, -(number // GROUP))
        definition[f"r{number}"] = _all([guard, *conditions])
    return Ruleset(tuple(owner for _, owner in run), json.dumps(definition, separators=(",", ":")))


def _rank(one: WantedFact) -> int:
    """Names that must be there first: the library then asks nothing more of most rules."""
    return _WORDS.index(one.sign)


def _written(
    one: WantedFact, names: dict[Property, str], operands: dict[PositionSign, tuple[Scalar, ...]]
) -> _Condition:
    if isinstance(one.of, PositionSign) and one.operand is not None:
        return one.sign.value, names[one.of], position(operands[one.of], one.operand)
    return one.sign.value, names[one.of], 1


def _operands(conditions: Iterable[WantedFact]) -> dict[PositionSign, tuple[Scalar, ...]]:
    found: dict[PositionSign, list[Scalar]] = {}
    for one in conditions:
        if isinstance(one.of, PositionSign) and one.operand is not None:
            found.setdefault(one.of, []).append(one.operand)
    return {of: places(some) for of, some in found.items()}


def _all(conditions: Iterable[_Condition]) -> dict[str, Any]:
    return {"all": [{"m": {"$and": [{word: {name: value}} for word, name, value in conditions]}}]}


def distinct_names() -> Iterator[str]:
    """Names that differ in the hash by which alone the library knows them, from each other and from the reserved."""
    seen = {fnv1a(one) for one in RESERVED}
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
