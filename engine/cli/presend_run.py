"""`tact presend --out`: sends to a population, or goes on where an earlier call ended."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from engine.batch.lanes import Disagreement
from engine.cli.exits import OTHER, USAGE, VERIFY, complain, fail
from engine.cli.options import settings_of
from engine.cli.population import progress, refuse
from engine.cli.screen import screen, table
from engine.decide.compiled import CompiledBook, keep_loaded
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import check_url, open_store
from engine.ledger.store.rows import PresendRunRow
from engine.ledger.store.store import Store
from engine.measure.population.files import MissingExtra
from engine.measure.population.scarcity import PairSpool
from engine.measure.population.simulate import PeopleRefused
from engine.model.decision import Outcome
from engine.model.instant import Instant, to_datetime
from engine.presend.parts import Job
from engine.presend.population import Population, PopulationSource, fingerprint_of, staged
from engine.presend.processes import StopSwitch, Work, committed, now, read_demand
from engine.presend.processes import send as send_parts
from engine.presend.rows import SendPlan
from engine.presend.run import (
    RunRefused,
    RunSummary,
    begin,
    check_files,
    document_of,
    finish,
    own_folder,
    run_row,
    summary,
    unfinished,
)
from engine.presend.shares import shared_out, way_of

INTERRUPTED = 130


class Call(NamedTuple):
    """The options of the command."""

    book: Path
    people: Path
    log: str | None
    out: Path
    run: str
    group: int
    part: int
    workers: int
    verified: float
    content: bool
    full_log: bool
    scarce: str | None = None
    """How what is scarce is shared out; None: as the run began, or by cut-offs."""


def send(
    compiled: CompiledBook,
    call: Call,
    moment: Instant | None,
    channels: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Sends to everybody; prints what was sent. Ends the command with its exit code where it cannot."""
    keep_loaded()
    url = settings_of(log=call.log).log
    try:
        check_url(url)
        fingerprint = fingerprint_of(call.people)
        with _errors_told(call), closing(open_store(url)) as store:
            plan, known = _plan(store, compiled, call, fingerprint, moment, channels)
            with own_folder(call.out, plan.run) as folder:
                made, ignored = _made(store, compiled, call, (plan, fingerprint, folder, known), url)
    except ValueError as error:
        fail(str(error), USAGE)
    except OSError as error:
        code = USAGE if error.filename == str(call.people) else OTHER
        fail(f"{error.filename or call.out}: {error.strerror or error}; what is committed stays", code)
    show(made, ignored, as_json=as_json)


def _made(
    store: Store,
    compiled: CompiledBook,
    call: Call,
    run: tuple[SendPlan, str, str, PresendRunRow | None],
    url: str,
) -> tuple[RunSummary, Mapping[str, str]]:
    """What the run has sent once it is done, and the columns that were not read.

    run: plan, fingerprint of the population, identity of the folder, and the row if it has one.
    """
    plan, fingerprint, folder, known = run
    if known is not None:
        row = run_row(compiled.book.version, plan, known.people, fingerprint, call.part, now())
        begin(store, row, folder)
        done = summary(store, plan.run)
        if done is not None and done.run.finished_at is not None:
            return done, {}
        if done is not None:
            check_files(done, call.out)
        complain(f"going on with the run {plan.run}")
    population = _staged(compiled, call, plan.channels, fingerprint)
    row = run_row(compiled.book.version, plan, population.people, fingerprint, call.part, now())
    begin(store, row, folder)
    job = Job(plan, population, call.out, call.group, call.verified)
    work = Work(job, call.book, compiled.book.version, url)

    def read(spool: PairSpool) -> None:
        with progress(TextColumn("reading what everybody could get"), TimeElapsedColumn()) as bar:
            bar.add_task("", total=None)
            read_demand(work, compiled, call.workers, spool)

    job = job._replace(plan=shared_out(compiled, store, job, read, now))
    return _sent(store, compiled, call.workers, work._replace(job=job)), population.ignored


