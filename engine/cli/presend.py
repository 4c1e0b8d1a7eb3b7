"""`tact presend`: what a send to many customers would do, decided at one moment."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import TextColumn, TimeElapsedColumn

from engine.cli.books import loaded_book
from engine.cli.exits import USAGE, VERIFY, fail
from engine.cli.logged import check_log
from engine.cli.options import LogUrl, settings_of
from engine.cli.population import progress, refuse
from engine.cli.screen import screen, table
from engine.cli.simulate import check_request
from engine.decide.compiled import CompiledBook, compile_book, keep_loaded
from engine.decide.experiments.bid_prices import NO_BID_PRICES
from engine.ledger.errors import LedgerError
from engine.ledger.queries.prices import bid_prices
from engine.ledger.queries.suppressions import said_by
from engine.ledger.store.open import open_store
from engine.measure.population.files import MissingExtra
from engine.measure.population.simulate import PeopleRefused
from engine.model.customer import Consents
from engine.model.instant import Instant, from_datetime
from engine.rulebook.text.datetimes import ZoneError, parse_moment

if TYPE_CHECKING:
    from engine.batch.lanes import ColumnPlan
    from engine.measure.population.preview import KnownOfLog

_MOST_LOST = 4


_OF_SENDS = ("run", "group", "part", "workers", "engine", "spark", "content", "full_log")
_OF_PREVIEWS = ("explain_lanes",)
"""Options that have nothing to say to the other."""


class PresendEngine(StrEnum):
    """What decides the parts of a run."""

    LOCAL = "local"
    SPARK = "spark"


class ScarceOption(StrEnum):
    """How what is scarce is shared out."""

    ORDER = "order"
    BEST = "best"
    VALUE = "value"


def presend(
    context: typer.Context,
    book: Annotated[Path, typer.Argument(help="Folder of the book.")],
    people: Annotated[Path, typer.Argument(help="Customers: a .csv, .parquet, .jsonl or .ndjson file.")],
    preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help="Decide as if nobody had been contacted, and keep nothing; heed withdrawals and objections in --log.",
        ),
    ] = False,
    log: LogUrl = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run, for its decisions in Parquet; needed to send.")
    ] = None,
    run: Annotated[
        str, typer.Option(help="Name of the run; the same name goes on where an earlier call ended.")
    ] = "",
    now: Annotated[
        str, typer.Option(metavar="MOMENT", help="When it is sent, on the book's clock; by default now.")
    ] = "",
    channel: Annotated[
        list[str] | None, typer.Option(help="Allow only this channel; may be repeated.")
    ] = None,
    verify: Annotated[
        float, typer.Option(min=0, max=100, help="Percent of the customers to decide twice, also one by one.")
    ] = 0.1,
    group: Annotated[
        int, typer.Option(min=1, max=10_000, help="Customers who are committed together.")
    ] = 1000,
    part: Annotated[
        int,
        typer.Option(
            min=1, max=10_000_000, help="Customers in a part, which one process decides; one file each."
        ),
    ] = 50_000,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that decide.")] = 1,
    engine: Annotated[
        PresendEngine, typer.Option(help="What decides: processes of this machine, or a job of Spark.")
    ] = PresendEngine.LOCAL,
    spark: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Of Spark: sc://HOST:PORT of Spark Connect, or a master such as local[2]."
        ),
    ] = "local[*]",
    content: Annotated[
        bool,
        typer.Option(
            "--content", help="Write the texts too; then who gets an offer is evaluated one by one."
        ),
    ] = False,
    full_log: Annotated[
        bool,
        typer.Option(
            "--full-log", help="Keep all that replaying takes; then everybody is evaluated one by one."
        ),
    ] = False,
    scarce: Annotated[
        ScarceOption | None,
        typer.Option(
            help="Share out what all customers share as they come, by best score, or for most value; to send: best."
        ),
    ] = None,
    explain_lanes: Annotated[
        bool, typer.Option("--explain-lanes", help="Say why customers are evaluated one by one.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
) -> None:
    """Decide everybody in PEOPLE at one moment, and keep what is sent; with --preview print only what each campaign would get.

    A run that was ended goes on where it was, by the same command. Exit codes: 5 PEOPLE does not fit the book; 6 a customer
    was decided otherwise by columns than one by one.
    """
    if preview == (out is not None):
        fail("give --out DIR to send and keep what is sent, or --preview to keep nothing", USAGE)
    _check_given(context, "--preview" if preview else "--out", _OF_SENDS if preview else _OF_PREVIEWS)
    if engine is PresendEngine.LOCAL:
        _check_given(context, "--engine local", ("spark",))
    compiled = compile_book(loaded_book(book))
    check_request(compiled, "", channel or ())
    if out is not None:
        from engine.cli import presend_run  # noqa: PLC0415 - loads arrays and a log

        call = presend_run.Call(
            *(book, people, log, out, run, group, part, workers, verify / 100, content, full_log),
            None if scarce is None else scarce.value,
        )
        moment = _moment(now, compiled) if now else None
        if engine is PresendEngine.SPARK:
            presend_run.send_by_spark(call, moment, tuple(channel or ()), spark, as_json=as_json)
            return
        presend_run.send(compiled, call, moment, tuple(channel or ()), as_json=as_json)
        return
    try:
        from engine.batch.lanes import ColumnPlan  # noqa: PLC0415 - the extra is loaded by this command only
        from engine.measure.population.preview import preview_document  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: install tact[batch]", USAGE)
    plan = ColumnPlan(_moment(now, compiled), tuple(channel or ()), verify / 100)
    started = monotonic()
    report = preview_document(compiled, plan, _previewed(compiled, people, plan, scarce, log))
    seconds = monotonic() - started
    compiled.close()
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        _show(report, seconds, explain_lanes=explain_lanes)


def _known(
    compiled: CompiledBook, plan: "ColumnPlan", log: str, stack: ExitStack, *, shares_out: bool
) -> "KnownOfLog":
    """What the log has counted of what is to be shared out, or else the prices by which the book decides, and who said what.

    stack: keeps the log open.
    """
    from engine.measure.population.preview import KnownOfLog  # noqa: PLC0415 - of the extra
    from engine.measure.population.scarcity import counted_in  # noqa: PLC0415 - of the extra

    url = settings_of(log=log).log
    try:
        check_log(url)
        store = stack.enter_context(closing(open_store(url)))
        if shares_out:
            at = min(plan.now, from_datetime(datetime.now(UTC)))
            known = KnownOfLog(counted_in(store, compiled, plan.now, at), NO_BID_PRICES)
        else:
            with store.transaction(writes=False):
                known = KnownOfLog({}, bid_prices(store))

        def said(names: Sequence[str]) -> Mapping[str, Consents]:
            with store.transaction(writes=False):
                return said_by(store, names)

        return known._replace(said=said)
    except ValueError as error:
        fail(str(error), USAGE)
    except LedgerError as error:
        fail(str(error))


def _previewed(
    compiled: CompiledBook, path: Path, plan: "ColumnPlan", scarce: "ScarceOption | None", log: str | None
) -> Any:
    from engine.batch.lanes import Disagreement  # noqa: PLC0415 - of the extra
    from engine.batch.scarce import ScarceWay  # noqa: PLC0415 - of the extra
    from engine.measure.population.preview import NOTHING_KNOWN, preview  # noqa: PLC0415 - of the extra

    keep_loaded()
    way = None if scarce is None else ScarceWay(scarce.value)
    columns = TextColumn("{task.completed:,} people"), TextColumn("{task.fields[rate]}"), TimeElapsedColumn()
    started = monotonic()
    try:
        with ExitStack() as stack, progress(TextColumn("deciding"), *columns) as bar:
            shares_out = scarce is not None
            known = (
                NOTHING_KNOWN if log is None else _known(compiled, plan, log, stack, shares_out=shares_out)
            )
            task = bar.add_task("", total=None, rate="")

            def advance(number: int) -> None:
                bar.advance(task, number)
                done = bar.tasks[0].completed
                bar.update(task, rate=f"{done / max(monotonic() - started, 1e-9):,.0f} a second")

            return preview(path, compiled, plan, advance, way=way, known=known)
    except LedgerError as error:
        fail(str(error))
    except PeopleRefused as error:
        refuse(path, error.faults)
    except Disagreement as error:
        fail(f"stopped, this is a defect of Tact: {error}", VERIFY)
    except MissingExtra as error:
        fail(str(error), USAGE)
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}", USAGE)
    except ValueError as error:
        fail(str(error), USAGE)


def _check_given(context: typer.Context, beside: str, names: Sequence[str]) -> None:
    """Ends the command where one of the options was given, which changes nothing beside the other."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            fail(f"--{name.replace('_', '-')} changes nothing with {beside}: leave it out", USAGE)


