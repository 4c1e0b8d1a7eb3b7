"""Effects divided: by time, by the values of a slice, and the sample ratio by what may have disturbed it."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.measure.report.cohort_sums import SINCE
from engine.measure.report.effects import Effect
from engine.measure.report.enrolment import Draws, draws, ratio_p
from engine.measure.report.figures import Figure, Grid, GridCell, Unit, Warned
from engine.measure.report.tables import Tables
from engine.measure.report.uplift import Options, Subject, change, slice_effects
from engine.measure.statistics.multiplicity import Heterogeneity, benjamini_hochberg


def effect_row(label: str, known: Effect) -> dict[str, GridCell]:
    """The cells of an effect. label: the column that names its subject."""
    row: dict[str, GridCell] = {
        label: known.subject,
        "metric": known.metric,
        "treated": known.treated,
        "control": known.control,
        "treated rate": known.treated_rate,
        "control rate": known.control_rate,
        "effect": known.uplift,
        "single look": known.fixed,
        "relative": known.relative,
        "incremental": known.incremental,
    }
    if known.p is not None:
        row["p"] = Figure(known.p, method="always valid", persons=known.uplift.persons, unit=Unit.PROBABILITY)
    if known.adjusted is not None:
        row["p (Holm)"] = Figure(
            known.adjusted,
            method="Holm over the headlines",
            persons=known.uplift.persons,
            unit=Unit.PROBABILITY,
        )
    return row


class _Time(NamedTuple):
    """A division of effects by time."""

    by: str
    grid: str
    title: str
    between: str
    note: str = ""


_TIMES = (
    _Time("week", "uplift_by_week", "Effect by week of exposure", "weeks of exposure"),
    _Time(
        SINCE,
        "uplift_by_weeks_since",
        "Effect by weeks since exposure",
        SINCE,
        "Week 1 is the first seven days after a person's first exposure. A week has the persons for whom it is over, and what"
        " they did in it; weeks beyond the campaign's window show orders that were brought forward.",
    ),
)


def by_time(
    tables: Tables, subjects_of: Sequence[Subject], options: Options
) -> tuple[list[Grid], list[Warned]]:
    """The effect by week of exposure and by weeks since exposure, and whether it changes from week to week."""
    grids, tests, changes = [], list[dict[str, GridCell]](), []
    for time in _TIMES:
        slices, rows = slice_effects(tables, subjects_of, options, time.by), []
        for subject in subjects_of:
            own = [part for part in slices if part.subject is subject]
            rows += [{**effect_row("campaign", part.effect), "week": part.value} for part in own]
            test = change(own, options.metric)
            if test is None:
                continue
            tests.append(_change(subject, time.between, test))
            if test.p < 0.05:
                changes.append(
                    Warned(
                        f"{subject.name}: the effect differs between {time.between}"
                        f" (Cochran's Q = {test.statistic:.1f}, p = {test.p:.2g}); no cause is assumed"
                    )
                )
        columns = ("treated rate", "control rate", "effect", "single look")
        grids.append(Grid(time.grid, time.title, ("campaign", "week"), columns, tuple(rows), time.note))
    of_tests = ("Cochran's Q", "degrees of freedom", "p")
    grids.append(
        Grid("uplift_changes", "Does the effect change?", ("campaign", "between"), of_tests, tuple(tests))
    )
    return grids, changes


def _change(subject: Subject, between: str, test: Heterogeneity) -> dict[str, GridCell]:
    persons = subject.enrolled.persons
    method = "Cochran's Q over weeks with 20 events in either arm"
    return {
        "campaign": subject.name,
        "between": between,
        "Cochran's Q": Figure(test.statistic, method=method, persons=persons, unit=Unit.STATISTIC),
        "degrees of freedom": Figure(test.freedom, method=method, persons=persons),
        "p": Figure(test.p, method=method, persons=persons, unit=Unit.PROBABILITY),
    }


def slices_by(tables: Tables, subjects_of: Sequence[Subject], options: Options, by: str) -> Grid:
    """The effect by values of `by`, with p after Benjamini and Hochberg over the grid."""
    parts = [(part.value, part.effect) for part in slice_effects(tables, subjects_of, options, by)]
    known = [index for index, (_, part) in enumerate(parts) if part.p is not None]
    corrected = dict(
        zip(known, benjamini_hochberg([parts[index][1].p or 0.0 for index in known]), strict=True)
    )
    rows = []
    for index, (value, part) in enumerate(parts):
        row = {**effect_row("campaign", part), by: value}
        if index in corrected:
            row["p (BH)"] = Figure(
                corrected[index],
                method="Benjamini–Hochberg",
                persons=part.uplift.persons,
                unit=Unit.PROBABILITY,
            )
            row["look into"] = "yes" if corrected[index] < 0.05 else "no"
        rows.append(row)
    labels = ("campaign", by, "look into")
    columns = ("treated rate", "control rate", "effect", "single look", "p (BH)")
    return Grid(
        f"uplift_by_{by}",
        f"To look into: effect by {by}",
        labels,
        columns,
        tuple(rows),
        "Slices are for questions, not for answers: 5 % of those marked are expected to be false.",
    )


def ratio_causes(tables: Tables, suspects: Sequence[Subject]) -> Grid:
    """Where the arms went wrong: the sample ratio by version of the book, channel and day, worst first."""
    rows = []
    for cause in ("book_version", "channel", "day"):
        divided = draws(tables, "campaign", cause)
        for subject in suspects:
            rows += [
                (ratio_p(strata), _cause(subject.name, cause, value, strata))
                for value, strata in divided.get(subject.name, {}).items()
            ]
    rows.sort(key=lambda row: (row[0], [str(cell) for cell in row[1].values()][:3]))
    return Grid(
        "sample_ratio_causes",
        "Where the sample ratio is off",
        ("campaign", "by", "value"),
        ("persons", "treated", "expected", "p"),
        tuple(row for _, row in rows[:50]),
    )


def _cause(campaign: str, cause: str, value: str, strata: Sequence[Draws]) -> dict[str, GridCell]:
    persons = sum(stratum.persons for stratum in strata)
    expected = sum(stratum.persons * stratum.share for stratum in strata)
    return {
        "campaign": campaign,
        "by": cause.replace("_", " "),
        "value": value,
        "persons": Figure(persons, method="count of persons", persons=persons),
        "treated": Figure(
            sum(stratum.treated for stratum in strata), method="count of persons", persons=persons
        ),
        "expected": Figure(expected, method="Σ of logged probabilities", persons=persons),
        "p": Figure(
            ratio_p(strata), method="z against logged probabilities", persons=persons, unit=Unit.PROBABILITY
        ),
    }
