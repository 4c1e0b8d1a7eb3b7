"""`tact report fatigue`: how customers respond by the contacts of the week before."""

from typing import Annotated

import typer

from engine.cli import reporting
from engine.cli.books import loaded_book
from engine.cli.exits import USAGE, fail
from engine.cli.reporting import Forms


def fatigue(
    rules: reporting.RulesOption,
    log: reporting.LogOption = "",
    export: reporting.ExportOption = None,
    campaign: Annotated[
        list[str] | None, typer.Option(help="Only contacts of this campaign; may be given several times.")
    ] = None,
    within: Annotated[
        str, typer.Option(metavar="DURATION", help="How long after a contact a response counts.")
    ] = "7d",
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
    """Report responses by the contacts of the seven days before, and what one contact more brings, from controls."""
    book = loaded_book(rules)
    source = reporting.opened_log(log, export)
    reporting.check_level(level)
    period, size = reporting.period_of(book, from_, to, as_of), reporting.check_memory(memory)
    length = reporting.duration("--within", within)
    if length <= 0:
        fail(f"--within {within}: it is longer than 0, such as 7d", USAGE)
    from engine.measure.report.fatigue import FatigueQuestion  # noqa: PLC0415 - as in opened_log

    question = FatigueQuestion((*dict.fromkeys(campaign or ()),), length, level)
    reporting.answered(
        source,
        lambda shown: shown.fatigue(book, question, period.as_of, period.start, period.end, size),
        Forms(html, json_, csv, parquet, everything),
    )
