"""One attribute's column of the index: from any value, at once, the clauses that it does not rule out.

A clause's scalar literals on the attribute form its group; clauses with equal groups share one evaluation.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeAlias

from engine.conditions.dnf import Literal
from engine.conditions.evaluate import kind_of, test_holds
from engine.conditions.model import Operator
from engine.model.values import Moment, Scalar, Value

Mask: TypeAlias = int
"""A set of clauses, one bit each."""


Group: TypeAlias = frozenset[Literal]


SCALAR_OPERATORS = frozenset(
    {
        Operator.EQ,
        Operator.NE,
        Operator.LT,
        Operator.LTE,
        Operator.GT,
        Operator.GTE,
        Operator.BETWEEN,
        Operator.IN,
        Operator.NOT_IN,
        Operator.EXISTS,
        Operator.BEFORE,
        Operator.AFTER,
    }
)
"""The operators that see nothing of a value but which of the operands it equals and between which it lies."""


_SPAN = 128
"""Whole numbers in a range shorter than this get a mask each."""


_EXACT = 2**53


_NEVER = Moment(0, date.min)
"""The scalar operators do not look at the moment."""


_OTHER: Value = ()
"""A present value that equals no scalar and compares with none."""


@dataclass(frozen=True, slots=True)
class IndexColumn:
    """What one attribute's value leaves of the clauses.

    Without a `lookup` it is `known.get(value, other)` for any value; with one it is `known[value]` for whole numbers
    that are in there, and else `lookup(value)`.
    """

    attribute: str
    share: float
    """Which part of the clauses an average value leaves; the columns that leave least should come first."""
    known: Mapping[Any, Mask] = field(default_factory=dict)
    """With a lookup, by whole number; without, by text, and by None for a missing attribute."""
    other: Mask = 0
    """For a value that equals no operand."""
    lookup: Callable[[Any], Mask] | None = None


def scalar_column(attribute: str, groups: Mapping[Group, Mask], free: Mask) -> IndexColumn:
    """Make the column of the scalar operators' groups; `free` are the clauses that are in none."""
    kinds = {kind_of(one) for group in groups for one in _operands(group)} - {None}

    def at(value: Value | None) -> Mask:
        return free | _union(mask for group, mask in groups.items() if _admits(group, value))

    clauses = free | _union(groups.values())
    missing, other = at(None), at(_OTHER)
    texts: dict[Value | None, Mask] = {None: missing}
    mentioned: dict[str, dict[Group, Mask]] = {}
    for group, mask in groups.items():
        for one in _operands(group):
            if isinstance(one, str):
                mentioned.setdefault(one, {})[group] = mask
    for text, by_group in mentioned.items():
        differing = _union(m for g, m in by_group.items() if _admits(g, text) is not _admits(g, _OTHER))
        texts[text] = other ^ differing
    if kinds <= {str}:
        return IndexColumn(attribute, share_of(texts.values(), clauses), texts, other)
    numbers, dates = _Steps.build(groups, float, other), _Steps.build(groups, date, other)
    masks = (*numbers.gaps, *numbers.points.values(), *dates.gaps, *texts.values())
    lookup = _lookup(numbers, dates, (at(False), at(True)), texts, other)
    return IndexColumn(attribute, share_of(masks, clauses), numbers.whole(), other, lookup)


