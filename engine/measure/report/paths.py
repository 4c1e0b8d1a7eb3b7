"""Why one bought and another did not: buyers against comparable non-buyers, step by step.

The unit is the person, with their first visit of the period that reached the start step. What differs between buyers and
others is no cause: it says where to look.
"""

from collections import Counter
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
from engine.measure.report.visits import PathsQuestion, PathVisit, choose_visits, read_visits
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
        visits = read_visits(tables, question)
        if not visits:
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
    head = Head(book.name, book.version, *period, events, len(visits), (), options, "events")
    section = _section(visits, question, started, unfinished, warnings)
    return Report(head, (section,), {}, "why one bought and another did not")


def _section(
    visits: Sequence[PathVisit],
    question: PathsQuestion,
    started: int,
    unfinished: int,
    warnings: Sequence[str],
) -> Section:
    stopped, sentences = _stopped(visits, question)
    steps = _steps(visits, question)
    split, named = _split(visits, question)
    buyers = sum(visit.bought for visit in visits)
    begin = question.begin or "the first step of a visit"
    left_out = (
        f"{started - len(visits) - unfinished:,} further visits of the same persons; {unfinished:,} persons whose visit is not"
        f" over by --as-of; cells of fewer than {LEAST} persons"
    )
    return Section(
        "paths",
        f"From {begin} to {question.goal}",
        f"Of {count_text(len(visits))} persons who reached {begin}, {count_text(buyers)} went on to {question.goal}. What sets"
        " them apart from the others? It is no cause: only a randomised comparison shows one.",
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
        computations=_computations((buyers, len(visits) - buyers), question, left_out, len(split)),
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
    visits: Sequence[PathVisit], question: PathsQuestion
) -> tuple[tuple[Mapping[str, GridCell], ...], list[str]]:
    """Rows of the last steps, and the sentences that say them."""
    last = Counter(visit.steps[-1] for visit in visits if not visit.bought)
    reached = Counter(step for visit in visits for step in set(visit.steps))
    others = sum(last.values())
    rows: tuple[Mapping[str, GridCell], ...] = tuple(
        {
            "step": step,
            "stopped": Figure(count, persons=others),
            "share of them": rate(count, others, question.level),
            "of who reached it": rate(count, reached[step], question.level),
        }
        for step, count in _ordered(last)
        if count >= LEAST
    )
    return rows, [f"{count:,} stopped after {step}." for step, count in _ordered(last)[:3] if count >= LEAST]


def _ordered(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _steps(visits: Sequence[PathVisit], question: PathsQuestion) -> tuple[Mapping[str, GridCell], ...]:
    reached = Counter(step for visit in visits for step in set(visit.steps))
    compared = {
        step: _compared(
            ((visit.stratum, visit.bought, step in visit.steps) for visit in visits), question.level
        )
        for step, count in _ordered(reached)
        if LEAST <= count <= len(visits) - LEAST
    }
    return _rows({(step,): result for step, result in compared.items() if result}, ("step",), "buyers")


def _split(
    visits: Sequence[PathVisit], question: PathsQuestion
) -> tuple[tuple[Mapping[str, GridCell], ...], list[str]]:
    """Rows of the steps by field, and the sentences for those that hold."""
    compared: dict[tuple[str, ...], Comparison] = {}
    steps = sorted({step for visit in visits for step in visit.steps} - {question.begin})
    for field in question.by:
        known = [(visit, visit.known[field]) for visit in visits if field in visit.known]
        for value in _values(value for _, value in known):
            for step in (*steps, question.goal):
                cells = (
                    ((), of == value, visit.bought if step == question.goal else step in visit.steps)
                    for visit, of in known
                )
                _add(compared, (step, "reached", field, value), _compared(cells, question.level))
        for step in sorted({step for visit in visits for step in visit.steps}):
            at = [(visit, visit.values[step, field]) for visit in visits if (step, field) in visit.values]
            for value in _values(value for _, value in at):
                stops = (((), of == value, not visit.bought and visit.steps[-1] == step) for visit, of in at)
                _add(compared, (step, "stopped after", field, value), _compared(stops, question.level))
    ordered = dict(sorted(compared.items(), key=lambda item: (item[1].p or 0.0, item[0])))
    rows = _rows(ordered, ("step", "measure", "field", "value"), "rate")
    return rows, [*_named(rows, question.level)][:_MOST_SENTENCES]


def _add(
    compared: dict[tuple[str, ...], Comparison], key: tuple[str, ...], result: Comparison | None
) -> None:
    if result is not None:
        compared[key] = result


def _values(values: Iterable[str]) -> list[str]:
    return [value for value, count in _ordered(Counter(values))[:MOST_VALUES] if count >= LEAST]


def _compared(cells: Iterable[tuple[tuple[str, ...], bool, bool]], level: float) -> Comparison | None:
    """Compares the rates of two groups within strata; None where one has fewer than LEAST persons, or nothing differs."""
    counts = Counter(cells)
    pairs = []
    for stratum in sorted({stratum for stratum, _, _ in counts}):
        arms = []
        for group in (True, False):
            yes = counts[stratum, group, True]
            arms.append(Arm(yes + counts[stratum, group, False], yes, yes))
        if arms[0].persons and arms[1].persons:
            pairs.append((arms[0], arms[1]))
    if min((sum(pair[side].persons for pair in pairs) for side in (0, 1)), default=0) < LEAST:
        return None
    total, persons = (
        sum(arm.total for pair in pairs for arm in pair),
        sum(arm.persons for pair in pairs for arm in pair),
    )
    return compare_strata(pairs, "proportion", level) if 0 < total < persons else None


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
