"""Checks the files of a release: the book loads, is linted, and its scenarios pass."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.decide.compiled import compile_book
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.model.instant import Instant
from engine.releases.files import is_test
from engine.rulebook.load import load_files
from engine.rulebook.report.diagnostics import Code, Diagnostic, Severity
from engine.scenario.sources import BUDGETS, FOLDER

if TYPE_CHECKING:
    from engine.scenario.model import Result


@dataclass(frozen=True, slots=True)
class FailedScenario:
    """A scenario that did not pass."""

    name: str
    file: str
    line: int
    unmet: tuple[str, ...]
    """What was expected and what was decided, one sentence each."""


@dataclass(frozen=True, slots=True)
class CheckedRelease:
    """What a check found."""

    name: str
    """Of the book; empty where it does not load."""
    version: str
    """Empty where it does not load."""
    own: tuple[str, ...]
    """The files that make the version: without scenarios, and without tables that the book does not name."""
    diagnostics: tuple[Diagnostic, ...]
    """Of the book, of its lint and of its scenarios."""
    passed: int
    failed: tuple[FailedScenario, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics for which it is not published."""
        return tuple(remark for remark in self.diagnostics if remark.severity is Severity.ERROR)

    @property
    def ok(self) -> bool:
        """Whether it may be published."""
        return not self.errors and not self.failed


def check_release(files: Mapping[str, bytes], now: Instant) -> CheckedRelease:
    """Checks the files, of which names and sizes are fine. Takes seconds; never raises on their account.

    now: the moment against which schedules are linted.
    """
    # a server loads neither: it has books checked in a child process
    from engine.scenario.play import play  # noqa: PLC0415
    from engine.scenario.read import load_scenario_files  # noqa: PLC0415

    tests = {name: content for name, content in files.items() if is_test(name)}
    book_files = {name: content for name, content in files.items() if name not in tests}
    loaded = load_files(book_files, linted_at=lambda _: now)
    if loaded.book is None:
        return CheckedRelease("", "", (), loaded.diagnostics, 0, ())
    book, compiled = loaded.book, compile_book(loaded.book, PythonEvaluator)
    tests.pop(f"{FOLDER}/{BUDGETS}", None)
    read = load_scenario_files(tests, compiled)
    results = play(compiled, read.scenarios)
    failed = tuple(_failed(result) for result in results if not result.ok)
    return CheckedRelease(
        book.name,
        book.version,
        tuple(json.loads(book.text)),
        (*loaded.diagnostics, *read.diagnostics),
        len(results) - len(failed),
        failed,
    )


def _failed(result: "Result") -> FailedScenario:
    file, line, _ = result.scenario.source
    unmet = tuple(
        f"{difference.key}{f', step {difference.step}' if difference.step else ''}:"
        f" expected {difference.expected}, got {difference.got}"
        for difference in result.differences
    )
    return FailedScenario(result.scenario.name, file, line, unmet)


def diagnostic_of(data: Mapping[str, object]) -> Diagnostic:
    """The diagnostic in a document made by `asdict`."""
    given = dict(data)
    code, severity = Code(str(given.pop("code"))), Severity(str(given.pop("severity")))
    return Diagnostic(**given, code=code, severity=severity)  # type: ignore[arg-type] # as asdict wrote them


def refusals(checked: CheckedRelease) -> Sequence[tuple[str, str]]:
    """Why it is not published: where and what, errors first."""
    errors = [(f"{error.file}:{error.line}:{error.column}", _sentence(error)) for error in checked.errors]
    failed = [
        (
            f"{scenario.file}:{scenario.line}",
            f"the scenario '{scenario.name}' fails: {'; '.join(scenario.unmet)}",
        )
        for scenario in checked.failed
    ]
    return [*errors, *failed]


def _sentence(diagnostic: Diagnostic) -> str:
    return f"{diagnostic.message}{f' ({diagnostic.hint})' if diagnostic.hint else ''}"
