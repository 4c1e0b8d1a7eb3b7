"""The effect of being treated, from the arms of a cohort: figures for each metric, or the sentence that refuses them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from engine.measure.report.cohort_sums import ArmSums, DrawStratum, Sums, Totals
from engine.measure.report.enrolment import Enrolled
from engine.measure.report.figures import Figure, Unit
from engine.measure.statistics import mover, refusals
from engine.measure.statistics.arms import Arm, Interval, PairedArm
from engine.measure.statistics.compare import Comparison, MetricKind, compare_strata
from engine.measure.statistics.cuped import cuped
from engine.measure.statistics.ratio import incremental_share
from engine.measure.statistics.sequential import PLANNED, always_valid_strata, sequential_quantile

SUSPECT = 0.001
"""The p of the sample ratio below which effects are not shown."""


class Metric(NamedTuple):
    """What is compared of each person."""

    name: str
    kind: MetricKind
    unit: Unit
    difference: Unit
    arm: Callable[[ArmSums], Arm]
    scale: float = 1.0
    """What a unit of the sums is in the unit of the figure: money is summed in millionths."""


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "converted",
            "proportion",
            Unit.SHARE,
            Unit.POINTS,
            lambda arm: Arm(arm.persons, arm.converted, arm.converted),
        ),
        Metric(
            "orders",
            "mean",
            Unit.COUNT,
            Unit.CHANGE,
            lambda arm: Arm(arm.persons, arm.orders, arm.orders_squares),
        ),
        Metric(
            "value",
            "mean",
            Unit.MONEY,
            Unit.GAIN,
            lambda arm: Arm(arm.persons, arm.value, arm.value_squares),
            1e-6,
        ),
        Metric(
            "credited",
            "proportion",
            Unit.SHARE,
            Unit.POINTS,
            lambda arm: Arm(arm.persons, arm.credited, arm.credited),
        ),
        Metric(
            "unsubscribed",
            "proportion",
            Unit.SHARE,
            Unit.POINTS,
            lambda arm: Arm(arm.persons, arm.unsubscribed, arm.unsubscribed),
        ),
        Metric(
            "complained",
            "proportion",
            Unit.SHARE,
            Unit.POINTS,
            lambda arm: Arm(arm.persons, arm.complained, arm.complained),
        ),
    )
}
"""`credited` is the ghost-attributed variant: an order that the campaign's own attribution credits, shadows credited alike."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What treatment changed in one metric of one subject; where it is refused, every figure says why."""

    subject: str
    metric: str
    treated: Figure
    """Events or sum of the treated arm."""
    control: Figure
    treated_rate: Figure
    control_rate: Figure
    uplift: Figure
    """The difference, with always-valid limits."""
    fixed: Figure
    """The same difference, with the limits of a single look."""
    relative: Figure
    incremental: Figure
    """The difference times the treated persons."""
    p: float | None = None
    """Of the always-valid limits."""
    adjusted: float | None = None
    """p after Holm over the headline comparisons of the report."""
    refused: str = ""


def refusal(family: str, enrolled: Enrolled, sums: Sums, p: float, *, anyway: bool) -> str:
    """The sentence that refuses every effect of the subject; empty if they may be shown."""
    if p < SUSPECT and not anyway:
        return (
            f"sample ratio mismatch (p = {p:.2g}): the arms are not the sizes that were drawn, so they differ by more than the"
            " offer; see the table of causes, or print the effect with --anyway"
        )
    mature = enrolled.persons - enrolled.maturing
    if sentence := refusals.maturing(mature, enrolled.persons):
        return f"{sentence}; ready on {enrolled.half_ready:%Y-%m-%d}"
    treated, control = sums.whole()
    if not treated.persons or not control.persons:
        return "an arm has no persons whose window is over: counts only"
    if family not in ("trial", "stage"):
        return _unreported(treated, control)
    return ""


