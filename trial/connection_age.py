"""Connections that end after 0.05 s, under a load through our client: no call fails, nothing is decided twice."""

import os
import threading

from engine.client import Client, TactError
from tests.books import write_book
from tests.client.relay import relaying
from tests.client.test_connection_age import logged
from tests.requests import li_na
from tests.servers import serving
from trial.result import TrialResult, TrialSettings

_CALLERS = 4


def run(settings: TrialSettings) -> TrialResult:
    """Calls until so many connections have ended."""
    result, many = TrialResult(), int(settings.size(400, 12))
    log, answers, lock = settings.folder / "tact.db", [0], threading.Lock()
    os.environ["TACT_CONNECTION_AGE"] = "0.05"
    try:
        with (
            serving(write_book(settings.folder / "book"), log) as server,
            relaying(server.target) as relay,
            Client(relay.address, timeout=60, attempts=1, connections=2) as client,
        ):

            def call(caller: int) -> None:
                number = 0
                while relay.connections < many:
                    number += 1
                    try:
                        client.decide(li_na(f"c-{caller}-{number}"))
                    except TactError as error:
                        result.failures.append(f"a call failed: {error}")
                    with lock:
                        answers[0] += 1

            threads = [threading.Thread(target=call, args=(caller,)) for caller in range(_CALLERS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            result.expect(server.stop() == 0, "it did not stop with 0")
    finally:
        del os.environ["TACT_CONNECTION_AGE"]
    result.trials = answers[0]
    result.expect(logged(log) == answers[0], f"{answers[0]} answers, {logged(log)} decisions in the log")
    result.summary = f"{answers[0]:,} calls over {relay.connections} connections"
    return result
