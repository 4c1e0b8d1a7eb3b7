"""Figures of a signal from its counts: what is seen, what would be seen had nothing been sent, and what was saved."""

from math import sqrt
from typing import NamedTuple

from engine.measure.report.comparable import LEAST, quantile_of, rate, refused, shown
from engine.measure.report.figures import Figure, Unit
from engine.measure.report.signal_counts import SignalCounts
from engine.measure.statistics.arms import Arm, Interval, wilson
from engine.measure.statistics.compare import Comparison, compare_strata
from engine.measure.statistics.sample_ratio import sample_ratio_logged

_UNSENT = f"fewer than {LEAST} persons to whom nothing was sent"


class SavedShare(NamedTuple):
    """Those sent something against those spared, or the sentence that says why there is no comparison."""

    comparison: Comparison | None
    refused: str


def precision(signal: SignalCounts, level: float) -> Figure:
    """The share of a signal's persons who had the outcome."""
    if signal.persons < LEAST and signal.maturing:
        return refused(f"fewer than {LEAST} persons whose horizon is over", Unit.SHARE)
    return rate(signal.reached, signal.persons, level)


def untreated_precision(signal: SignalCounts, level: float) -> Figure:
    """The same had nothing been sent: the rates of the spared, weighted by all persons of the same probability."""
    sent = sum(arm.sent for arm in signal.arms if arm.probability >= 1)
    if sentence := _unrandomised(sent) or _incomparable(signal):
        return refused(sentence, Unit.SHARE)
    strata = [arm for arm in signal.arms if arm.spared and arm.probability < 1]
    spared = sum(arm.spared for arm in strata)
    if spared < LEAST:
        return refused(_UNSENT, Unit.SHARE)
    persons = sum(arm.sent + arm.spared for arm in strata)
    weighted = [
        (
            (arm.sent + arm.spared) / persons,
            wilson(arm.spared_reached, arm.spared, quantile_of(level)),
        )
        for arm in strata
    ]
    value = sum(weight * limits.value for weight, limits in weighted)
    below = sqrt(sum((weight * (limits.value - limits.low)) ** 2 for weight, limits in weighted))
    above = sqrt(sum((weight * (limits.high - limits.value)) ** 2 for weight, limits in weighted))
    return shown(
        Interval(value, value - below, value + above), Unit.SHARE, "Wilson within strata", None, spared
    )


def untreated_recall(signal: SignalCounts, outcomes: int, level: float) -> Figure:
    """The share of the outcomes that was foretold had nothing been sent.

    Who was sent something before their outcome counts 0, who was spared 1 / (1 - p), and the others 1. The limits are Wilson's
    at the effective number of persons, which is value·(1 - value) / variance with the variance of the ratio of two weighted
    Poisson counts; where one of them is 0, it is Kish's, (Σw)² / Σw².
    """
    sent = sum(row.sent for row in signal.preceded if row.probability >= 1)
    if sentence := _unrandomised(sent) or _incomparable(signal):
        return refused(sentence, Unit.SHARE)
    persons, sums, squares = 0, [0.0, 0.0], [0.0, 0.0]
    for side, foretold in enumerate((True, False)):
        rows = [row for row in signal.preceded if row.foretold is foretold]
        others = signal.foretold if foretold else outcomes - signal.foretold
        others -= sum(row.sent + row.spared for row in rows)
        weights = [(others, 1.0)]
        weights += [(row.spared, 1 / (1 - row.probability)) for row in rows if row.probability < 1]
        persons += sum(count for count, _ in weights)
        sums[side] = sum(count * weight for count, weight in weights)
        squares[side] = sum(count * weight**2 for count, weight in weights)
    if persons < LEAST:
        return refused(_UNSENT, Unit.SHARE)
    whole, value = sum(sums), sums[0] / sum(sums)
    effective = whole**2 / sum(squares)
    if min(sums) > 0:
        variance = (sums[1] ** 2 * squares[0] + sums[0] ** 2 * squares[1]) / whole**4
        effective = value * (1 - value) / variance
    limits = wilson(value * effective, effective, quantile_of(level))
    return shown(limits, Unit.SHARE, "Wilson, effective n", None, persons)


def saved_share(signal: SignalCounts, level: float) -> SavedShare:
    """Compares who was sent something with who was spared at random."""
    saved = signal.saved
    if not saved.arms:
        return SavedShare(None, _not_drawn(signal))
    if sentence := _incomparable(signal):
        return SavedShare(None, sentence)
    if min(sum(arm.sent for arm in saved.arms), sum(arm.spared for arm in saved.arms)) < LEAST:
        return SavedShare(None, f"fewer than {LEAST} persons in an arm")
    pairs = [
        (
            Arm(arm.sent, arm.sent_reached, arm.sent_reached),
            Arm(arm.spared, arm.spared_reached, arm.spared_reached),
        )
        for arm in saved.arms
    ]
    comparison = compare_strata(pairs, "proportion", level)
    return SavedShare(comparison.guarded(), comparison.refused or comparison.few)


def _incomparable(signal: SignalCounts) -> str:
    if signal.saved.in_units:
        return "its control draws units, not persons; `tact report` compares units"
    return mismatch(signal)


def mismatch(signal: SignalCounts) -> str:
    """The sentence that says that the arms are not the sizes that were drawn; empty if they are."""
    saved = signal.saved
    if not saved.arms or saved.in_units:
        return ""
    sent, spared = sum(arm.sent for arm in saved.arms), sum(arm.spared for arm in saved.arms)
    ratio = sample_ratio_logged(sent, spared, saved.ratio_expected, saved.ratio_variance)
    if not ratio.alarms:
        return ""
    return (
        f"sample ratio mismatch (p = {ratio.p:.2g}): the arms are not the sizes that were drawn, so they differ by more than"
        " what was sent"
    )


def _not_drawn(signal: SignalCounts) -> str:
    if not signal.acting:
        return "no campaign of the book refers to it in its `when`"
    if signal.saved.unrandomised:
        return "no control: nobody was spared at random what its campaigns sent"
    if signal.saved.maturing:
        return "no person who was sent something, or spared, has their horizon over"
    return "its campaigns chose nothing at a decision with the signal in the period"


def _unrandomised(persons: int) -> str:
    if not persons:
        return ""
    return (
        "no control: something was sent that nobody was spared at random, and whoever that saved looks like a false alarm;"
        " begin the period (--from) with the control"
    )
