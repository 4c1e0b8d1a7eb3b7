"""Runs the console: its address, its users, and uvicorn, until it is told to stop."""

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import structlog
import uvicorn

from engine.console.app import Console, ConsoleParts
from engine.console.books import BookShelf
from engine.console.log import LogReader
from engine.console.login import OPEN_PAGES
from engine.console.page import DraftEditing, Servers
from engine.console.pages.tryout import form_of, version_on_bench
from engine.console.reporting import ReportDesk
from engine.console.table import PAGES, SOCKETS
from engine.console.users import ConsoleUsers, ProxyNetwork
from engine.console.workbench import WORKBENCH, BookTask, JobFailed, StillWorking
from engine.ledger.errors import LedgerError
from engine.measure.rollup import roll_up
from engine.server.access.callers import Callers
from engine.server.access.callers_file import MOST_BYTES, CallersFile, WrongCallers
from engine.server.access.file_watcher import WatchedFile
from engine.server.access.limits import Limits
from engine.server.listen import CannotServe, addresses_of, in_use

log = structlog.get_logger()

_LOOK_SECONDS = 1.0
_STOP_SECONDS = 5
"""How long requests that are answered may take once it is told to stop."""


_COUNT_SECONDS = 5.0
"""Between two looks whether there is something new to count."""


_MOST_PREPARED = 3
"""Live books that are loaded in children before somebody looks at them."""


_NOBODY = {"context": "customer: nobody\n", "given": {}}
"""A try-out that nobody asked for."""


_MOST_CONNECTIONS = 200


_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ConsoleOptions(NamedTuple):
    """What the command says."""

    log: str
    """URL of the decision log."""
    servers: Servers
    host: str = "127.0.0.1"
    port: int = 8070
    """0 takes a free one."""
    callers: str = ""
    """Path of the callers file; empty: the server asks nobody who calls."""
    token: str | None = None
    """The console's own, with which whoever opens the one-time address calls."""
    starter: str = ""
    """Who runs the command."""
    proxies: Sequence[str] = ()
    """Networks of proxies that log users in."""
    origin: str = ""
    """Under which browsers reach it, such as https://console.example.com; empty: loopback's."""
    editing: DraftEditing = DraftEditing.CONSOLE


def serve_console(options: ConsoleOptions, announce: Callable[[str, str], None]) -> None:
    """Serves until SIGTERM or SIGINT. Raises CannotServe, LedgerUnavailable, OSError, ValueError.

    announce: called with the address and with the one-time address, empty where there is none, once it listens.
    """
    _check(options)
    networks = [_network(text) for text in options.proxies]
    callers, watched = _callers(options.callers)
    opened = _socket(options.host, options.port)
    port = opened.getsockname()[1]
    origins = [options.origin] if options.origin else [_origin(host, port) for host in _names(options.host)]
    users = ConsoleUsers(callers, options.token, options.starter, networks)
    cookie = "__Host-tact" if origins[0].startswith("https:") else f"tact_console_{port}"
    reader, reports, shelf = LogReader(options.log), ReportDesk(options.log), BookShelf()
    counting, preparing = Counting(reader), Preparing(reader, shelf)
    try:
        parts = ConsoleParts(users, reader, shelf, reports, options.servers, origins, cookie, options.editing)
        console = Console(parts, PAGES, SOCKETS, OPEN_PAGES)
        counting.start()
        preparing.start()
        local = options.host in _LOOPBACK and (callers is None or options.token is not None)
        once = f"{origins[0]}/login?code={users.one_time_code()}" if local else ""
        asyncio.run(_run(console, opened, watched, lambda: announce(_origin(options.host, port), once)))
    finally:
        opened.close()
        preparing.stop()
        counting.stop()
        WORKBENCH.close()
        reports.close()
        reader.close()


