"""Lint a sound book: warnings and notes on rules that are dead, shadowed, or probably not meant.

A rule is reported only where it is certain: whether conditions can hold is decided exactly or not at all (solver.py).
"""

import re
from collections.abc import Iterable
from datetime import timedelta

from engine.conditions.model import All, Condition, Operator, Test, attributes_of
from engine.model.instant import Instant, to_datetime
from engine.rulebook.lint import campaigns, conditions, content, ends, pressure, quiet, sensitive
from engine.rulebook.lint.campaigns import ended
from engine.rulebook.lint.solver import Solver
from engine.rulebook.model.book import Book
from engine.rulebook.model.policies import WEEKDAYS
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.text.nodes import PlainData

CODES = frozenset(
    (
        *(
            Code.NEVER_TRUE,
            Code.ALWAYS_TRUE,
            Code.CONTAINS_EMPTY,
            Code.MAY_BE_MISSING,
            Code.UNREACHABLE_VARIANT,
        ),
        *(Code.SHADOWED, Code.TIE, Code.PAST, Code.DOMINATED, Code.MIDNIGHT_HOLE, Code.NIGHT),
        *(Code.NO_END, Code.STOCK_BY_VIEWS, Code.NOTHING_SCARCE, Code.ONLY_PERSONALISED),
        *(Code.LOCALE_MISSING, Code.LOCALE_FIELD, Code.IGNORED_FILE, Code.SENSITIVE_NAME),
    )
)
"""The codes that a load without linting never reports."""
_BACKUP = re.compile(r"(~|#|\.(bak|backup|old|orig|save|sav|swp|swo|tmp|disabled|off|rej))$", re.IGNORECASE)


def lint(book: Book, data: PlainData, now: Instant, findings: Findings) -> None:
    """Report on the book to the findings of its load.

    data: what the book was read from. now: the moment against which periods are held.
    """
    solver = conditions.solver_of(book)
    conditions.check_conditions(book, data, solver, findings)
    campaigns.check_shadows(book, solver, findings)
    campaigns.check_ties(book, solver, now, findings)
    _check_past(book, solver, now, findings)
    _note_nights(book, findings)
    pressure.check_caps(book, findings)
    quiet.check_nights(book, findings)
    ends.check_ends(book, findings)
    ends.check_stocks(book, findings)
    ends.check_scarce(book, findings)
    campaigns.check_objections(book, findings)
    content.check_languages(book, findings)
    sensitive.check_names(book, data, findings)


def lint_files(ignored: Iterable[str], findings: Findings) -> None:
    """Report the files of the folder that look like YAML and are not read. ignored: their names.

    Backups are left out of the report of a book with errors, in which they have no part.
    """
    for name in ignored:
        is_backup = _BACKUP.search(name)
        if is_backup and findings.failed:
            continue
        severity = Severity.NOTE if is_backup else Severity.WARNING
        message = f"{quote(name)} is not read: files of a book end in .yaml or .yml"
        hint = (
            "move it out of the book's folder"
            if is_backup
            else "rename it, or move it out of the book's folder"
        )
        findings.report((name, 1, 1), Code.IGNORED_FILE, message, hint, severity=severity)


def _check_past(book: Book, solver: Solver, now: Instant, findings: Findings) -> None:
    """Note schedules that have ended, conditions that only past days meet, and quiet days that have passed."""
    for section, entries in (("offers", book.offers), ("campaigns", book.campaigns)):
        for name, entry in entries.items():
            end = ended(entry.active, book, now)
            if end:
                path = (section, name, "active", "until")
                message = f"this was over on {end}: it is not proposed any more"
                findings.remark(path, Code.PAST, message, hint="delete it, or give it a later `until`")
    today = to_datetime(now).date() - timedelta(days=1)
    for name, campaign in book.campaigns.items():
        _check_dates(
            ("campaigns", name, "when"),
            campaign.when,
            Test("now.date", Operator.GTE, today),
            solver,
            findings,
        )
    for name, rule in book.pressure.quiet.items():
        if rule.dates and max(rule.dates) < today and not rule.days and not rule.holidays:
            message = f"the last of these days was {max(rule.dates)}: the rule blocks nothing any more"
            path = ("pressure", "quiet", name, "dates")
            findings.remark(path, Code.PAST, message, hint="add the coming days, or delete the rule")


def _note_nights(book: Book, findings: Findings) -> None:
    """Note schedules in which it matters that hours after midnight belong to the day on which they began."""
    for section, entries in (("offers", book.offers), ("campaigns", book.campaigns)):
        for name, entry in entries.items():
            days, hours = entry.active.days, entry.active.hours
            if days is None or hours is None or hours[0] < hours[1] or len(days) == len(WEEKDAYS):
                continue
            day = min(days)
            message = (
                f"the night belongs to the day on which it begins: that of {WEEKDAYS[day]} lasts until {hours[1]:%H:%M} on "
                f"{WEEKDAYS[(day + 1) % 7]}"
            )
            hint = "earlier versions gave the hours after midnight to the day on the clock; see that the days are those meant"
            findings.remark((section, name, "active", "hours"), Code.NIGHT, message, hint=hint)


def _check_dates(path: Path, when: Condition, today: Test, solver: Solver, findings: Findings) -> None:
    """Note a condition that can hold, but not on this day or a later one."""
    if today.attribute not in attributes_of(when) or solver.never(when):
        return
    if solver.never(All((when, today))):
        message = f"this asks for a day before {today.operand}: it holds for nobody any more"
        findings.remark(path, Code.PAST, message, hint="delete it, or change the days")