def _moment(text: str, compiled: CompiledBook) -> Instant:
    if not text:
        return from_datetime(datetime.now(UTC))
    try:
        return parse_moment(text, compiled.book.timezone)
    except ZoneError as error:
        fail(f"--now {text}: {error}", USAGE)
    except ValueError:
        fail(f"--now {text}: is no moment such as 2026-03-02T10:00", USAGE)


def _show(report: Mapping[str, Any], seconds: float, *, explain_lanes: bool) -> None:
    console, lanes, total = screen(), report["lanes"], report["people"]
    rate = f"{total / max(seconds, 1e-9):,.0f} a second"
    console.print(f"{report['book']}: {total:,} people at {report['now']}, {rate}", markup=False)
    outcomes = ", ".join(f"{count:,} {name}" for name, count in report["outcomes"].items() if count)
    console.print(f"{outcomes}; without history, so no cap or pause has anything to count", markup=False)
    heeded = report["consents_of_log"]
    console.print(
        "without --log, so nobody has withdrawn or objects to anything"
        if heeded is None
        else f"of {heeded:,} people the log says what they agreed to, withdrew or object to",
        markup=False,
    )
    rows = table("campaign", title="funnel", title_justify="left")
    for header in ("eligible", "offered", "withheld", "outranked"):
        rows.add_column(header, justify="right")
    rows.add_column("lost to", overflow="fold")
    for campaign in report["campaigns"]:
        counts = (f"{campaign[key]:,}" for key in ("eligible", "offered", "withheld", "outranked"))
        rows.add_row(campaign["campaign"], *counts, _lost(campaign["lost"]))
    console.print(rows, soft_wrap=False)
    for counter in report["shared"]:
        short = counter["demand"] - counter["limit"]
        note = f", {short:,} too few" if short > 0 else ""
        console.print(
            f"{counter['counter']}: {counter['demand']:,} wanted of {counter['limit']:,}{note}", markup=False
        )
    if report["scarce"] is not None:
        show_scarce(report["scarce"])
    console.print(
        f"{lanes['columns']:,} by columns in {lanes['classes']:,} classes, {lanes['verified']:,} of them"
        f" decided again one by one; {lanes['exact']:,} one by one only",
        markup=False,
    )
    if explain_lanes:
        for entry in lanes["why_exact"]:
            console.print(f"one by one: {entry['people']:,}: {entry['reason']}", markup=False)
    for column, meant in report["ignored_columns"].items():
        hint = f"; did you mean {meant}?" if meant else ""
        console.print(
            f"the column {column} is not read: the book declares no such attribute{hint}", markup=False
        )


