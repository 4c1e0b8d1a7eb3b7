"""`tact report portrait`: who an audience is, against all others."""

from typing import Annotated, Literal

import typer

from engine.cli import reporting
from engine.cli.books import loaded_book
from engine.cli.exits import USAGE, fail
from engine.cli.reporting import Forms


def portrait(
    rules: reporting.RulesOption,
    log: reporting.LogOption = "",
    export: reporting.ExportOption = None,
    audience: Annotated[str, typer.Option(metavar="NAME", help="A named audience of the book.")] = "",
    campaign: Annotated[
        str, typer.Option(metavar="NAME", help="In place of an audience: those who got this campaign.")
    ] = "",
    converters: Annotated[
        bool,
        typer.Option("--converters", help="Of the campaign: only those whose orders are credited to it."),
    ] = False,
    by: Annotated[
        str, typer.Option(metavar="LIST", help="Only these attributes; by default all that the log has.")
    ] = "",
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
    """Report who an audience is: shares by attribute and index against all others, without small cells."""
    if bool(audience) == bool(campaign):
        fail("name an audience with --audience, or a campaign with --campaign", USAGE)
    if converters and not campaign:
        fail("--converters are those of a campaign: name it with --campaign", USAGE)
    book = loaded_book(rules)
    source = reporting.opened_log(log, export)
    reporting.check_level(level)
    period, size = reporting.period_of(book, from_, to, as_of), reporting.check_memory(memory)
    from engine.measure.report.members import PortraitQuestion  # noqa: PLC0415 - as in opened_log

    who: Literal["receivers", "converters"] = "converters" if converters else "receivers"
    question = PortraitQuestion(audience, campaign, who, reporting.listed(by), level)
    reporting.answered(
        source,
        lambda shown: shown.portrait(book, question, period.as_of, period.start, period.end, size),
        Forms(html, json_, csv, parquet, everything),
    )
