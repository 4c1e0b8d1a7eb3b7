"""Certain conclusions: signals that a customer's events alone prove.

In a decision a missing attribute is missing: `none: [{profile.tier: gold}]` holds of a customer without a tier. When events
are recorded no attributes are sent, so a missing tier may exist. An alternative of a condition that holds only because such
an attribute is missing proves nothing there, nor does one that holds only because a signal is absent that could be
concluded with more knowledge.
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
    """Filters the signals of another evaluator by whether a certain alternative holds."""

    certain: CompiledSignals
    inner: Evaluator
    """Evaluates the complete rules, in the same strata."""

    @property
    def name(self) -> str:
        """Name of the inner evaluator."""
        return self.inner.name

    def matching(self, stratum: int, attributes: Attributes, moment: Moment) -> frozenset[str]:
        """The signals of the stratum of which a certain alternative holds."""
        matching = self.inner.matching(stratum, attributes, moment)
        if not matching:
            return matching
        rules = self.certain.strata[stratum].rules
        return frozenset(
            name
            for name, conjunctions in rules
            if name in matching and any_holds(conjunctions, attributes, moment)
        )

    def close(self) -> None:
        """Do nothing: the inner evaluator belongs to the book."""


def certain(compiled: CompiledSignals, given: Set[str]) -> CompiledSignals:
    """The signals with only those alternatives that do not depend on the absence of attributes other than the given."""
    decidable = set(given)
    strata = []
    for stratum in compiled.strata:
        for rule in stratum.rules:
            until = compiled.until.get(rule.name)
            conjunctions = [*rule.conjunctions, *(until.conjunctions if until else ())]
            if all(
                decidable.issuperset(literal.test.attributes)
                for conjunction in conjunctions
                for literal in conjunction
            ):
                decidable.add(PREFIX + rule.name)
                exposed = compiled.expose.get(rule.name, {}).items()
                decidable |= {f"{PREFIX}{rule.name}.{field}" for field, source in exposed if source in given}
        strata.append(replace(stratum, rules=tuple(_certain(rule, decidable) for rule in stratum.rules)))
    untils = {name: _certain(rule, decidable) for name, rule in compiled.until.items()}
    return replace(compiled, strata=tuple(strata), until=untils)


def _certain(rule: SignalRule, decidable: set[str]) -> SignalRule:
    return SignalRule(
        rule.name,
        tuple(
            conjunction
            for conjunction in rule.conjunctions
            if all(
                decidable.issuperset(literal.test.attributes) or not _holds_if_missing(literal)
                for literal in conjunction
            )
        ),
    )


def _holds_if_missing(literal: Literal) -> bool:
    """Whether it holds if an attribute that it reads is missing."""
    return literal.positive is (literal.test.operator is Operator.EXISTS and literal.test.operand is False)
