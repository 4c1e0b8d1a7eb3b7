"""`tact report`: what decisions did, from a decision log; `tact report QUESTION` answers one question of it."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli import reporting
from engine.cli.books import check_attribute, loaded_book
from engine.cli.command import CliCommand
from engine.cli.exits import USAGE, fail
from engine.cli.reporting import Forms
from engine.rulebook.model.book import Book
from engine.wire.violations import did_you_mean

if TYPE_CHECKING:
    from engine.measure.attribution import Rates

METRICS = ("converted", "orders", "value", "credited")
SLICES = ("variant", "channel", "week", "book_version")

QUESTIONS: Mapping[str, str] = {
    "paths": "why one bought and another did not",
    "signals": "how well signals foretell an outcome, and what acting on them saved",
    "portrait": "who an audience is, against all others",
    "audiences": "what was said to whom, to be published",
    "fatigue": "how customers respond by the contacts of the week before",
}
"""By name, what a question asks; engine.cli.report_NAME has the function of the name, which is imported when it is called."""


class QuestionCommand(CliCommand):
    """The report itself, or the question that the first word names."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the question, where the first word is one."""
        if args and args[0] in QUESTIONS:
            return question_command(args[0]).make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        if args and not args[0].startswith("-"):
            close = get_close_matches(args[0], QUESTIONS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            unknown = super().make_context(info_name, [], parent, resilient_parsing=True)
            unknown.fail(f"No such question {args[0]!r}.{hint}")
        return super().make_context(info_name, args, parent, **extra)


def question_command(name: str) -> Any:
    """The command of a question, by its name in QUESTIONS."""
    single = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    function = getattr(import_module(f"engine.cli.report_{name}"), name)
    single.command(name, cls=CliCommand)(function)
    return typer.main.get_command(single)


report = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@report.command(
    "report",
    cls=QuestionCommand,
    epilog="\n\n".join(f"tact report {name}: {question}" for name, question in QUESTIONS.items()),
)
def _report(
    rules: reporting.RulesOption,
    log: reporting.LogOption = "",
    export: reporting.ExportOption = None,
    from_: reporting.FromOption = "",
    to: reporting.ToOption = "",
    as_of: reporting.AsOfOption = "",
    campaign: Annotated[
        list[str] | None, typer.Option(help="Only this campaign; may be given several times.")
    ] = None,
    by: Annotated[
        str, typer.Option(metavar="LIST", help="Slices: variant, channel, week, book_version, or attributes.")
    ] = "",
    metric: Annotated[
        str, typer.Option(help="Headline: converted, orders, value or credited.")
    ] = "converted",
    level: reporting.LevelOption = 0.95,
    win: Annotated[
        str, typer.Option(help="Part of the lost decisions that the smallest change wins.")
    ] = "10%",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Show effects in spite of a sample ratio mismatch.")
    ] = False,
    no_replay: Annotated[
        bool,
        typer.Option(
            "--no-replay",
            help="Do not try smallest changes, and what rules hold back, on logged decisions; needs no --log.",
        ),
    ] = False,
    rates: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="CSV with day, currency and rate: convert orders at the rate of their day."
        ),
    ] = None,
    currency: Annotated[str, typer.Option(help="The currency into which --rates converts.")] = "",
    memory: reporting.MemoryOption = "2GB",
    everything: reporting.AllOption = False,
    html: reporting.HtmlOption = None,
    json_: reporting.JsonOption = "",
    csv: reporting.CsvOption = None,
    parquet: reporting.ParquetOption = None,
) -> None:
    """Report what decisions did: credit, effect, contact pressure and its price, and where campaigns are lost.

    Exit code 1: a problem was found, such as a sample ratio mismatch.
    """
    book = loaded_book(rules)
    source = reporting.opened_log(log, export)
    converted = _rates(rates, currency)
    slices = reporting.listed(by)
    _check(book, campaign or [], slices, metric)
    reporting.check_level(level)
    period, size, share = (
        reporting.period_of(book, from_, to, as_of),
        reporting.check_memory(memory),
        _share(win),
    )
    reporting.answered(
        source,
        lambda shown: shown.report(
            book,
            period.as_of,
            period.start,
            period.end,
            tuple(campaign or ()),
            slices,
            metric,
            level,
            share,
            anyway=anyway,
            replay=not no_replay,
            rates=converted,
            memory=size,
        ),
        Forms(html, json_, csv, parquet, everything),
    )


def _check(book: Book, campaigns: list[str], slices: tuple[str, ...], metric: str) -> None:
    if metric not in METRICS:
        fail(f"--metric {metric}: it is {', '.join(METRICS[:-1])} or {METRICS[-1]}", USAGE)
    for name in slices:
        check_attribute(name, book.attributes, SLICES)
    for name in campaigns:
        if name not in book.campaigns:
            fail(
                f"--campaign {name}: the book has no such campaign{did_you_mean(name, book.campaigns)}", USAGE
            )


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        fail(f"--win {text}: it is a part such as 10%", USAGE)
    return share


def _rates(path: Path | None, into: str) -> "Rates | None":
    if (path is None) != (not into):
        fail("--rates FILE and --currency go together", USAGE)
    if path is None:
        return None
    from engine.measure.attribution import Rates  # noqa: PLC0415 - as in opened_log

    try:
        return Rates.read(path, into)
    except OSError as error:
        fail(f"--rates {path}: {error.strerror}", USAGE)
    except ValueError as error:
        fail(f"--rates: {error}", USAGE)
