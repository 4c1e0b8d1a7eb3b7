"""What can be concluded from a customer's events alone, when nothing else is known of him.

Where a request is decided, a missing attribute is missing: `none: [{profile.tier: gold}]` holds of a customer without
a tier. Where events are recorded nobody has said what his tier is. So an alternative of a condition that would hold by
such a silence counts for nothing there, nor does one that would hold by the absence of a signal that could only be
drawn with more knowledge.
"""

from collections.abc import Set
from dataclasses import dataclass, replace

from engine.conditions.dnf import Literal
from engine.conditions.model import Operator
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.evaluator import Evaluator
from engine.decide.signals.python_evaluator import any_holds
from engine.decide.signals.strata import PREFIX, SignalRule
from engine.model.values import Attributes, Moment


@dataclass(frozen=True, slots=True)
class CertainEvaluator:
    """Lets through what another evaluator finds and the certain alternatives confirm."""

    certain: CompiledSignals
    among: Evaluator
    """Evaluates the rules as they are written, in the same strata."""

    def matching(self, stratum: int, attributes: Attributes, moment: Moment) -> frozenset[str]:
        """The signals of the stratum of which a certain alternative holds."""
        found = self.among.matching(stratum, attributes, moment)
        if not found:
            return found
        rules = self.certain.strata[stratum].rules
        return frozenset(one for one, some in rules if one in found and any_holds(some, attributes, moment))

    def close(self) -> None:
        """What it asks is another's to close."""


def certain(compiled: CompiledSignals, known: Set[str]) -> CompiledSignals:
    """The signals with those alternatives only that do not hold by the absence of what is not among the known names."""
    sure = set(known)
    strata = []
    for stratum in compiled.strata:
        for rule in stratum.rules:
            ends = compiled.until.get(rule.name)
            both = [*rule.conjunctions, *(ends.conjunctions if ends else ())]
            if all(one.test.attribute in sure for some in both for one in some):
                sure.add(PREFIX + rule.name)
                exposed = compiled.expose.get(rule.name, {}).items()
                sure |= {f"{PREFIX}{rule.name}.{field}" for field, source in exposed if source in known}
        strata.append(replace(stratum, rules=tuple(_certain(one, sure) for one in stratum.rules)))
    until = {name: _certain(rule, sure) for name, rule in compiled.until.items()}
    return replace(compiled, strata=tuple(strata), until=until)


def _certain(rule: SignalRule, known: Set[str]) -> SignalRule:
    return SignalRule(
        rule.name,
        tuple(
            some
            for some in rule.conjunctions
            if all(one.test.attribute in known or not _holds_of_nothing(one) for one in some)
        ),
    )


def _holds_of_nothing(literal: Literal) -> bool:
    """Whether it comes out on a missing attribute."""
    return literal.positive is (literal.test.operator is Operator.EXISTS and literal.test.operand is False)
