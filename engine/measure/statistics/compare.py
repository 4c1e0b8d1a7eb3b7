"""Comparison of a treated with a control arm: difference, relative effect and p from one pair of limits an arm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt
from typing import Literal, NamedTuple, TypeAlias

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from engine.measure.statistics import mover, refusals
from engine.measure.statistics.arms import Arm, Interval, PairedArm, symmetric, wilson
from engine.measure.statistics.mover import Relative

MetricKind: TypeAlias = Literal["proportion", "mean", "ratio"]
"""Of a person's metric: 0 or 1, a sum or a count, or Σy/Σx over persons (arms are then PairedArm)."""
AnyArm: TypeAlias = Arm | PairedArm
Pair: TypeAlias = tuple[AnyArm, AnyArm]
"""Treated and control arm of one stratum."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What treatment changed, with limits at `level`. A figure that is refused is None, and `refused` says why."""

    kind: MetricKind
    method: str
    """How the limits are made, in words."""
    level: float
    persons: tuple[int, int]
    """Treated, control."""
    treated: Interval | None = None
    """The treated arm's own figure and limits."""
    control: Interval | None = None
    difference: Interval | None = None
    """Treated less control, in the metric's unit."""
    relative: Relative | None = None
    """Treated over control less 1."""
    p: float | None = None
    """The level at which the difference touches 0, two-sided: p < 1 − level exactly where the interval excludes 0."""
    refused: str = ""
    """Why there is no difference."""
    relative_refused: str = ""
    """Why there is no relative effect, or only a lower limit."""
    few: str = ""
    """Too little happened for a page to show more than counts: `guarded` then refuses with this sentence."""

    def guarded(self) -> "Comparison":
        """The comparison as a page may show it: without figures where too little happened."""
        if not self.few:
            return self
        return replace(
            self, difference=None, relative=None, p=None, refused=self.few, relative_refused=self.few
        )


class Summary(NamedTuple):
    """Figures of both arms over all strata, weighted by the strata's persons."""

    persons: tuple[int, int]
    treated: tuple[float, float]
    """Figure and standard error."""
    control: tuple[float, float]
    freedom: float
    """Welch's degrees of freedom, by Satterthwaite over strata and arms."""


def compare(
    treated: AnyArm, control: AnyArm, kind: MetricKind = "proportion", level: float = 0.95
) -> Comparison:
    """Compare a treated with a control arm.

    - "proportion" (y is 0 or 1): Wilson's limits an arm; the difference is Newcombe's method 10.
    - "mean" (a sum or a count): m ± t·s/√n with t at Welch's degrees of freedom; the difference is Welch's, the ratio
      Fieller's.
    - "ratio" (Σy/Σx, arms of type PairedArm): R ± z·se by the delta method, clustered by person.

    The relative effect follows from the same limits (see engine.measure.statistics.mover). p is the level at which the
    difference touches 0.

    Refused: arms of fewer than 2 persons, without spread (means, ratios), or with a denominator of 0; the relative effect
    besides where the control is not above 0, or not clear of 0 (then at most a lower limit). Below 20 events in either arm
    (means and ratios: 100 persons) `few` says why a page shows counts only. Raises ValueError for arms that do not fit the
    kind.
    """
    return compare_strata([(treated, control)], kind, level)


def compare_strata(
    strata: Sequence[Pair], kind: MetricKind = "proportion", level: float = 0.95
) -> Comparison:
    """Compare within strata and weight by their persons, W = n_s/n, so that shares that change between them bias nothing.

    An arm's limits over the strata are m − √ΣW²(m_s − l_s)² and m + √ΣW²(u_s − m_s)²; from there as `compare`. Strata in which
    an arm has nobody are left out.
    """
    check(strata, kind, level)
    usable = [pair for pair in strata if pair[0].persons and pair[1].persons]
    refused = refusals.unusable(usable, kind)
    if refused:
        return Comparison(kind, _METHODS[kind], level, _persons(strata), refused=refused)
    if kind == "proportion":
        quantile = float(ndtri(1 - (1 - level) / 2))
        treated, control = (_wilson(usable, side, quantile) for side in (0, 1))
        p = _touching(usable, treated.value - control.value)
    else:
        summary = summarize(usable)
        freedom = summary.freedom if kind == "mean" else inf
        tail = (1 - level) / 2
        quantile = -float(ndtri(tail) if freedom == inf else stdtrit(freedom, tail))
        treated, control = (symmetric(*figure, quantile) for figure in (summary.treated, summary.control))
        score = abs(treated.value - control.value) / sqrt(summary.treated[1] ** 2 + summary.control[1] ** 2)
        p = 2 * float(ndtr(-score) if freedom == inf else stdtr(freedom, -score))
    return compared(Comparison(kind, _METHODS[kind], level, _persons(usable)), (treated, control), p, usable)


