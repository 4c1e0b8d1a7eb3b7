"""`tact report audiences`: what was said to whom, to be published."""

from typing import Annotated

import typer

from engine.cli import reporting
from engine.cli.books import loaded_book
from engine.cli.reporting import Forms


def audiences(
    rules: reporting.RulesOption,
    log: reporting.LogOption = "",
    export: reporting.ExportOption = None,
    campaign: Annotated[
        list[str] | None, typer.Option(help="Only this campaign; may be given several times.")
    ] = None,
    from_: reporting.FromOption = "",
    to: reporting.ToOption = "",
    as_of: reporting.AsOfOption = "",
    memory: reporting.MemoryOption = "2GB",
    everything: reporting.AllOption = False,
    html: reporting.HtmlOption = None,
    json_: reporting.JsonOption = "",
    csv: reporting.CsvOption = None,
    parquet: reporting.ParquetOption = None,
) -> None:
    """Report the texts of each campaign, for whom they were, and about how many persons got them: to be published."""
    book = loaded_book(rules)
    source = reporting.opened_log(log, export)
    period, size = reporting.period_of(book, from_, to, as_of), reporting.check_memory(memory)
    from engine.measure.report.audiences import AudiencesQuestion  # noqa: PLC0415 - as in opened_log

    question = AudiencesQuestion((*dict.fromkeys(campaign or ()),))
    reporting.answered(
        source,
        lambda shown: shown.audiences(book, question, period.as_of, period.start, period.end, size),
        Forms(html, json_, csv, parquet, everything),
    )