class _Background:
    """Work in a thread of its own, from `start` to `stop`."""

    def __init__(self, name: str) -> None:
        self.ended = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, after what is being done; nothing if it never began."""
        self.ended.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        pause = 0.0
        while not self.ended.wait(pause):
            pause = self.work()

    def work(self) -> float:
        """Does what there is to do; the seconds until there may be more."""
        raise NotImplementedError


class Counting(_Background):
    """Keeps the totals up to date."""

    def __init__(self, reader: LogReader) -> None:
        super().__init__("counting")
        self._reader = reader

    def work(self) -> float:
        """Counts for a second at the most."""
        try:
            with self._reader.writing() as store:
                return _COUNT_SECONDS if roll_up(store, longest=1.0) else 0.01
        except LedgerError as error:
            log.warning("totals are not counted", error=str(error))
            return _COUNT_SECONDS


class Preparing(_Background):
    """Loads what is live before somebody looks at it: on the shelf, and in a child of the workbench."""

    def __init__(self, reader: LogReader, shelf: BookShelf) -> None:
        super().__init__("preparing")
        self._reader, self._shelf, self._seen = reader, shelf, frozenset[str]()

    def work(self) -> float:
        """Loads what became live."""
        try:
            with self._reader.reading() as store:
                live = frozenset(book.version for book in self._shelf.live(store) if book.name)
        except LedgerError as error:
            log.warning("books are not prepared", error=str(error))
            return _LOOK_SECONDS
        if live != self._seen:
            self._seen = live
            WORKBENCH.hold(live)
            WORKBENCH.prepare()
            for version in sorted(live)[:_MOST_PREPARED]:
                with suppress(StillWorking, JobFailed):  # whoever opens the page is told
                    worked = version_on_bench(self._reader, version)
                    WORKBENCH.soon(form_of(worked), patience=0)
                with suppress(StillWorking, JobFailed):
                    WORKBENCH.soon(
                        BookTask("try_out", _NOBODY, worked), patience=0
                    )  # has the child import what that needs
        return _LOOK_SECONDS


async def _run(
    console: Console, opened: socket.socket, watched: WatchedFile | None, announce: Callable[[], None]
) -> None:
    config = uvicorn.Config(
        console.app,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # the peer is who connects, and only of its network it depends what is believed
        server_header=False,
        date_header=True,
        lifespan="off",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_STOP_SECONDS,
        h11_max_incomplete_event_size=64 * 1024,
        ws_max_size=4 * 1024 * 1024,
    )
    server = uvicorn.Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    opened.listen(_MOST_CONNECTIONS)
    announce()
    following = asyncio.create_task(_follow(watched))
    try:
        await server._serve([opened])  # noqa: SLF001 `serve` takes the signals over
    finally:
        following.cancel()


async def _follow(watched: WatchedFile | None) -> None:
    """Every second until cancelled, reads the callers file again where it has changed."""
    while watched is not None:
        await asyncio.sleep(_LOOK_SECONDS)
        await asyncio.to_thread(watched.look)


def _check(options: ConsoleOptions) -> None:
    """Raises CannotServe unless serving is safe."""
    if options.host not in _LOOPBACK and not (options.callers and options.origin):
        raise CannotServe(
            f"{options.host} is not loopback: give --callers, so that users are known, and --origin,"
            " under which browsers reach the console through what adds TLS"
        )
    if options.proxies and not options.origin:
        raise CannotServe("--proxy needs --origin: the address under which browsers reach the proxy")
    if options.origin and not options.origin.startswith(("https://", "http://")):
        raise CannotServe("--origin must begin with https:// or http://")
    if options.origin.count("/") > 2:
        raise CannotServe("--origin ends with the host or its port, as in https://console.example.com")


def _callers(path: str) -> tuple[Callable[[], Callers] | None, WatchedFile | None]:
    """Gives the callers of the file as it is now, and what reads it again; raises WrongCallers."""
    if not path:
        return None, None
    file, kept = CallersFile(Limits()), [Callers()]

    def read() -> None:
        try:
            with Path(path).open(encoding="utf-8-sig") as opened:
                kept[0] = file.read(opened.read(MOST_BYTES + 1))
        except OSError as error:
            raise WrongCallers(f"{path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise WrongCallers(f"{path}: {error}") from None

    watched = WatchedFile("callers", [Path(path)], read)
    return lambda: kept[0], watched


def _network(text: str) -> ProxyNetwork:
    try:
        return ip_network(text.strip())
    except ValueError as error:
        raise CannotServe(f"--proxy {text}: {error}") from None


def _socket(host: str, port: int) -> socket.socket:
    family, address = addresses_of(host)[0]
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((address, port))
    except OSError as error:
        opened.close()
        raise in_use(host, port, error) from error
    return opened


def _names(host: str) -> list[str]:
    return [host, *(name for name in _LOOPBACK if name != host)]


def _origin(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
