"""What contacts caused: the effects of campaigns by their own controls, of the programme by holdouts, of rules by trials.

How they stand on a page is in `uplift_section`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from engine.measure.attribution import Rates
from engine.measure.report.cohort_sums import SINCE, Sums, Totals, sums, untotalled, values
from engine.measure.report.effects import (
    METRICS,
    Effect,
    Metric,
    by_currency,
    effect,
    refusal,
    uncounted,
)
from engine.measure.report.enrolment import Enrolled, draws, enrolled, ratio_p
from engine.measure.report.figures import (
    Figure,
)
from engine.measure.report.tables import Tables
from engine.measure.statistics.multiplicity import Heterogeneity, heterogeneity, holm
from engine.measure.statistics.sequential import PLANNED


class Options(NamedTuple):
    """What a report is asked for, besides its period."""

    campaigns: tuple[str, ...] = ()
    """Empty: all."""
    by: tuple[str, ...] = ()
    metric: str = "converted"
    level: float = 0.95
    anyway: bool = False
    """Whether to show effects in spite of a sample ratio mismatch."""
    win: float = 0.1
    """The part of lost decisions that the smallest change is to win."""
    replay: bool = True
    """Whether to try by replay what is supposed, where the log is at hand."""
    rates: Rates | None = None
    """By which orders in several currencies are totalled; None: they are not."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A campaign, a holdout, a rule on trial, or a staged version, with everything that its effects come from."""

    name: str
    enrolled: Enrolled
    sums: Sums
    ratio: float
    refused: str
    untotalled: str
    """The sentence that refuses sums of its orders' values; empty where all are in one currency, or are converted."""
    planned: int
    """Persons of both arms at which its always-valid limits are tightest."""


def subjects(tables: Tables, family: str, options: Options, planned: Mapping[str, int]) -> list[Subject]:
    """What was drawn for in the period, in order of name. planned: by name, what the book plans."""
    arms, drawn = sums(tables, family), draws(tables, family)
    sentences = untotalled(tables, family, options.rates)
    chosen = []
    for name, persons in enrolled(tables, family).items():
        if family == "campaign" and options.campaigns and name not in options.campaigns:
            continue
        whole = arms.get(name, {}).get("", Sums({}, {}))
        ratio = ratio_p(drawn.get(name, {}).get("", []))
        refused = refusal(family, persons, whole, ratio, anyway=options.anyway)
        chosen.append(
            Subject(name, persons, whole, ratio, refused, sentences.get(name, ""), planned.get(name, PLANNED))
        )
    return chosen


def measure(
    tables: Tables, family: str, options: Options, planned: Mapping[str, int]
) -> tuple[list[Subject], list[Effect]]:
    """The subjects with the effects on the headline metric first, then on orders, value and credited orders.

    planned: by name of a subject, the persons of both arms whom the book plans.
    """
    net_values = values(tables, family)
    measured, effects = subjects(tables, family, options, planned), []
    for subject in measured:
        for metric, arms in _metrics(subject, net_values.get(subject.name, {}), family, options):
            known = effect(subject.name, metric, arms, options.level, subject.refused, subject.planned)
            is_total = options.rates is not None and is_headline(known, "value")
            effects.append(uncounted(known, subject.untotalled) if is_total else known)
    return measured, effects


def _metrics(
    subject: Subject, totals: Mapping[str, Totals], family: str, options: Options
) -> Iterator[tuple[Metric, Sums]]:
    """The headline metric, then the others of which anything happened; value by currency, or in that of the rates."""
    whole = subject.sums.whole()
    others = ["converted", "orders", "value", "credited", "unsubscribed", "complained"]
    for name in dict.fromkeys([options.metric, *others]):
        if name == "credited" and family != "campaign":
            continue
        if name == "value" and options.rates is not None and (totals or subject.untotalled):
            yield by_currency(subject.sums, totals.get(options.rates.into, {}), options.rates.into)
        elif name == "value" and totals:
            for currency, by_arm in sorted(totals.items()):
                yield by_currency(subject.sums, by_arm, currency)
        elif name == options.metric or any(METRICS[name].arm(arm).total for arm in whole):
            yield METRICS[name], subject.sums


def is_headline(known: Effect, metric: str) -> bool:
    """Whether the effect is on the metric; of value in any currency."""
    return known.metric.split(" ", maxsplit=1)[0] == metric


def adjusted(effects: Sequence[Effect], headline: str) -> list[Effect]:
    """The effects, those on the headline metric with their p after Holm."""
    family = [
        index for index, known in enumerate(effects) if is_headline(known, headline) and known.p is not None
    ]
    corrected = holm([effects[index].p or 0.0 for index in family])
    marked = [*effects]
    for index, p in zip(family, corrected, strict=True):
        marked[index] = replace(effects[index], adjusted=p)
    return marked


class SliceEffect(NamedTuple):
    """The effect on the persons of a subject who share a value, such as a week of exposure."""

    subject: Subject
    value: str
    effect: Effect
    arms: Sums


def slice_effects(
    tables: Tables, subjects_of: Sequence[Subject], options: Options, by: str
) -> list[SliceEffect]:
    """The effects on the headline metric by values of `by` (see `sums`), in order of subject and value."""
    metric, divided = METRICS[options.metric], sums(tables, "campaign", by)
    sentences = untotalled(tables, "campaign", options.rates, by) if options.metric == "value" else {}
    return [
        SliceEffect(
            subject,
            value,
            uncounted(
                effect(subject.name, metric, arms, options.level, subject.refused, subject.planned),
                sentences.get(subject.name, ""),
            ),
            arms,
        )
        for subject in subjects_of
        for value, arms in sorted(
            divided.get(subject.name, {}).items(),
            key=lambda slice_: int(slice_[0]) if by == SINCE else slice_[0],
        )
    ]


def change(slices: Sequence[SliceEffect], metric: str) -> Heterogeneity | None:
    """Whether the effect differs between the slices of one subject, by Cochran's Q; None where that cannot be told.

    Slices whose effect is refused, such as those with few events, are left out.
    """
    pairs = [
        (METRICS[metric].arm(treated), METRICS[metric].arm(control))
        for part in slices
        if not part.effect.refused
        for treated, control in part.arms.pairs
    ]
    return heterogeneity(pairs)


def effect_so_far(slices: Sequence[SliceEffect], options: Options) -> Iterator[tuple[str, Figure]]:
    """The estimate after each of the slices of one subject, with its always-valid limits; days with none are left out."""
    whole = Sums({}, {})
    for part in slices:
        if options.metric == "value" and part.subject.untotalled:
            return
        whole.add(part.arms)
        subject = part.subject
        uplift = effect(
            subject.name, METRICS[options.metric], whole, options.level, planned=subject.planned
        ).uplift
        if uplift.value is not None and uplift.low is not None and uplift.high is not None:
            yield part.value, uplift
