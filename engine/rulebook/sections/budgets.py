"""Reads budgets: how much the contacts of a channel, of a campaign or of the book may cost."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from engine.rulebook.model.book import MICROS, Channel
from engine.rulebook.model.policies import Calendar, Clock, Period, Quota
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.sections.caps import WindowReader
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.pressure import BudgetShape
from engine.rulebook.text.nodes import PlainData

_AMOUNT = re.compile(r"(?P<number>[0-9]+(?:\.(?P<digits>[0-9]+))?)[  ]+(?P<currency>[A-Za-z]{3})")
_MOST_DIGITS = 6
"""Behind the point: amounts are counted in millionths."""
_MOST = 10**12
"""Of the currency, so that sums fit into 64 bits."""


_PERIODS = tuple(map(str, (Period.DAY, Period.WEEK, Period.MONTH, Period.QUARTER, Period.YEAR)))


@dataclass(frozen=True, slots=True)
class BudgetReader:
    """Reads the budgets of one book."""

    currency: str
    """The book's; empty: it does not say."""
    windows: WindowReader
    findings: Findings

    def read(self, name: str, value: PlainData, path: Path, channels: Iterable[Channel]) -> Quota | None:
        """The budget at the path; None after reporting what is wrong with it.

        name: of its rule. channels: those whose contacts it counts.
        """
        limit = value.get("limit") if isinstance(value, dict) else None
        if isinstance(limit, int | float) and not isinstance(limit, bool):
            message = f"the currency is missing beside {limit:g}"
            self.findings.error((*path, "limit"), Code.TYPE, message, self._example())
            self.findings.poison((*path, "limit"))
        shape = shaped(BudgetShape, value, path, self.findings)
        if shape is None:
            return None
        amount = self._micros(shape.limit, (*path, "limit"))
        window = None if shape.per is None else self._window(shape.per, path)
        if amount is None:
            return None
        budget = Quota(name, amount, window)
        self._warn_of_costs(budget, channels, path)
        return budget

    def _warn_of_costs(self, budget: Quota, channels: Iterable[Channel], path: Path) -> None:
        """Warn of a budget under which nothing costs anything, and of contacts that cost more than all of it."""
        costs = {channel.name: channel.cost_micros for channel in channels}
        if costs and not any(costs.values()):
            message = "nothing that is counted here costs anything, so the budget limits nothing"
            self.findings.remark(path, Code.NO_EFFECT, message, Severity.WARNING, "give the channel a `cost`")
        for name, cost in costs.items():
            if cost > budget.limit:
                message = (
                    f"a contact on {quote(name)} costs more than the whole budget, so there is never one"
                )
                self.findings.remark((*path, "limit"), Code.NO_EFFECT, message, Severity.WARNING)

    def _micros(self, text: str, path: Path) -> int | None:
        """The amount at the path, in millionths of the book's currency."""
        match = _AMOUNT.fullmatch(text.strip())
        if match is None:
            message = f"{quote(text)} is not an amount of money"
            self.findings.error(path, Code.VALUE, message, self._example())
            return None
        currency = match["currency"]
        if not self.currency:
            hint = f"write `currency: {currency.upper()}` in the section `book`"
            message = "the book does not say in which currency its costs are"
            self.findings.error(path, Code.MISSING, message, hint)
            return None
        if currency != self.currency:
            message = f"the costs of the book are in {self.currency}, not in {currency}"
            self.findings.error(path, Code.VALUE, message, self._example(match["number"]))
            return None
        if len(match["digits"] or "") > _MOST_DIGITS:
            message = f"an amount has at most {_MOST_DIGITS} digits behind the point"
            self.findings.error(path, Code.VALUE, message)
            return None
        amount = Decimal(match["number"])
        if not 0 < amount <= _MOST:
            message = f"a budget is above 0 and at most {_MOST:,}"
            hint = "to send nothing on a channel, leave the channel out of the campaigns"
            self.findings.error(path, Code.VALUE, message, "" if amount else hint)
            return None
        return int(amount * MICROS)

    def _window(self, text: str, path: Path) -> Calendar | None:
        word, _, rest = map(str.strip, text.partition(" "))
        if word == "rolling" or rest in (Period.MINUTE, Period.HOUR):
            what = "a rolling window" if word == "rolling" else f"a calendar {rest}"
            message = f"a budget is counted in a period of the calendar, not in {what}"
            hint = f"one of: {', '.join(f'calendar {period}' for period in _PERIODS)}"
            self.findings.error((*path, "per"), Code.VALUE, message, hint)
            return None
        window = self.windows.window(text, Clock.BOOK, path, _PERIODS)
        return window if isinstance(window, Calendar) else None

    def _example(self, number: str = "5000") -> str:
        return f"for example: {number} {self.currency or 'EUR'}"
