"""SIGTERM under load: what was accepted is answered, what was answered is in the log."""

from contextlib import ExitStack
from functools import partial

from engine.api.v1.decisions_pb2 import DecideRequest
from tests.books import write_book
from tests.logs import sqlite_log
from tests.requests import li_na
from tests.server.http.conftest import HTTP
from tests.server.load import HttpLoad, Load
from tests.servers import serving
from trial.result import TrialResult, TrialSettings
from trial.tally import compare, refusals


def run(settings: TrialSettings) -> TrialResult:
    """Starts and stops a server again and again, without and with workers, under calls over gRPC and HTTP, on the same log."""
    result, stops, answered = TrialResult(), int(settings.size(20, 1)), []
    book, log, failures = write_book(settings.folder / "book"), sqlite_log(settings.folder), []
    for stop in range(stops):
        options = ("--workers", "2") if stop % 2 else ()
        with serving(book, log, *options, *HTTP) as server, ExitStack() as running:
            callers = int(settings.size(16, 4)) // 2
            loads = [
                Load(server.target, partial(_request, f"{stop}-grpc"), callers=callers, timeout=60),
                HttpLoad(server.http, partial(_request, f"{stop}-http"), callers=callers, timeout=60),
            ]
            for load in loads:
                running.enter_context(load.running())
            for load in loads:
                load.await_answers(50, within=120)
            result.check(server.stop() == 0, "it did not stop with 0")
        for load in loads:
            answered += load.answers
            failures += load.failures
    compare(result, log, answered)
    ((kept,),) = log.rows("select count(*) from decisions")
    result.expect(kept == len(answered), f"{kept:,} decisions in the log, {len(answered):,} answers")
    refused = refusals(result, failures)
    result.summary = (
        f"{stops} times: {len(answered):,} answers, all of them in the log, and no others; {refused} after it"
    )
    return result


def _request(name: str, caller: int, turn: int) -> DecideRequest:
    return li_na(f"{name}-{caller}-{turn}")
