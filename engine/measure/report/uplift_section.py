"""The sections that say what contacts caused: of campaigns by their own controls, and of the programme by holdouts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from engine.measure.report.effects import (
    METRICS,
    SUSPECT,
    Effect,
    by_covariate,
    cost_of_each,
    credited_share,
    on_reached,
    returned,
)
from engine.measure.report.enrolment import Enrolled
from engine.measure.report.figures import (
    Chart,
    Computation,
    Figure,
    Grid,
    GridCell,
    Point,
    Section,
    Unit,
    Warned,
)
from engine.measure.report.tables import Tables
from engine.measure.report.uplift import Options, Subject, effect_so_far, is_headline, slice_effects
from engine.measure.report.uplift_slices import by_time, effect_row, ratio_causes, slices_by
from engine.measure.statistics.sequential import PLANNED

_COLUMNS = (
    *("treated", "control", "treated rate", "control rate", "effect", "single look", "relative"),
    *("incremental", "p", "p (Holm)", "adjusted", "variance ratio", "return", "cost of each"),
    *("of credited orders", "on reached"),
)
_COMPACT = ("treated rate", "control rate", "effect", "single look", "relative", "incremental", "p (Holm)")
_COHORT = (
    *("persons", "treated", "control", "maturing", "held out", "exposed before", "crossed, treated"),
    *("crossed, control", "sample ratio p", "window"),
)
_BOUND = """
SELECT campaign, count(*) FILTER (code IN ('out_of_stock', 'over_capacity')) AS bound, count(*) AS decisions FROM candidates
WHERE time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings) GROUP BY campaign
"""
_MOST_SEQUENCES = 4


def section(
    tables: Tables,
    subjects_of: Sequence[Subject],
    effects: Sequence[Effect],
    options: Options,
    without: Sequence[str],
) -> Section:
    """What the campaigns caused. without: the campaigns that have no control."""
    bound = {row["campaign"]: (row["bound"], row["decisions"]) for row in tables.rows(_BOUND)}
    grids = [
        _grid("uplift", "Effect by campaign", "campaign", subjects_of, effects, options),
        _cohorts(subjects_of),
    ]
    of_times, changes = by_time(tables, subjects_of, options)
    grids += of_times
    grids += [slices_by(tables, subjects_of, options, by) for by in options.by]
    causes = [subject for subject in subjects_of if subject.ratio < SUSPECT]
    if causes:
        grids.append(ratio_causes(tables, causes))
    sequences, charts = _sequences(tables, subjects_of, options)
    refusals = [f"{subject.name}: {subject.refused}" for subject in subjects_of if subject.refused]
    refusals += [
        f"{name}: it has no control, so what it caused is not known; it has credit only" for name in without
    ]
    return Section(
        "uplift",
        "What it caused",
        "What would not have come without the campaign?",
        "effect",
        (*grids, *sequences),
        (
            Chart(
                "forest",
                f"Effect on {options.metric}, with always-valid limits",
                "A bar for each campaign from the lower to the upper limit of its effect, with a line at no effect",
                "uplift",
                "effect",
                metric=options.metric,
            ),
            *charts,
        ),
        (*_warnings(subjects_of, bound, options), *changes),
        tuple(refusals),
        _computations(subjects_of, options),
    )


def programme(subjects_of: Sequence[Subject], effects: Sequence[Effect], options: Options) -> Section:
    """What all campaigns together caused, by the holdouts."""
    refusals = [f"{subject.name}: {subject.refused}" for subject in subjects_of if subject.refused]
    if not subjects_of:
        refusals.append(
            "nobody was chosen for anything under a holdout: the effect of all campaigns together is not known"
        )
    return Section(
        "programme",
        "What all campaigns together caused",
        "What would not have come if nobody were contacted?",
        "effect",
        (
            _grid("programme", "Effect of the programme", "holdout", subjects_of, effects, options),
            replace(_cohorts(subjects_of, "holdout"), name="programme_cohorts"),
        ),
        warnings=tuple(filter(None, (by_units(subject.name, subject.enrolled) for subject in subjects_of))),
        refusals=tuple(refusals),
        computations=(
            Computation(
                "effect",
                "persons outside the holdout against persons in it, as in the section before;"
                " campaigns' controls count as outside",
                "persons to whom anything at all would have gone for the first time under the holdout's salt",
                "persons for whom that was before the period",
            ),
        ),
    )


def stages(subjects_of: Sequence[Subject], effects: Sequence[Effect], options: Options) -> list[Section]:
    """What staged versions of the book caused, against the live ones beside them; no section where none was staged."""
    if not subjects_of:
        return []
    return [
        Section(
            "stages",
            "What staged versions caused",
            "Did persons do better by the staged version than by the live one?",
            "effect",
            (
                _grid("stages", "Effect of staged versions", "version", subjects_of, effects, options),
                replace(_cohorts(subjects_of, "version"), name="stages_cohorts"),
            ),
            refusals=tuple(
                f"{subject.name}: {subject.refused}" for subject in subjects_of if subject.refused
            ),
            computations=(
                Computation(
                    "effect",
                    "persons for whom the staged version decides (treated) against those for whom the live one does (control),"
                    " drawn by person; caps and memory are one for both",
                    "persons who were decided for while the version was staged, for the first time under its salt",
                    "persons for whom that was before the period, and those in a holdout",
                ),
            ),
        )
    ]


def _grid(
    name: str,
    title: str,
    label: str,
    subjects_of: Sequence[Subject],
    effects: Sequence[Effect],
    options: Options,
) -> Grid:
    by_name = {subject.name: subject for subject in subjects_of}
    rows = []
    for known in effects:
        row = effect_row(label, known)
        if known.metric == "converted" and not known.refused:
            subject = by_name[known.subject]
            row["cost of each"] = cost_of_each(subject.sums, options.level, subject.planned)
        if is_headline(known, options.metric) and not known.refused:
            subject = by_name[known.subject]
            arms, untotalled, planned = subject.sums, subject.untotalled, subject.planned
            row["return"] = returned(arms, options.level, untotalled, planned)
            if not untotalled:
                metric = METRICS[options.metric]
                adjustment = by_covariate(metric, arms, options.level)
                row["adjusted"], row["variance ratio"] = adjustment.difference, adjustment.variance_ratio
            if label == "campaign":
                row["of credited orders"] = credited_share(arms, options.level, planned)
                row["on reached"] = on_reached(known, arms)
        rows.append(row)
    return Grid(
        name, title, (label, "metric"), _COLUMNS, tuple(rows), compact=_COMPACT, roomy=("cost of each",)
    )


def _cohorts(subjects_of: Sequence[Subject], label: str = "campaign") -> Grid:
    rows = []
    for subject in subjects_of:
        who = subject.enrolled
        numbers = (
            *(who.persons, who.treated, who.persons - who.treated, who.maturing, who.held_out, who.before),
            *(who.crossed_treated, who.crossed_control),
        )
        row: dict[str, GridCell] = {label: subject.name}
        for column, number in zip(_COHORT, numbers, strict=False):
            row[column] = Figure(number, method="count of persons", persons=who.persons)
        row["sample ratio p"] = Figure(
            subject.ratio,
            method="z against logged probabilities",
            persons=who.persons,
            unit=Unit.PROBABILITY,
        )
        row["window"] = Figure(who.window / timedelta(hours=1), method="of the book", unit=Unit.HOURS)
        rows.append(row)
    return Grid("cohorts", "Who is compared", (label,), _COHORT, tuple(rows))


def _sequences(
    tables: Tables, subjects_of: Sequence[Subject], options: Options
) -> tuple[list[Grid], list[Chart]]:
    """The estimate after every day of exposures with its always-valid limits, of the largest campaigns."""
    shown = [subject for subject in subjects_of if not subject.refused]
    largest = sorted(shown, key=lambda subject: -subject.enrolled.persons)[:_MOST_SEQUENCES]
    slices = slice_effects(tables, largest, options, "day")
    rows: list[dict[str, GridCell]] = []
    charts = []
    for subject in largest:
        points = []
        for day, uplift in effect_so_far([part for part in slices if part.subject is subject], options):
            points.append(Point(day, uplift.value or 0.0, uplift.low or 0.0, uplift.high or 0.0))
            rows.append({"campaign": subject.name, "day": day, "effect": uplift})
        if len(points) > 1:
            charts.append(
                Chart(
                    "sequence",
                    f"{subject.name}: effect so far",
                    "The estimate after each day of exposures, in a band of always-valid limits",
                    "sequence",
                    "effect",
                    points,
                )
            )
    grid = Grid(
        "sequence", "Effect so far, by last day of exposure", ("campaign", "day"), ("effect",), tuple(rows)
    )
    return ([grid] if charts else []), charts


def by_units(name: str, enrolled: Enrolled) -> Warned | None:
    """What is counted, where units were drawn in place of persons."""
    if not enrolled.units:
        return None
    alone = enrolled.persons - enrolled.units
    others = f" and {alone:,} persons without one" if alone else ""
    return Warned(
        f"{name}: drawn by unit: its arms, sample ratio and limits are of {enrolled.units:,} units"
        f" of {enrolled.members:,} persons{others}"
    )


def _warnings(
    subjects_of: Sequence[Subject], bound: Mapping[str, tuple[int, int]], options: Options
) -> Iterator[Warned]:
    for subject in subjects_of:
        if subject.ratio < SUSPECT:
            yield Warned(
                f"{subject.name}: sample ratio mismatch, p = {subject.ratio:.2g}: do not believe its"
                f" effect before the cause is known",
                problem=True,
            )
        if units := by_units(subject.name, subject.enrolled):
            yield units
        if not subject.refused and not subject.untotalled:
            adjustment = by_covariate(METRICS[options.metric], subject.sums, options.level)
            if adjustment.warning:
                yield Warned(f"{subject.name}: {adjustment.warning}, though they were drawn at random")
        limited, decisions = bound.get(subject.name, (0, 0))
        if limited > 0.05 * decisions:
            yield Warned(
                f"{subject.name}: stock, total or capacity bound in {limited / decisions:.1%} of its"
                f" decisions; control frees stock for"
                " others: effect overstated"
            )


def _plans(subjects_of: Sequence[Subject]) -> str:
    """The persons at which always-valid limits are tightest: the default, and what the book plans otherwise."""
    own = [subject for subject in subjects_of if subject.planned != PLANNED]
    return "; ".join([f"{PLANNED:,}", *(f"{subject.planned:,} of {subject.name}" for subject in own)])


def _computations(subjects_of: Sequence[Subject], options: Options) -> tuple[Computation, ...]:
    persons = sum(subject.enrolled.persons for subject in subjects_of)
    return (
        Computation(
            "effect",
            "m₁ − m₀ within strata of (salt, share of the control), weighted by persons; ±"
            " se·√(2(Nρ²+1)/(Nρ²)·ln(√(Nρ²+1)/α)), which holds at"
            f" every look (Waudby-Smith et al. 2024, N* = {_plans(subjects_of)})",
            f"{persons:,} persons at their first ever exposure under the salt",
            "persons in a holdout; persons exposed before the period; persons whose window is not over (maturing)",
        ),
        Computation(
            "single look",
            "shares: Wilson's limits an arm, Newcombe's method 10; means: Welch. Holds only for one look that was planned",
        ),
        Computation(
            "relative",
            "m₁/m₀ − 1 from the same limits (MOVER, Fieller), so that it never contradicts the effect",
        ),
        Computation(
            "treated, control",
            "an exposure is an offer that was chosen: withheld is control, everything else treated,"
            " bounced too (intention to treat). The arm is"
            " that of the first draw, also of names that were linked later",
            exclusions="nobody: persons seen in both arms are counted, not left out",
        ),
        Computation(
            "sample ratio p",
            "z = (O − Σp)/√Σp(1 − p) over persons, p as logged at the draw; warns below 0.001",
        ),
        Computation(
            "p (Holm)",
            f"Holm over the headline comparisons ({options.metric}) of the report; an effect holds"
            f" below {1 - options.level:.2g}",
        ),
        Computation(
            "credited",
            "orders that the campaign's own attribution credits; withheld contacts are credited by"
            " the same rule (ghost attribution)",
        ),
        Computation(
            "adjusted",
            "CUPED: m − θ(x̄ − x̄ of both arms), θ = cov(y, x)/var(x), x the net value of the 28 days"
            " before the first exposure; limits"
            " of a single look",
            exclusions="dropped with a word where it saves less than 2 % of the variance",
        ),
        Computation(
            "Cochran's Q",
            "Σ(d − d̄)²/v over weeks, weighted by 1/v; χ² with one degree of freedom less than weeks. Weeks since exposure have"
            " the same persons, and are taken as independent",
            exclusions="weeks with fewer than 20 events in an arm (means: 100 persons)",
        ),
        Computation(
            "value, return",
            "incremental net value ÷ cost of the contacts, Fieller's theorem. With --rates each order is converted at the"
            " rate of its day (UTC), and costs are taken to be in that currency",
            exclusions="several currencies without rates; one missing rate refuses the sum",
        ),
    )
