"""Which signals hold, stratum by stratum, and what led to one of them."""

from collections.abc import Iterable, Iterator, Mapping

from engine.conditions.dnf import Literal
from engine.conditions.model import Attributes, Moment, Operator, Value
from engine.signals.compile import CompiledSignals
from engine.signals.evaluator import Evaluator
from engine.signals.naive import NaiveEvaluator, conjunction_holds
from engine.signals.rule import Rule
from engine.signals.strata import PREFIX


def infer(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, evaluator: Evaluator | None = None
) -> frozenset[str]:
    """The signals whose condition holds; without an evaluator the naive one answers.

    Signals that are remembered come in as attributes `signal.NAME`, true; they are not among the names unless their
    condition holds. Higher strata see both, and what the inferred ones expose.
    """
    names: frozenset[str] = frozenset()
    for found, _ in _strata(compiled, attributes, moment, evaluator or NaiveEvaluator(compiled)):
        names |= found
    return names


def conclusions(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, evaluator: Evaluator
) -> dict[str, Value]:
    """What the signals that hold add to the attributes: `signal.NAME`, true, and what each exposes."""
    return dict(_concluded(infer(compiled, attributes, moment, evaluator), compiled.expose, attributes))


def explain_chain(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, name: str
) -> tuple[str, ...]:
    """The signals, inferred or remembered, that led to this one, each after those that led to it; empty if none did.

    Of the alternatives of a condition the first that holds counts. Signals that had to be absent are not told.
    """
    led: dict[str, tuple[str, ...]] = {}
    by_name = {rule.name: rule for stratum in compiled.strata for rule in stratum.rules}
    for found, seen in _strata(compiled, attributes, moment, NaiveEvaluator(compiled)):
        led |= {one: tuple(_causes(by_name[one], seen, moment)) for one in found}
    chain: dict[str, None] = {}
    _gather(led, name, chain)
    return tuple(chain)


def _strata(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, evaluator: Evaluator
) -> Iterator[tuple[frozenset[str], Attributes]]:
    """Of every stratum: the signals that hold, and the attributes that it saw."""
    last = len(compiled.strata) - 1
    for number in range(len(compiled.strata)):
        found = evaluator.matching(number, attributes, moment)
        yield found, attributes
        if found and number < last:
            attributes = {**attributes, **dict(_concluded(found, compiled.expose, attributes))}


def _concluded(
    names: Iterable[str], expose: Mapping[str, Mapping[str, str]], attributes: Attributes
) -> Iterator[tuple[str, Value]]:
    """What is known by these signals."""
    for name in names:
        yield PREFIX + name, True
        for field, source in expose.get(name, {}).items():
            if (value := attributes.get(source)) is not None:
                yield f"{PREFIX}{name}.{field}", value


def _causes(rule: Rule, attributes: Attributes, moment: Moment) -> Iterator[str]:
    held = next(one for one in rule.conjunctions if conjunction_holds(one, attributes, moment))
    return (one.test.attribute.removeprefix(PREFIX) for one in held if _is_signal(one))


def _is_signal(literal: Literal) -> bool:
    test = literal.test
    is_true = test.operator is Operator.EQ and test.operand is True
    return literal.positive and is_true and test.attribute.startswith(PREFIX)


def _gather(led: Mapping[str, tuple[str, ...]], name: str, chain: dict[str, None]) -> None:
    for cause in led.get(name, ()):
        if cause not in chain:
            _gather(led, cause, chain)
            chain[cause] = None
