"""Workers are killed under load: each is replaced, every request is answered in the end, and no cap is exceeded."""

import os
import random
import signal
from functools import partial

from engine.api.v1 import decisions_pb2 as pb
from tests.books import write_book
from tests.logs import sqlite_log
from tests.server.load_generator import Hammer, assert_exact
from tests.servers import Server, serving
from tests.workers.audit import WEEKLY
from tests.workers.processes import said, workers
from trial.result import TrialResult, TrialSettings, wait_until
from trial.watch import Watch

WORKERS = 2


def run(settings: TrialSettings) -> TrialResult:
    """Kills a random worker again and again, while all callers decide for the same hot customer, among others."""
    result, kills, rng = TrialResult(), int(settings.size(20, 1)), random.Random(9)
    log = sqlite_log(settings.folder)
    with (
        serving(write_book(settings.folder / "book"), log, "--workers", str(WORKERS)) as server,
        Watch(server).looking() as watch,
    ):
        hammer = Hammer(lambda _: server.target, callers=8)
        with hammer.running():
            hammer.await_answers(int(settings.size(50, 10)))
            for number in range(1, kills + 1):
                os.kill(rng.choice(workers(server)), signal.SIGKILL)
                result.check(wait_until(partial(_replaced, server, number)), "a worker was not replaced")
                hammer.await_answers(int(settings.size(50, 10)))
            result.expect(
                wait_until(partial(_hot_is_full, hammer)), "the hot customer did not get two offers"
            )
        result.expect(server.stop() == 0, "it did not stop with 0")
    result.trials += len(hammer.answers)
    try:
        assert_exact(log, hammer.answers)
    except AssertionError as error:
        result.failures.append(f"the log and the answers differ: {error}")
    result.curves = watch.curves()
    result.summary = f"{kills} kills; {len(hammer.answers):,} requests answered, {len(hammer.failures):,} calls tried again"
    return result


def _hot_is_full(hammer: Hammer) -> bool:
    """Whether the hot customer, for whom the odd turns of every caller are, has as many offers as the cap allows."""
    odd = [answer for name, answer in list(hammer.answers.items()) if int(name.partition("-")[2]) % 2]
    return sum(answer.outcome == pb.OUTCOME_OFFER for answer in odd) >= WEEKLY


def _replaced(server: Server, number: int) -> bool:
    return said(server, "a worker died") >= number and len(workers(server)) == WORKERS
