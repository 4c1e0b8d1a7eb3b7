"""Who evaluates: durable-rules where it is installed, plain Python elsewhere."""

from typing import Protocol

from engine.conditions.model import Attributes, Moment
from engine.signals import kernel
from engine.signals.compile import CompiledSignals
from engine.signals.naive import NaiveEvaluator


class Evaluator(Protocol):
    """Says which rules of a stratum hold; may be called from several threads."""

    def matching(self, stratum: int, attributes: Attributes, moment: Moment) -> frozenset[str]:
        """The signals of the stratum, by its number, whose rule holds; `attributes` has the lower strata's."""

    def close(self) -> None:
        """Free what is held."""


def open_evaluator(compiled: CompiledSignals) -> Evaluator:
    """The best evaluator to be had; rules that are new should have passed `probe` first."""
    if kernel.LIBRARY is None or not compiled.strata:
        return NaiveEvaluator(compiled)
    return kernel.DurableKernel(compiled)
