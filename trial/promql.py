"""Evaluates the forms of PromQL that our alert rules use, over series that were scraped. Any other form raises Unsupported.

Times are seconds. The results are Prometheus's: instant vectors look back five minutes, a series of a target that is gone ends
at once, and rates are extrapolated to the bounds of their window: https://prometheus.io/docs/prometheus/latest/querying/.
"""

import math
import operator
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import pairwise
from operator import itemgetter
from typing import Any, TypeAlias

import promql_parser as syntax

Labels: TypeAlias = frozenset[tuple[str, str]]
"""Names and values; of a series that was scraped also `__name__`."""


Vector: TypeAlias = dict[Labels, float]


NAME = "__name__"
LOOKBACK = 300.0


class Unsupported(Exception):
    """A form of PromQL that is not evaluated here."""


Samples: TypeAlias = list[tuple[float, float | None]]
"""Times and values, in order; None: the series ended."""


@dataclass
class Series:
    """What was scraped, by the name and the labels of each series."""

    named: defaultdict[str, dict[Labels, Samples]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, labels: Labels, time: float, value: float | None) -> None:
        """Adds a sample. time: not before those that are there."""
        self.named[dict(labels)[NAME]].setdefault(labels, []).append((time, value))

    def matching(self, selector: syntax.VectorSelector) -> Iterable[tuple[Labels, Samples]]:
        """The series that a selector selects."""
        _require(selector.at is None and not selector.matchers.or_matchers and selector.name, selector)
        tests = [
            (matcher.name, _MATCHES[str(matcher.op)], matcher.value) for matcher in selector.matchers.matchers
        ]
        named = self.named[str(selector.name)]
        if not tests:
            return named.items()
        return [
            (labels, samples)
            for labels, samples in named.items()
            if all(matches(_value(labels, name), value) for name, matches, value in tests)
        ]


@cache
def _value(labels: Labels, name: str) -> str:
    """The value of a label; empty for one that is not there."""
    return dict(labels).get(name, "")


_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "MatchOp.Equal": operator.eq,
    "MatchOp.NotEqual": operator.ne,
    "MatchOp.Re": lambda text, pattern: re.fullmatch(pattern, text) is not None,
    "MatchOp.NotRe": lambda text, pattern: re.fullmatch(pattern, text) is None,
}


_COMPARES: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def evaluate(query: str, series: Series, now: float) -> Vector:
    """The instant vector of a query. Raises Unsupported."""
    return _vector(_parsed(query), series, now)


@cache
def _parsed(query: str) -> syntax.Expr:
    return syntax.parse(query)


def _vector(node: Any, series: Series, now: float) -> Vector:
    match node:
        case syntax.ParenExpr():
            return _vector(node.expr, series, now)
        case syntax.VectorSelector():
            return _instant(node, series, now)
        case syntax.AggregateExpr():
            return _aggregate(node, series, now)
        case syntax.BinaryExpr():
            return _binary(node, series, now)
        case syntax.Call():
            return _call(node, series, now)
    raise Unsupported(str(node))


def _instant(node: syntax.VectorSelector, series: Series, now: float) -> Vector:
    at = now - _seconds(node.offset)
    values = {}
    for labels, samples in series.matching(node):
        recent = _between(samples, at - LOOKBACK, at)
        if recent and recent[-1][1] is not None:
            values[labels] = recent[-1][1]
    return values


def _window(
    node: Any, series: Series, now: float
) -> Iterable[tuple[Labels, list[tuple[float, float]], float, float]]:
    """The series of a range with their samples in it, and its bounds."""
    _require(isinstance(node, syntax.MatrixSelector), node)
    end = now - _seconds(node.vector_selector.offset)
    start = end - _seconds(node.range)
    for labels, samples in series.matching(node.vector_selector):
        inside = [(time, value) for time, value in _between(samples, start, end) if value is not None]
        if inside:
            yield labels, inside, start, end


def _between(samples: Samples, start: float, end: float) -> Samples:
    """The samples after the start, and until the end."""
    first, after = (bisect_right(samples, moment, key=itemgetter(0)) for moment in (start, end))
    return samples[first:after]


def _aggregate(node: syntax.AggregateExpr, series: Series, now: float) -> Vector:
    by = node.modifier
    if by is None or by.type != syntax.AggModifierType.By or node.param is not None:
        raise Unsupported(str(node))
    groups: defaultdict[Labels, list[float]] = defaultdict(list)
    for labels, value in _vector(node.expr, series, now).items():
        groups[_only(labels, by.labels)].append(value)
    match str(node.op):
        case "sum":
            return {labels: math.fsum(values) for labels, values in groups.items()}
        case "count":
            return {labels: float(len(values)) for labels, values in groups.items()}
    raise Unsupported(str(node.op))