def send_by_spark(
    call: Call,
    moment: Instant | None,
    channels: tuple[str, ...],
    spark: str,
    *,
    as_json: bool,
) -> None:
    """Sends to everybody by a job of Spark; prints what was sent. spark: URL of Spark Connect, or a master."""
    url = settings_of(log=call.log).log
    if call.people.suffix != ".parquet":
        fail(f"{call.people}: Spark reads populations from .parquet", USAGE)
    if not call.run:
        fail("give the run a name by --run: Spark's population has no file that would name it", USAGE)
    try:
        check_url(url)
        session = _session(spark)
    except ValueError as error:
        fail(str(error), USAGE)
    from engine.presend.spark import presend  # noqa: PLC0415 - no other engine needs it

    try:
        with _errors_told(call):
            made = presend(
                session.read.parquet(str(call.people)),
                book=call.book,
                log=url,
                out=call.out,
                run=call.run,
                moment=moment,
                channels=channels,
                content=call.content,
                full_log=call.full_log,
                group=call.group,
                part=call.part,
                scarce=call.scarce,
            )
    finally:
        session.stop()
    show(made, {}, as_json=as_json)


def _session(spark: str) -> Any:
    """A session of Spark; raises ValueError where it is not installed."""
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415 - of the extra
    except ModuleNotFoundError as error:
        packages = "pyspark and pandas below 3, or pyspark-client for Spark Connect"
        raise ValueError(f"{error.name} is not installed: install {packages}") from error
    builder = SparkSession.builder.appName("tact presend")
    if spark.startswith("sc://"):
        return builder.remote(spark).getOrCreate()
    return builder.master(spark).config("spark.ui.enabled", "false").getOrCreate()


def _plan(
    store: Store,
    compiled: CompiledBook,
    call: Call,
    fingerprint: str,
    moment: Instant | None,
    channels: tuple[str, ...],
) -> tuple[SendPlan, PresendRunRow | None]:
    """The plan of a new run, or of a known one with its row."""
    known = None
    if call.run:
        made = summary(store, call.run)
        known = made.run if made is not None else None
    else:
        known = unfinished(store, compiled.book.version, fingerprint)
    at = moment if moment is not None else known.now if known is not None else now()
    name = known.run if known is not None else call.run or _name(compiled, fingerprint, at)
    scarce = call.scarce or way_of(known)
    return SendPlan(name, at, channels, call.content, call.full_log, scarce), known


def _name(compiled: CompiledBook, fingerprint: str, at: Instant) -> str:
    """Of a run that is given none: the book, the day on its clock, and the start of the population's fingerprint."""
    day = to_datetime(at).astimezone(compiled.book.timezone).date()
    return f"{compiled.book.name}-{day}-{fingerprint[:8]}"


def _staged(compiled: CompiledBook, call: Call, channels: tuple[str, ...], fingerprint: str) -> Population:
    columns = (
        TextColumn("reading"),
        TextColumn("{task.completed:,} people"),
        TextColumn("{task.fields[rate]}"),
    )
    started = monotonic()
    with progress(*columns) as bar:
        task = bar.add_task("", total=None, rate="")

        def advance(number: int) -> None:
            rate = bar.tasks[0].completed / max(monotonic() - started, 1e-9)
            bar.update(task, advance=number, rate=f"{rate:,.0f} a second")

        return staged(
            PopulationSource(call.people, fingerprint, call.out, channels, call.part), compiled, advance
        )


