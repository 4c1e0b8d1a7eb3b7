"""Certain conclusions: signals concluded from few attributes also hold with more."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.conditions.model import Any_, None_, Operator, Test
from engine.decide.signals.certain import CertainEvaluator, certain
from engine.decide.signals.compile import compile_signals
from engine.decide.signals.infer import infer
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.rulebook.model.derived import Signal
from engine.server.book.probe import MOMENT
from tests.decide.signals.chance import NAMES, attributes, signals


@given(st.integers(0, 2**32), st.sets(st.sampled_from(NAMES)))
def test_more_knowledge_never_takes_a_conclusion_back(seed: int, given_names: set[str]) -> None:
    """Whatever the values of the other attributes, the certain signals hold with them."""
    random = Random(seed)
    compiled = compile_signals(signals(random, 8))
    evaluator = CertainEvaluator(certain(compiled, given_names), PythonEvaluator(compiled))
    for _ in range(5):
        full = attributes(random)
        little = {name: value for name, value in full.items() if name in given_names}
        assert infer(evaluator.certain, little, MOMENT, evaluator) <= infer(compiled, full, MOMENT)


def test_the_known_half_of_an_alternative_is_enough() -> None:
    """`any` holds by a given attribute; `none` of a missing one proves nothing, nor does the absence of its signal."""
    seen, gold = Test("seen", Operator.EQ, 1), Test("profile.tier", Operator.EQ, "gold")
    rich = Test("signal.rich", Operator.EQ, True)
    written = {
        "either": Signal("either", Any_((seen, gold))),
        "nobody": Signal("nobody", None_((gold,))),
        "missing": Signal("missing", Test("profile.tier", Operator.EXISTS, False)),
        "rich": Signal("rich", gold),
        "poor": Signal("poor", None_((rich,))),
        "unseen": Signal("unseen", None_((seen,))),
        "twice": Signal("twice", None_((Test("signal.unseen", Operator.EQ, True),))),
    }
    compiled = compile_signals(written)
    evaluator = CertainEvaluator(certain(compiled, {"seen"}), PythonEvaluator(compiled))
    assert infer(evaluator.certain, {"seen": 1}, MOMENT, evaluator) == {"either", "twice"}
    assert infer(evaluator.certain, {}, MOMENT, evaluator) == {"unseen"}
