"""Evaluators of signals: durable-rules if it is installed, else plain Python."""

from typing import Protocol

from engine.decide.signals import kernel
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.model.values import Attributes, Moment


class Evaluator(Protocol):
    """Evaluates the rules of compiled signals. Thread-safe."""

    @property
    def name(self) -> str:
        """Name in the log: `durable-rules` or `python`."""

    def matching(self, stratum: int, attributes: Attributes, moment: Moment) -> frozenset[str]:
        """The signals of the stratum whose rule holds. stratum: its number; attributes: with those of lower strata."""

    def close(self) -> None:
        """Free what is held."""


def open_evaluator(compiled: CompiledSignals) -> Evaluator:
    """Open the evaluator that this installation has; new rules should have passed `engine.server.book.probe` first.

    There is no durable-rules for Python 3.13 and later, where PythonEvaluator gives the same answers.
    """
    if kernel.LIBRARY is None or not compiled.strata:
        return PythonEvaluator(compiled)
    return kernel.DurableKernel(compiled)