def _sent(store: Store, compiled: CompiledBook, workers: int, work: Work) -> RunSummary:
    """Decides what is left, with a progress bar; ends the command where it is interrupted."""
    job = work.job
    stop, people = StopSwitch(), job.population.people
    columns = (
        TextColumn("sending"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    before = committed(store, job.plan.run)
    started = monotonic()
    with stop.on_signals(), progress(*columns) as bar:
        task = bar.add_task("", total=people, completed=before, rate="")

        def advance(number: int) -> None:
            bar.advance(task, number)
            rate = (bar.tasks[0].completed - before) / max(monotonic() - started, 1e-9)
            bar.update(task, rate=f"{rate:,.0f} a second")

        is_whole = send_parts(work, compiled, workers, advance, stop)
    if not is_whole:
        done = committed(store, job.plan.run)
        complain(f"interrupted: {done:,} of {people:,} are decided; the same command goes on")
        raise typer.Exit(INTERRUPTED)
    made = finish(store, job.folder, job.plan.run, now())
    job.population.discard()
    return made


@contextmanager
def _errors_told(call: Call) -> Iterator[None]:
    """Ends the command with what went wrong."""
    try:
        yield
    except PeopleRefused as error:
        refuse(call.people, error.faults)
    except Disagreement as error:
        fail(f"stopped, this is a defect of Tact: {error}", VERIFY)
    except (RunRefused, MissingExtra) as error:
        fail(str(error), USAGE)
    except LedgerError as error:
        fail(f"{error}; what is committed stays, and the same command goes on")


def show(made: RunSummary, ignored: Mapping[str, str], *, as_json: bool) -> None:
    """Prints what a run has done so far."""
    if as_json:
        document = {"schema": 1, **document_of(made), "ignored_columns": dict(sorted(ignored.items()))}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    console, run = screen(), made.run
    state = "done" if run.finished_at is not None else f"{made.customers:,} of {run.people:,} are decided"
    day = datetime.fromtimestamp(run.now / 1e6, UTC).isoformat(timespec="minutes")
    console.print(f"run {run.run}: {run.people:,} people at {day}, {state}", markup=False)
    outcomes = ", ".join(f"{number:,} {name}" for name, number in sorted(made.outcomes.items()) if number)
    console.print(outcomes or "nobody yet", markup=False)
    rows = table("campaign", "variant", "channel", title="sent", title_justify="left")
    for header in ("offered", "withheld"):
        rows.add_column(header, justify="right")
    for campaign, variant, channel in sorted({form[1:] for form in made.forms}):
        offered = made.forms.get((Outcome.OFFER.value, campaign, variant, channel), 0)
        withheld = made.forms.get((Outcome.CONTROL.value, campaign, variant, channel), 0)
        rows.add_row(campaign, variant, channel, f"{offered:,}", f"{withheld:,}")
    if made.forms:
        console.print(rows, soft_wrap=False)
    if run.shares is not None:
        _show_shares(json.loads(run.shares))
    console.print(
        f"{made.customers - made.evaluated:,} by columns, {made.evaluated:,} one by one; {len(made.files):,} files",
        markup=False,
    )
    for column, meant in sorted(ignored.items()):
        hint = f"; did you mean {meant}?" if meant else ""
        console.print(
            f"the column {column} is not read: the book declares no such attribute{hint}", markup=False
        )


def _show_shares(shares: Mapping[str, Any]) -> None:
    """Prints how what is scarce was shared out before anybody was decided."""
    console = screen()
    if not shares["is_short"]:
        console.print("of all that customers share there was enough for everybody", markup=False)
        return
    for counter in shares["counters"]:
        if counter["demand"] <= counter["left"]:
            continue
        unit, name, cut = counter["unit"], counter["counter"], counter["cut_off"]
        wanted, left = (f"{counter[key] / unit:,.10g}" for key in ("demand", "left"))
        went = "" if cut is None else f", went to customers with a score above {cut['score']:.3g}"
        worth = f"; one more unit of it is worth {counter['price']:.3g}" if counter["price"] else ""
        console.print(f"{name}: {wanted} wanted of {left}{went}{worth}", markup=False)
    percent = int(shares["share"] * 1000) / 10
    console.print(f"this plan is worth at least {percent} % of the best possible", markup=False)
