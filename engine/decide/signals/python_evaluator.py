"""The plain evaluator of compiled rules: the oracle, the fall-back, and the engine where durable-rules cannot be had."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.conditions.evaluate import test_holds
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.strata import Conjunction, SignalRule
from engine.model.values import Attributes, Moment


@dataclass(frozen=True, slots=True)
class PythonEvaluator:
    """Tries rule after rule, by the reference's meaning of a test."""

    compiled: CompiledSignals

    def matching(self, stratum: int, attributes: Attributes, moment: Moment) -> frozenset[str]:
        """The signals of the stratum, by its number, whose rule holds."""
        return holding(self.compiled.strata[stratum].rules, attributes, moment)

    def close(self) -> None:
        """There is nothing to free."""


def holding(rules: Iterable[SignalRule], attributes: Attributes, moment: Moment) -> frozenset[str]:
    """The signals whose rule holds."""
    return frozenset([name for name, some in rules if any_holds(some, attributes, moment)])


def any_holds(conjunctions: Iterable[Conjunction], attributes: Attributes, moment: Moment) -> bool:
    """Whether at least one holds."""
    for one in conjunctions:  # noqa: SIM110 - plain loops take half the time of any() and all()
        if conjunction_holds(one, attributes, moment):
            return True
    return False


def conjunction_holds(conjunction: Conjunction, attributes: Attributes, moment: Moment) -> bool:
    """Whether every literal comes out."""
    for one in conjunction:  # noqa: SIM110
        if test_holds(one.test, attributes, moment) is not one.positive:
            return False
    return True
