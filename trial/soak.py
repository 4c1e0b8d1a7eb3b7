"""`python -m trial.soak SECONDS`: a server under a steady load for an hour, and curves of memory, latency and queue.

Customers come and come again, on placements and channels; what they do is recorded; the book changes every minute. Exit code 1
when a call fails, memory grows by more than 64 MB after the first tenth, or the log and the answers differ.
"""

import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from bench.load import quantile
from engine.client import Client, TactError, recorded
from tests.books import write_book
from tests.logs import sqlite_log
from tests.requests import li_na
from tests.server.reloads import numbered_book
from tests.servers import Server, serving
from tests.telemetry.shown import free_port
from trial.report import failed, show, write
from trial.result import PATIENCE, Curve, TrialResult
from trial.watch import Watch

BUILD = Path("build") / "soak"
CALLERS = 4
CUSTOMERS = 20_000
MAY_GROW = 64.0
TIMEOUT = 10.0
"""Seconds that a call may take; a run that is shorter than that tells nothing of slow calls."""
WINDOWS = 120
"""Points of the curves of latency."""
_RELOAD_SECONDS = 60.0


@dataclass
class Steady:
    """Callers that each make a call after the other for so many seconds."""

    target: str
    seconds: float
    timeout: float
    """Seconds that a call may take."""
    calls: list[tuple[float, float]] = field(default_factory=list)
    """When each call began, in seconds since the first, and how long it took."""
    decided: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Runs the callers, and returns when the time is over."""
        began = time.monotonic()
        threads = [threading.Thread(target=self._call, args=(number, began)) for number in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _call(self, caller: int, began: float) -> None:
        rng = Random(caller)
        with Client(self.target, timeout=self.timeout) as client:
            start = began
            while start < began + self.seconds:
                start = time.monotonic()
                try:
                    self._send(client, rng)
                except TactError as error:
                    self.failures.append(f"a call ended with {type(error).__name__}: {error}")
                self.calls.append((start - began, time.monotonic() - start))

    def _send(self, client: Client, rng: Random) -> None:
        customer = f"customer-{rng.randrange(CUSTOMERS)}"
        if rng.random() < 0.1:
            item = f"item-{rng.randrange(100)}"
            client.record([recorded(customer, "view", datetime.now(UTC), item=item)])
            return
        options = {"placement": "hero"} if rng.random() < 0.5 else {}
        self.decided.append(client.decide(li_na(customer, **options)).decision_id)


def soak(folder: Path, seconds: float) -> TrialResult:
    """Serves a steady load for so many seconds."""
    result, log, port, book = TrialResult(), sqlite_log(folder), free_port(), folder / "book"
    with serving(write_book(book, numbered_book(0)), log, "--metrics-port", str(port)) as server:
        steady = Steady(server.target, seconds, TIMEOUT if seconds > TIMEOUT else PATIENCE)
        over = threading.Event()
        reloading = threading.Thread(target=_reload, args=(server, book, over), daemon=True)
        with Watch(server, port).looking(every=max(0.25, seconds / 1000)) as watch:
            reloading.start()
            steady.run()
            over.set()
            reloading.join()
        result.expect(watch.grown() < MAY_GROW, f"memory grew by {watch.grown():.0f} MB")
        result.expect(server.stop() == 0, "it did not stop with 0")
    ((kept,),) = log.rows("select count(*) from decisions")
    result.trials, result.failures = len(steady.calls), [*result.failures, *steady.failures]
    result.expect(
        kept == len(steady.decided), f"{kept:,} decisions in the log, {len(steady.decided):,} answers"
    )
    result.curves = [*watch.curves(), *latencies(steady.calls, seconds)]
    taken = [took for _, took in steady.calls]
    result.summary = (
        f"{len(taken) / seconds:,.0f} calls/s for {seconds:,.0f} s; p50 {quantile(taken, 0.5) * 1000:.1f} ms,"
        f" p99 {quantile(taken, 0.99) * 1000:.1f} ms; memory {watch.memory[-1][1]:.0f} MB, {watch.grown():+.0f} MB;"
        f" {kept:,} decisions kept"
    )
    return result


def latencies(calls: list[tuple[float, float]], seconds: float) -> list[Curve]:
    """The median and the 99th percentile of each window, in milliseconds."""
    windows: list[list[float]] = [[] for _ in range(WINDOWS)]
    for began, took in calls:
        windows[min(WINDOWS - 1, int(began / seconds * WINDOWS))].append(took)
    return [
        Curve(
            "Latency",
            "ms",
            label,
            [
                (number * seconds / WINDOWS, quantile(window, share) * 1000)
                for number, window in enumerate(windows)
                if window
            ],
        )
        for label, share in (("p50", 0.5), ("p99", 0.99))
    ]


def _reload(server: Server, book: Path, over: threading.Event) -> None:
    number = 0
    while not over.wait(_RELOAD_SECONDS):
        number += 1
        write_book(book, numbered_book(number))
        server.process.send_signal(signal.SIGHUP)


def main(seconds: float, output: Path = BUILD) -> int:
    """Returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="tact-soak-") as folder:
        results = {"soak": (str(__doc__).strip(), soak(Path(folder), seconds))}
    show(results)
    sys.stdout.write(f"{write(results, output)}\n")
    return int(failed(results))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 3600.0))
