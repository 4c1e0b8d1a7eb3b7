"""Callers while the log is not available."""

import re
import time

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, TactError
from tests.requests import li_na
from tests.servers import Server
from trial.result import TrialResult, wait_until

DEADLINE = 5.0
"""Seconds that a call may take."""


def request_of(caller: int, turn: int) -> pb.DecideRequest:
    """Every second caller's requests are for a placement, the others' to be sent on a channel."""
    name = f"{caller}-{turn}"
    options = {"placement": "hero"} if caller % 2 else {}
    return li_na(name, request_id=name, **options)


def decide_meanwhile(result: TrialResult, client: Client, seconds: float) -> float:
    """Decides for a placement, which gets its fallback, again and again for so many seconds, and asks for its health.

    Returns the slowest call, in seconds.
    """
    wait_until(lambda: not client.health())
    end, slowest, number = time.monotonic() + seconds, 0.0, 0
    while time.monotonic() < end:
        began, number = time.monotonic(), number + 1
        try:
            shown = client.decide(li_na(f"away-{number}", placement="hero")).degraded
        except TactError:
            shown = False
        slowest = max(slowest, time.monotonic() - began)
        result.check(shown, "a placement did not get its fallback")
        result.check(not client.health(), "it said that it was ready meanwhile")
        time.sleep(0.05)
    return slowest


def is_degraded(client: Client) -> bool:
    """Whether a placement still gets its fallback instead of a decision."""
    try:
        return client.decide(li_na("well-again", placement="hero")).degraded
    except TactError:
        return True


def check_messages(result: TrialResult, server: Server) -> None:
    """Checks that the stopped server said once that the log was away and once that it answers again, with what was lost."""
    for words in ("the log does not answer", "the log answers again"):
        lines = [line for line in server.errors if words in line]
        result.check(len(lines) == 1, f"{len(lines)} messages {words!r}")
    counts = re.search(r"the log answers again.*groups=.*?(\d+)", "".join(server.errors))
    result.check(counts is not None and int(counts[1]) > 0, "it did not say how much was lost")
