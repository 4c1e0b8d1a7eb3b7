"""Compiles signals to strata of rules in disjunctive normal form, and to rulesets of durable-rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.conditions.dnf import CLAUSE_LIMIT, Literal, clauses_of
from engine.conditions.model import ALWAYS, Condition
from engine.decide.signals.rulesets import ROOM, Batch, pack
from engine.decide.signals.strata import SignalRule, strata
from engine.model.instant import Microseconds
from engine.rulebook.model.derived import Signal


class TooManyConjunctions(Exception):
    """A signal whose condition is too large in disjunctive normal form."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the condition of signal {name} has more than {CLAUSE_LIMIT} alternatives, or nests too deep"
        )
        self.name = name


@dataclass(frozen=True, slots=True)
class Stratum:
    """Rules that depend on lower strata only."""

    rules: tuple[SignalRule, ...]
    batches: tuple[Batch, ...]
    outside: tuple[SignalRule, ...]
    """Rules that do not fit into a ruleset; PythonEvaluator evaluates them."""


@dataclass(frozen=True, slots=True)
class CompiledSignals:
    """The signals of a book, ready for evaluation."""

    strata: tuple[Stratum, ...]
    expose: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By signal and field, the attribute whose value it exposes; only of signals that expose fields."""
    hold: Mapping[str, Microseconds] = field(default_factory=dict)
    """By signal, for how long it is stored; only of signals with `hold`."""
    until: Mapping[str, SignalRule] = field(default_factory=dict)
    """By stored signal, the condition that ends it; only of signals with `until`."""

    @property
    def outside(self) -> tuple[str, ...]:
        """The signals that durable-rules does not take: an alternative has too many tests, or the book has."""
        return tuple(rule.name for stratum in self.strata for rule in stratum.outside)


def compile_signals(signals: Mapping[str, Signal]) -> CompiledSignals:
    """Compile signals by name. Raises SignalCycle or TooManyConjunctions."""
    compiled_strata = []
    room = ROOM
    for names in strata(signals):
        rules = tuple(rule_of(signals[name]) for name in names)
        packed = pack(rules, room)
        room -= packed.conditions
        compiled_strata.append(Stratum(rules, packed.batches, packed.outside))
    expose = {name: dict(signal.expose) for name, signal in signals.items() if signal.expose}
    hold = {name: signal.hold for name, signal in signals.items() if signal.hold}
    until = {
        name: _rule(name, signals[name].until or ALWAYS) for name in hold if signals[name].until is not None
    }
    return CompiledSignals(tuple(compiled_strata), expose, hold, until)


def rule_of(signal: Signal) -> SignalRule:
    """The rule of one signal. Raises TooManyConjunctions."""
    return _rule(signal.name, signal.when)


def _rule(name: str, condition: Condition) -> SignalRule:
    clauses = clauses_of(condition)
    if clauses is None:
        raise TooManyConjunctions(name)
    return SignalRule(name, tuple(tuple(sorted(clause, key=_order)) for clause in clauses))


def _order(literal: Literal) -> tuple[str, ...]:
    test = literal.test
    return (
        test.attribute,
        test.operator,
        str(literal.positive),
        str(literal.types),
        repr((test.operand, test.inner)),
        test.collation,
    )
