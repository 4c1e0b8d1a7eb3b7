"""Small books of signals."""

from collections.abc import Mapping

import pytest

from engine.conditions.model import Condition, Operator, Test
from engine.decide.signals.compile import CompiledSignals, compile_signals
from engine.decide.signals.kernel import LIBRARY
from engine.model.values import Scalar
from engine.rulebook.model.derived import Signal

needs_library = pytest.mark.skipif(LIBRARY is None, reason="durable-rules is not installed")


def book(conditions: Mapping[str, Condition]) -> dict[str, Signal]:
    """Signals by name, from their conditions."""
    return {name: Signal(name, condition) for name, condition in conditions.items()}


def compiled(conditions: Mapping[str, Condition]) -> CompiledSignals:
    """The same, compiled."""
    return compile_signals(book(conditions))


def eq(attribute: str, operand: Scalar) -> Test:
    """Attribute equals operand."""
    return Test(attribute, Operator.EQ, operand)


def gte(attribute: str, operand: Scalar) -> Test:
    """Attribute is at least the operand."""
    return Test(attribute, Operator.GTE, operand)


def signal(name: str) -> Test:
    """The signal holds."""
    return eq(f"signal.{name}", True)


def numbered(size: int) -> CompiledSignals:
    """`s0`, `s1`…: attribute x is at least the number."""
    return compiled({f"s{number}": gte("x", number) for number in range(size)})
