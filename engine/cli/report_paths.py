"""`tact report paths`: why one bought and another did not, from the events of a decision log."""

from typing import Annotated

import typer

from engine.cli import reporting
from engine.cli.books import loaded_book
from engine.cli.exits import USAGE, fail
from engine.cli.reporting import Forms


def paths(
    rules: reporting.RulesOption,
    goal: Annotated[
        str, typer.Option(metavar="TYPE", help="Type of the event, or outcome, that makes a buyer.")
    ],
    log: reporting.LogOption = "",
    export: reporting.ExportOption = None,
    begin: Annotated[
        str,
        typer.Option(
            "--start",
            metavar="TYPE",
            help="Compare from this event on those who reached it; by default from the first of a visit.",
        ),
    ] = "",
    by: Annotated[
        str, typer.Option(metavar="LIST", help="Split steps by these fields of events, divided by commas.")
    ] = "",
    strata: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Compare within the values of these fields, known by the start, and the week.",
        ),
    ] = "",
    gap: Annotated[
        str, typer.Option(metavar="DURATION", help="Without an event for longer than this, a visit is over.")
    ] = "30m",
    from_: reporting.FromOption = "",
    to: reporting.ToOption = "",
    as_of: reporting.AsOfOption = "",
    level: reporting.LevelOption = 0.95,
    memory: reporting.MemoryOption = "2GB",
    everything: reporting.AllOption = False,
    html: reporting.HtmlOption = None,
    json_: reporting.JsonOption = "",
    csv: reporting.CsvOption = None,
    parquet: reporting.ParquetOption = None,
) -> None:
    """Compare buyers with comparable others: where they stopped, and what sets their steps apart. It names no cause."""
    book = loaded_book(rules)
    source = reporting.opened_log(log, export)
    reporting.check_level(level)
    period, size = reporting.period_of(book, from_, to, as_of), reporting.check_memory(memory)
    if not goal:
        fail("--goal: name the type of an event", USAGE)
    if begin == goal:
        fail(f"--start {begin}: it is the --goal itself", USAGE)
    from engine.measure.report.visits import PathsQuestion  # noqa: PLC0415 - as in opened_log

    question = PathsQuestion(
        goal, begin, reporting.listed(by), reporting.listed(strata), reporting.duration("--gap", gap), level
    )
    reporting.answered(
        source,
        lambda shown: shown.paths(book, question, period.as_of, period.start, period.end, size),
        Forms(html, json_, csv, parquet, everything),
    )