def _unreported(treated: ArmSums, control: ArmSums) -> str:
    sentence = refusals.unreported(METRICS["converted"].arm(treated), METRICS["converted"].arm(control))
    if sentence:
        return f"{sentence}: none came, though more than {refusals.EXPECTED} were expected"
    orders, named = treated.orders + control.orders, treated.named + control.named
    if orders >= refusals.EVENTS and named == orders:
        return (
            "control's conversions are not reported: every conversion came with the decision_id of an offer, which nobody in"
            " the control has; report conversions by person"
        )
    return ""


def effect(
    subject: str, metric: Metric, sums: Sums, level: float, refused: str = "", planned: int = PLANNED
) -> Effect:
    """Compares the arms of the subject within strata; refused: the sentence that stands in place of every effect."""
    pairs = [(metric.arm(treated), metric.arm(control)) for treated, control in sums.pairs]
    fixed = compare_strata(pairs, metric.kind, level)
    valid = always_valid_strata(pairs, metric.kind, planned, level)
    sentence = refused or fixed.refused or fixed.few or valid.refused
    arms = [metric.arm(arm) for arm in sums.whole()]
    persons, total = sum(arm.persons for arm in arms), sum(arm.total for arm in arms)
    money = metric.unit is Unit.MONEY
    frame = Figure(None, n=None if money else int(total), persons=persons, refused=sentence)
    counted = [
        Figure(
            arm.total * metric.scale,
            method="sum",
            persons=arm.persons,
            unit=Unit.MONEY if money else Unit.COUNT,
        )
        for arm in arms
    ]
    by_arm = replace(frame, method=fixed.method.split(",", maxsplit=1)[0], unit=metric.unit)
    whole = replace(frame, method=f"always valid: {valid.method}", unit=metric.difference)
    return Effect(
        subject=subject,
        metric=metric.name,
        treated=counted[0],
        control=counted[1],
        treated_rate=_limited(by_arm, fixed.treated, metric.scale),
        control_rate=_limited(by_arm, fixed.control, metric.scale),
        uplift=_limited(whole, valid.difference, metric.scale),
        fixed=_limited(
            replace(whole, method=f"a single look: {fixed.method}"), fixed.difference, metric.scale
        ),
        relative=_relative(replace(whole, unit=Unit.RELATIVE), valid),
        incremental=_limited(
            replace(frame, method="difference × treated persons", unit=Unit.GAIN if money else Unit.CHANGE),
            valid.difference,
            metric.scale * arms[0].persons,
        ),
        p=None if sentence else valid.p,
        refused=sentence,
    )


def uncounted(known: Effect, sentence: str) -> Effect:
    """The effect with every figure refused, the sums too; an empty sentence leaves it as it is."""
    if not sentence:
        return known
    sums, effects = (
        ("treated", "control", "treated_rate", "control_rate"),
        ("uplift", "fixed", "relative", "incremental"),
    )
    refused = {
        name: replace(getattr(known, name), value=None, low=None, high=None, refused=sentence)
        for name in (*sums, *effects)
    }
    return replace(known, **refused, p=None, refused=known.refused or sentence)


def _limited(frame: Figure, limits: Interval | None, factor: float) -> Figure:
    """The frame with the limits times the factor, unless it is refused."""
    if frame.refused or limits is None:
        return replace(frame, refused=frame.refused or "not computed")
    value, low, high = limits.times(factor)
    return replace(frame, value=value, low=low, high=high)


def _relative(frame: Figure, valid: Comparison) -> Figure:
    limits = valid.relative
    if frame.refused or limits is None:
        return replace(frame, refused=frame.refused or valid.relative_refused)
    return replace(frame, value=limits.value, low=limits.low, high=limits.high)


def by_currency(sums: Sums, totals: Totals, currency: str) -> tuple[Metric, Sums]:
    """The metric `value` in one currency, and the sums with the values of that currency alone."""

    def only(arms: Mapping[DrawStratum, ArmSums], *, treated: bool) -> dict[DrawStratum, ArmSums]:
        return {
            key: arm._replace(value=total, value_squares=squares)
            for key, arm in arms.items()
            for total, squares in [totals.get((key, treated), (0, 0))]
        }

    metric = METRICS["value"]._replace(name=f"value {currency}".strip())
    return metric, Sums(only(sums.treated, treated=True), only(sums.control, treated=False))


