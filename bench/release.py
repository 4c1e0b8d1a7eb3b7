"""What releases cost those who ask meanwhile: latencies of `Decide` while a book is activated each second.

One of 1,000 campaigns takes longer than that to load, so that fewer become live; one of 250 becomes live each second.
"""

import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import books
from bench.books import CAMPAIGNS, CUSTOMERS
from bench.processes import BUILD, Client, client, server
from bench.ratio import NO_TARGET, Ratio
from bench.table import Step, silent
from engine.ledger.queries import releases
from engine.ledger.store.open import open_store
from engine.ledger.store.release_rows import ActivationRow, PublicationRow
from engine.ledger.store.store import Store

RATE = 100
"""Calls a second."""
EVERY = 1.0
"""Seconds between two activations."""
_VERSIONS = 3
_SIZES = (CAMPAIGNS, 250)
"""Campaigns of the books."""


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Latencies of `Decide` without and with an activation a second, by the size of the books."""
    return [ratio for campaigns in _SIZES for ratio in _of_size(campaigns, quick=quick, step=step)]


def _of_size(campaigns: int, *, quick: bool, step: Step) -> list[Ratio]:
    """In turns on one server that follows them."""
    seconds, rounds = (6.0, 3) if quick else (6.0, 9)
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-release-") as name:
        folder, log = Path(name), f"sqlite:///{name}/tact.db"
        step(f"release: books of {campaigns:,} campaigns, server and client")
        store = open_store(log, busy_timeout=10.0)
        versions = [_published(store, campaigns, number) for number in range(_VERSIONS)]
        _activate(store, versions[0])
        words = ("-m", "engine.cli", "serve", "--book", "bench", "--log", log, "--port", "0")
        with server(folder / "messages", *words) as target, client(CUSTOMERS) as caller:
            caller.run(target, seconds, clients=4)
            with _releasing(store, versions) as releasing:
                step("release: in turns without and with releases")
                runs = [_turn(caller, target, seconds, releasing) for _ in range(rounds)]
        store.close()
        live = (folder / "messages").read_text(encoding="utf-8").count("book live")
    due = rounds * seconds / EVERY
    took = f"{RATE} calls a second; {live} of {due:.0f} books of {campaigns:,} campaigns became live"
    step(took)
    return [
        _compared(runs, figure, target, campaigns, took)
        for figure, target in (("p50", NO_TARGET), ("p99", 1 / 1.5))
    ]


def _turn(
    caller: Client, target: str, seconds: float, releasing: threading.Event
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures of a turn without and one with releases."""
    alone = caller.run(target, seconds, rate=RATE)
    releasing.set()
    beside = caller.run(target, seconds, rate=RATE)
    releasing.clear()
    caller.run(target, EVERY, rate=RATE)  # until the last book is live
    return alone, beside


@contextmanager
def _releasing(store: Store, versions: list[str]) -> Iterator[threading.Event]:
    """Activates the versions in turn, one each second, while the event is set."""
    releasing, ended = threading.Event(), threading.Event()

    def release() -> None:
        for version in itertools.cycle(versions):
            if ended.wait(EVERY):
                return
            if releasing.is_set():
                _activate(store, version)

    thread = threading.Thread(target=release)
    thread.start()
    try:
        yield releasing
    finally:
        ended.set()
        thread.join()


def _published(store: Store, campaigns: int, number: int) -> str:
    """Publishes a version of the book of the benchmarks; its hash."""
    document = books.book(campaigns)
    document["book"]["salt"] = f"release {number}"
    book = books.compiled(document).book
    row = PublicationRow(book.version, book.name, "", "", _now(), "bench", "", "", "", "[]", 0, "{}")
    with store.transaction((releases.RELEASES,)):
        releases.add_publication(store, row, book.text)
    return book.version


def _activate(store: Store, version: str) -> None:
    row = ActivationRow(
        *(0, "bench", version, "", "activate", None, None, _now(), "bench", ""), emergency=False
    )
    with store.transaction((releases.RELEASES,)):
        releases.add_activation(store, releases.next_activation(store, row))


def _now() -> int:
    return time.time_ns() // 1000


def _compared(
    runs: list[tuple[dict[str, Any], dict[str, Any]]], figure: str, target: float, campaigns: int, took: str
) -> Ratio:
    alone, beside = (statistics.median(run[side][figure] for run in runs) for side in (0, 1))
    return Ratio(
        f"release: {figure} of Decide without / with a book of {campaigns:,} campaigns a second",
        statistics.median(run[0][figure] / run[1][figure] for run in runs),
        target,
        f"{alone:.1f} against {beside:.1f} ms, {took}",
    )
