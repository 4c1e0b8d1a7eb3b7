"""Columns of the index: from any value of an attribute, the clauses that it does not rule out, in one look-up.

This is the column of the scalar operators. A clause's scalar literals on the attribute form its group; clauses with
equal groups share one evaluation.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeAlias

from engine.conditions.dnf import Literal
from engine.conditions.evaluate import kind_of, test_holds
from engine.conditions.model import Collation, Deferred, Operator
from engine.conditions.typed_texts import Version
from engine.model.values import Moment, Scalar, Value

Mask: TypeAlias = int
"""A set of clauses, one bit each."""


Group: TypeAlias = frozenset[Literal]
"""The scalar literals of a clause on one attribute."""


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
"""The operators that depend only on which operands a value equals and between which it lies."""


def is_scalar(literal: Literal) -> bool:
    """Whether a scalar column can hold the literal; not if it compares whole lists, or with what evaluation knows only."""
    test = literal.test
    listed = isinstance(test.operand, tuple) and test.operator in (Operator.EQ, Operator.NE)
    plain = test.collation is Collation.EXACT and not isinstance(test.operand, Deferred)
    return test.operator in SCALAR_OPERATORS and plain and not listed


_SPAN = 128
"""Whole numbers in a range shorter than this get a mask each."""


_EXACT = 2**53
"""Below it a float represents every whole number exactly."""


_ANY_MOMENT = Moment(0, date.min)
"""The scalar operators do not depend on the moment."""


_OTHER: Value = ()
"""A present value that equals no scalar and compares with none."""


@dataclass(frozen=True, slots=True)
class IndexColumn:
    """The clauses that one attribute's value does not rule out.

    Without a `lookup` they are `masks.get(value, other)` for any value; with one they are `masks[value]` for whole
    numbers that are in there, and else `lookup(value)`.
    """

    attribute: str
    share: float
    """Part of the clauses that an average value leaves, in [0, 1]; columns that leave least should come first."""
    masks: Mapping[Any, Mask] = field(default_factory=dict)
    """With a lookup, by whole number; without, by text, and by None for a missing attribute."""
    other: Mask = 0
    """For a value that equals no operand."""
    lookup: Callable[[Any], Mask] | None = None

    is_costly: bool = False
    """Whether a look-up takes much longer than that of a plain value."""

    def at(self, value: Any) -> Mask:
        """The clauses that the value, or None for a missing one, does not rule out."""
        return self.masks.get(value, self.other) if self.lookup is None else self.lookup(value)

    def of(self, derive: Callable[[Any], Any]) -> Callable[[Any], Mask]:
        """The lookup by what is derived from the attribute's value; None counts as missing."""
        masks, other, lookup = self.masks, self.other, self.lookup
        if lookup is None:
            return lambda value: masks.get(derive(value), other)
        return lambda value: lookup(derive(value))


def scalar_column(attribute: str, groups: Mapping[Group, Mask], free: Mask) -> IndexColumn:
    """The column of the groups' clauses; `free` are the clauses without a group, which no value rules out."""
    kinds = {kind_of(operand) for group in groups for operand in _operands(group)} - {None}

    def at(value: Value | None) -> Mask:
        return free | union(mask for group, mask in groups.items() if _admits(group, value))

    clauses = free | union(groups.values())
    missing, other = at(None), at(_OTHER)
    texts: dict[Value | None, Mask] = {None: missing}
    mentioned: dict[str, dict[Group, Mask]] = {}
    for group, mask in groups.items():
        for operand in _operands(group):
            if isinstance(operand, str):
                mentioned.setdefault(operand, {})[group] = mask
    for text, by_group in mentioned.items():
        differing = union(m for g, m in by_group.items() if _admits(g, text) is not _admits(g, _OTHER))
        texts[text] = other ^ differing
    if kinds <= {str}:
        return IndexColumn(attribute, share_of(texts.values(), clauses), texts, other)
    numbers, dates = _Steps.build(groups, float, other), _Steps.build(groups, date, other)
    versions = _Steps.build(groups, Version, other).by_precedence()
    masks = (*numbers.gaps, *numbers.points.values(), *dates.gaps, *texts.values())
    masks += (*versions.gaps, *versions.points.values()) if versions.cuts else ()
    lookup = _lookup(numbers, dates, versions, (at(False), at(True)), texts, other)
    return IndexColumn(attribute, share_of(masks, clauses), numbers.whole(), other, lookup)


