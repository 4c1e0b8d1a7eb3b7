"""The evaluator of signals in plain Python: oracle of durable-rules, its fallback, and used where it is not installed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from engine.conditions.evaluate import test_holds
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.strata import Conjunction, SignalRule
from engine.model.values import Attributes, Moment


@dataclass(frozen=True, slots=True)
class PythonEvaluator:
    """Evaluates rule after rule by engine.conditions.evaluate."""

    name: ClassVar[str] = "python"
    compiled: CompiledSignals

    def matching(self, stratum: int, attributes: Attributes, moment: Moment) -> frozenset[str]:
        """The signals of the stratum, by its number, whose rule holds."""
        return holding(self.compiled.strata[stratum].rules, attributes, moment)

    def close(self) -> None:
        """Do nothing: it holds nothing to free."""


def holding(rules: Iterable[SignalRule], attributes: Attributes, moment: Moment) -> frozenset[str]:
    """The signals whose rule holds."""
    return frozenset([name for name, conjunctions in rules if any_holds(conjunctions, attributes, moment)])


def any_holds(conjunctions: Iterable[Conjunction], attributes: Attributes, moment: Moment) -> bool:
    """Whether at least one of the conjunctions holds."""
    for conjunction in conjunctions:  # noqa: SIM110 - plain loops take half the time of any() and all()
        if conjunction_holds(conjunction, attributes, moment):
            return True
    return False


def conjunction_holds(conjunction: Conjunction, attributes: Attributes, moment: Moment) -> bool:
    """Whether every literal holds."""
    for literal in conjunction:  # noqa: SIM110
        if test_holds(literal.test, attributes, moment) is not literal.positive:
            return False
    return True