def summarize(strata: Sequence[Pair]) -> Summary:
    """Both arms over the strata: weighted figures, standard errors and degrees of freedom."""
    weights = _weights(strata)
    arms: list[tuple[float, float]] = []
    shares = []
    for side in (0, 1):
        parts = [
            weight * weight * pair[side].error ** 2 for weight, pair in zip(weights, strata, strict=True)
        ]
        shares += [part * part / (pair[side].persons - 1) for part, pair in zip(parts, strata, strict=True)]
        figure = sum(weight * pair[side].mean for weight, pair in zip(weights, strata, strict=True))
        arms.append((figure, sqrt(sum(parts))))
    variance = arms[0][1] ** 2 + arms[1][1] ** 2
    return Summary(_persons(strata), arms[0], arms[1], variance * variance / sum(shares))


def compared(
    frame: Comparison, limits: tuple[Interval, Interval], p: float, strata: Sequence[Pair]
) -> Comparison:
    """The frame filled in from both arms' limits."""
    treated, control = limits
    relative = mover.relative(treated, control)
    return replace(
        frame,
        treated=treated,
        control=control,
        difference=mover.difference(treated, control),
        relative=relative,
        p=p,
        relative_refused=refusals.relative(control, relative),
        few=refusals.few(strata, frame.kind),
    )


def check(strata: Sequence[Pair], kind: MetricKind, level: float) -> None:
    """Raise ValueError unless the arms fit the kind of the metric and the level lies between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level {level}: a level lies between 0 and 1, such as 0.95")
    if kind not in _METHODS:
        raise ValueError(f"kind {kind!r}: a metric is a proportion, a mean or a ratio")
    for arm in (arm for pair in strata for arm in pair):
        if isinstance(arm, PairedArm) != (kind == "ratio"):
            raise ValueError(
                "a ratio is compared by arms of type PairedArm, everything else by arms of type Arm"
            )
        if kind == "proportion" and not (0 <= arm.total <= arm.persons and arm.squares == arm.total):
            raise ValueError(
                f"{arm}: in a proportion a person counts 0 or 1, so that total and squares are equal"
            )


_METHODS: dict[MetricKind, str] = {
    "proportion": "Wilson's limits, difference by Newcombe's method 10, ratio by MOVER-R",
    "mean": "Welch's t, ratio by Fieller",
    "ratio": "delta method clustered by person, ratio by Fieller",
}


def _wilson(strata: Sequence[Pair], side: int, quantile: float) -> Interval:
    limits = [wilson(pair[side].total, pair[side].persons, quantile) for pair in strata]
    if len(limits) == 1:
        return limits[0]
    weighted = [*zip(_weights(strata), limits, strict=True)]
    value = sum(weight * limit.value for weight, limit in weighted)
    below = sqrt(sum((weight * (limit.value - limit.low)) ** 2 for weight, limit in weighted))
    above = sqrt(sum((weight * (limit.high - limit.value)) ** 2 for weight, limit in weighted))
    return Interval(value, value - below, value + above)


def _touching(strata: Sequence[Pair], value: float) -> float:
    """The p at whose quantile the difference of the proportions touches 0."""
    if value == 0:
        return 1.0
    upper, lower = (0, 1) if value > 0 else (1, 0)

    def clear(quantile: float) -> float:
        return mover.difference(_wilson(strata, upper, quantile), _wilson(strata, lower, quantile)).low

    return 2 * float(ndtr(-_root(clear)))


def _root(falling: Callable[[float], float]) -> float:
    """Where the falling function of a quantile is 0, by bisection to the last bit; 40 at most, beyond which p is 0."""
    low, high = 0.0, 40.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return low


def _weights(strata: Sequence[Pair]) -> list[float]:
    sizes = [treated.persons + control.persons for treated, control in strata]
    return [size / sum(sizes) for size in sizes]


def _persons(strata: Sequence[Pair]) -> tuple[int, int]:
    return sum(treated.persons for treated, _ in strata), sum(control.persons for _, control in strata)