@dataclass(frozen=True, slots=True)
class _Steps:
    """Masks over an ordered kind: constant between neighbouring cuts, and perhaps another one on a cut."""

    cuts: Sequence[Any]
    gaps: Sequence[Mask]
    """One more than cuts: the mask below, between and above them."""
    points: Mapping[Any, Mask]
    """The mask on a cut, where it is not that of the gap above it."""

    @classmethod
    def build(cls, groups: Mapping[Group, Mask], kind: type, other: Mask) -> "_Steps":
        """Sweep over the cuts of all groups: each group toggles its clauses where its own verdict changes.

        Order and equality are all that the operators see, so ranks stand for the values: 2i + 1 for a group's
        i-th cut, even numbers for the gaps.
        """
        own = {group: _cuts(_operands(group), kind) for group in groups}
        own = {group: cuts for group, cuts in own.items() if cuts}
        cuts = _cuts((cut for one in own.values() for cut in one), kind)
        place = {cut: 2 * number + 1 for number, cut in enumerate(cuts)}
        toggles = [0] * (2 * len(cuts) + 1)
        for group, group_cuts in own.items():
            ranked = _ranked(group, {cut: 2 * number + 1 for number, cut in enumerate(group_cuts)}, kind)
            starts = [0, *(start for cut in group_cuts for start in (place[cut], place[cut] + 1))]
            before = _admits(group, _OTHER)
            for rank, start in enumerate(starts):
                now = _admits(ranked, rank)
                if now is not before:
                    toggles[start] ^= groups[group]
                before = now
        masks = []
        mask = other
        for toggle in toggles:
            mask ^= toggle
            masks.append(mask)
        points = {cut: masks[place[cut]] for cut in cuts if masks[place[cut]] != masks[place[cut] + 1]}
        return cls(cuts, masks[::2], points)

    def at(self, value: Any) -> Mask:
        """Look up a value of the kind."""
        mask = self.points.get(value)
        return self.gaps[bisect_right(self.cuts, value)] if mask is None else mask

    def whole(self) -> Mapping[int, Mask]:
        """Spell out the whole numbers from the lowest cut to the highest, unless that is far."""
        if not self.cuts or not -_EXACT < self.cuts[0] <= self.cuts[-1] < min(self.cuts[0] + _SPAN, _EXACT):
            return {}
        return {number: self.at(number) for number in range(int(self.cuts[0]) - 1, int(self.cuts[-1]) + 2)}


def _lookup(
    numbers: _Steps,
    dates: _Steps,
    truths: tuple[Mask, Mask],
    texts: Mapping[Value | None, Mask],
    other: Mask,
) -> Callable[[Any], Mask]:
    """Look up by the value's exact type: Python takes 1, 1.0 and True for the same key."""
    cuts, gaps, points, missing = numbers.cuts, numbers.gaps, numbers.points, texts[None]

    def lookup(value: Any) -> Mask:
        kind = type(value)
        if kind is int or (kind is float and value == value):  # noqa: PLR0124 - but NaN
            mask = points.get(value)
            return gaps[bisect_right(cuts, value)] if mask is None else mask
        return missing if value is None else rare(value)

    def rare(value: Any) -> Mask:
        kind = kind_of(value)
        if kind is bool:
            return truths[value]
        if kind is date:
            return dates.at(value)
        if kind is float:
            return numbers.at(value)
        return texts.get(value, other) if kind is str else other

    return lookup


def _operands(group: Group) -> Iterable[Scalar]:
    for literal in group:
        operand = literal.test.operand
        if literal.test.operator is not Operator.EXISTS:
            yield from operand if isinstance(operand, tuple) else (operand,)


def _cuts(operands: Iterable[Scalar], kind: type) -> list[Any]:
    """Sort the distinct operands of a kind."""
    return sorted({one for one in operands if kind_of(one) is kind})


def _ranked(group: Group, ranks: Mapping[Any, int], kind: type) -> Group:
    """Put ranks for the operands of the kind, and for the others a text, which equals no rank either."""

    def rank(operand: Scalar) -> Scalar:
        return ranks[operand] if kind_of(operand) is kind else ""

    def ranked(literal: Literal) -> Literal:
        test = literal.test
        if test.operator is Operator.EXISTS:
            return literal
        operand = tuple(map(rank, test.operand)) if isinstance(test.operand, tuple) else rank(test.operand)
        return replace(literal, test=replace(test, operand=operand))

    return frozenset(map(ranked, group))


def _admits(group: Group, value: Value | None) -> bool:
    return all(
        test_holds(one.test, {} if value is None else {one.test.attribute: value}, _NEVER) is one.positive
        for one in group
    )


def _union(masks: Iterable[Mask]) -> Mask:
    union = 0
    for mask in masks:
        union |= mask
    return union


def share_of(masks: Iterable[Mask], clauses: Mask) -> float:
    """Average which part of the clauses these masks leave."""
    counts = [mask.bit_count() for mask in masks]
    return sum(counts) / max(len(counts) * clauses.bit_count(), 1)
