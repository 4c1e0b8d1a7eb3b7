"""The alert rules over what is scraped of failing servers: each fires once where it should, and nowhere else."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

from engine.client import Client, TactError
from tests.books import write_book
from tests.logs import Log, sqlite_log
from tests.postgres import postgres
from tests.requests import li_na
from tests.server.log_trouble import held, limit
from tests.server.reloads import BROKEN, numbered_book
from tests.server.reloads import said as await_words
from tests.servers import Server, serving
from tests.telemetry.shown import free_port, get, three_free_ports, value
from tests.workers.processes import said, workers
from trial.alerting import Alerting
from trial.result import PATIENCE, TrialResult, TrialSettings, wait_until

OF_SPEED = frozenset(("TactSlow",))
"""Alerts that a slow machine may rightly raise in any of these situations."""


OUTAGE = ("TactNotReady", "TactLosesTransactions", "TactDegraded")
MOST_SCRAPES = 100
"""Scrapes, 25 minutes of the timeline, within which an alert has to fire, or to end."""


KILLS = 4
"""As few as raise the alert, of more than three."""
BATCH = 600
"""Requests of a call: more than a group, so that it waits by itself."""


def run(settings: TrialSettings) -> TrialResult:
    """Brings about each situation with servers of its own, and compares the alerts that fired."""
    result, seen = TrialResult(), []
    for number, situation in enumerate(SITUATIONS):
        folder = settings.folder / str(number)
        folder.mkdir()
        expected, alerting = situation(result, folder)
        fired = {name: count for name, count in alerting.fired.items() if name not in OF_SPEED}
        name = situation.__name__
        result.check(fired == dict.fromkeys(expected, 1), f"{name}: {fired} fired instead of {expected}")
        seen.append(f"{name}: {', '.join(sorted(fired)) or 'none'} ({alerting.now / 60:.0f} min)")
    result.summary = "; ".join(seen)
    return result


Situation = tuple[tuple[str, ...], Alerting]
"""The alerts that have to fire, and what was scraped."""


@contextmanager
def scraped(folder: Path, log: Log, *options: str) -> Iterator[tuple[Server, Client, Alerting]]:
    """A ready server that is scraped, with a client that tries each call once."""
    port = free_port()
    with (
        serving(write_book(folder / "book"), log, "--metrics-port", str(port), *options) as server,
        Client(server.target, timeout=PATIENCE, attempts=1) as client,
    ):
        wait_until(client.health)
        yield server, client, Alerting([port])


def decide(client: Client) -> None:
    """Decides for a placement; a refusal is an answer too."""
    try:
        client.decide(li_na(placement="hero"))
    except TactError:
        return


def fires_and_ends(
    result: TrialResult, alerting: Alerting, names: tuple[str, ...], meanwhile: Callable[[], object]
) -> Callable[[Callable[[], object]], None]:
    """Scrapes until the alerts are firing; returns what scrapes, once the trouble is over, until none is."""
    firing = alerting.scrape_until(lambda: alerting.is_firing(*names), MOST_SCRAPES, meanwhile)
    result.check(firing, f"not all of {names} fire")

    def ends(meanwhile: Callable[[], object]) -> None:
        over = alerting.scrape_until(
            lambda: not {name for name, _ in alerting.firing} - OF_SPEED, MOST_SCRAPES, meanwhile
        )
        result.check(over, f"of {names} some still fire afterwards")

    return ends


def calm(result: TrialResult, folder: Path) -> Situation:
    """Nothing happens but decisions, the first of them before the first scrape and after it."""
    with scraped(folder, sqlite_log(folder)) as (server, client, alerting):
        alerting.scrape(30, partial(decide, client))
        result.expect(server.stop() == 0, "it did not stop with 0")
    return (), alerting


def disk_full(result: TrialResult, folder: Path) -> Situation:
    """The log cannot grow."""
    with scraped(folder, sqlite_log(folder)) as (server, client, alerting):
        alerting.scrape(4, partial(decide, client))
        limit("prlimit", server, "0")
        _outage(result, alerting, client, lambda: limit("prlimit", server, "unlimited"))
        result.expect(server.stop() == 0, "it did not stop with 0")
    return OUTAGE, alerting


def store_away(result: TrialResult, folder: Path) -> Situation:
    """PostgreSQL is stopped, and started again."""
    with postgres() as database:
        log = Log(database.create_database("trial"))
        with scraped(folder, log) as (server, client, alerting):
            alerting.scrape(4, partial(decide, client))
            database.stop()
            _outage(result, alerting, client, database.start)
            result.expect(server.stop() == 0, "it did not stop with 0")
    return OUTAGE, alerting


def _outage(result: TrialResult, alerting: Alerting, client: Client, end: Callable[[], object]) -> None:
    decide(client)
    result.check(wait_until(lambda: not client.health()), "it stays ready")
    ends = fires_and_ends(result, alerting, OUTAGE, partial(decide, client))
    end()
    result.check(wait_until(client.health), "it is not ready again")
    ends(partial(decide, client))


def overload(result: TrialResult, folder: Path) -> Situation:
    """The log is held by another program while the queue is full, so that calls are refused."""
    names, log = ("TactSheds", "TactQueueGrows"), folder / "tact.db"
    with (
        patch.dict(os.environ, {"TACT_BUSY_TIMEOUT": "600"}),
        scraped(folder, sqlite_log(folder), "--queue-limit", str(2 * BATCH)) as (server, client, alerting),
        ThreadPoolExecutor(3) as callers,
    ):
        alerting.scrape(4, partial(decide, client))
        (port,) = alerting.targets
        with held(log):
            calls = [callers.submit(_decide_many, server.target, caller) for caller in range(3)]
            full = wait_until(lambda: value(port, "tact_queue_depth") == 2 * BATCH)
            result.check(full, "the queue is not full")
            ends = fires_and_ends(result, alerting, names, partial(decide, client))
        for call in calls:
            call.result()
        ends(partial(decide, client))
        result.expect(server.stop() == 0, "it did not stop with 0")
    return names, alerting


def _decide_many(target: str, caller: int) -> None:
    """A batch, which is sent again when the queue is full: the first of them leaves it only when it is being written."""
    with Client(target, timeout=600, attempts=1) as client:
        requests = [li_na(f"{caller}-{number}", placement="hero") for number in range(BATCH)]
        while True:
            try:
                client.decide_batch(requests)
            except TactError:
                continue
            return


def worker_killed(result: TrialResult, folder: Path) -> Situation:
    """One worker of two dies again and again; the supervisor and both workers are scraped."""
    names, first = ("TactWorkersDie",), three_free_ports()
    options = ("--workers", "2", "--metrics-port", str(first))
    with (
        serving(write_book(folder / "book"), sqlite_log(folder), *options) as server,
        Client(server.target, timeout=PATIENCE, attempts=3) as client,
    ):
        ports = [first, first + 1, first + 2]
        alerting = Alerting(ports)
        wait_until(partial(_answer, ports))
        alerting.scrape(4, partial(decide, client))
        for number in range(1, KILLS + 1):
            os.kill(workers(server)[0], signal.SIGKILL)
            wait_until(partial(_died, server, number))
            result.check(wait_until(partial(_answer, ports)), "a worker was not replaced")
            alerting.scrape(1, partial(decide, client))
        fires_and_ends(result, alerting, names, partial(decide, client))(partial(decide, client))
        result.expect(server.stop() == 0, "it did not stop with 0")
    return names, alerting


def _died(server: Server, number: int) -> bool:
    return said(server, "a worker died") >= number and len(workers(server)) == 2


def _answer(ports: list[int]) -> bool:
    """Whether all of them show what they count, and two workers serve."""
    try:
        return value(ports[0], "tact_workers") == 2 and all(get(port, "/ready")[0] == 200 for port in ports)
    except OSError:
        return False


def book_refused(result: TrialResult, folder: Path) -> Situation:
    """The folder's book does not load, and then does."""
    names = ("TactBookRefused",)
    with scraped(folder, sqlite_log(folder)) as (server, client, alerting):
        alerting.scrape(4, partial(decide, client))
        _reload(server, folder, BROKEN, "book refused")
        ends = fires_and_ends(result, alerting, names, partial(decide, client))
        _reload(server, folder, numbered_book(1), "book live")
        ends(partial(decide, client))
        result.expect(server.stop() == 0, "it did not stop with 0")
    return names, alerting


