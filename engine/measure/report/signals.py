"""How well signals foretell an outcome, and what acting on them saved.

Whoever is saved has no outcome: their signal looks like a false alarm, and their outcome is missing among those that were
foretold. What is seen is therefore shown beside what would have been seen had nothing been sent, by those who were spared at
random.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from engine.measure.report.build import Report
from engine.measure.report.comparable import (
    LEAST,
    NothingRecorded,
    count_figure,
    count_text,
    hint,
    kept_warnings,
    make_timeline,
    period_of,
    rate,
    refused,
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
from engine.measure.report.signal_counts import Counted, SignalCounts, SignalsQuestion, count_signals
from engine.measure.report.signal_rates import (
    SavedShare,
    mismatch,
    precision,
    saved_share,
    untreated_precision,
    untreated_recall,
)
from engine.measure.report.tables import Tables
from engine.measure.statistics.arms import Interval
from engine.measure.statistics.multiplicity import holm
from engine.rulebook.model.book import Book

_FEW = f"fewer than {LEAST} persons"


def signals(  # noqa: PLR0913 - the parts of the question
    folder: Path,
    book: Book,
    question: SignalsQuestion,
    as_of: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    memory: str = "2GB",
) -> Report:
    """Hold the signals of an export against an outcome.

    Raises NothingRecorded where the log has no such outcome, or no signal in the period.
    """
    tables = Tables(folder, memory)
    try:
        period = period_of(tables, start, end, as_of)
        make_timeline(tables, as_of, [question.outcome])
        _check_names(tables, book, question)
        counted = count_signals(tables, question, book, period)
        warnings = kept_warnings(tables, book, period.start, [question.outcome], as_of)
    finally:
        tables.close()
    if not counted.signals:
        raise NothingRecorded(
            "no signal held in the period; only signals on which a campaign depends are concluded"
        )
    days = timedelta(microseconds=question.horizon) / timedelta(days=1)
    options = {
        "outcome": question.outcome,
        "horizon": f"{days:g}d",
        "signals": ",".join(question.signals),
        "recurring": "yes" if question.recurring else "",
        "level": str(question.level),
    }
    held = sum(signal.persons + signal.maturing + signal.late for signal in counted.signals)
    head = Head(
        book.name, book.version, *period, held, counted.persons, (), options, "signals", book.timezone
    )
    if period.start + timedelta(microseconds=question.horizon) >= period.end:
        warnings.append(
            "the period is not longer than the horizon: no outcome has one before it, so there is no recall"
        )
    section = _section(counted, question, f"{days:g} days", warnings)
    return Report(head, (section,), {}, "how well signals foretell, and what acting on them saved")


def _check_names(tables: Tables, book: Book, question: SignalsQuestion) -> None:
    if not question.signals:
        return
    logged = "SELECT DISTINCT signal FROM all_signals UNION SELECT DISTINCT signal FROM all_remembered"
    known = {row["signal"] for row in tables.rows(logged)}
    known |= {*book.derived.signals, *(f"pattern.{name}" for name in book.derived.patterns)}
    for name in question.signals:
        if name not in known:
            raise NothingRecorded(f"neither the book nor the log has the signal {name}{hint(name, known)}")


def _section(counted: Counted, question: SignalsQuestion, horizon: str, warnings: Sequence[str]) -> Section:
    return Section(
        "signals",
        f"Signals before {question.outcome}",
        f"Of the persons of whom a signal held, how many had {question.outcome} within {horizon}; of those who had it,"
        " how many were foretold, and how early; and what share of it did acting on the signal save?",
        "",
        (
            Grid(
                "signals",
                "How well they foretell",
                ("signal",),
                (
                    "persons",
                    "sent",
                    "precision",
                    "precision (nothing sent)",
                    "recall",
                    "recall (nothing sent)",
                ),
                tuple(_foretelling(signal, counted, question.level) for signal in counted.signals),
            ),
            Grid(
                "lead_time",
                "How early",
                ("signal",),
                ("foretold", "lower quartile", "median", "upper quartile"),
                tuple(map(_lead, counted.signals)),
            ),
            Grid(
                "saved",
                "What acting on them saved",
                ("signal",),
                ("rate of those sent to", "rate of the control", "saved", "saved persons", "p", "p (Holm)"),
                _saved_rows(counted.signals, question.level),
            ),
        ),
        charts=(
            Chart(
                "forest",
                "Share that acting on each signal saved",
                f"A bar a signal, from limit to limit; right of 0 fewer had {question.outcome} than in the control.",
                "saved",
                "saved",
            ),
        ),
        warnings=(*map(Warned, warnings), *_doubts(counted.signals)),
        computations=_computations(counted, question, horizon),
    )


def _computations(counted: Counted, question: SignalsQuestion, horizon: str) -> tuple[Computation, ...]:
    totals = {
        name: sum(getattr(signal, name) for signal in counted.signals)
        for name in ("persons", "maturing", "late")
    }
    saved = [signal.saved for signal in counted.signals]
    before = (
        "" if question.recurring else f"; {totals['late']:,} persons of whom one held only after the outcome"
    )
    return (
        Computation(
            "precision",
            f"persons with the outcome within {horizon} after the first time in the period that the signal held / persons;"
            " Wilson. An outcome of the same moment is not foretold",
            f"{totals['persons']:,} persons and signals",
            f"{totals['maturing']:,} whose horizon is not over by {counted.until:%Y-%m-%d %H:%M} UTC, the last that the log"
            f" has{before}; cells of fewer than {LEAST} persons. Signals that were forgotten before a decision was made are"
            " not in the log",
        ),
        Computation(
            "recall",
            "persons of whom the signal began to hold within the horizon before the outcome / persons with the outcome, from"
            " the start of the period plus the horizon on; Wilson",
            f"{count_text(counted.outcomes)} persons with the outcome, who are counted whether or not a signal held",
            "outcomes so early that a signal before them would lie before the period",
        ),
        Computation(
            "precision and recall (nothing sent)",
            "who was sent something, at a decision at which the signal held and by a campaign whose `when` refers to it, does"
            " not count; who was spared with the probability 1 - p counts 1 / (1 - p) times; who was neither counts once."
            " Wilson: of precision within the probabilities, of recall at the effective number of persons, by the delta"
            " method",
            exclusions="signals for which something was sent that nobody was spared at random",
        ),
        Computation(
            "lead time",
            "from the first time within the horizon that the signal held to the outcome, of those who had it all the same;"
            " limits of the median by its rank",
        ),
        Computation(
            "saved",
            "1 - rate of those sent to / rate of those spared (control or holdout), within the horizon after the first"
            " decision at which the signal held and one of its campaigns was chosen; within the probabilities, weighted by"
            " persons. Wilson, Newcombe's method 10, ratio by MOVER-R; persons: difference × those sent to; p by Holm over all"
            " signals",
            f"{sum(arm.sent + arm.spared for of_signal in saved for arm in of_signal.arms):,} persons and signals",
            f"{sum(of_signal.maturing for of_signal in saved):,} whose horizon is not over;"
            f" {sum(of_signal.unrandomised for of_signal in saved):,} sent something that nobody was spared at random",
        ),
    )


def _foretelling(signal: SignalCounts, counted: Counted, level: float) -> Mapping[str, GridCell]:
    return {
        "signal": signal.name,
        "persons": count_figure(signal.persons),
        "sent": rate(sum(arm.sent for arm in signal.arms), signal.persons, level),
        "precision": precision(signal, level),
        "precision (nothing sent)": untreated_precision(signal, level),
        "recall": rate(signal.foretold, counted.outcomes, level),
        "recall (nothing sent)": untreated_recall(signal, counted.outcomes, level),
    }


def _lead(signal: SignalCounts) -> Mapping[str, GridCell]:
    names = ("lower quartile", "median", "upper quartile")
    cells: dict[str, GridCell] = {"signal": signal.name, "foretold": count_figure(signal.foretold)}
    if signal.foretold < LEAST:
        return {**cells, **{name: refused(_FEW, Unit.DAYS) for name in names}}
    lower, median, low, high, upper = signal.leads
    limits = ((None, None), (low, high), (None, None))
    return cells | {
        name: Figure(value, *limited, "rank" if limited[0] else "", persons=signal.foretold, unit=Unit.DAYS)
        for name, value, limited in zip(names, (lower, median, upper), limits, strict=True)
    }


def _saved_rows(signals: Sequence[SignalCounts], level: float) -> tuple[Mapping[str, GridCell], ...]:
    shares = [saved_share(signal, level) for signal in signals]
    tested = [share.comparison.p for share in shares if share.comparison and share.comparison.p is not None]
    adjusted = iter(holm(tested))
    return tuple(_saved(signal.name, share, adjusted) for signal, share in zip(signals, shares, strict=True))


def _saved(name: str, share: SavedShare, adjusted: Iterator[float]) -> Mapping[str, GridCell]:
    comparison = share.comparison
    if comparison is None:
        return {"signal": name, "saved": refused(share.refused, Unit.SHARE)}
    sent, spared = comparison.persons
    relative, difference = comparison.relative, comparison.difference
    saved = fewer = None
    if relative is not None and relative.value is not None and relative.high is not None:
        saved = Interval(-relative.value, -relative.high, -relative.low)
    if difference is not None:
        fewer = difference.times(-sent)
    cells: dict[str, GridCell] = {
        "signal": name,
        "rate of those sent to": shown(comparison.treated, Unit.SHARE, "Wilson", None, sent),
        "rate of the control": shown(comparison.control, Unit.SHARE, "Wilson", None, spared),
        "saved": shown(
            saved,
            Unit.SHARE,
            comparison.method,
            None,
            sent + spared,
            share.refused or comparison.relative_refused,
        ),
        "saved persons": shown(fewer, Unit.CHANGE, "difference × persons sent to", None, sent, share.refused),
    }
    if comparison.p is not None:
        cells["p"] = Figure(comparison.p, unit=Unit.PROBABILITY)
        cells["p (Holm)"] = Figure(next(adjusted), unit=Unit.PROBABILITY, method="Holm")
    return cells


def _doubts(signals: Sequence[SignalCounts]) -> Iterator[Warned]:
    """Controls that are none: what they hide."""
    for signal in signals:
        if sentence := mismatch(signal):
            yield Warned(f"{signal.name}: {sentence}", problem=True)
        if signal.saved.crossed:
            yield Warned(
                f"{signal.name}: {count_text(signal.saved.crossed)} persons of the control were sent something for the signal"
                " all the same, by another campaign or after the control was changed; what it saved is understated"
            )
