"""Rules that count for longer than contacts last of which nothing is reported are noted, as the codes' example shows."""

from pathlib import Path

import pytest

from engine.rulebook.load import load_files
from engine.rulebook.report.diagnostics import Code, Severity

EXAMPLES = Path(__file__).parent / "lint" / "examples"


@pytest.mark.parametrize(("name", "codes"), [("book", {Code.LAPSES}), ("fixed", set())])
def test_the_example(name: str, codes: set[Code]) -> None:
    """The weekly cap of a book whose contacts lapse after a day is noted; without the lapse nothing is."""
    loaded = load_files({"book.yaml": (EXAMPLES / "lapses" / f"{name}.yaml").read_bytes()})
    assert loaded.book is not None
    assert {diagnostic.code for diagnostic in loaded.diagnostics} == codes
    assert {diagnostic.severity for diagnostic in loaded.diagnostics} <= {Severity.NOTE}
    assert all(diagnostic.hint for diagnostic in loaded.diagnostics)
