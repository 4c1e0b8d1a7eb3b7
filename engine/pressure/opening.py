"""When a proposal may go: the first moment at which every rule lets it pass."""

from collections.abc import Sequence

from engine.instant import Instant
from engine.pressure.rule import HORIZON, Standing


def opening(standings: Sequence[Standing], now: Instant) -> Instant | None:
    """The earliest moment from now on at which all the rules let pass if nothing else happens; None beyond the horizon.

    Rules that count only ever open; quiet comes back. So each rule in turn moves the moment to where it opens next, and
    when a round moves it no more it is the earliest: no rule ever skipped one at which it was open.
    """
    at, bound = now, now + HORIZON
    while True:
        reached = at
        for standing in standings:
            found = standing.rule.opens(standing, at, bound)
            if found is None:
                return None
            at = found
        if at == reached:
            return at
