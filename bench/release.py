"""What releases cost those who ask meanwhile: latencies of `Decide` while books of 1,000 campaigns become live."""

import json
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import books
from bench.books import CAMPAIGNS, CUSTOMERS
from bench.processes import BUILD, Client, client, tact
from bench.ratio import NO_TARGET, Ratio
from bench.table import Step, silent

RATE = 100
"""Calls a second."""
EVERY = 1.0
"""Seconds between two books."""


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Latencies of `Decide` without and with a new book a second, in turns on one server."""
    seconds, rounds = (3.0, 3) if quick else (5.0, 9)
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-release-") as name:
        folder = Path(name)
        step("release: server and client")
        rules = books.write_book(folder / "rules", CAMPAIGNS)
        with (
            tact(rules, folder / "tact.db", "--watch") as target,
            client(CUSTOMERS) as caller,
        ):
            caller.run(target, seconds, clients=4)
            step("release: in turns without and with releases")
            with _releases(rules) as releasing:
                runs = [_turn(caller, target, seconds, releasing) for _ in range(rounds)]
        live = (folder / "tact.err").read_text(encoding="utf-8").count("book live")
    took = f"{RATE} calls a second; {live} books of {CAMPAIGNS:,} campaigns became live in {rounds * seconds:g} s"
    return [_compared(runs, "p50", NO_TARGET, took), _compared(runs, "p99", 1 / 1.5, took)]


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
def _releases(rules: Path) -> Iterator[threading.Event]:
    """Writes another version of the book each second while the event is set."""
    releasing, ended = threading.Event(), threading.Event()
    versions = [_version(number) for number in range(2)]

    def write() -> None:
        number = 0
        while not ended.wait(EVERY):
            if releasing.is_set():
                number += 1
                draft = rules / ".draft"
                draft.write_text(versions[number % len(versions)], encoding="utf-8")
                draft.rename(rules / "book.yaml")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield releasing
    finally:
        ended.set()
        thread.join()


def _version(number: int) -> str:
    book = books.book(CAMPAIGNS)
    book["book"]["salt"] = f"release {number}"
    return json.dumps(book, indent=1)


def _compared(
    runs: list[tuple[dict[str, Any], dict[str, Any]]], figure: str, target: float, took: str
) -> Ratio:
    alone, beside = (statistics.median(run[side][figure] for run in runs) for side in (0, 1))
    return Ratio(
        f"release: {figure} of Decide without / with a book a second",
        statistics.median(run[0][figure] / run[1][figure] for run in runs),
        target,
        f"{alone:.1f} against {beside:.1f} ms, {took}",
    )
