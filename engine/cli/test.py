"""`tact test`: does a book do what its scenarios expect."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from engine.cli.exits import BOOK, SCENARIO, USAGE, fail
from engine.decide.compiled import CompiledBook, compile_book
from engine.ledger.errors import LedgerError
from engine.rulebook.load import load
from engine.rulebook.report.diagnostics import Diagnostic, render
from engine.scenario.expect import document
from engine.scenario.model import Difference, Result, Scenario
from engine.scenario.play import play
from engine.scenario.read import load_scenarios

_MANY = 20
"""Tests from which on a bar shows how far it is."""


def test(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    only: Annotated[
        str, typer.Option("--filter", metavar="TEXT", help="Only tests whose names contain TEXT.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
) -> None:
    """Play the scenarios in BOOK/tests, and say what is not as they expect; exit code 4 if anything is not."""
    loaded = load(book)
    if loaded.book is None:
        _refuse(book, None, loaded.diagnostics, as_json=as_json)
    compiled = compile_book(loaded.book)
    read = load_scenarios(book, compiled)
    if read.diagnostics:
        _refuse(book, compiled, read.diagnostics, as_json=as_json)
    results = _play(compiled, _chosen(read.scenarios, only))
    if as_json:
        typer.echo(json.dumps(document(compiled.book, results), ensure_ascii=False, indent=2))
    else:
        _show(compiled, results)
    if not all(one.ok for one in results):
        raise typer.Exit(SCENARIO)


def _refuse(
    book: Path, compiled: CompiledBook | None, found: Sequence[Diagnostic], *, as_json: bool
) -> NoReturn:
    """Ends the command because the book or its scenarios do not load."""
    if as_json:
        typer.echo(
            json.dumps(document(compiled.book if compiled else None, [], found), ensure_ascii=False, indent=2)
        )
        raise typer.Exit(BOOK)
    typer.echo(render(found, color=_in_color()), nl=False, err=True)
    fail(f"{'the scenarios of ' if compiled else ''}{book} {'do' if compiled else 'does'} not load", BOOK)


def _in_color() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _chosen(scenarios: Sequence[Scenario], only: str) -> Sequence[Scenario]:
    """Those that the filter names; ends the command if it names none."""
    found = [one for one in scenarios if only.casefold() in one.name.casefold()]
    if scenarios and not found:
        fail(f"no test's name contains {only!r}", USAGE)
    return found


def _play(compiled: CompiledBook, scenarios: Sequence[Scenario]) -> Sequence[Result]:
    """The results; meanwhile a bar on a terminal, on stderr, if it takes long enough to look."""
    screen = Console(stderr=True)
    columns = (TextColumn("playing"), BarColumn(), MofNCompleteColumn())
    quiet = not screen.is_terminal or len(scenarios) < _MANY
    try:
        with Progress(*columns, console=screen, transient=True, disable=quiet) as bar:
            task = bar.add_task("", total=len(scenarios))
            return play(compiled, scenarios, lambda: bar.advance(task))
    except LedgerError as error:
        fail(f"a scenario could not be played: {error}")


def _show(compiled: CompiledBook, results: Sequence[Result]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not results:
        console.print(f"{compiled.book.name}: no scenarios; write some into its folder tests/", markup=False)
        return
    for one in results:
        word, style = ("ok", "green") if one.ok else ("FAILED", "bold red")
        console.print(Text.assemble((f"{word:<8}", style), one.scenario.name))
        for each in one.differences:
            _show_difference(each, console)
    failed = sum(not one.ok for one in results)
    parts = [f"{len(results) - failed} passed"] + ([f"{failed} failed"] if failed else [])
    style = "bold red" if failed else "green"
    console.print(Text.assemble(f"{compiled.book.name}: ", (", ".join(parts), style)))


def _show_difference(one: Difference, console: Console) -> None:
    file, line, column = one.place
    step = f", step {one.step}" if one.step else ""
    console.print(Text.assemble("    ", (f"{file}:{line}:{column}", "bold"), f": {one.key}{step}"))
    console.print(Text(f"        expected  {one.expected}"))
    console.print(Text(f"        got       {one.got}"))
    for i, text in enumerate(one.why):
        console.print(Text(f"        {'because' if i == 0 else '':<10}{text}"))
