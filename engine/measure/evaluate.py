"""Evaluates a book on a log without serving it: what a decision would have brought, from the logged probabilities.

Each decision of the log is made by the book at its logged history; where the log shows by chance what the book would show, its
outcomes are weighted with w = π/μ: π is the probability with which the book shows what the log shows there, μ that with which
the log did (see engine.measure.draws). The estimators are those of engine.measure.statistics.off_policy. It is one step ahead:
what customers would do after more or fewer contacts is not in it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from engine.decide.compiled import CompiledBook
from engine.explain.books import Books
from engine.ledger.commit.replay import LoggedDecision, logged_decision_of
from engine.ledger.queries.contacts import contacts_before
from engine.ledger.store.rows import DecisionRow
from engine.ledger.store.store import Store
from engine.measure.draws import (
    Contents,
    DrawCells,
    LoggedStep,
    Shown,
    ShownShares,
    Undecidable,
    logged_shown,
    shown_text,
)
from engine.measure.evaluation_columns import RARE, EvaluationColumns
from engine.measure.export.source import LogSource
from engine.measure.one_step import NO_BOOK, BookSide, ChallengedStates
from engine.measure.pace import working_memory
from engine.measure.replay import END, logged_rows
from engine.measure.rewards import Rewarded, Rewards
from engine.measure.statistics.off_policy import OffPolicy, PolicyValue
from engine.model.contact import Contact
from engine.model.instant import SECOND, Instant, Microseconds, to_datetime

LIMITS = "one step ahead; what customers would do after more or fewer contacts is not in it"
CURE = "give it an `explore` or a ramp"
DIFFERS = "the book that decided decides otherwise now"
EARLY = "the windows of {:.0%} of the decisions are not over; half are by {:%Y-%m-%d %H:%M} UTC"
NOTHING = "there is no decision whose window is over and that the book can make"


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """What is evaluated."""

    metric: str
    """One of engine.measure.rewards.METRICS."""
    window: Microseconds
    """Time after a decision in which its outcomes count."""
    period: tuple[Instant, Instant] = (0, END)
    """Moments of the decisions, from the first until before the second."""
    currency: str = ""
    """Of the orders whose value counts; empty: there is only one."""
    level: float = 0.95


@dataclass(slots=True)
class BookEvaluation:
    """What a log says of a book."""

    decisions: int = 0
    """Of the period."""
    maturing: int = 0
    """Of these, those whose window is not over; they are left out."""
    undecidable: Counter[str] = field(default_factory=Counter)
    """By reason; they are left out."""
    never_shown: Counter[str] = field(default_factory=Counter)
    """What the book shows and the log could not have, by the number of decisions."""
    logged: PolicyValue | None = None
    """The reward a decision that was logged, of the same decisions."""
    figures: OffPolicy | None = None
    """None if there is nothing to estimate from."""
    refused: str = ""
    """Why there is no estimate; empty: there is."""


def evaluate_log(
    store: Store,
    url: str,
    compiled: CompiledBook,
    plan: EvaluationPlan,
    *,
    books: Books,
    advance: Callable[[], object] = lambda: None,
) -> BookEvaluation:
    """Evaluates the book on the log, which the store and the URL name both. Raises LedgerError, Currencies."""
    result, columns = BookEvaluation(), EvaluationColumns()
    sides = _Sides(store, compiled, ChallengedStates(store, books, plan.period))
    with working_memory() as memory:
        with LogSource(url) as log:
            rewards = Rewards(memory, log, plan.metric, plan.window)
            rewards.load(log, plan.period, plan.currency)
        result.decisions, result.maturing, ready = rewards.maturing()
        for row, rewarded in _paired(logged_rows(store, plan.period), iter(rewards), advance):
            _add(result, columns, sides, row, books.of(row.book_version), rewarded)
    if 2 * result.maturing > result.decisions:
        result.refused = EARLY.format(result.maturing / result.decisions, to_datetime(ready))
    elif not len(columns.rewards):
        result.refused = NOTHING
    else:
        result.logged = columns.logged(plan.level)
        result.figures, result.refused = columns.estimate(plan.metric, plan.level)
    return result


def _paired(
    rows: Iterator[DecisionRow], rewards: Iterator[Rewarded], advance: Callable[[], object]
) -> Iterator[tuple[DecisionRow, Rewarded]]:
    """The rows that have a reward, with it; both come in the order of the ids."""
    rewarded = next(rewards, None)
    for row in rows:
        advance()
        while rewarded is not None and rewarded.decision_id < row.decision_id:
            rewarded = next(rewards, None)
        if rewarded is None:
            continue
        if rewarded.decision_id == row.decision_id:
            yield row, rewarded


def _add(
    result: BookEvaluation,
    columns: EvaluationColumns,
    sides: "_Sides",
    row: DecisionRow,
    deciding: CompiledBook | None,
    rewarded: Rewarded,
) -> None:
    """Adds one logged decision."""
    if deciding is None:
        result.undecidable[NO_BOOK] += 1
        return
    try:
        shown, logged, target = sides.shares(row, deciding)
    except Undecidable as reason:
        result.undecidable[str(reason)] += 1
        return
    absent = [seen for seen, share in target.items() if share > RARE and logged.get(seen, 0.0) <= RARE]
    result.never_shown.update(map(shown_text, absent))
    columns.add(rewarded, shown, logged, target, is_supported=not absent)


class _Sides:
    """The books that decided and the book that is evaluated."""

    def __init__(self, store: Store, compiled: CompiledBook, challenges: ChallengedStates) -> None:
        self._store, self._challenges = store, challenges
        self._new = BookSide(compiled, "the book")
        self._deciding: tuple[CompiledBook, BookSide] | None = None
        self._contents = Contents()

    def shares(self, row: DecisionRow, deciding: CompiledBook) -> tuple[Shown, ShownShares, ShownShares]:
        """What the decision showed, and with which probability the deciding book and the new one show what.

        Raises Undecidable, with the name of the book.
        """
        if self._deciding is None or self._deciding[0] is not deciding:
            self._deciding = deciding, BookSide(deciding, "the book that decided")
        old, logged = self._deciding[1], logged_decision_of(row, deciding)
        if reason := old.why_not(logged, deciding):
            raise Undecidable(reason)
        trace = orjson.loads(row.trace)
        first = self._step(row, old, logged, deciding, trace)
        try:
            return self._both(first, trace, self._by_new(row, logged, deciding, trace))
        except Undecidable:
            challenged = self._challenges.of(row, deciding, self._new.compiled)
            if challenged is None:
                raise
        read, challenger, more = challenged
        return self._both(first, trace, self._by_new(row, read, deciding, more, challenger))

    def _both(
        self, first: LoggedStep, trace: Mapping[str, Any], second: LoggedStep
    ) -> tuple[Shown, ShownShares, ShownShares]:
        draws = DrawCells(first.evaluation, second.evaluation)
        shown, shares = logged_shown(first.logged.decision.offers), first.shares(draws)
        if not first.is_as_logged(trace["variants"]) or shares.get(shown, 0.0) <= RARE:
            raise Undecidable(DIFFERS)
        return shown, shares, second.shares(draws)

    def _by_new(
        self,
        row: DecisionRow,
        logged: LoggedDecision,
        deciding: CompiledBook,
        trace: Mapping[str, Any],
        challenger: CompiledBook | None = None,
    ) -> LoggedStep:
        """The decision made by the new book; challenger: the book whose reading of it the log has, too."""
        if reason := self._new.why_not(logged, deciding, challenger):
            raise Undecidable(reason)
        return self._step(row, self._new, logged, deciding, trace)

    def _step(
        self,
        row: DecisionRow,
        side: BookSide,
        logged: LoggedDecision,
        deciding: CompiledBook,
        trace: Mapping[str, Any],
    ) -> LoggedStep:
        lookback = side.compiled.pressure.lookback
        is_deciding = side.compiled.book.version == deciding.book.version
        before: Sequence[Contact] = ()
        if lookback and not (is_deciding and logged.decision.candidate_outcomes):
            with self._store.transaction(writes=False):
                before = contacts_before(self._store, row, row.at - lookback)
        return LoggedStep(
            side,
            side.evaluate(logged),
            logged,
            side.history(logged, before, deciding),
            deciding,
            self._contents,
            {campaign: tuple(weights) for campaign, _, weights in trace.get("learned", ())},
            {counter[0]: counter[1] for counter in reversed(trace["counters"])},
        )


def evaluation_document(result: BookEvaluation, version: str, plan: EvaluationPlan) -> dict[str, Any]:
    """The document of `tact evaluate --json`."""
    figures = result.figures
    rows, persons = (figures.rows, figures.persons) if figures else (0, 0)

    def figure(value: PolicyValue | None, method: str) -> dict[str, Any] | None:
        if value is None:
            return None
        limits = {"value": value.value, "low": value.low, "high": value.high}
        return {**limits, "method": method, "n": rows, "persons": persons}

    return {
        "schema": 1,
        "book": version,
        "metric": plan.metric,
        "window_seconds": plan.window / SECOND,
        "level": plan.level,
        "decisions": result.decisions,
        "maturing": result.maturing,
        "undecidable": dict(result.undecidable.most_common()),
        "evaluated": rows,
        "persons": persons,
        "logged": figure(result.logged, "mean"),
        "snips": figure(figures.snips if figures else None, "snips"),
        "ips": figure(figures.ips if figures else None, "ips"),
        "dr": figure(figures.dr if figures else None, "dr"),
        "support": figures and figures.support,
        "effective_decisions": figures and figures.ess,
        "mean_weight": figure(figures.mean_weight if figures else None, "mean"),
        "heaviest": figures and figures.heaviest,
        "bounds": figures and [*figures.bounds],
        "refused": result.refused,
        "never_shown": [
            {"shown": shown, "decisions": decisions, "cure": CURE}
            for shown, decisions in sorted(result.never_shown.items(), key=lambda item: (-item[1], item[0]))
        ],
        "note": LIMITS,
    }
