"""`tact test`: plays a book's scenarios."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from engine.cli.books import in_color
from engine.cli.exits import BOOK, SCENARIO, USAGE, fail
from engine.cli.population import simulated
from engine.cli.screen import screen
from engine.decide.compiled import CompiledBook, compile_book
from engine.ledger.errors import LedgerError
from engine.measure.population.budgets import (
    BudgetResult,
    budget_document,
    check_budgets,
    figure_text,
    read_budgets,
)
from engine.model.shown import printable_lines
from engine.rulebook.load import load
from engine.rulebook.report.diagnostics import Diagnostic, render
from engine.scenario.compare import document
from engine.scenario.coverage import Coverage, coverage_document
from engine.scenario.model import Difference, Result, Scenario
from engine.scenario.play import play
from engine.scenario.read import load_scenarios
from engine.scenario.sources import BUDGETS

_MANY = 20
"""From this number of scenarios on, a terminal shows a progress bar."""


def test(
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    only: Annotated[
        str, typer.Option("--filter", metavar="TEXT", help="Only tests whose names contain TEXT.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Name what of the book the scenarios did not reach.")
    ] = False,
    fail_under: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            metavar="PERCENT",
            help="Fail if the scenarios reach less than this; implies --coverage.",
        ),
    ] = None,
    coverage_json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the coverage to this file as JSON; implies --coverage."),
    ] = None,
    people: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Simulate these people, and check BOOK/tests/budgets.yaml on them."
        ),
    ] = None,
) -> None:
    """Play the scenarios in BOOK/tests and print every expectation that is not met.

    Exit code 4: a scenario failed, a budget is exceeded, or the coverage is below --fail-under; 5: the people do not fit.
    """
    loaded = load(book)
    if loaded.book is None:
        _refuse(book, None, loaded.diagnostics, as_json=as_json)
    compiled = compile_book(loaded.book)
    read = load_scenarios(book, compiled)
    loaded_budgets = read_budgets(book, compiled)
    if diagnostics := (*read.diagnostics, *loaded_budgets.diagnostics):
        _refuse(book, compiled, diagnostics, as_json=as_json)
    if people is not None and loaded_budgets.plan is None:
        fail(f"{book} has no tests/{BUDGETS}, whose budgets --people checks", USAGE)
    covered = Coverage(compiled) if coverage or fail_under is not None or coverage_json else None
    results = _play(compiled, _chosen(read.scenarios, only), covered)
    budgets = None
    if people is not None and loaded_budgets.plan is not None:
        tally = simulated(compiled, people, loaded_budgets.plan).tally
        budgets = check_budgets(loaded_budgets.budgets, tally)
    if coverage_json and covered:
        _write(coverage_json, _json(coverage_document(covered)))
    if as_json:
        typer.echo(_json(_report(compiled, results, covered, budgets)))
    else:
        _show(compiled, results)
        _show_coverage(covered, fail_under)
        _show_budgets(budgets)
    below = covered is not None and fail_under is not None and covered.percent < fail_under
    kept = all(result.ok for result in results) and all(result.ok for result in budgets or ())
    if below or not kept:
        raise typer.Exit(SCENARIO)


def _report(
    compiled: CompiledBook,
    results: Sequence[Result],
    coverage: Coverage | None,
    budgets: Sequence[BudgetResult] | None,
) -> Mapping[str, object]:
    """The document of --json, with what the options ask for."""
    report = document(compiled.book, results)
    if coverage is not None:
        report["coverage"] = coverage_document(coverage)
    if budgets is not None:
        report["budgets"] = [budget_document(result) for result in budgets]
    return report


def _json(report: Mapping[str, object]) -> str:
    return printable_lines(json.dumps(report, ensure_ascii=False, indent=2))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")


def _refuse(
    book: Path, compiled: CompiledBook | None, diagnostics: Sequence[Diagnostic], *, as_json: bool
) -> NoReturn:
    """End the command with the diagnostics of the book or its scenarios."""
    if as_json:
        typer.echo(_json(document(compiled.book if compiled else None, [], diagnostics)))
        raise typer.Exit(BOOK)
    typer.echo(render(diagnostics, color=in_color(sys.stderr)), nl=False, err=True)
    fail(f"{'the scenarios of ' if compiled else ''}{book} {'do' if compiled else 'does'} not load", BOOK)


def _chosen(scenarios: Sequence[Scenario], only: str) -> Sequence[Scenario]:
    """The scenarios whose names contain the text; ends the command if there are none."""
    chosen = [scenario for scenario in scenarios if only.casefold() in scenario.name.casefold()]
    if scenarios and not chosen:
        fail(f"no test's name contains {only!r}", USAGE)
    return chosen


def _play(
    compiled: CompiledBook, scenarios: Sequence[Scenario], coverage: Coverage | None
) -> Sequence[Result]:
    """The results; shows a progress bar on stderr if it is a terminal and there are many scenarios."""
    progress = Console(stderr=True)
    columns = (TextColumn("playing"), BarColumn(), MofNCompleteColumn())
    quiet = not progress.is_terminal or len(scenarios) < _MANY
    try:
        with Progress(*columns, console=progress, transient=True, disable=quiet) as bar:
            task = bar.add_task("", total=len(scenarios))
            return play(compiled, scenarios, lambda: bar.advance(task), coverage)
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


def _show_coverage(coverage: Coverage | None, fail_under: float | None) -> None:
    if coverage is None:
        return
    console = screen()
    report = coverage_document(coverage)
    kinds = ", ".join(
        f"{kind['reached']} of {kind['total']} {_PLURALS[kind['kind']]}"
        for kind in report["kinds"]
        if kind["total"]
    )
    short = fail_under is not None and coverage.percent < fail_under
    console.print(
        f"coverage: {coverage.percent:.1f} %: {kinds}", markup=False, style="bold red" if short else None
    )
    for item in report["missing"]:
        console.print(Text.assemble(f"    {item['kind']:<10}", item["text"]))
    if short:
        console.print(f"coverage is below {fail_under:g} %", style="bold red")


_PLURALS = {kind: f"{kind}s" for kind in ("campaign", "variant", "audience", "rule")} | {"branch": "branches"}


def _show_budgets(budgets: Sequence[BudgetResult] | None) -> None:
    if budgets is None:
        return
    console = screen()
    for result in budgets:
        word, style = ("ok", "green") if result.ok else ("EXCEEDED", "bold red")
        console.print(Text.assemble((f"{word:<10}", style), result.budget.text))
        if not result.ok:
            file, line, column = result.budget.source
            console.print(Text.assemble("    ", (f"{file}:{line}:{column}", "bold")))
        console.print(Text(f"    {figure_text(result)}"))
    exceeded = sum(not result.ok for result in budgets)
    kept = f"{len(budgets) - exceeded} of {len(budgets)} budgets kept"
    console.print(Text(kept, "bold red" if exceeded else "green"))
