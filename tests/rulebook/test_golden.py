"""Diagnostics word for word: golden/NAME.yaml, loaded beside a sound base, gives golden/NAME.txt.

A folder golden/NAME is a book of several files, for mistakes after which a file cannot be read any further.
"""

from pathlib import Path

import pytest

from engine.rulebook.load import load_files
from engine.rulebook.report.diagnostics import Severity, render

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.stem for path in GOLDEN.glob("[a-z]*.yaml"))
FOLDERS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())


@pytest.mark.parametrize("case", CASES)
def test_diagnostics_are_as_written(case: str, rewrite: bool) -> None:
    """All mistakes of a book are reported at once, in order, with position, excerpt and hint."""
    check(case, [GOLDEN / f"{case}.yaml"], rewrite)


@pytest.mark.parametrize("case", FOLDERS)
def test_diagnostics_of_several_files_are_as_written(case: str, rewrite: bool) -> None:
    """Each file's mistake is reported once, at its own line, with the likely fix."""
    check(case, sorted((GOLDEN / case).iterdir()), rewrite)


def check(case: str, files: list[Path], rewrite: bool) -> None:
    """Load the files beside the base, and compare the diagnostics with the golden file of the case."""
    contents = {path.name: path.read_bytes() for path in (GOLDEN / "_base.yaml", *files)}
    contents["base.yaml"] = contents.pop("_base.yaml")
    loaded = load_files(contents)
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
