"""Workers are killed under load: each is replaced, every request is answered in the end, and no cap is exceeded."""

import os
import random
import signal
from functools import partial

from tests.books import write_book
from tests.logs import sqlite_log
from tests.server.load_generator import Hammer, assert_exact
from tests.servers import Server, serving
from tests.workers.processes import said, workers
from trial.result import Finding, Place, await_that
from trial.watch import Watch

CREW = 2


def run(place: Place) -> Finding:
    """So many kills, of a worker by chance; a hot customer is asked for by everybody."""
    finding, kills, rng = Finding(), int(place.size(20, 1)), random.Random(9)
    log = sqlite_log(place.folder)
    with (
        serving(write_book(place.folder / "book"), log, "--workers", str(CREW)) as server,
        Watch(server).looking() as watch,
    ):
        hammer = Hammer(lambda _: server.target, callers=8)
        with hammer.running():
            hammer.await_answers(int(place.size(50, 10)))
            for number in range(1, kills + 1):
                os.kill(rng.choice(workers(server)), signal.SIGKILL)
                finding.tried(await_that(partial(_replaced, server, number)), "a worker was not replaced")
                hammer.await_answers(int(place.size(50, 10)))
        finding.expect(server.stop(within=60) == 0, "it did not stop with 0")
    finding.trials += len(hammer.answers)
    try:
        assert_exact(log, hammer.answers)
    except AssertionError as wrong:
        finding.failures.append(f"the log and the answers differ: {wrong}")
    finding.curves = watch.curves()
    finding.said = f"{kills} kills; {len(hammer.answers):,} requests answered, {len(hammer.failures):,} calls tried again"
    return finding


def _replaced(server: Server, number: int) -> bool:
    return said(server, "a worker died") >= number and len(workers(server)) == CREW
