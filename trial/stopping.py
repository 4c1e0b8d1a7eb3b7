"""SIGTERM under load: what was accepted is answered, what was answered is in the log."""

from functools import partial

from engine.api.v1.decisions_pb2 import DecideRequest
from tests.books import write_book
from tests.logs import sqlite_log
from tests.requests import li_na
from tests.server.load import Load
from tests.servers import serving
from trial.result import Finding, Place
from trial.tally import compare, refusals


def run(place: Place) -> Finding:
    """A server is started and stopped so many times, alone and with workers, on one log."""
    finding, stops, answered = Finding(), int(place.size(20, 1)), []
    book, log, failures = write_book(place.folder / "book"), sqlite_log(place.folder), []
    for stop in range(stops):
        crew = ("--workers", "2") if stop % 2 else ()
        with serving(book, log, *crew) as server:
            load = Load(server.target, partial(_request, stop), callers=int(place.size(16, 4)))
            with load.running():
                load.await_answers(100, within=120)
                finding.tried(server.stop(within=60) == 0, "it did not stop with 0")
        answered += load.answers
        failures += load.failures
    compare(finding, log, answered)
    ((kept,),) = log.rows("select count(*) from decisions")
    finding.expect(kept == len(answered), f"{kept:,} decisions in the log, {len(answered):,} answers")
    told = refusals(finding, failures)
    finding.said = (
        f"{stops} times: {len(answered):,} answers, all of them in the log, and no others; {told} after it"
    )
    return finding


def _request(stop: int, caller: int, turn: int) -> DecideRequest:
    return li_na(f"{stop}-{caller}-{turn}")