def _binary(node: syntax.BinaryExpr, series: Series, now: float) -> Vector:
    operation, modifier = str(node.op), node.modifier
    _require(modifier is None or (not modifier.return_bool and modifier.group_labels is None), node)
    left = _vector(node.lhs, series, now)
    if isinstance(node.rhs, syntax.NumberLiteral):
        _require(operation in _COMPARES, node)
        return {labels: value for labels, value in left.items() if _COMPARES[operation](value, node.rhs.val)}
    right, on = _vector(node.rhs, series, now), modifier and modifier.matching
    _require(on is None or on.type == syntax.LabelModifierType.Include, node)

    def key(labels: Labels) -> Labels:
        return _only(labels, on.labels) if on else _nameless(labels)

    keys = {key(labels) for labels in right}
    match operation:
        case "and":
            return {labels: value for labels, value in left.items() if key(labels) in keys}
        case "unless":
            return {labels: value for labels, value in left.items() if key(labels) not in keys}
        case "or":
            of_left = {key(labels) for labels in left}
            return left | {labels: value for labels, value in right.items() if key(labels) not in of_left}
    return _pairs(node, operation, {key(labels): value for labels, value in right.items()}, left, key)


def _pairs(node: Any, operation: str, right: Vector, left: Vector, key: Callable[[Labels], Labels]) -> Vector:
    """A comparison or a division of vectors whose series match one to one."""
    _require(len({key(labels) for labels in left}) == len(left), node)
    paired = [(labels, value, right[key(labels)]) for labels, value in left.items() if key(labels) in right]
    if operation == "/":
        return {_nameless(labels): _divided(value, other) for labels, value, other in paired}
    _require(operation in _COMPARES, node)
    return {labels: value for labels, value, other in paired if _COMPARES[operation](value, other)}


def _call(node: syntax.Call, series: Series, now: float) -> Vector:
    match node.func.name, node.args:
        case "rate" | "increase" as name, [window]:
            changes = {}
            for labels, samples, start, end in _window(window, series, now):
                if len(samples) > 1:
                    per = end - start if name == "rate" else 1.0
                    changes[_nameless(labels)] = _increase(samples, start, end) / per
            return changes
        case "present_over_time", [window]:
            return {_nameless(labels): 1.0 for labels, *_ in _window(window, series, now)}
        case "predict_linear", [window, syntax.NumberLiteral(val=ahead)]:
            return {
                _nameless(labels): _predicted(samples, now + ahead)
                for labels, samples, *_ in _window(window, series, now)
                if len(samples) > 1
            }
        case "histogram_quantile", [syntax.NumberLiteral(val=quantile), buckets]:
            return _quantiles(quantile, _vector(buckets, series, now))
        case "absent", [syntax.VectorSelector() as selector]:
            equal = [
                (matcher.name, matcher.value)
                for matcher in selector.matchers.matchers
                if str(matcher.op) == "MatchOp.Equal"
            ]
            return {} if _instant(selector, series, now) else {frozenset(equal): 1.0}
    raise Unsupported(str(node))


def _increase(samples: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """The growth of a counter within a window, as Prometheus extrapolates it."""
    (first_time, first), (last_time, last) = samples[0], samples[-1]
    growth = last - first
    for (_, before), (_, after) in pairwise(samples):
        growth += before if after < before else 0.0  # it began anew at 0
    sampled = last_time - first_time
    between = sampled / (len(samples) - 1)
    to_start, to_end = first_time - start, end - last_time
    if to_start >= between * 1.1:
        to_start = between / 2
    if growth > 0 and first >= 0:
        to_start = min(to_start, sampled * first / growth)  # a counter was not below 0 before
    if to_end >= between * 1.1:
        to_end = between / 2
    return growth * (sampled + to_start + to_end) / sampled


def _predicted(samples: Sequence[tuple[float, float]], at: float) -> float:
    """The value at a time of the straight line of least squares."""
    count = len(samples)
    mean_time, mean = sum(time for time, _ in samples) / count, sum(value for _, value in samples) / count
    spread = sum((time - mean_time) ** 2 for time, _ in samples)
    slope = sum((time - mean_time) * (value - mean) for time, value in samples) / spread
    return mean + slope * (at - mean_time)


def _quantiles(quantile: float, buckets: Vector) -> Vector:
    """The quantile of each histogram, by straight lines within its buckets."""
    histograms: defaultdict[Labels, list[tuple[float, float]]] = defaultdict(list)
    for labels, count in buckets.items():
        bound = float(dict(labels)["le"])
        histograms[frozenset(label for label in labels if label[0] != "le")].append((bound, count))
    return {labels: _quantile(quantile, sorted(bounds)) for labels, bounds in histograms.items()}


def _quantile(quantile: float, buckets: Sequence[tuple[float, float]]) -> float:
    rank = quantile * buckets[-1][1]
    if not buckets[-1][1]:
        return math.nan
    index = next(index for index, (_, count) in enumerate(buckets) if count >= rank)
    if math.isinf(buckets[index][0]):
        return buckets[-2][0]
    lower, below = buckets[index - 1] if index else (0.0, 0.0)
    upper, count = buckets[index]
    return lower + (upper - lower) * (rank - below) / (count - below)


def _divided(value: float, other: float) -> float:
    if other:
        return value / other
    return math.copysign(math.inf, value) if value else math.nan


@cache
def _kept(labels: Labels, names: frozenset[str]) -> Labels:
    return frozenset(label for label in labels if label[0] in names)


def _only(labels: Labels, names: Iterable[str]) -> Labels:
    return _kept(labels, frozenset(names))


@cache
def _nameless(labels: Labels) -> Labels:
    return frozenset(label for label in labels if label[0] != NAME)


def _seconds(span: timedelta | None) -> float:
    return span.total_seconds() if span is not None else 0.0


def _require(holds: object, node: Any) -> None:
    if not holds:
        raise Unsupported(str(node))
