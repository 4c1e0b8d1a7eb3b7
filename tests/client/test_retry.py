"""The pauses between attempts, with a clock of the test's own."""

import grpc
import pytest

from engine.client.errors import ServerError, Unavailable
from engine.client.retry import Budget, Policy


class Failure(grpc.RpcError):
    """A failed call."""

    def __init__(self, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        """The status."""
        return self._code

    def details(self) -> str:
        """The server's message."""
        return "down"

    def trailing_metadata(self) -> tuple[()]:
        """Nothing more."""
        return ()


def test_pauses_double_up_to_a_second() -> None:
    """Without jitter the pauses are 50 ms, 100 ms, 200 ms … and at most 1 s."""
    budget = Budget(Policy(timeout=60.0, attempts=8), clock=lambda: 0.0, jitter=lambda: 1.0)
    assert [budget.pause_after(Failure()) for _ in range(7)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    with pytest.raises(Unavailable):
        budget.pause_after(Failure())


def test_jitter_shortens_a_pause() -> None:
    """A pause is anything between nothing and its ceiling."""
    budget = Budget(Policy(timeout=60.0), clock=lambda: 0.0, jitter=lambda: 0.5)
    assert budget.pause_after(Failure()) == 0.025


def test_no_pause_beyond_the_deadline() -> None:
    """A pause that would outlast the deadline raises the error at once."""
    now = [0.0]
    budget = Budget(Policy(timeout=1.0), clock=lambda: now[0], jitter=lambda: 1.0)
    now[0] = 0.96
    assert budget.remaining() == pytest.approx(0.04)
    with pytest.raises(Unavailable, match="down"):
        budget.pause_after(Failure())


def test_the_time_left_is_never_negative() -> None:
    """After the deadline no time is left, rather than less than none."""
    now = [0.0]
    budget = Budget(Policy(timeout=1.0), 0.5, clock=lambda: now[0])
    now[0] = 9.0
    assert budget.remaining() == 0.0


def test_only_unavailable_is_tried_again() -> None:
    """Any other failure ends the call, whatever attempts are left."""
    budget = Budget(Policy(timeout=60.0, attempts=9), clock=lambda: 0.0)
    with pytest.raises(ServerError):
        budget.pause_after(Failure(grpc.StatusCode.INTERNAL))