@dataclass(frozen=True, slots=True)
class _Steps:
    """Masks over an ordered kind, constant between neighbouring cuts; the mask on a cut may differ."""

    cuts: Sequence[Any]
    gaps: Sequence[Mask]
    """The masks below, between and above the cuts: one more than there are cuts."""
    points: Mapping[Any, Mask]
    """By cut, its mask if it differs from that of the gap above it."""

    @classmethod
    def build(cls, groups: Mapping[Group, Mask], kind: type, other: Mask) -> "_Steps":
        """Sweep over the cuts of all groups; each group toggles its clauses where its result changes.

        The operators depend on order and equality only, so ranks are evaluated in place of values: 2i + 1 for a
        group's i-th cut, even numbers for the gaps.
        """
        own = {group: _cuts(_operands(group), kind) for group in groups}
        own = {group: cuts for group, cuts in own.items() if cuts}
        cuts = _cuts((cut for cuts_of_group in own.values() for cut in cuts_of_group), kind)
        ranks = {cut: 2 * number + 1 for number, cut in enumerate(cuts)}
        toggles = [0] * (2 * len(cuts) + 1)
        for group, group_cuts in own.items():
            ranked = _ranked(group, {cut: 2 * number + 1 for number, cut in enumerate(group_cuts)}, kind)
            starts = [0, *(start for cut in group_cuts for start in (ranks[cut], ranks[cut] + 1))]
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
        points = {cut: masks[ranks[cut]] for cut in cuts if masks[ranks[cut]] != masks[ranks[cut] + 1]}
        return cls(cuts, masks[::2], points)

    def at(self, value: Any) -> Mask:
        """Look up a value of the kind."""
        mask = self.points.get(value)
        return self.gaps[bisect_right(self.cuts, value)] if mask is None else mask

    def by_precedence(self) -> "_Steps":
        """The same over tuples in place of versions: these compare faster."""
        points = {cut.precedence: mask for cut, mask in self.points.items()}
        return replace(self, cuts=[cut.precedence for cut in self.cuts], points=points)

    def whole(self) -> Mapping[int, Mask]:
        """Masks by whole number from the lowest cut to the highest; empty if that is more than _SPAN numbers."""
        if not self.cuts or not -_EXACT < self.cuts[0] <= self.cuts[-1] < min(self.cuts[0] + _SPAN, _EXACT):
            return {}
        return {number: self.at(number) for number in range(int(self.cuts[0]) - 1, int(self.cuts[-1]) + 2)}


def _lookup(
    numbers: _Steps,
    dates: _Steps,
    versions: _Steps,
    truths: tuple[Mask, Mask],
    texts: Mapping[Value | None, Mask],
    other: Mask,
) -> Callable[[Any], Mask]:
    """Look up by the value's exact type, since 1, 1.0 and True are the same key to a dictionary."""
    cuts, gaps, points, missing = numbers.cuts, numbers.gaps, numbers.points, texts[None]

    def lookup(value: Any) -> Mask:
        kind = type(value)
        if kind is int or (kind is float and value == value):  # noqa: PLR0124 - but NaN
            mask = points.get(value)
            return gaps[bisect_right(cuts, value)] if mask is None else mask
        return missing if value is None else rare(value)

    def rare(value: Any) -> Mask:
        if type(value) is Version:
            return versions.at(value.precedence)
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
        if literal.test.operator is not Operator.EXISTS and not isinstance(operand, Deferred):
            yield from operand if isinstance(operand, tuple) else (operand,)


def _cuts(operands: Iterable[Scalar], kind: type) -> list[Any]:
    """The distinct operands of a kind, ascending."""
    return sorted({operand for operand in operands if kind_of(operand) is kind})


def _ranked(group: Group, ranks: Mapping[Any, int], kind: type) -> Group:
    """Replace the operands of the kind by ranks, and all others by a text, which equals no rank."""

    def rank(operand: Scalar) -> Scalar:
        return ranks[operand] if kind_of(operand) is kind else ""

    def ranked(literal: Literal) -> Literal:
        test = literal.test
        if test.operator is Operator.EXISTS or isinstance(test.operand, Deferred):
            return literal
        operand = tuple(map(rank, test.operand)) if isinstance(test.operand, tuple) else rank(test.operand)
        return replace(literal, test=replace(test, operand=operand))

    return frozenset(map(ranked, group))


def _admits(group: Group, value: Value | None) -> bool:
    return all(
        test_holds(literal.test, {} if value is None else {literal.test.attribute: value}, _ANY_MOMENT)
        is literal.positive
        for literal in group
    )


def union(masks: Iterable[Mask]) -> Mask:
    """The clauses that are in any of the masks."""
    clauses = 0
    for mask in masks:
        clauses |= mask
    return clauses


def share_of(masks: Iterable[Mask], clauses: Mask) -> float:
    """Average part of the clauses that these masks leave, in [0, 1]."""
    counts = [mask.bit_count() for mask in masks]
    return sum(counts) / max(len(counts) * clauses.bit_count(), 1)