class _GainAndCost(NamedTuple):
    """What a treated person brought beyond the control, and cost, with their variances; they vary together."""

    gain: float
    cost: float
    gain_variance: float
    cost_variance: float
    covariance: float


def _gain_and_cost(
    pairs: Sequence[tuple[ArmSums, ArmSums]], metric: Metric, spent_times: Callable[[ArmSums], int]
) -> _GainAndCost:
    """The difference of the metric and the cost of a treated person, weighted over strata by their persons.

    spent_times: the sum over persons of the cost times the metric.
    """
    persons = sum(treated.persons + control.persons for treated, control in pairs)
    gain = cost = gain_variance = cost_variance = covariance = 0.0
    for treated, control in pairs:
        weight = (treated.persons + control.persons) / persons
        brought, others = metric.arm(treated), metric.arm(control)
        costs = Arm(treated.persons, treated.spent, treated.spent_squares)
        spread = treated.persons * spent_times(treated) - brought.total * treated.spent
        gain += weight * (brought.mean - others.mean)
        cost += weight * costs.mean
        gain_variance += weight**2 * (brought.error**2 + others.error**2)
        cost_variance += weight**2 * costs.error**2
        covariance += weight**2 * spread / (treated.persons**2 * (treated.persons - 1))
    return _GainAndCost(gain, cost, gain_variance, cost_variance, covariance)


def returned(sums: Sums, level: float, untotalled: str = "", planned: int = PLANNED) -> Figure:
    """Incremental net value over the cost of the contacts, by Fieller's theorem with the always-valid quantile.

    The numerator is the difference of net value a person, the denominator the cost of a treated person; both weighted over
    strata by their persons. No division where the contacts cost nothing. untotalled: why the values have no sum; empty:
    they have.
    """
    pairs = sums.pairs
    persons = sum(treated.persons + control.persons for treated, control in pairs)
    method = "incremental net value ÷ cost, Fieller's theorem, always-valid quantile"
    refused = "" if any(treated.spent for treated, _ in pairs) else "the contacts cost nothing"
    if untotalled:
        refused = f"{untotalled}: no return"
    if refused:
        return Figure(None, method=method, persons=persons, unit=Unit.RATIO, refused=refused)
    gained = _gain_and_cost(pairs, METRICS["value"], lambda arm: arm.spent_value)
    quantile = sequential_quantile(persons, planned, 1 - level)
    variances = (gained.gain_variance, gained.cost_variance, gained.covariance)
    limits = mover.fieller((gained.gain, gained.cost), variances, quantile)
    if limits is None:
        return Figure(
            None, method=method, persons=persons, unit=Unit.RATIO, refused="the cost is not clear of 0"
        )
    return Figure(*limits, method, None, persons, Unit.RATIO)


def cost_of_each(sums: Sums, level: float, planned: int = PLANNED) -> Figure:
    """What one more converted person cost: the contacts of a treated person over the difference of the arms' rates.

    By Fieller's theorem with the always-valid quantile; numerator and denominator vary together, and both are weighted over
    strata by their persons. Costs are those of when the contacts were made. Refused where the contacts cost nothing,
    and where the difference is not clear of 0 or below it: then nobody was won, and nothing has a price.
    """
    pairs = sums.pairs
    persons = sum(treated.persons + control.persons for treated, control in pairs)
    method = "cost ÷ difference of rates, Fieller's theorem, always-valid quantile"
    frame = Figure(None, method=method, persons=persons, unit=Unit.MONEY)
    if not any(treated.spent for treated, _ in pairs):
        return replace(frame, refused="the contacts cost nothing")
    gained = _gain_and_cost(pairs, METRICS["converted"], lambda arm: arm.spent_converted)
    quantile = sequential_quantile(persons, planned, 1 - level)
    variances = (gained.cost_variance, gained.gain_variance, gained.covariance)
    limits = mover.fieller((gained.cost, gained.gain), variances, quantile)
    if limits is None or gained.gain <= 0:
        return replace(frame, refused="it is not clear that anybody was won")
    value, low, high = limits.times(METRICS["value"].scale)
    return replace(frame, value=value, low=low, high=high)


