"""Why one bought and another did not: buyers against comparable non-buyers, step by step.

The unit is the person, with their first visit of the period that reached the start step. What differs between buyers and
others is no cause: it says where to look.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.measure.report.build import Report
from engine.measure.report.comparable import (
    LEAST,
    NothingRecorded,
    count_text,
    kept_warnings,
    large_cells,
    make_timeline,
    period_of,
    rate,
    shown,
)
from engine.measure.report.figures import (
    Chart,
    Computation,
    Figure,
    Grid,
    GridCell,
    Head,
    Section,
    Unit,
    Warned,
)
from engine.measure.report.tables import Tables
from engine.measure.report.visits import PathsQuestion, VisitCounts, choose_visits, count_visits
from engine.measure.report.words import written
from engine.measure.statistics.arms import Arm
from engine.measure.statistics.compare import Comparison, compare_strata
from engine.measure.statistics.multiplicity import holm
from engine.model.instant import SECOND
from engine.rulebook.model.book import Book

MOST_VALUES = 50
"""Values of a field that are compared, of those with the most persons."""
_MOST_SENTENCES = 10
_AGAINST = ("others", "difference", "p", "p (Holm)")
_MINUTE = 60 * SECOND


def paths(  # noqa: PLR0913 - the parts of the question
    folder: Path,
    book: Book,
    question: PathsQuestion,
    as_of: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    memory: str = "2GB",
) -> Report:
    """Compare, in an export, buyers with those who reached the same step and did not buy.

    Raises NothingRecorded where the log has no such event or field.
    """
    tables = Tables(folder, memory)
    try:
        period = period_of(tables, start, end, as_of)
        types = [question.goal, *([question.begin] if question.begin else [])]
        make_timeline(tables, as_of, types)
        started, unfinished = choose_visits(tables, question, period)
        counts = count_visits(tables, question)
        if not counts.persons:
            raise NothingRecorded(f"no visit reached {question.begin or 'a first step'} in the period")
        warnings = kept_warnings(tables, book, period.start, book.event_types, as_of)
        events = tables.row("SELECT count(*) FROM chosen c JOIN numbered n USING (person, visit)")[0]
    finally:
        tables.close()
    options = {
        "goal": question.goal,
        "from": question.begin,
        "by": ",".join(question.by),
        "strata": ",".join(question.strata),
        "gap": f"{question.gap // _MINUTE}m",
        "level": str(question.level),
    }
    head = Head(
        book.name, book.version, *period, events, counts.persons, (), options, "events", book.timezone
    )
    section = _section(counts, question, started, unfinished, warnings)
    return Report(head, (section,), {}, "why one bought and another did not")


def _section(
    counts: VisitCounts,
    question: PathsQuestion,
    started: int,
    unfinished: int,
    warnings: Sequence[str],
) -> Section:
    stopped, sentences = _stopped(counts, question)
    steps = _steps(counts, question)
    split, named = _split(counts, question)
    buyers = counts.buyers
    begin = question.begin or "the first step of a visit"
    further = started - counts.persons - unfinished
    left_out = (
        f"{further:,} further visits of the same persons; {unfinished:,} persons whose visit is not over by --as-of;"
        f" cells of fewer than {LEAST} persons, and the next larger one where they would follow from the others"
    )
    return Section(
        "paths",
        f"From {begin} to {question.goal}",
        f"Of {count_text(counts.persons)} persons who reached {begin}, {count_text(buyers)} went on to {question.goal}. What"
        " sets them apart from the others? It is no cause: only a randomised comparison shows one.",
        "",
        (
            Grid(
                "last_steps",
                "Where those stopped who did not",
                ("step",),
                ("stopped", "share of them", "of who reached it"),
                stopped,
                " ".join(sentences),
            ),
            Grid("steps", "Steps of buyers against those of others", ("step",), ("buyers", *_AGAINST), steps),
            Grid(
                "split",
                "Steps by field",
                ("step", "measure", "field", "value"),
                ("rate", *_AGAINST),
                split,
                " ".join(named),
            ),
        ),
        charts=(
            Chart(
                "forest",
                "Steps of buyers less those of others",
                "A bar a step, from limit to limit; right of 0 more of the buyers had it.",
                "steps",
                "difference",
            ),
        ),
        warnings=tuple(map(Warned, warnings)),
        computations=_computations((buyers, counts.persons - buyers), question, left_out, len(split)),
    )


def _computations(
    persons: tuple[int, int], question: PathsQuestion, left_out: str, compared: int
) -> tuple[Computation, ...]:
    """How the grids were computed. persons: buyers and others; compared: rows of the steps by field."""
    buyers, others = map(count_text, persons)
    return (
        Computation(
            "last step",
            "the latest event before the goal or the end of the visit, of those who did not reach the goal; shares with"
            " Wilson's limits",
            f"{others} persons",
            left_out,
        ),
        Computation(
            "steps of buyers against others",
            "persons with the step / persons, within the week (UTC) of the start step"
            + "".join(f" and {name}" for name in question.strata)
            + ", weighted by persons; difference by Newcombe's method 10; p adjusted by Holm over all steps",
            f"{buyers} buyers, {others} others",
            "weeks and strata that lack buyers or others",
        ),
        Computation(
            "steps by field",
            "`reached`: by the last value that is known up to the start step, persons with the step / persons; `stopped"
            " after`: by the value at the step, those who stopped there / those who reached it; against all other known"
            " values; Newcombe's method 10; p adjusted by Holm over all rows",
            f"{compared:,} comparisons",
            f"persons without the field; values beyond the {MOST_VALUES} most frequent; fewer than {LEAST} persons",
        ),
    )


def _stopped(
    counts: VisitCounts, question: PathsQuestion
) -> tuple[tuple[Mapping[str, GridCell], ...], list[str]]:
    """Rows of the last steps, and the sentences that say them."""
    others, reached = counts.last.total(), counts.reached
    last = large_cells(counts.last)
    rows: tuple[Mapping[str, GridCell], ...] = tuple(
        {
            "step": step,
            "stopped": Figure(count, persons=others),
            "share of them": rate(count, others, question.level),
            "of who reached it": rate(count, reached[step], question.level),
        }
        for step, count in last
    )
    return rows, [f"{count:,} stopped after {step}." for step, count in last[:3]]


def _steps(counts: VisitCounts, question: PathsQuestion) -> tuple[Mapping[str, GridCell], ...]:
    strata = sorted({stratum for stratum, _ in counts.visits})
    compared: dict[tuple[str, ...], Comparison] = {}
    for step, count in sorted(counts.reached.items(), key=lambda item: (-item[1], item[0])):
        if LEAST <= count <= counts.persons - LEAST:
            arms = [
                [
                    _arm(counts.visits[of, bought], counts.with_step[of, bought, step])
                    for bought in (True, False)
                ]
                for of in strata
            ]
            _add(compared, (step,), [(buyers, others) for buyers, others in arms], question.level)
    return _rows(compared, ("step",), "buyers")


def _split(
    counts: VisitCounts, question: PathsQuestion
) -> tuple[tuple[Mapping[str, GridCell], ...], list[str]]:
    """Rows of the steps by field, and the sentences for those that hold."""
    compared: dict[tuple[str, ...], Comparison] = {}
    steps = sorted(counts.reached)
    known: dict[str, dict[str, int]] = {}
    for (field, value), count in counts.known.items():
        known.setdefault(field, {})[value] = count
    values: dict[tuple[str, str], dict[str, int]] = {}
    for (step, field, value), count in counts.values.items():
        values.setdefault((step, field), {})[value] = count
    for field in question.by:
        of_field = known.get(field, {})
        for step in dict.fromkeys((*(step for step in steps if step != question.begin), question.goal)):
            reached = {value: counts.known_with[field, value, step] for value in of_field}
            _compare_values(compared, (step, "reached", field), of_field, reached, question.level)
        for step in steps:
            at = values.get((step, field), {})
            stopped = {value: counts.stopped[step, field, value] for value in at}
            _compare_values(compared, (step, "stopped after", field), at, stopped, question.level)
    ordered = dict(sorted(compared.items(), key=lambda item: (item[1].p or 0.0, item[0])))
    rows = _rows(ordered, ("step", "measure", "field", "value"), "rate")
    return rows, [*_named(rows, question.level)][:_MOST_SENTENCES]


def _compare_values(
    compared: dict[tuple[str, ...], Comparison],
    key: tuple[str, ...],
    persons: Mapping[str, int],
    events: Mapping[str, int],
    level: float,
) -> None:
    """Compares each of the most frequent values with all others."""
    whole = _arm(sum(persons.values()), sum(events.values()))
    for value, count in large_cells(persons, MOST_VALUES):
        arm = _arm(count, events[value])
        _add(compared, (*key, value), [(arm, _arm(whole.persons - count, whole.total - arm.total))], level)


def _arm(persons: int, events: float) -> Arm:
    return Arm(persons, events, events)


def _add(
    compared: dict[tuple[str, ...], Comparison],
    key: tuple[str, ...],
    strata: Sequence[tuple[Arm, Arm]],
    level: float,
) -> None:
    """Adds the comparison, unless a group has fewer than LEAST persons or nothing differs."""
    pairs = [pair for pair in strata if pair[0].persons and pair[1].persons]
    if min((sum(pair[side].persons for pair in pairs) for side in (0, 1)), default=0) < LEAST:
        return
    whole = sum((arm for pair in pairs for arm in pair), Arm(0, 0, 0))
    if 0 < whole.total < whole.persons:
        compared[key] = compare_strata(pairs, "proportion", level)


def _rows(
    compared: Mapping[tuple[str, ...], Comparison], labels: tuple[str, ...], first: str
) -> tuple[Mapping[str, GridCell], ...]:
    adjusted = holm([result.p if result.p is not None else 1.0 for result in compared.values()])
    return tuple(
        {
            **dict(zip(labels, key, strict=True)),
            first: shown(result.treated, Unit.SHARE, "Wilson", None, result.persons[0]),
            "others": shown(result.control, Unit.SHARE, "Wilson", None, result.persons[1]),
            "difference": shown(
                result.difference, Unit.POINTS, "Newcombe's method 10", None, sum(result.persons)
            ),
            "p": Figure(result.p, unit=Unit.PROBABILITY),
            "p (Holm)": Figure(p, unit=Unit.PROBABILITY, method="Holm"),
        }
        for (key, result), p in zip(compared.items(), adjusted, strict=True)
    )


def _named(rows: Sequence[Mapping[str, Any]], level: float) -> Iterable[str]:
    """What holds after Holm, each in a sentence: `payment_failed on device=android: 14.20 % against 2.10 %`."""
    for row in rows:
        if row["p (Holm)"].value <= 1 - level:
            step = row["step"] if row["measure"] == "reached" else f"stopped after {row['step']}"
            rates = " against ".join(written(row[name], limits=False) for name in ("rate", "others"))
            yield f"{step} on {row['field']}={row['value']}: {rates}."
