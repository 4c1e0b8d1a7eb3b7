"""Always-valid comparison: limits that hold at every look, however often and whenever one looks.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences", Annals of Statistics 52 (2024), equations 9 and 161.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log, sqrt

from engine.measure.statistics import refusals
from engine.measure.statistics.arms import symmetric
from engine.measure.statistics.compare import AnyArm, Comparison, MetricKind, Pair, check, compared, summarize

PLANNED = 5_000
"""Persons of both arms at which the sequence is tightest, where no plan says otherwise."""
_METHOD = "asymptotic confidence sequence, ratio by Fieller with its quantile"


def always_valid(
    treated: AnyArm,
    control: AnyArm,
    kind: MetricKind = "proportion",
    planned: int = PLANNED,
    level: float = 0.95,
) -> Comparison:
    """Compare a treated with a control arm so that the limits hold at all looks together.

    d ± se·√(2(Nρ²+1)/(Nρ²)·ln(√(Nρ²+1)/α)), N the persons of both arms, se Welch's standard error for every kind of metric.
    ρ² makes it tightest at N = `planned`, where it is 1.5486 times as wide as a fixed interval of 95 %. The relative effect
    is the ratio formula with the same quantile. p is the smallest α at which the sequence excludes 0, for the ρ² of this
    `level`. `planned` belongs to the version of a book: to choose it after looking breaks the promise.

    Refused as `compare` is, and besides for proportions without spread. Raises ValueError for arms that do not fit the kind
    and for a plan below 1.
    """
    return always_valid_strata([(treated, control)], kind, planned, level)


def always_valid_strata(
    strata: Sequence[Pair], kind: MetricKind = "proportion", planned: int = PLANNED, level: float = 0.95
) -> Comparison:
    """Compare within strata, weighted by persons, so that the limits hold at all looks together."""
    check(strata, kind, level)
    usable = [pair for pair in strata if pair[0].persons and pair[1].persons]
    frame = Comparison(
        kind,
        _METHOD,
        level,
        (sum(pair[0].persons for pair in usable), sum(pair[1].persons for pair in usable)),
    )
    refused = refusals.unusable(usable, "ratio" if kind == "ratio" else "mean")
    if refused:
        return replace(frame, refused=refused)
    summary = summarize(usable)
    everyone, alpha = sum(summary.persons), 1 - level
    quantile = sequential_quantile(everyone, planned, alpha)
    treated, control = (symmetric(*figure, quantile) for figure in (summary.treated, summary.control))
    square = (treated.value - control.value) ** 2 / (summary.treated[1] ** 2 + summary.control[1] ** 2)
    scaled = everyone * mixing(planned, alpha)
    p = min(1.0, sqrt(scaled + 1) * exp(-square * scaled / (2 * (scaled + 1))))
    return compared(frame, (treated, control), p, usable)


def sequential_quantile(persons: int, planned: int = PLANNED, alpha: float = 0.05) -> float:
    """By how many standard errors the sequence reaches to either side at so many persons of both arms."""
    scaled = persons * mixing(planned, alpha)
    return sqrt(2 * (scaled + 1) / scaled * log(sqrt(scaled + 1) / alpha))


def mixing(planned: int = PLANNED, alpha: float = 0.05) -> float:
    """ρ² = (−2 ln α + ln(−2 ln α + 1)) / N*, which makes the sequence tightest at N* persons."""
    if planned < 1:
        raise ValueError(f"planned {planned}: a plan is for one person at least")
    tightness = -2 * log(alpha)
    return (tightness + log(tightness + 1)) / planned
