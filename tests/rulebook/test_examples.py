"""The example of each code, and its fix (lint/examples), which docs/reference/diagnostics.md shows."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from engine.cli.check import check
from engine.rulebook.report.diagnostics import LEVELS, Code, Severity

EXAMPLES = Path(__file__).parent / "lint" / "examples"
GOLDEN = Path(__file__).parent / "golden"


def checked(book: Path) -> dict[str, Any]:
    """What `tact check --json` says of the book in the folder."""
    app = typer.Typer()
    app.command()(check)
    report: dict[str, Any] = json.loads(CliRunner().invoke(app, [str(book), "--json"]).output)
    return report


def copied(code: str, name: str, folder: Path) -> Path:
    """The folder with the example (`book`) or its fix (`fixed`)."""
    example, target = EXAMPLES / code, folder / "my-book"
    if (example / name).is_dir():
        shutil.copytree(example / name, target)
        return target
    target.mkdir()
    shutil.copy(example / f"{name}.yaml", target / "book.yaml")
    for beside in example.iterdir() if name == "book" else ():
        if beside.name not in ("book.yaml", "fixed.yaml"):
            shutil.copy(beside, target)
    return target


def remarks_of(report: dict[str, Any], code: Code) -> list[dict[str, Any]]:
    """Its warnings and notes of the code that are at a line of a file."""
    return [
        diagnostic
        for diagnostic in report["diagnostics"]
        if diagnostic["code"] == code and diagnostic["severity"] != Severity.ERROR and diagnostic["source"]
    ]


def test_every_folder_is_of_a_code() -> None:
    """Each code has an example, and there are no others."""
    assert {path.name for path in EXAMPLES.iterdir()} == set(Code)


@pytest.mark.parametrize("code", Code)
def test_a_mistake_gets_its_code(code: Code, tmp_path: Path) -> None:
    """The example gets the code, no other one is an error, and nothing is said of what follows from the mistake."""
    diagnostics = checked(copied(code, "book", tmp_path))["diagnostics"]
    levels = {diagnostic["severity"] for diagnostic in diagnostics if diagnostic["code"] == code}
    assert levels, diagnostics
    assert levels <= set(LEVELS[code])
    errors = [diagnostic["code"] for diagnostic in diagnostics if diagnostic["severity"] == Severity.ERROR]
    assert errors in ([], [code]), diagnostics


@pytest.mark.parametrize("code", Code)
def test_the_fix_mends_it(code: Code, tmp_path: Path) -> None:
    """The mended book loads without errors and warnings, and does not get the code."""
    report = checked(copied(code, "fixed", tmp_path))
    assert report["loads"], report
    assert (report["levels"]["error"], report["levels"]["warning"]) == (0, 0), report
    assert code not in {diagnostic["code"] for diagnostic in report["diagnostics"]}, report


@pytest.mark.parametrize("code", [code for code in Code if LEVELS.get(code) != (Severity.ERROR,)])
def test_a_comment_ignores_it(code: Code, tmp_path: Path) -> None:
    """A comment in the line where the code is reported, and nothing else, takes it out, whatever reports it."""
    book = copied(code, "book", tmp_path)
    ignorable = remarks_of(checked(book), code)
    for diagnostic in ignorable:
        path, number = book / diagnostic["file"], diagnostic["line"] - 1
        lines = path.read_text(encoding="utf-8").split("\n")
        before, mark, named = lines[number].partition("# tact: ignore ")
        lines[number] = f"{before} # tact: ignore {code}{', ' if mark else ''}{named}"
        path.write_text("\n".join(lines), encoding="utf-8")
    ignored = checked(book)
    assert remarks_of(ignored, code) == []
    assert ignored["ignored"] >= len({(diagnostic["file"], diagnostic["line"]) for diagnostic in ignorable})


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
