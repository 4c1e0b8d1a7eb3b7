"""`tact report signals`: how well signals foretell an outcome, and what acting on them saved."""

from typing import Annotated

import typer

from engine.cli import reporting
from engine.cli.books import loaded_book
from engine.cli.exits import USAGE, fail
from engine.cli.reporting import Forms


def signals(
    rules: reporting.RulesOption,
    outcome: Annotated[
        str, typer.Option(metavar="TYPE", help="Type of the event, or outcome, that signals foretell.")
    ],
    log: reporting.LogOption = "",
    export: reporting.ExportOption = None,
    horizon: Annotated[
        str, typer.Option(metavar="DURATION", help="How long after a signal the outcome counts as foretold.")
    ] = "30d",
    signal: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this signal, or pattern.NAME; may be given several times."),
    ] = None,
    recurring: Annotated[
        bool,
        typer.Option(
            "--recurring",
            help="The outcome comes again and again, as purchases do: not only the first of a person counts.",
        ),
    ] = False,
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
    """Report precision, recall and lead time of each signal, and which share its campaigns saved against control."""
    book = loaded_book(rules)
    source = reporting.opened_log(log, export)
    reporting.check_level(level)
    period, size = reporting.period_of(book, from_, to, as_of), reporting.check_memory(memory)
    if not outcome:
        fail("--outcome: name the type of an event", USAGE)
    length = reporting.duration("--horizon", horizon)
    if length <= 0:
        fail(f"--horizon {horizon}: a horizon is longer than 0, such as 30d", USAGE)
    from engine.measure.report.signal_counts import SignalsQuestion  # noqa: PLC0415 - as in opened_log

    question = SignalsQuestion(outcome, length, (*dict.fromkeys(signal or ()),), recurring, level)
    reporting.answered(
        source,
        lambda shown: shown.signals(book, question, period.as_of, period.start, period.end, size),
        Forms(html, json_, csv, parquet, everything),
    )
