"""Callers while the log is not available."""

import time

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, TactError
from tests.requests import li_na
from trial.result import TrialResult, wait_until

DEADLINE = 5.0
"""Seconds that a call may take."""


def request_of(caller: int, turn: int) -> pb.DecideRequest:
    """Every second caller's requests are for a placement, the others' to be sent on a channel."""
    name = f"{caller}-{turn}"
    options = {"placement": "hero"} if caller % 2 else {}
    return li_na(name, request_id=name, **options)


def decide_meanwhile(result: TrialResult, client: Client, seconds: float) -> float:
    """Decides for a placement, which gets its fallback, again and again for so many seconds; the slowest call, in seconds."""
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
        time.sleep(0.05)
    return slowest


def is_degraded(client: Client) -> bool:
    """Whether a placement still gets its fallback instead of a decision."""
    try:
        return client.decide(li_na("well-again", placement="hero")).degraded
    except TactError:
        return True
