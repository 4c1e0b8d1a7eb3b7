"""Chaining by strata, and its explanation."""

from dataclasses import replace

from engine.conditions.model import All, Any_, Condition, None_
from engine.decide.signals.compile import CompiledSignals, compile_signals
from engine.decide.signals.infer import explain_chain, infer
from engine.model.values import Attributes
from engine.server.book.probe import MOMENT
from tests.decide.signals.books import book, compiled, eq, gte, signal

CHURN = compiled(
    {
        "churn-risk": Any_((gte("score", 0.8), eq("pattern.leaving", True))),
        "complaint-open": eq("complaint", "open"),
        "save": All((signal("churn-risk"), None_((signal("complaint-open"),)))),
        "save-dearly": All((signal("save"), signal("premium"), signal("churn-risk"))),
    }
)


def names(signals: CompiledSignals, attributes: Attributes) -> set[str]:
    """The names that PythonEvaluator infers."""
    return set(infer(signals, attributes, MOMENT))


def test_a_signal_sees_the_lower_ones() -> None:
    """A rule may depend on signals that hold, that do not hold and that are stored; stored ones are not in the result."""
    assert names(CHURN, {}) == set()
    assert names(CHURN, {"score": 0.9}) == {"churn-risk", "save"}
    assert names(CHURN, {"score": 0.9, "complaint": "open"}) == {"churn-risk", "complaint-open"}
    assert names(CHURN, {"signal.churn-risk": True}) == {"save"}
    assert names(CHURN, {"score": 0.9, "signal.complaint-open": True}) == {"churn-risk"}
    assert names(CHURN, {"score": 0.9, "signal.premium": True}) == {"churn-risk", "save", "save-dearly"}


def test_the_callers_attributes_are_left_alone() -> None:
    """Inferring adds nothing to the mapping that it is given."""
    attributes = {"score": 0.9}
    names(CHURN, attributes)
    assert attributes == {"score": 0.9}


def test_what_a_signal_exposes_is_seen_above_it() -> None:
    """A field's value, unless its source is missing."""
    written = book({"cart": gte("value", 1), "big-cart": gte("signal.cart.worth", 100)})
    written["cart"] = replace(written["cart"], expose={"worth": "value", "item": "missing"})
    signals = compile_signals(written)
    assert names(signals, {"value": 50}) == {"cart"}
    assert names(signals, {"value": 100}) == {"cart", "big-cart"}


def test_the_chain_names_what_led_to_a_signal_lowest_first() -> None:
    """Inferred and stored signals, each once; empty for a signal that depends on none, or does not hold."""
    attributes = {"score": 0.9, "signal.premium": True}
    assert explain_chain(CHURN, attributes, MOMENT, "save-dearly") == ("churn-risk", "premium", "save")
    assert explain_chain(CHURN, attributes, MOMENT, "save") == ("churn-risk",)
    assert explain_chain(CHURN, attributes, MOMENT, "churn-risk") == ()
    assert explain_chain(CHURN, {}, MOMENT, "save") == ()
    assert explain_chain(CHURN, {}, MOMENT, "no such signal") == ()


def test_a_chain_of_diamonds_is_told_at_once() -> None:
    """Forty levels of two signals each, which both refer to both below: listed once each, not 2 to the 40 times."""
    conditions: dict[str, Condition] = {"l0": eq("a", 1), "r0": eq("a", 1)}
    for level in range(1, 40):
        both = All((signal(f"l{level - 1}"), signal(f"r{level - 1}")))
        conditions |= {f"l{level}": both, f"r{level}": both}
    signals = compiled(conditions)
    assert len(explain_chain(signals, {"a": 1}, MOMENT, "l39")) == 78
