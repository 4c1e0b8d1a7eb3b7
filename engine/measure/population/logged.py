"""Counts what a book does on the decisions of a log, and checks its budgets on it: one step, and rolled on.

Rolled on, the book's own contacts are the history, as in a simulation: that is what budgets are held against. One step, each
decision is made at the logged history, whose contacts are those of the book that decided then: that figure stands beside it.
Weeks are of seven days from the first decision, in the order of the log; the last may be shorter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.decide.answer import answer
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation
from engine.decide.select import Selection
from engine.ledger.commit.decision_rows import contact_rows, decision_row
from engine.ledger.commit.replay import LoggedDecision
from engine.measure.population.budget_figures import Measured
from engine.measure.population.budgets import (
    BudgetResult,
    PopulationBudget,
    budget_document,
    check_budgets,
    figure_text,
)
from engine.measure.population.tally import Tally, Watched
from engine.model.instant import DAY, Instant
from engine.model.texts import value_text

_WEEK = 7 * DAY
NOBODY = "the book can make no decision of the log"
NOT_HELD = "the log does not hold {}: the book that decided does not read it"


class LoggedBudgetResult(NamedTuple):
    """A budget, and what the book gives on the log."""

    rolled_on: BudgetResult
    """Decides whether the budget is kept."""
    one_step: BudgetResult

    @property
    def ok(self) -> bool:
        """Whether it was checked, and is kept, rolled on."""
        return self.rolled_on.ok


@dataclass(slots=True)
class _Run:
    """One tally, with the week that is open."""

    tally: Tally
    until: Instant | None = None

    def add(self, person: int, evaluation: Evaluation, logged: LoggedDecision, selection: Selection) -> None:
        now = evaluation.request.now
        if self.until is None:
            self.until = now + _WEEK
        while now >= self.until:
            self.tally.end_week()
            self.until += _WEEK
        decision = answer(evaluation, selection, logged.decision.decision_id)
        row = decision_row(evaluation, logged.state.person, decision, selection, logged.state.customer_state)
        attributes = logged.state.request.attributes

        def value_of(attribute: str) -> str | None:
            value = attributes.get(attribute)
            return None if value is None else value_text(value)

        channels = evaluation.compiled.book.channels
        contacts = contact_rows(channels, logged.state.person, decision, selection)
        self.tally.see(person, row, contacts, value_of)

    def end(self) -> None:
        if self.until is not None:
            self.tally.end_week()


@dataclass(slots=True)
class LoggedTallies:
    """The counts of one book on the decisions of a log."""

    one_step: _Run
    rolled_on: _Run
    _persons: dict[str, int] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)
    """The attributes that any of the decisions has."""

    @classmethod
    def of(cls, compiled: CompiledBook, watched: Sequence[Watched] = ()) -> "LoggedTallies":
        """Counts of the book, none yet. watched: what is counted by the values of attributes."""
        return cls(_Run(Tally(compiled, 0, watched)), _Run(Tally(compiled, 0, watched)))

    def add(
        self, logged: LoggedDecision, evaluation: Evaluation, one_step: Selection, rolled_on: Selection
    ) -> None:
        """Adds a decision, as the book makes it one step and rolled on."""
        person = self._persons.setdefault(logged.state.person, len(self._persons))
        self._held.update(logged.state.request.attributes)
        self.one_step.add(person, evaluation, logged, one_step)
        self.rolled_on.add(person, evaluation, logged, rolled_on)

    def check(self, budgets: Sequence[PopulationBudget]) -> list[LoggedBudgetResult]:
        """The results, in order, when all decisions are added."""
        runs = []
        for run in (self.rolled_on, self.one_step):
            run.end()
            runs.append([self._checked(budget, run.tally) for budget in budgets])
        return [LoggedBudgetResult(*results) for results in zip(*runs, strict=True)]

    def _checked(self, budget: PopulationBudget, tally: Tally) -> BudgetResult:
        if not tally.decisions:
            return BudgetResult(budget, Measured(None, NOBODY))
        if budget.watched is not None and budget.watched.attribute not in self._held:
            return BudgetResult(budget, Measured(None, NOT_HELD.format(budget.watched.attribute)))
        (result,) = check_budgets([budget], tally)
        return result


def logged_budget_document(result: LoggedBudgetResult) -> dict[str, Any]:
    """One result in the document of `tact diff --json`: that of `tact test --json` rolled on, and the figures of one step."""
    one_step = budget_document(result.one_step)
    figures = {key: one_step[key] for key in ("ok", "value", "highest", "details")}
    return {
        **budget_document(result.rolled_on),
        "figures": figure_text(result.rolled_on),
        "one_step": {**figures, "figures": figure_text(result.one_step)},
    }
