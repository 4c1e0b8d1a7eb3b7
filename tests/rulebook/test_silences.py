"""What a book leaves unsaid until it hurts: contacts that lapse and events that are gone, as the codes' examples show."""

from pathlib import Path

import pytest

from engine.rulebook.load import load_files
from engine.rulebook.report.diagnostics import Code, Severity

EXAMPLES = Path(__file__).parent / "lint" / "examples"


@pytest.mark.parametrize(
    ("code", "severity"), [(Code.LAPSES, Severity.NOTE), (Code.BEYOND_KEPT, Severity.WARNING)]
)
def test_the_example(code: Code, severity: Severity) -> None:
    """The book has diagnostics of the code only, each with a fix; the fixed one has none."""
    book, fixed = (
        load_files({"book.yaml": (EXAMPLES / code / f"{name}.yaml").read_bytes()})
        for name in ("book", "fixed")
    )
    assert book.book is not None
    assert {(diagnostic.code, diagnostic.severity) for diagnostic in book.diagnostics} == {(code, severity)}
    assert all(diagnostic.hint for diagnostic in book.diagnostics)
    assert fixed.book is not None
    assert fixed.diagnostics == ()
