"""`tact evaluate`: what a decision would have brought by another book, from the logged probabilities."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from engine.cli.diff import book_named
from engine.cli.exits import OTHER, USAGE, fail
from engine.cli.logged import check_log, moment_of, progress
from engine.cli.options import LogUrl, settings_of
from engine.cli.screen import screen, table
from engine.explain.books import Books
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.measure.replay import END
from engine.model.instant import Instant, Microseconds
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text import durations

_METRICS = ("converted", "clicked", "value")
_MOST_SHOWN = 20
_ESTIMATES = (("snips", "SNIPS, the headline"), ("ips", "IPS"), ("dr", "DR, doubly robust"))


def evaluate(
    new: Annotated[str, typer.Argument(help="Folder of a book, or a version in the log.")],
    metric: Annotated[
        str, typer.Option(help="Of a decision within the window: converted, clicked or value.")
    ],
    log: LogUrl = None,
    window: Annotated[str, typer.Option(help="Time after the decision that counts, such as 7d.")] = "7d",
    since: Annotated[
        str | None,
        typer.Option("--from", help="Only decisions from this moment on, such as 2026-03-10T00:00Z."),
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only decisions before this moment.")] = None,
    currency: Annotated[str, typer.Option(help="Of the orders that count; with --metric value.")] = "",
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")] = False,
) -> None:
    """Estimate what a decision would have brought by another book, from the outcomes and probabilities of a log.

    Exits 1 if the log does not hold it.
    """
    url = settings_of(log=log).log
    try:
        check_log(url)
        period = (moment_of("--from", since, 0), moment_of("--to", until, END))
        if metric not in _METRICS:
            raise ValueError(f"--metric {metric}: it is converted, clicked or value")
        if not 0 < level < 1:
            raise ValueError(f"--level {level}: it is between 0 and 1")
        span = durations.parse(window)
    except ParseError as error:
        fail(f"--window {window}: {error}; {error.hint}", USAGE)
    except ValueError as error:
        fail(str(error), USAGE)
    report = _evaluated(url, new, (metric, span, period, currency, level))
    if as_json:
        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    else:
        _show(report, window)
    if report["refused"]:
        raise typer.Exit(OTHER)


def _evaluated(
    url: str, name: str, options: tuple[str, Microseconds, tuple[Instant, Instant], str, float]
) -> dict[str, Any]:
    try:
        from engine.measure import evaluate as measuring  # noqa: PLC0415 - the extra is loaded by this command only
        from engine.measure.rewards import Currencies  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: install tact[measure]")
    plan = measuring.EvaluationPlan(*options)
    try:
        store = open_store(url)
        try:
            compiled = book_named(store, name)
            with progress(store, plan.period, "evaluating") as advance:
                result = measuring.evaluate_log(
                    store, url, compiled, plan, books=Books(store), advance=advance
                )
        finally:
            store.close()
    except Currencies as error:
        fail(f"{error}; name one with --currency", USAGE)
    except LedgerError as error:
        fail(str(error))
    return measuring.evaluation_document(result, compiled.book.version, plan)


def _show(report: Mapping[str, Any], window: str) -> None:
    console = screen()
    undecidable = sum(report["undecidable"].values())
    console.print(
        f"{report['book'][:12]}: {report['metric']} within {window}, on {report['evaluated']:,} decisions of"
        f" {report['persons']:,} persons; {undecidable:,} undecidable",
        markup=False,
    )
    for reason, decisions in report["undecidable"].items():
        console.print(f"    {decisions:,}: {reason}", markup=False)
    if report["maturing"]:
        console.print(f"{report['maturing']:,} more decisions are still within their {window}", markup=False)
    if report["logged"]:
        _show_figures(report, console)
    if report["refused"]:
        console.print(f"no estimate: {report['refused']}", markup=False)
    if report["refused"] and report["bounds"]:
        low, high = (_amount(bound, report["metric"]) for bound in report["bounds"])
        console.print(
            f"bounds: {low} to {high}, where unsupported decisions are worth from 0 to the highest rate seen",
            markup=False,
        )
    if report["never_shown"]:
        _show_absent(report, console)
    console.print(f"note: {report['note']}", markup=False)


def _show_figures(report: Mapping[str, Any], console: Console) -> None:
    rows = table("", f"{report['metric']} a decision", f"{report['level']:.0%} limits")
    for column in rows.columns[1:]:
        column.justify = "right"
    for key, name in (("logged", "as logged"), *_ESTIMATES):
        figure = report[key]
        if figure:
            value, low, high = (_amount(figure[part], report["metric"]) for part in ("value", "low", "high"))
            rows.add_row(name, value, f"{low} to {high}")
    console.print(rows, soft_wrap=False)
    weight = report["mean_weight"]
    mean = f", mean weight {weight['value']:.3f}" if weight else ""
    console.print(
        f"support {report['support']:.1%}, effective size {report['effective_decisions']:,.0f} decisions{mean},"
        f" heaviest decision {report['heaviest']:.1%}",
        markup=False,
    )


def _show_absent(report: Mapping[str, Any], console: Console) -> None:
    """What the book shows and the log could not have."""
    rows = table("never shown where the book shows it", "decisions", "cure")
    rows.columns[1].justify = "right"
    for absent in report["never_shown"][:_MOST_SHOWN]:
        rows.add_row(absent["shown"], f"{absent['decisions']:,}", absent["cure"])
    console.print(rows, soft_wrap=False)
    if len(report["never_shown"]) > _MOST_SHOWN:
        console.print(f"and {len(report['never_shown']) - _MOST_SHOWN:,} more", markup=False)


def _amount(value: float, metric: str) -> str:
    return f"{value:,.4f}" if metric == "value" else f"{value:.3%}"
