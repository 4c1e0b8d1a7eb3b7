"""Who evaluates: durable-rules where it is installed, plain Python elsewhere."""

from typing import Protocol

from engine.decide.signals import kernel
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.model.values import Attributes, Moment


class Evaluator(Protocol):
    """Says which rules of a stratum hold; may be called from several threads."""

    def matching(self, stratum: int, attributes: Attributes, moment: Moment) -> frozenset[str]:
        """The signals of the stratum, by its number, whose rule holds; `attributes` has the lower strata's."""

    def close(self) -> None:
        """Free what is held."""


def open_evaluator(compiled: CompiledSignals) -> Evaluator:
    """The best evaluator to be had; rules that are new should have passed `probe` first."""
    if kernel.LIBRARY is None or not compiled.strata:
        return PythonEvaluator(compiled)
    return kernel.DurableKernel(compiled)