def _reload(server: Server, folder: Path, book: str, words: str) -> None:
    write_book(folder / "book", book)
    server.process.send_signal(signal.SIGHUP)
    await_words(server, words, within=PATIENCE)


def server_killed(result: TrialResult, folder: Path) -> Situation:
    """The only server is killed, and its port stays among those that are scraped; then there is another one at it."""
    names = ("TactGone",)
    with scraped(folder, sqlite_log(folder)) as (server, client, alerting):
        alerting.scrape(4, partial(decide, client))
        server.kill()
        ends = fires_and_ends(result, alerting, names, lambda: None)
    (port,) = alerting.targets
    with serving(folder / "book", sqlite_log(folder), "--metrics-port", str(port)) as server:
        result.check(wait_until(lambda: get(port, "/ready")[0] == 200), "the other one is not ready")
        ends(lambda: None)
        result.expect(server.stop() == 0, "it did not stop with 0")
    return names, alerting


def target_vanished(result: TrialResult, folder: Path) -> Situation:
    """Prometheus loses sight of one of two servers, and then of the other, as when a name no longer leads to them."""
    log, other = sqlite_log(folder), free_port()
    with (
        scraped(folder, log) as (server, _, alerting),
        serving(folder / "book", log, "--metrics-port", str(other)) as beside,
    ):
        alerting.targets.append(other)
        alerting.scrape(125)
        alerting.targets.remove(other)
        ends = fires_and_ends(result, alerting, ("TactFewer",), lambda: None)
        alerting.targets.append(other)
        ends(lambda: None)
        ports, alerting.targets = alerting.targets, []
        ends = fires_and_ends(result, alerting, ("TactGone",), lambda: None)
        alerting.targets = ports
        ends(lambda: None)
        result.expect(server.stop() + beside.stop() == 0, "they did not stop with 0")
    return ("TactFewer", "TactGone"), alerting


def books_differ(result: TrialResult, folder: Path) -> Situation:
    """Two servers of one job serve different versions of a book."""
    names, log, other = ("TactVersionsDiffer",), sqlite_log(folder), free_port()
    with (
        scraped(folder, log) as (server, _, alerting),
        serving(write_book(folder / "other", numbered_book(1)), log, "--metrics-port", str(other)) as beside,
    ):
        alerting.targets.append(other)
        ends = fires_and_ends(result, alerting, names, lambda: None)
        _reload(server, folder, numbered_book(1), "book live")
        ends(lambda: None)
        result.expect(server.stop() + beside.stop() == 0, "they did not stop with 0")
    return names, alerting


SITUATIONS = (
    calm,
    store_away,
    disk_full,
    overload,
    worker_killed,
    book_refused,
    server_killed,
    target_vanished,
    books_differ,
)
