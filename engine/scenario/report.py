"""Results as one document for machines."""

from collections.abc import Sequence
from dataclasses import asdict

from engine.rulebook.model.book import Book
from engine.rulebook.report.diagnostics import Diagnostic
from engine.scenario.model import Difference, Result


def document(
    book: Book | None, results: Sequence[Result], diagnostics: Sequence[Diagnostic] = ()
) -> dict[str, object]:
    """What `tact test --json` prints; a book that does not load is null, with diagnostics that say why."""
    failed = sum(not one.ok for one in results)
    return {
        "book": None if book is None else book.name,
        "version": None if book is None else book.version,
        "passed": len(results) - failed,
        "failed": failed,
        "tests": [_test(one) for one in results],
        "diagnostics": [asdict(each) for each in diagnostics],
    }


def _test(one: Result) -> dict[str, object]:
    file, line, _ = one.scenario.place
    return {
        "name": one.scenario.name,
        "file": file,
        "line": line,
        "ok": one.ok,
        "differences": [_difference(each) for each in one.differences],
    }


def _difference(one: Difference) -> dict[str, object]:
    file, line, column = one.place
    return {
        "step": one.step or None,
        "key": one.key,
        "file": file,
        "line": line,
        "column": column,
        "expected": one.expected,
        "got": one.got,
        "why": list(one.why),
    }