def show_scarce(scarce: Mapping[str, Any]) -> None:
    """Prints how counters are shared out, and what customers get then."""
    console = screen()
    rows = table("counter", title=f"shared out: {scarce['way']}", title_justify="left")
    for header in ("limit", "left", "wanted", "taken", "refused up to score", "one more is worth"):
        rows.add_column(header, justify="right")
    for counter in scarce["counters"]:
        unit, cut = counter["unit"], counter["cut_off"]
        amounts = (f"{counter[key] / unit:,.10g}" for key in ("limit", "left", "demand", "taken"))
        price = f"{counter['price']:.4g}" if counter["price"] else ""
        rows.add_row(counter["counter"], *amounts, "" if cut is None else f"{cut['score']:.4g}", price)
    console.print(rows, soft_wrap=False)
    offers = table("campaign", "channel", title="offers then", title_justify="left")
    offers.add_column("offers", justify="right")
    for campaign in scarce["campaigns"]:
        offers.add_row(campaign["campaign"], campaign["channel"], f"{campaign['offers']:,}")
    console.print(offers, soft_wrap=False)
    percent = int(scarce["share"] * 1000) / 10
    console.print(
        f"{scarce['offers']:,} offers, {scarce['moved']:,} customers get another than their first,"
        f" {scarce['without']:,} get nothing because too little is left",
        markup=False,
    )
    console.print(
        f"this plan is worth {scarce['value']:,.2f}, at least {percent} % of the best possible", markup=False
    )


def _lost(losses: Sequence[Mapping[str, Any]]) -> str:
    texts = [
        f"{' '.join(filter(None, (loss['reason'], loss['name'])))} {loss['people']:,}" for loss in losses
    ]
    more = [f"and {len(texts) - _MOST_LOST} more"] if len(texts) > _MOST_LOST else []
    return ", ".join([*texts[:_MOST_LOST], *more])
