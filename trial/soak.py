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

from engine.client import Client, TactError, recorded
from tests.books import write_book
from tests.logs import sqlite_log
from tests.requests import li_na
from tests.server.reloads import numbered_book
from tests.servers import Server, serving
from tests.telemetry.shown import free_port
from trial.offer import quantile
from trial.report import failed, show, write
from trial.result import Curve, Finding
from trial.watch import Watch

BUILD = Path("build") / "soak"
CALLERS = 4
CUSTOMERS = 20_000
MAY_GROW = 64.0
WINDOWS = 120
"""Points of the curves of latency."""
_RELOAD_SECONDS = 60.0


@dataclass
class Steady:
    """Callers that call one after the other until it is over."""

    target: str
    seconds: float
    calls: list[tuple[float, float]] = field(default_factory=list)
    """When each began, and how long it took."""
    decided: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Returns when it is over."""
        began = time.monotonic()
        threads = [threading.Thread(target=self._call, args=(one, began)) for one in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _call(self, caller: int, began: float) -> None:
        rng = Random(caller)
        with Client(self.target, timeout=10) as client:
            while (start := time.monotonic()) < began + self.seconds:
                try:
                    self._ask(client, rng)
                except TactError as error:
                    self.failures.append(f"a call ended with {type(error).__name__}: {error}")
                self.calls.append((start - began, time.monotonic() - start))

    def _ask(self, client: Client, rng: Random) -> None:
        customer = f"customer-{rng.randrange(CUSTOMERS)}"
        if rng.random() < 0.1:
            item = f"item-{rng.randrange(100)}"
            client.record([recorded(customer, "view", datetime.now(UTC), item=item)])
            return
        where = {"placement": "hero"} if rng.random() < 0.5 else {}
        self.decided.append(client.decide(li_na(customer, **where)).decision_id)


def soak(folder: Path, seconds: float) -> Finding:
    """Runs it for so many seconds."""
    finding, log, port, book = Finding(), sqlite_log(folder), free_port(), folder / "book"
    with serving(write_book(book, numbered_book(0)), log, "--metrics-port", str(port)) as server:
        steady, over = Steady(server.target, seconds), threading.Event()
        reloading = threading.Thread(target=_reload, args=(server, book, over), daemon=True)
        with Watch(server, port).looking(every=max(0.25, seconds / 1000)) as watch:
            reloading.start()
            steady.run()
            over.set()
            reloading.join()
        finding.expect(watch.grown() < MAY_GROW, f"memory grew by {watch.grown():.0f} MB")
        finding.expect(server.stop(within=60) == 0, "it did not stop with 0")
    ((kept,),) = log.rows("select count(*) from decisions")
    finding.trials, finding.failures = len(steady.calls), [*finding.failures, *steady.failures]
    finding.expect(
        kept == len(steady.decided), f"{kept:,} decisions in the log, {len(steady.decided):,} answers"
    )
    finding.curves = [*watch.curves(), *latencies(steady.calls, seconds)]
    taken = [took for _, took in steady.calls]
    finding.said = (
        f"{len(taken) / seconds:,.0f} calls/s for {seconds:,.0f} s; p50 {quantile(taken, 0.5) * 1000:.1f} ms,"
        f" p99 {quantile(taken, 0.99) * 1000:.1f} ms; memory {watch.memory[-1][1]:.0f} MB, {watch.grown():+.0f} MB;"
        f" {kept:,} decisions kept"
    )
    return finding


def latencies(calls: list[tuple[float, float]], seconds: float) -> list[Curve]:
    """The median and the slowest in a hundred, window by window, in milliseconds."""
    windows: list[list[float]] = [[] for _ in range(WINDOWS)]
    for began, took in calls:
        windows[min(WINDOWS - 1, int(began / seconds * WINDOWS))].append(took)
    return [
        Curve(
            "Latency",
            "ms",
            label,
            [(at * seconds / WINDOWS, quantile(one, share) * 1000) for at, one in enumerate(windows) if one],
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
        found = {"soak": (str(__doc__).strip(), soak(Path(folder), seconds))}
    show(found)
    sys.stdout.write(f"{write(found, output)}\n")
    return int(failed(found))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 3600.0))
