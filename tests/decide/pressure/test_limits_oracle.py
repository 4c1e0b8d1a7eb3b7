"""Rolling caps against the moving windows of the package `limits`, on which many services rely.

Its fixed windows begin with the first hit and not with the calendar, so they are no measure for calendar caps.
"""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from engine.model.contact import Contact
from engine.model.instant import SECOND
from engine.rulebook.model.policies import Cap, Rolling
from tests.decide.pressure.rules import SMS, look, rules

START = 1_773_000_000


def taken(limit: int, seconds: list[int]) -> list[bool]:
    """Which of the contacts asked for at these seconds "so many in a day" lets pass."""
    (rule,) = rules(Cap("cap", limit, Rolling(24 * 3600 * SECOND)))
    history: list[Contact] = []
    said = []
    for now in seconds:
        said.append(not look(rule, now * SECOND, history).blocks)
        if said[-1]:
            history.append(Contact(now * SECOND, None, SMS))
    return said


def taken_by_limits(limit: int, seconds: list[int]) -> list[bool]:
    """Which of them the package lets pass, with its clock at those seconds."""
    strategy, item = MovingWindowRateLimiter(MemoryStorage()), RateLimitItemPerHour(limit, 24)
    said = []
    with pytest.MonkeyPatch.context() as patch:
        for now in seconds:
            patch.setattr(time, "time", lambda now=now: float(now))
            said.append(strategy.hit(item))
    return said


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 4), st.lists(st.integers(1, 9 * 3600), min_size=1, max_size=40))
def test_a_rolling_cap_is_a_moving_window(limit: int, steps: list[int]) -> None:
    """Over any sequence of moments both let the same contacts pass."""
    seconds = [START + sum(steps[: i + 1]) for i in range(len(steps))]
    assert taken(limit, seconds) == taken_by_limits(limit, seconds)
