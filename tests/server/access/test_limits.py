"""How much a caller may ask for."""

import asyncio
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.server.access.limits import UNBOUNDED, CallTimeout, Limits, RateLimit, rate_limit_of
from engine.server.access.roles import TooMuch

TIMES = st.lists(st.floats(0, 60, allow_nan=False), max_size=200).map(sorted)


def taken(rate_limit: RateLimit, times: list[float]) -> list[float]:
    """The moments at which a request was admitted."""
    admitted = []
    for now in times:
        try:
            rate_limit.take(now)
        except TooMuch:
            continue
        admitted.append(now)
    return admitted


@given(TIMES, st.floats(0.1, 50), st.integers(1, 20))
def test_no_window_holds_more_than_its_share(times: list[float], rate: float, burst: int) -> None:
    """Between any two moments there are at most the burst and what the rate gives in that time."""
    admitted = taken(RateLimit(Limits(rate=rate, burst=burst)), times)
    for first, start in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= burst + rate * (admitted[last] - start) + 1e-6


@given(st.floats(0.1, 50), st.integers(1, 20), st.integers(1, 5))
def test_the_delay_is_exact(rate: float, burst: int, more: int) -> None:
    """A refused caller is let in after the delay that it was told, and no sooner."""
    rate_limit = RateLimit(Limits(rate=rate, burst=burst))
    taken(rate_limit, [1.0] * (burst + more))
    with pytest.raises(TooMuch) as refused:
        rate_limit.take(1.0)
    delay = refused.value.retry_after
    assert taken(rate_limit, [1.0 + delay * 0.99, 1.0 + delay + 1e-9]) == [1.0 + delay + 1e-9]


def test_a_burst_of_none_is_a_second_s_worth() -> None:
    """Without a burst, ten a second are ten at a stroke."""
    assert len(taken(RateLimit(Limits(rate=10.0)), [0.0] * 30)) == 10


def test_a_slow_rate_lets_one_in() -> None:
    """Less than one a second still is one at a stroke."""
    assert taken(RateLimit(Limits(rate=0.5)), [0.0, 0.0, 1.9, 2.1]) == [0.0, 2.1]


def test_what_a_batch_took_is_missing_afterwards() -> None:
    """A batch of ten, let in as one request, holds up what follows for ten."""
    rate_limit = RateLimit(Limits(rate=1.0, burst=1))
    rate_limit.take(0.0)
    rate_limit.charge(9, 0.0)
    with pytest.raises(TooMuch) as refused:
        rate_limit.take(1.0)
    assert refused.value.retry_after == pytest.approx(9.0)


def test_calls_at_once_are_counted_in_and_out() -> None:
    """A third call is refused while two are under way, and let in when one is done, however it ended."""
    rate_limit = RateLimit(Limits(at_once=2))
    with rate_limit, ExitStack() as second:
        second.enter_context(rate_limit)
        with pytest.raises(TooMuch):
            rate_limit.__enter__()
        second.close()
        second.enter_context(rate_limit)


def test_without_limits_nothing_is_bounded() -> None:
    """No limits: any number, at any time."""
    assert rate_limit_of(Limits(burst=3)) is UNBOUNDED
    assert len(taken(UNBOUNDED, [0.0] * 1000)) == 1000
    with ExitStack() as calls:
        for _ in range(1000):
            calls.enter_context(UNBOUNDED)


def test_a_call_that_begins_after_the_server_began_to_stop_ends_at_once() -> None:
    """The transport may hand over a call that it accepted before, after the calls under way were ended."""

    async def call(call_timeout: CallTimeout) -> None:
        task = call_timeout.begin(0.0)
        try:
            await asyncio.Event().wait()  # a message that does not arrive
        except asyncio.CancelledError:
            assert call_timeout.passed(task)
            raise

    async def story() -> list[object]:
        call_timeout = CallTimeout(0)
        before = asyncio.create_task(call(call_timeout))
        await asyncio.sleep(0)
        call_timeout.close()
        after = asyncio.create_task(call(call_timeout))
        return list(await asyncio.gather(before, after, return_exceptions=True))

    ended = asyncio.run(story())
    assert [type(error) for error in ended] == [asyncio.CancelledError] * 2