def credited_share(sums: Sums, level: float, planned: int = PLANNED) -> Figure:
    """The part of the orders credited to the campaign that would not have come without it.

    1 − m₀/m₁ of the ghost-attributed rates; the limits follow from those of the relative effect.
    """
    pairs = [
        (METRICS["credited"].arm(treated), METRICS["credited"].arm(control))
        for treated, control in sums.pairs
    ]
    valid = always_valid_strata(pairs, "proportion", planned, level)
    events, persons = int(sum(pair[0].total for pair in pairs)), sum(valid.persons)
    method = "1 − control ÷ treated of ghost-attributed rates, always valid"
    few = compare_strata(pairs, "proportion", level).few
    limits = None if few or valid.refused else incremental_share(valid)
    if limits is None:
        sentence = valid.refused or few or valid.relative_refused or "the treated arm is not clear of 0"
        return Figure(None, method=method, n=events, persons=persons, unit=Unit.SHARE, refused=sentence)
    return Figure(*limits, method, events, persons, Unit.SHARE)


class AdjustedEffect(NamedTuple):
    """The difference adjusted by a covariate, and the ratio of variances."""

    difference: Figure
    variance_ratio: Figure
    warning: str = ""
    """Set where the arms differed in the covariate before exposure."""


def by_covariate(metric: Metric, sums: Sums, level: float) -> AdjustedEffect:
    """The difference adjusted by what the persons ordered before their first exposure (CUPED).

    The covariate is the net value of the 28 days before, so that nothing in it can come from the contact. Refused with a word
    where it saves less than 2 % of the variance, and where there are several strata.
    """
    name = metric.name.split(" ", maxsplit=1)[0]
    frame = Figure(
        None, method="CUPED by the net value of the 28 days before, a single look", unit=metric.difference
    )
    ratio = Figure(None, method="variance with ÷ without the covariate", unit=Unit.RATIO)
    if len(sums.pairs) != 1 or name not in {"converted", "orders", "value"}:
        sentence = "the covariate is used within a single stratum, on conversions, orders and value"
        return AdjustedEffect(replace(frame, refused=sentence), replace(ratio, refused=sentence))
    arms = []
    for arm in sums.pairs[0]:
        plain = metric.arm(arm)
        products = getattr(arm, f"before_{name}")
        arms.append(
            PairedArm(arm.persons, plain.total, plain.squares, arm.before, arm.before_squares, products)
        )
    result = cuped(arms[0], arms[1], level)
    persons = sum(arm.persons for arm in arms)
    sentence = result.dropped or result.unadjusted.refused
    saved = replace(ratio, value=result.variance_ratio, persons=persons)
    adjusted = replace(frame, persons=persons, refused=sentence)
    return AdjustedEffect(
        _limited(adjusted, result.adjusted.difference, metric.scale),
        saved,
        f"{result.warning} (p = {result.imbalance:.2g})" if result.warning else "",
    )


def on_reached(effect: Effect, sums: Sums) -> Figure:
    """The effect on the persons who were reached: the difference over the share of deliveries among the treated."""
    treated, _ = sums.whole()
    uplift = effect.uplift
    method = "effect ÷ share of the treated whose first contact was delivered"
    if uplift.value is None or uplift.low is None or uplift.high is None or not treated.delivered:
        sentence = uplift.refused or "no deliveries are reported"
        return Figure(None, method=method, persons=uplift.persons, unit=uplift.unit, refused=sentence)
    share = treated.delivered / treated.persons
    limits = Interval(uplift.value, uplift.low, uplift.high).times(1 / share)
    return Figure(*limits, method, uplift.n, uplift.persons, uplift.unit)
