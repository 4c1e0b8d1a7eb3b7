"""The example of each code, and its fix (lint/examples), which docs/reference/diagnostics.md shows."""

from pathlib import Path

import pytest

from engine.rulebook.load import LoadedBook, load, load_files
from engine.rulebook.report.diagnostics import LEVELS, Code, Severity, render

EXAMPLES = Path(__file__).parent / "lint" / "examples"
GOLDEN = Path(__file__).parent / "golden"


def book_of(code: str, name: str) -> LoadedBook:
    """The example (`book`) or its fix (`fixed`)."""
    folder = EXAMPLES / code / name
    file = folder.with_suffix(".yaml")
    return load(folder) if folder.is_dir() else load_files({"book.yaml": file.read_bytes()})


def test_every_folder_is_of_a_code() -> None:
    """Each code has an example, and there are no others."""
    assert {path.name for path in EXAMPLES.iterdir()} == set(Code)


@pytest.mark.parametrize("code", Code)
def test_a_mistake_gets_its_code(code: Code) -> None:
    """The example gets the code, no other one is an error, and nothing is said of what follows from the mistake."""
    diagnostics = book_of(code, "book").diagnostics
    assert code in {diagnostic.code for diagnostic in diagnostics}, render(diagnostics)
    errors = [diagnostic.code for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR]
    assert errors in ([], [code]), render(diagnostics)


@pytest.mark.parametrize("code", Code)
def test_the_fix_mends_it(code: Code) -> None:
    """The mended book loads without errors and warnings, and does not get the code."""
    fixed = book_of(code, "fixed")
    assert fixed.book is not None, render(fixed.diagnostics)
    codes = {diagnostic.code for diagnostic in fixed.diagnostics}
    levels = {diagnostic.severity for diagnostic in fixed.diagnostics}
    assert code not in codes, render(fixed.diagnostics)
    assert levels <= {Severity.NOTE}, render(fixed.diagnostics)


@pytest.mark.parametrize("code", [code for code in Code if LEVELS[code] != (Severity.ERROR,)])
def test_a_comment_ignores_it(code: Code) -> None:
    """A comment in the line where the code is reported, and nothing else, takes it out, whatever reports it."""
    folder = EXAMPLES / code / "book"
    files = sorted(folder.rglob("*.yaml")) if folder.is_dir() else [folder.with_suffix(".yaml")]
    contents = {
        path.relative_to(folder).as_posix() if folder.is_dir() else "book.yaml": path.read_text(
            encoding="utf-8"
        )
        for path in files
    }
    plain = load_files({name: text.encode() for name, text in contents.items()})
    ignorable = [
        diagnostic
        for diagnostic in plain.diagnostics
        if diagnostic.code == code and diagnostic.severity is not Severity.ERROR and diagnostic.source
    ]
    for diagnostic in ignorable:
        lines = contents[diagnostic.file].split("\n")
        before, mark, named = lines[diagnostic.line - 1].partition("# tact: ignore ")
        lines[diagnostic.line - 1] = f"{before} # tact: ignore {code}{', ' if mark else ''}{named}"
        contents[diagnostic.file] = "\n".join(lines)
    ignored = load_files({name: text.encode() for name, text in contents.items()})
    remaining = [diagnostic for diagnostic in ignored.diagnostics if diagnostic.code == code]
    assert all(diagnostic.severity is Severity.ERROR for diagnostic in remaining), render(ignored.diagnostics)
    assert ignored.ignored >= len({(diagnostic.file, diagnostic.line) for diagnostic in ignorable})


def test_levels_are_those_that_are_reported() -> None:
    """Each diagnostic of the golden files has one of the levels that its code is said to have."""
    levels = {f": {code}: ": allowed for code, allowed in LEVELS.items()}
    for path in GOLDEN.glob("*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith(" "):
                continue
            allowed = next(allowed for code, allowed in levels.items() if code in line)
            _, bracket, level = line.removesuffix(")").rpartition(" (")
            severity = (
                Severity(level) if bracket and line.endswith(("(warning)", "(note)")) else Severity.ERROR
            )
            assert severity in allowed, line
