"""Callers while the log is away."""

import time

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, TactError
from tests.requests import li_na
from trial.result import Finding, await_that

DEADLINE = 5.0
"""Of the callers."""


def request_of(caller: int, turn: int) -> pb.DecideRequest:
    """Of every second caller for a placement, of the others to be sent."""
    name = f"{caller}-{turn}"
    where = {"placement": "hero"} if caller % 2 else {}
    return li_na(name, request_id=name, **where)


def ask_meanwhile(finding: Finding, client: Client, seconds: float) -> float:
    """What a new caller sees: a placement gets its fallback, within its deadline; the seconds of the slowest."""
    await_that(lambda: not client.health())
    end, slowest, number = time.monotonic() + seconds, 0.0, 0
    while time.monotonic() < end:
        began, number = time.monotonic(), number + 1
        try:
            shown = client.decide(li_na(f"away-{number}", placement="hero")).degraded
        except TactError:
            shown = False
        slowest = max(slowest, time.monotonic() - began)
        finding.tried(shown, "a placement did not get its fallback")
        time.sleep(0.05)
    return slowest


def is_degraded(client: Client) -> bool:
    """Whether a placement still gets something in place of a decision."""
    try:
        return client.decide(li_na("well-again", placement="hero")).degraded
    except TactError:
        return True
