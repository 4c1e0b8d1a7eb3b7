"""What the statistics refuse, and the sentence that says why."""

from collections.abc import Sequence

from engine.measure.statistics.arms import Arm, Interval, PairedArm
from engine.measure.statistics.mover import Relative

EVENTS = 20
"""Events in either arm below which a proportion is shown as counts only."""
PERSONS = 100
"""Persons in either arm below which a mean is shown as counts only."""
EXPECTED = 10
"""Conversions expected of a control from which none at all means that they are not reported."""


def few(strata: Sequence[tuple[Arm | PairedArm, Arm | PairedArm]], kind: str) -> str:
    """Why only counts are shown: fewer than 20 events, or for means and ratios 100 persons, in either arm."""
    if kind == "proportion":
        events = min(sum(pair[side].total for pair in strata) for side in (0, 1))
        return f"fewer than {EVENTS} events in an arm: counts only" if events < EVENTS else ""
    persons = min(sum(pair[side].persons for pair in strata) for side in (0, 1))
    return f"fewer than {PERSONS} persons in an arm: counts only" if persons < PERSONS else ""


def unusable(strata: Sequence[tuple[Arm | PairedArm, Arm | PairedArm]], kind: str) -> str:
    """Why nothing can be computed: an arm without persons, without spread, or with a denominator of 0."""
    arms = [arm for pair in strata for arm in pair]
    if not arms:
        return "an arm has no persons: nothing to compare"
    if kind == "proportion":
        return ""
    if min(arm.persons for arm in arms) < 2:
        return "an arm has fewer than 2 persons: its spread is unknown"
    if any(isinstance(arm, PairedArm) and arm.second == 0 for arm in arms):
        return "the denominator is 0 in an arm: no ratio"
    if all(arm.error == 0 for arm in arms):
        return "all persons have the same value: no spread to compare by"
    return ""


def relative(control: Interval, effect: Relative | None) -> str:
    """Why there is no relative effect, or only a lower limit of it."""
    if effect is None:
        return (
            "control is not above 0: absolute only"
            if control.value <= 0
            else "control is not clear of 0: absolute only"
        )
    return "" if effect.high is not None else "control is not clear of 0: only a lower limit"


def unreported(treated: Arm, control: Arm) -> str:
    """Whether the control's conversions are missing: none, where the treated arm's rate lets expect more than 10."""
    if not treated.persons or control.total or treated.mean * control.persons <= EXPECTED:
        return ""
    return "control's conversions are not reported"


def maturing(mature: int, persons: int) -> str:
    """Whether the window of more than half of the persons is not over yet."""
    return (
        ""
        if 2 * (persons - mature) <= persons
        else "the window is not over for more than half of the persons: counts only"
    )
