"""Diagnostics word for word: golden/NAME.yaml, loaded beside a sound base, gives golden/NAME.txt."""

from pathlib import Path

import pytest

from engine.rulebook.load import load_files
from engine.rulebook.report.diagnostics import Severity, render

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.stem for path in GOLDEN.glob("[a-z]*.yaml"))


@pytest.mark.parametrize("case", CASES)
def test_diagnostics_are_as_written(case: str, rewrite: bool) -> None:
    """All mistakes of a book are reported at once, in order, with position, excerpt and hint."""
    loaded = load_files(
        {
            "base.yaml": (GOLDEN / "_base.yaml").read_bytes(),
            f"{case}.yaml": (GOLDEN / f"{case}.yaml").read_bytes(),
        }
    )
    printed = render(loaded.diagnostics)
    expected = GOLDEN / f"{case}.txt"
    if rewrite:
        expected.write_text(printed, encoding="utf-8")
    assert printed == expected.read_text(encoding="utf-8")
    failed = any(diagnostic.severity is Severity.ERROR for diagnostic in loaded.diagnostics)
    assert (loaded.book is None) == failed


def test_the_base_is_sound() -> None:
    """The base alone has no errors, so each case shows its own mistakes only."""
    loaded = load_files({"base.yaml": (GOLDEN / "_base.yaml").read_bytes()})
    assert {diagnostic.severity for diagnostic in loaded.diagnostics} <= {Severity.NOTE}
