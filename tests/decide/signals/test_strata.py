"""The order of signals."""

from random import Random

import pytest

from engine.conditions.model import All, Any_, Audience, None_, Operator, Test
from engine.decide.signals.strata import PREFIX, SignalCycle, lower, strata
from tests.decide.signals.books import book, eq, signal
from tests.decide.signals.chance import signals


def test_a_signal_stands_above_those_that_it_refers_to() -> None:
    """Through groups, negations and audiences; unknown signals and other attributes are no dependency."""
    written = book(
        {
            "top": All((None_((signal("middle"),)), signal("elsewhere"))),
            "middle": Any_((Audience("some", signal("low")), eq("pattern.low", True))),
            "low": eq("a", 1),
            "alone": eq("a", 2),
        }
    )
    assert strata(written) == (("alone", "low"), ("middle",), ("top",))


def test_what_a_signal_exposes_makes_a_dependency() -> None:
    """`signal.cart.item` needs the signal cart, whatever the operator."""
    written = book({"a-high": Test("signal.cart.item", Operator.EXISTS, True), "cart": eq("a", 1)})
    assert strata(written) == (("cart",), ("a-high",))


def test_no_signals_no_strata() -> None:
    """An empty book has no strata."""
    assert strata({}) == ()


def test_a_cycle_is_named_from_its_first_name_on() -> None:
    """Each refers to the next; the signals that merely depend on the cycle are not named."""
    written = book({"c": signal("a"), "a": signal("b"), "b": signal("c"), "d": signal("a")})
    with pytest.raises(SignalCycle) as caught:
        strata(written)
    assert caught.value.cycle == ("a", "b", "c", "a")
    assert str(caught.value) == "signals depend on themselves: a -> b -> c -> a"


def test_a_signal_that_refers_to_itself_is_a_cycle() -> None:
    """Also where it only asks that it does not hold."""
    with pytest.raises(SignalCycle) as caught:
        strata(book({"a": None_((signal("a"),))}))
    assert caught.value.cycle == ("a", "a")


@pytest.mark.parametrize("seed", range(20))
def test_every_reference_points_to_a_lower_stratum(seed: int) -> None:
    """In books by chance, in which every signal is in just one stratum."""
    written = signals(Random(seed), 30)
    levels = strata(written)
    level = {name: number for number, names in enumerate(levels) for name in names}
    assert sorted(level) == sorted(written)
    assert sum(map(len, levels)) == len(written)
    for name in written:
        assert all(level[other] < level[name] for other in lower(written, name))
    assert PREFIX == "signal."
