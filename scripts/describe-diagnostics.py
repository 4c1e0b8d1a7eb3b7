#!/usr/bin/env python3
"""Writes docs/reference/diagnostics.md from the codes and their examples; with an argument, into that file instead.

Each code has an example in tests/rulebook/lint/examples/CODE: `book.yaml`, which gets the code, and `fixed.yaml`, which does
not; or folders `book` and `fixed` where the names or the number of files matter. Other files beside `book.yaml` belong to
it only. Both are checked by `tact check`.
"""

import ast
import difflib
import inspect
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import chdir
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from engine.cli.check import MORE, check
from engine.cli.exits import BOOK
from engine.rulebook.report import diagnostics
from engine.rulebook.report.diagnostics import LEVELS, Code, Severity

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "tests" / "rulebook" / "lint" / "examples"
PAGE = ROOT / "docs" / "reference" / "diagnostics.md"
PACKAGED = ROOT / "engine" / "cli" / "diagnostics.md"

HEAD = """\
# Diagnostics

Made from the codes and their examples by `scripts/describe-diagnostics.py`; do not edit.

What `tact check` reports of a book: `file:line:column: code: message`, the line, a caret, and often what to do. A book with an
error does not load; warnings and notes do not prevent it, but `tact check --strict` fails on warnings too. A comment
`# tact: ignore CODE` at the end of the line [ignores](rulebook.md#ignoring-a-warning) warnings and notes.
`tact check --explain CODE` prints a section of this page.

| level | code | what it is |
|---|---|---|
"""


class NoExample(SystemExit):
    """A code without an example that shows it."""


def meanings() -> Mapping[str, str]:
    """The docstring of each code, by its value."""
    tree = ast.parse(inspect.getsource(diagnostics))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Code")
    texts = {}
    for member, text in pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(text, ast.Expr):
            texts[ast.literal_eval(member.value)] = " ".join(ast.literal_eval(text.value).split())
    return texts


def page() -> str:
    """The whole page: the codes by level, then a section for each."""
    explained = meanings()
    codes = sorted(Code, key=lambda code: [*Severity].index(_levels(code)[0]))
    rows = [f"| {', '.join(_levels(code))} | [`{code}`](#{code}) | {explained[code]} |\n" for code in codes]
    return "".join((HEAD, *rows, *(_section(code, explained[code]) for code in codes)))


def _levels(code: Code) -> tuple[Severity, ...]:
    if code not in LEVELS:
        raise NoExample(f"{code}: no level: add the code to LEVELS in engine/rulebook/report/diagnostics.py")
    return LEVELS[code]


def _section(code: Code, meaning: str) -> str:
    folder = EXAMPLES / code
    if not folder.is_dir():
        raise NoExample(f"{code}: no example: write {folder.relative_to(ROOT)}/book.yaml and fixed.yaml")
    with tempfile.TemporaryDirectory() as scratch, chdir(scratch):
        book, fixed = _copied(folder, "book"), _copied(folder, "fixed")
        shutil.copytree(book, "my-book")
        printed = _printed(code)
        mended = _report("fixed")
        if not mended["loads"] or code in _codes(mended):
            raise NoExample(
                f"{code}: the fix in {folder.relative_to(ROOT)} does not load, or gets the code still"
            )
        parts = [
            f"\n## {code}\n\n{meaning}\n",
            *_shown(book),
            f"\n```text\n{printed}```\n",
            *_mended(book, fixed),
        ]
    return "".join(parts)


def _copied(folder: Path, name: str) -> Path:
    """The book in a folder of its own."""
    target = Path(name)
    if (folder / name).is_dir():
        shutil.copytree(folder / name, target)
    elif (folder / f"{name}.yaml").is_file():
        target.mkdir()
        shutil.copy(folder / f"{name}.yaml", target / "book.yaml")
        for beside in folder.iterdir() if name == "book" else ():
            if beside.name not in ("book.yaml", "fixed.yaml"):
                shutil.copy(beside, target)
    else:
        raise NoExample(f"{folder.name}: no {name}.yaml in {folder.relative_to(ROOT)}")
    return target


def _check(*arguments: str) -> str:
    """What `tact check` prints."""
    command = typer.Typer()
    command.command()(check)
    result = CliRunner().invoke(command, arguments)
    if result.exit_code not in (0, BOOK):
        raise NoExample(f"tact check {' '.join(arguments)}: {result.output}")
    return result.output


def _report(book: str) -> Mapping[str, Any]:
    report: Mapping[str, Any] = json.loads(_check(book, "--json"))
    return report


def _codes(report: Mapping[str, Any]) -> set[str]:
    return {diagnostic["code"] for diagnostic in report["diagnostics"]}


def _printed(code: Code) -> str:
    """What `tact check` prints for the example, without the line on --explain."""
    if code not in _codes(_report("my-book")):
        raise NoExample(f"{code}: the example does not get the code")
    printed = _check("my-book")
    return "".join(line for line in printed.splitlines(keepends=True) if not line.startswith(MORE))


def _texts(folder: Path) -> dict[str, str]:
    """The files by name; bytes that are not UTF-8 are escaped."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode("utf-8", "backslashreplace")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _shown(folder: Path) -> Iterator[str]:
    texts = _texts(folder)
    for name, text in texts.items():
        label = "" if [*texts] == ["book.yaml"] else f"\n`{name}`:\n"
        yield f"{label}\n```yaml example\n{text}```\n"


def _mended(book: Path, fixed: Path) -> Iterator[str]:
    """The fix, as the lines that differ."""
    before, after = _texts(book), _texts(fixed)
    removed, added = (
        [name for name in before if name not in after],
        [name for name in after if name not in before],
    )
    yield "\nThe fix"
    if len(removed) == len(added) == 1 and before[removed[0]] == after[added[0]]:
        yield f": name the file `{added[0]}`.\n"
        return
    yield ":\n"
    for name in sorted(before | after):
        lines = [part.get(name, "").splitlines() for part in (before, after)]
        if lines[0] == lines[1]:
            continue
        label = "" if [*before] == [*after] == ["book.yaml"] else f"\n`{name}`:\n"
        only_added = not set(lines[0]) - set(lines[1])
        changed = [*difflib.unified_diff(*lines, n=int(only_added), lineterm="")][2:]
        differing = "".join(f"{line}\n" for line in changed if not line.startswith("@@"))
        yield f"{label}\n```diff\n{differing}```\n"


if __name__ == "__main__":
    text = page()
    for target in [Path(name) for name in sys.argv[1:]] or [PAGE, PACKAGED]:
        target.write_text(text, encoding="utf-8")
