#!/usr/bin/env python3
"""Sends COUNT calls to a server with every feature on, over TLS and with tokens: messages changed on the wire, odd metadata.

Usage: soak-requests.py [COUNT] [--http] [--seed SEED] [--first NUMBER]. They go over gRPC, or with --http over HTTP.
Each call follows from the seed and its number: `1 --first NUMBER` makes a single one again. Exit code 1 when a call
ends with a status that docs/reference/statuses.md (docs/how-to/call-over-http.md) does not give it, the server's
messages report a fault, it is not ready at the end, its log has other decisions than those that were acknowledged, or
its memory grows by more than 64 MB after the first tenth. Ctrl-C ends the sending, and the calls that were made are
judged.
"""

import argparse
import os
import signal
import sqlite3
import ssl
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import grpc
import psutil
import trustme
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.client import Client, Tls
from tests.books import write_book
from tests.server.access.conftest import Authority, secure
from tests.server.everything import EVERYTHING
from tests.server.http.conftest import HTTP
from tests.server.http.fuzz import HttpFuzz, HttpTally
from tests.server.wire_fuzz import Tally, Tokens, WireFuzz
from tests.servers import Server, faults_in, serving
from tests.waiting import until
from tests.weather.station import station_apart
from trial.watch import memory_of

_MAY_GROW = 64.0
_MOST_SHOWN = 20


@dataclass
class Meter:
    """Counts calls, and shows how far they are: a bar on a terminal, else a line every tenth of the way."""

    count: int
    process: psutil.Process
    done: int = 0
    warm: float = 0.0
    """Memory after the first tenth, MB."""
    progress: Progress = field(
        default_factory=lambda: Progress(
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn()
        )
    )
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._task = self.progress.add_task("calls", total=self.count, rate="")
        self._tenth = max(1, self.count // 10)

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.done / (time.monotonic() - self._began)

    def add(self) -> None:
        """Counts a call."""
        self.done += 1
        if self.done % 100 == 0:
            self.progress.update(self._task, completed=self.done, rate=f"{self.rate:,.0f}/s")
        if self.done % self._tenth == 0:
            memory = memory_of(self.process)
            self.warm = self.warm or memory
            if not self.progress.console.is_terminal:
                print(f"{self.done:>9,} calls, {self.rate:,.0f}/s, {memory:.0f} MB", flush=True)


def main(count: int, seed: int, first: int, *, http: bool) -> int:
    """Runs the soak; returns the exit code."""
    enough = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: enough.set())
    with tempfile.TemporaryDirectory() as name, station_apart() as url:
        os.environ["TACT_WEATHER_URL"] = url
        folder, tokens = Path(name), Tokens()
        log, authority = folder / "tact.db", Authority(trustme.CA(), folder)
        callers = tokens.write(folder / "callers.toml")
        book = write_book(folder / "book", EVERYTHING)
        with serving(book, log, *secure(authority), "--callers", str(callers), *HTTP) as server:
            credentials = grpc.ssl_channel_credentials(authority.file.read_bytes())
            fuzz: WireFuzz | HttpFuzz = WireFuzz(seed, server.target, credentials, tokens)
            if http:
                tls = ssl.create_default_context(cafile=str(authority.file))
                fuzz = HttpFuzz(seed, server.http, tls, tokens)
            meter = Meter(count, psutil.Process(server.process.pid))
            with meter.progress:
                fuzz.run(takewhile(lambda _: not enough.is_set(), range(first, first + count)), meter.add)
            memory = memory_of(meter.process)
            grown = memory - (meter.warm or memory)
            wrong = faults(server, authority, fuzz.tally, log)
    if grown > _MAY_GROW:
        wrong.append(f"memory grew by {grown:.1f} MB")
    print(
        f"{meter.done:,} calls, {meter.rate:,.0f}/s; memory {meter.warm:.0f} MB, {grown:+.1f} MB after the first tenth"
    )
    print(
        f"by status {dict(by_status(fuzz.tally))}; items {dict(fuzz.tally.items)}; {len(fuzz.tally.decided):,} decisions"
    )
    for fault in wrong[:_MOST_SHOWN]:
        print(fault)
    print(f"{len(wrong):,} faults")
    return int(bool(wrong))


def faults(server: Server, authority: Authority, tally: Tally | HttpTally, log: Path) -> list[str]:
    """What did not hold, a sentence each; ends the server."""
    wrong = list(tally.faults)
    with Client(server.target, tls=Tls(ca=authority.file), timeout=60) as client:
        until(client.health, server)
    if code := server.stop():
        wrong.append(f"the server ended with {code}")
    wrong += faults_in(server.errors)
    with closing(sqlite3.connect(log)) as connection:
        logged = {name for (name,) in connection.execute("select decision_id from decisions")}
    if logged != tally.decided:
        wrong.append(
            f"{len(logged - tally.decided):,} decisions in the log were not acknowledged,"
            f" and {len(tally.decided - logged):,} were that are not in it"
        )
    return wrong


def by_status(tally: Tally | HttpTally) -> dict[str, int]:
    """How many calls ended with each status."""
    codes: dict[str, int] = {}
    for name, number in tally.codes.items():
        code = name.rpartition(" ")[2]
        codes[code] = codes.get(code, 0) + number
    return codes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Sends hostile calls to a real server.")
    parser.add_argument("count", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--http", action="store_true", help="over HTTP in place of gRPC")
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    sys.exit(main(options.count, options.seed, options.first, http=options.http))
