"""The kernel, PythonEvaluator and engine.conditions.evaluate agree."""

from contextlib import closing
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conditions.model import Condition
from engine.decide.signals.compile import TooManyConjunctions, compile_signals
from engine.decide.signals.evaluator import open_evaluator
from engine.decide.signals.infer import infer
from engine.decide.signals.kernel import DurableKernel
from engine.model.values import Attributes
from engine.server.book.probe import MOMENT, samples
from tests.conditions.strategies import conditions, contexts
from tests.decide.signals.books import book, needs_library
from tests.decide.signals.chance import attributes, by_reference, signals


@settings(max_examples=100, deadline=None)
@given(st.lists(conditions, max_size=8), st.lists(contexts, min_size=1, max_size=4))
def test_evaluators_are_the_reference(written: list[Condition], seen: list[Attributes]) -> None:
    """Whatever the conditions and values, of the wrong kinds too, all three give the same signals."""
    written_signals = book({f"s{number}": condition for number, condition in enumerate(written)})
    try:
        compiled = compile_signals(written_signals)
    except TooManyConjunctions:
        return
    with closing(open_evaluator(compiled)) as evaluator:
        for contents in seen:
            expected = by_reference(written_signals, contents)
            assert infer(compiled, contents, MOMENT) == expected
            assert infer(compiled, contents, MOMENT, evaluator) == expected


@needs_library
@pytest.mark.parametrize("seed", range(25))
def test_chains_of_signals_are_the_reference(seed: int) -> None:
    """Random books whose signals refer to each other, on hostile values; the library never fails."""
    random = Random(seed)
    written = signals(random, 25)
    compiled = compile_signals(written)
    with closing(DurableKernel(compiled)) as evaluator:
        for contents in [*samples(compiled, 20, seed), *(attributes(random) for _ in range(20))]:
            expected = by_reference(written, contents)
            assert infer(compiled, contents, MOMENT) == expected
            assert infer(compiled, contents, MOMENT, evaluator) == expected
        assert evaluator.healthy
    assert evaluator.anomalies == 0
