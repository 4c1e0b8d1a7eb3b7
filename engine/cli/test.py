"""`tact test`: plays a book's scenarios."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from engine.cli.books import in_color
from engine.cli.exits import BOOK, SCENARIO, USAGE, fail
from engine.cli.screen import screen
from engine.decide.compiled import CompiledBook, compile_book
from engine.ledger.errors import LedgerError
from engine.model.shown import printable_lines
from engine.rulebook.load import load
from engine.rulebook.report.diagnostics import Diagnostic, render
from engine.scenario.compare import document
from engine.scenario.model import Difference, Result, Scenario
from engine.scenario.play import play
from engine.scenario.read import load_scenarios

_MANY = 20
"""From this number of scenarios on, a terminal shows a progress bar."""


def test(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    only: Annotated[
        str, typer.Option("--filter", metavar="TEXT", help="Only tests whose names contain TEXT.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
) -> None:
    """Play the scenarios in BOOK/tests and print every expectation that is not met; exit code 4 if there is any."""
    loaded = load(book)
    if loaded.book is None:
        _refuse(book, None, loaded.diagnostics, as_json=as_json)
    compiled = compile_book(loaded.book)
    read = load_scenarios(book, compiled)
    if read.diagnostics:
        _refuse(book, compiled, read.diagnostics, as_json=as_json)
    results = _play(compiled, _chosen(read.scenarios, only))
    if as_json:
        _print_json(document(compiled.book, results))
    else:
        _show(compiled, results)
    if not all(result.ok for result in results):
        raise typer.Exit(SCENARIO)


def _print_json(report: object) -> None:
    typer.echo(printable_lines(json.dumps(report, ensure_ascii=False, indent=2)))


def _refuse(
    book: Path, compiled: CompiledBook | None, diagnostics: Sequence[Diagnostic], *, as_json: bool
) -> NoReturn:
    """End the command with the diagnostics of the book or its scenarios."""
    if as_json:
        _print_json(document(compiled.book if compiled else None, [], diagnostics))
        raise typer.Exit(BOOK)
    typer.echo(render(diagnostics, color=in_color(sys.stderr)), nl=False, err=True)
    fail(f"{'the scenarios of ' if compiled else ''}{book} {'do' if compiled else 'does'} not load", BOOK)


def _chosen(scenarios: Sequence[Scenario], only: str) -> Sequence[Scenario]:
    """The scenarios whose names contain the text; ends the command if there are none."""
    chosen = [scenario for scenario in scenarios if only.casefold() in scenario.name.casefold()]
    if scenarios and not chosen:
        fail(f"no test's name contains {only!r}", USAGE)
    return chosen


def _play(compiled: CompiledBook, scenarios: Sequence[Scenario]) -> Sequence[Result]:
    """The results; shows a progress bar on stderr if it is a terminal and there are many scenarios."""
    progress = Console(stderr=True)
    columns = (TextColumn("playing"), BarColumn(), MofNCompleteColumn())
    quiet = not progress.is_terminal or len(scenarios) < _MANY
    try:
        with Progress(*columns, console=progress, transient=True, disable=quiet) as bar:
            task = bar.add_task("", total=len(scenarios))
            return play(compiled, scenarios, lambda: bar.advance(task))
    except LedgerError as error:
        fail(f"a scenario could not be played: {error}")


def _show(compiled: CompiledBook, results: Sequence[Result]) -> None:
    console = screen()
    if not results:
        console.print(f"{compiled.book.name}: no scenarios; write some into its folder tests/", markup=False)
        return
    for result in results:
        word, style = ("ok", "green") if result.ok else ("FAILED", "bold red")
        console.print(Text.assemble((f"{word:<8}", style), result.scenario.name))
        for difference in result.differences:
            _show_difference(difference, console)
    failed = sum(not result.ok for result in results)
    parts = [f"{len(results) - failed} passed"] + ([f"{failed} failed"] if failed else [])
    style = "bold red" if failed else "green"
    console.print(Text.assemble(f"{compiled.book.name}: ", (", ".join(parts), style)))


def _show_difference(difference: Difference, console: Console) -> None:
    file, line, column = difference.source
    step = f", step {difference.step}" if difference.step else ""
    console.print(Text.assemble("    ", (f"{file}:{line}:{column}", "bold"), f": {difference.key}{step}"))
    console.print(Text(f"        expected  {difference.expected}"))
    console.print(Text(f"        got       {difference.got}"))
    for i, text in enumerate(difference.why):
        console.print(Text(f"        {'because' if i == 0 else '':<10}{text}"))
