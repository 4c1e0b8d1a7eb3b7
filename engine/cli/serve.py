"""`tact serve`: a book over gRPC, and over HTTP."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import orjson
import typer

from engine.cli.books import checked, in_color, loaded_book
from engine.cli.exits import BOOK, USAGE, fail
from engine.cli.options import LogUrl, settings_of
from engine.decide.compiled import CompiledBook, compile_book
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import check_url
from engine.rulebook.load import LoadedBook
from engine.rulebook.report.diagnostics import render
from engine.server import run
from engine.server.book.follow import NothingLive, StartRefused, live_book
from engine.server.book.source import open_tried
from engine.server.listen import CannotServe, ignore_stop_signals, stop_on_signals
from engine.server.logs import configure
from engine.server.run import Lifecycle
from engine.server.run import serve as run_server
from engine.settings import Settings
from engine.telemetry.config import CannotObserve
from engine.workers.spawn_config import BookSnapshot, FollowedBook, WorkerBook, read_snapshot
from engine.workers.supervise import supervise


def serve(
    rules: Annotated[Path | None, typer.Option(help="Folder of the book. Or TACT_RULES.")] = None,
    book: Annotated[
        str | None,
        typer.Option(
            help="Name of a published book, instead of a folder: its live version in the log is followed. Or TACT_BOOK."
        ),
    ] = None,
    challenger: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a second book that decides beside it, for the log alone. Or TACT_CHALLENGER."
        ),
    ] = None,
    log: LogUrl = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Or TACT_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one. Or TACT_PORT.")
    ] = None,
    watch: Annotated[
        bool | None, typer.Option("--watch", help="Follow the folder of the book. Or TACT_WATCH.")
    ] = None,
    http: Annotated[
        str | None, typer.Option(help="Address to answer HTTP on, host:port. Or TACT_HTTP.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="The certificate and its chain, PEM. Or TACT_TLS_CERT.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, PEM. Or TACT_TLS_KEY.")] = None,
    client_ca: Annotated[
        Path | None, typer.Option(help="Authorities of the clients' certificates, PEM. Or TACT_CLIENT_CA.")
    ] = None,
    callers: Annotated[
        Path | None, typer.Option(help="File that says who may call. Or TACT_CALLERS.")
    ] = None,
    insecure: Annotated[
        bool | None,
        typer.Option("--insecure", help="Serve without TLS beyond loopback. Or TACT_INSECURE."),
    ] = None,
    anyone: Annotated[
        bool | None,
        typer.Option("--anyone", help="Serve whoever calls beyond loopback. Or TACT_ANYONE."),
    ] = None,
    allow_simulated_now: Annotated[
        bool | None,
        typer.Option("--allow-simulated-now", help="Let callers set `now`. Or TACT_ALLOW_SIMULATED_NOW."),
    ] = None,
    queue_limit: Annotated[
        int | None, typer.Option(help="Requests that may wait to be settled. Or TACT_QUEUE_LIMIT.")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(help="Port for Prometheus and probes over HTTP; 0: none. Or TACT_METRICS_PORT."),
    ] = None,
    metrics_host: Annotated[
        str | None, typer.Option(help="Address of that port. Or TACT_METRICS_HOST.")
    ] = None,
    grace: Annotated[
        float | None, typer.Option(help="Seconds to finish in when told to stop. Or TACT_GRACE.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that serve; from 2 on under a supervisor. Or TACT_WORKERS.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write messages as lines of JSON.")] = False,
) -> None:
    """Serve a book over gRPC until SIGTERM or Ctrl-C; then finish what was accepted and leave."""
    settings = settings_of(
        rules=rules,
        book=book,
        challenger=challenger,
        log=log,
        host=host,
        port=port,
        watch=watch,
        http=http,
        tls_cert=tls_cert,
        tls_key=tls_key,
        client_ca=client_ca,
        callers=callers,
        insecure=insecure,
        anyone=anyone,
        allow_simulated_now=allow_simulated_now,
        queue_limit=queue_limit,
        metrics_port=metrics_port,
        metrics_host=metrics_host,
        grace=grace,
        workers=workers,
    )
    if settings.book and "rules" in settings.model_fields_set:
        fail("a server serves a folder (--rules) or a published book (--book): give one of both", USAGE)
    if settings.book and settings.watch:
        fail("--watch follows a folder; with --book the log is followed anyway", USAGE)
    try:
        check_url(settings.log)
        check_url(settings.listen or settings.log)
    except ValueError as error:
        fail(str(error), USAGE)
    configure(as_json=as_json, level=settings.message_level)

    def announce(address: str) -> None:
        line = f"listening on {address}"
        typer.echo(orjson.dumps({"event": "listening", "address": address}).decode() if as_json else line)

    try:
        if settings.workers > 1:
            supervise_workers(settings, announce, as_json=as_json)
        else:
            serve_alone(settings, announce)
    except (CannotServe, CannotObserve, LedgerError) as error:
        fail(str(error))


def serve_alone(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serves in this process."""
    compiled = (
        _followed(settings) if settings.book else compile_book(loaded_book(Path(settings.rules)), open_tried)
    )
    challenger = (
        compile_book(loaded_book(Path(settings.challenger)), open_tried) if settings.challenger else None
    )

    async def main() -> None:
        try:
            await run_server(compiled, settings, Lifecycle(announce, stop_on_signals()), challenger)
        finally:
            ignore_stop_signals()

    run.run_loop(main())


def _followed(settings: Settings) -> CompiledBook:
    """The live version of the published book; ends the command where there is none, or it does not load."""
    try:
        return live_book(settings.log, settings.book, settings.busy_timeout)
    except NothingLive as error:
        fail(str(error), BOOK)
    except StartRefused as error:
        typer.echo(render(error.diagnostics, color=in_color(sys.stderr)), nl=False, err=True)
        fail(str(error), BOOK)


def supervise_workers(settings: Settings, announce: Callable[[str], None], *, as_json: bool) -> None:
    """Serves by several processes, which this one supervises."""
    if settings.book:
        _followed(settings).close()
        book_snapshot: WorkerBook = FollowedBook(settings.log, settings.book, settings.busy_timeout)
    else:
        book_snapshot = _snapshot(Path(settings.rules))
    challenger = _snapshot(Path(settings.challenger)) if settings.challenger else None
    asyncio.run(_supervised(book_snapshot, challenger, settings, announce, as_json=as_json))


def _snapshot(folder: Path) -> BookSnapshot:
    """The snapshot of the folder's book; ends the command with its diagnostics if it does not load."""
    book_snapshot = read_snapshot(folder)
    if isinstance(book_snapshot, LoadedBook):
        checked(book_snapshot, folder)
        fail(f"{folder} does not load", BOOK)
    return book_snapshot


async def _supervised(
    book_snapshot: WorkerBook,
    challenger: BookSnapshot | None,
    settings: Settings,
    announce: Callable[[str], None],
    *,
    as_json: bool,
) -> None:
    try:
        await supervise(book_snapshot, settings, announce, as_json=as_json, challenger=challenger)
    finally:
        ignore_stop_signals()
