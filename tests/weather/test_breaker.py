"""The circuit breaker."""

from engine.weather.breaker import Breaker
from tests.weather.conftest import Clock


def test_opens_after_failures_in_a_row(clock: Clock) -> None:
    """It opens at the limit; a success in between starts the count again."""
    breaker = Breaker(3, 30, clock)
    for end in (breaker.failed, breaker.failed, breaker.succeeded, breaker.failed, breaker.failed):
        assert breaker.allows()
        end()
    assert breaker.state.name == "CLOSED"
    breaker.failed()
    assert breaker.state.name == "OPEN"
    assert not breaker.allows()


def test_one_trial_after_the_pause(clock: Clock) -> None:
    """After the pause one call is let through, and no second one; its success closes."""
    breaker = Breaker(1, 30, clock)
    breaker.failed()
    clock.now += 29.9
    assert not breaker.allows()
    clock.now += 0.2
    assert [breaker.allows(), breaker.allows()] == [True, False]
    assert breaker.state.name == "HALF_OPEN"
    breaker.succeeded()
    assert breaker.state.name == "CLOSED"
    assert [breaker.allows(), breaker.allows()] == [True, True]


def test_failed_trial_opens_again(clock: Clock) -> None:
    """A failed trial costs another whole pause."""
    breaker = Breaker(1, 30, clock)
    breaker.failed()
    clock.now += 31
    assert breaker.allows()
    clock.now += 5
    breaker.failed()
    assert breaker.state.name == "OPEN"
    clock.now += 29
    assert not breaker.allows()
    clock.now += 2
    assert breaker.allows()


def test_late_failures_do_not_prolong(clock: Clock) -> None:
    """Calls begun before it opened, and failing after, leave the pause as it is."""
    breaker = Breaker(1, 30, clock)
    breaker.failed()
    clock.now += 29
    breaker.failed()
    clock.now += 2
    assert breaker.allows()


def test_lost_trial(clock: Clock) -> None:
    """A trial call whose result is never reported is followed by another after a pause."""
    breaker = Breaker(1, 30, clock)
    breaker.failed()
    clock.now += 31
    assert breaker.allows()
    clock.now += 31
    assert breaker.allows()
