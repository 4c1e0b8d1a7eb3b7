"""Which signals hold, stratum by stratum, and what led to one of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from engine.conditions.dnf import Literal
from engine.conditions.model import Operator
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.evaluator import Evaluator
from engine.decide.signals.python_evaluator import PythonEvaluator, any_holds, conjunction_holds
from engine.decide.signals.strata import PREFIX, SignalRule
from engine.model.customer import NO_MEMORY, HeldSignal, Memory
from engine.model.values import Attributes, Moment, Value


class Conclusions(NamedTuple):
    """What came of inferring."""

    attributes: Mapping[str, Value]
    """What the signals that hold add: `signal.NAME`, true, and what each exposes."""
    signals: tuple[HeldSignal, ...]
    """Those that hold, by name."""
    remember: tuple[HeldSignal, ...]
    """Those among them that are to be written: concluded now, for longer than this request."""
    forget: tuple[HeldSignal, ...]
    """Those that are remembered no longer: ended or expired."""


NO_CONCLUSIONS = Conclusions({}, (), (), ())


def infer(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, evaluator: Evaluator | None = None
) -> frozenset[str]:
    """The signals whose condition holds; without an evaluator the naive one answers.

    Signals that hold already may come in as attributes `signal.NAME`, true; they are not among the names unless their
    condition holds. Higher strata see both, and what the inferred ones expose.
    """
    names: frozenset[str] = frozenset()
    for stage in _stages(compiled, attributes, moment, evaluator or PythonEvaluator(compiled), NO_MEMORY):
        names |= stage.found
    return names


def conclude(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, evaluator: Evaluator, memory: Memory
) -> Conclusions:
    """What holds at the moment: what is concluded now, and what is remembered and has not ended.

    A signal that is concluded again keeps the moment since when it holds, is remembered for its whole time from now on,
    and exposes what it sees now; a field that it does not see now stays. While `until` holds the signal does not, whatever
    its condition says.
    """
    signals: list[HeldSignal] = []
    concluded: set[str] = set()
    for stage in _stages(compiled, attributes, moment, evaluator, memory):
        signals += stage.signals
        concluded |= stage.found
    if not signals and not memory.signals and not memory.expired:
        return NO_CONCLUSIONS
    signals.sort()
    holding = {one.name for one in signals}
    return Conclusions(
        dict(_attributes(signals)),
        tuple(signals),
        tuple(one for one in signals if one.expires_at is not None and one.name in concluded),
        tuple(
            one
            for one in (*memory.signals.values(), *memory.expired)
            if one.name not in holding and (one.name in compiled.hold or one.name not in memory.signals)
        ),
    )


def explain_chain(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, name: str
) -> tuple[str, ...]:
    """The signals, inferred or remembered, that led to this one, each after those that led to it; empty if none did.

    Of the alternatives of a condition the first that holds counts. Signals that had to be absent are not told.
    """
    led: dict[str, tuple[str, ...]] = {}
    by_name = {rule.name: rule for stratum in compiled.strata for rule in stratum.rules}
    for stage in _stages(compiled, attributes, moment, PythonEvaluator(compiled), NO_MEMORY):
        led |= {one: tuple(_causes(by_name[one], stage.seen, moment)) for one in stage.found}
    chain: dict[str, None] = {}
    _gather(led, name, chain)
    return tuple(chain)


class _Stage(NamedTuple):
    """What came of one stratum."""

    found: frozenset[str]
    """Concluded now."""
    signals: Sequence[HeldSignal]
    """Concluded or remembered."""
    seen: Attributes


def _stages(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, evaluator: Evaluator, memory: Memory
) -> Iterator[_Stage]:
    last = len(compiled.strata) - 1
    for number, stratum in enumerate(compiled.strata):
        found = evaluator.matching(number, attributes, moment)
        holding: Iterable[str] = found
        if memory.signals:
            holding = [name for name, _ in stratum.rules if name in found or name in memory.signals]
        if compiled.until:
            ended = {name for name in holding if _has_ended(compiled, name, attributes, moment)}
            holding, found = [name for name in holding if name not in ended], found - ended
        signals = [
            _concluded(compiled, name, attributes, moment, memory) if name in found else memory.signals[name]
            for name in holding
            if name in found or name in compiled.hold
        ]
        yield _Stage(found, signals, attributes)
        if signals and number < last:
            attributes = {**attributes, **dict(_attributes(signals))}


def _has_ended(compiled: CompiledSignals, name: str, attributes: Attributes, moment: Moment) -> bool:
    until = compiled.until.get(name)
    return until is not None and any_holds(until.conjunctions, attributes, moment)


def _concluded(
    compiled: CompiledSignals, name: str, attributes: Attributes, moment: Moment, memory: Memory
) -> HeldSignal:
    before = memory.signals.get(name)
    hold = compiled.hold.get(name)
    exposed = compiled.expose.get(name, {}).items()
    seen = {field: value for field, source in exposed if (value := attributes.get(source)) is not None}
    return HeldSignal(
        name,
        moment.now if before is None else before.since,
        None if hold is None else moment.now + hold,
        seen if before is None else {**before.fields, **seen},
    )


def _attributes(signals: Iterable[HeldSignal]) -> Iterator[tuple[str, Value]]:
    """What is known by these signals."""
    for one in signals:
        yield PREFIX + one.name, True
        for field, value in one.fields.items():
            yield f"{PREFIX}{one.name}.{field}", value


def _causes(rule: SignalRule, attributes: Attributes, moment: Moment) -> Iterator[str]:
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
