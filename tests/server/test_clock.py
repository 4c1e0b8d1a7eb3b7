"""The server's clock, on clocks that a test sets."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from engine.model.instant import SECOND
from engine.server.clock import ServerClock
from engine.telemetry.counters import CLOCK_STEPS


@dataclass
class Clocks:
    """A wall that may be set, and a steady clock that only grows; microseconds both."""

    wall: int = 1_773_100_800 * SECOND
    steady: int = 0

    def pass_(self, micros: int) -> None:
        """Time passes on both."""
        self.wall += micros
        self.steady += micros

    def clock(self) -> ServerClock:
        """The server's clock on them."""
        return ServerClock(lambda: self.wall, lambda: self.steady * 1000)


def test_it_is_the_systems_clock() -> None:
    """While that goes on, by small steps or large ones, they are the same."""
    clocks = Clocks()
    clock = clocks.clock()
    for micros in (0, 1, SECOND, 3_600 * SECOND):
        clocks.pass_(micros)
        assert clock() == clocks.wall
        assert clock.ahead == 0


def test_set_back_it_goes_on_at_half_speed_until_caught_up() -> None:
    """A minute back: 80 s later it is 20 s ahead, after two minutes it is the system's clock again."""
    clocks, before = Clocks(), CLOCK_STEPS.value
    clock = clocks.clock()
    start = clock()
    clocks.wall -= 60 * SECOND
    assert clock() == start
    assert clock.ahead == 60 * SECOND
    seen = {}
    for second in range(1, 121):
        clocks.pass_(SECOND)
        seen[second] = clock() - start, clock.ahead
    assert seen[40] == (20 * SECOND, 40 * SECOND)
    assert seen[80] == (40 * SECOND, 20 * SECOND)
    assert seen[120] == (60 * SECOND, 0)
    assert clock() == clocks.wall
    assert CLOCK_STEPS.value == before + 1


def test_a_tiny_step_is_bridged_and_not_counted() -> None:
    """A clock that is kept right by small steps is no news."""
    clocks, before = Clocks(), CLOCK_STEPS.value
    clock = clocks.clock()
    start = clock()
    clocks.wall -= 5_000
    assert clock() == start
    assert CLOCK_STEPS.value == before


@given(st.lists(st.tuples(st.integers(0, 10_000_000), st.integers(-20_000_000, 20_000_000)), max_size=50))
def test_it_never_goes_back_and_never_falls_behind(moves: list[tuple[int, int]]) -> None:
    """Whatever the system's clock is set to, instants do not decrease and are never before it."""
    clocks = Clocks()
    clock = clocks.clock()
    last = clock()
    for passed, step in moves:
        clocks.pass_(passed)
        clocks.wall += step
        now = clock()
        assert now >= last
        assert now >= clocks.wall
        last = now
