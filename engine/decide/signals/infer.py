"""Inference: which signals hold, stratum by stratum, and which signals a signal was inferred from."""

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
    """Result of inference."""

    attributes: Mapping[str, Value]
    """Of the signals that hold: `signal.NAME`, true, and the fields that each exposes."""
    signals: tuple[HeldSignal, ...]
    """Those that hold, sorted by name."""
    remember: tuple[HeldSignal, ...]
    """Those among them to store: concluded now, for longer than this request."""
    forget: tuple[HeldSignal, ...]
    """Stored signals to delete: ended or expired."""


NO_CONCLUSIONS = Conclusions({}, (), (), ())


def infer(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, evaluator: Evaluator | None = None
) -> frozenset[str]:
    """The signals whose condition holds; evaluated by PythonEvaluator if no evaluator is given.

    Signals that already hold may be given as attributes `signal.NAME`, true; they are not in the result unless their
    condition holds. Higher strata depend on both, and on the fields that inferred signals expose.
    """
    names: frozenset[str] = frozenset()
    for stage in _stages(compiled, attributes, moment, evaluator or PythonEvaluator(compiled), NO_MEMORY):
        names |= stage.concluded
    return names


def conclude(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, evaluator: Evaluator, memory: Memory
) -> Conclusions:
    """The signals that hold at the moment: those concluded now, and stored ones that have not ended.

    A signal that is concluded again keeps its `since`, is stored for its whole `hold` from now on, and exposes its fields'
    present values; a field without a present value keeps the stored one. While `until` holds the signal does not hold, even
    if its condition does.
    """
    signals: list[HeldSignal] = []
    concluded: set[str] = set()
    for stage in _stages(compiled, attributes, moment, evaluator, memory):
        signals += stage.signals
        concluded |= stage.concluded
    if not signals and not memory.signals and not memory.expired:
        return NO_CONCLUSIONS
    signals.sort()
    holding = {signal.name for signal in signals}
    return Conclusions(
        dict(_attributes(signals)),
        tuple(signals),
        tuple(signal for signal in signals if signal.expires_at is not None and signal.name in concluded),
        tuple(
            signal
            for signal in (*memory.signals.values(), *memory.expired)
            if signal.name not in holding
            and (signal.name in compiled.hold or signal.name not in memory.signals)
        ),
    )


def explain_chain(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, name: str
) -> tuple[str, ...]:
    """The signals, inferred or stored, from which this one was inferred, each after its own causes; empty if none.

    Of the alternatives of a condition the first that holds counts. Signals that had to be absent are left out.
    """
    causes: dict[str, tuple[str, ...]] = {}
    by_name = {rule.name: rule for stratum in compiled.strata for rule in stratum.rules}
    for stage in _stages(compiled, attributes, moment, PythonEvaluator(compiled), NO_MEMORY):
        for signal in stage.concluded:
            causes[signal] = tuple(_causes(by_name[signal], stage.attributes, moment))
    chain: dict[str, None] = {}
    _gather(causes, name, chain)
    return tuple(chain)


class _Stage(NamedTuple):
    """Inference in one stratum."""

    concluded: frozenset[str]
    """The signals concluded now."""
    signals: Sequence[HeldSignal]
    """The signals that hold, concluded or stored."""
    attributes: Attributes
    """Those that its rules were evaluated on."""


def _stages(
    compiled: CompiledSignals, attributes: Attributes, moment: Moment, evaluator: Evaluator, memory: Memory
) -> Iterator[_Stage]:
    last = len(compiled.strata) - 1
    for number, stratum in enumerate(compiled.strata):
        concluded = evaluator.matching(number, attributes, moment)
        holding: Iterable[str] = concluded
        if memory.signals:
            holding = [name for name, _ in stratum.rules if name in concluded or name in memory.signals]
        if compiled.until:
            ended = {name for name in holding if _has_ended(compiled, name, attributes, moment)}
            holding, concluded = [name for name in holding if name not in ended], concluded - ended
        signals = [
            _concluded(compiled, name, attributes, moment, memory)
            if name in concluded
            else memory.signals[name]
            for name in holding
            if name in concluded or name in compiled.hold
        ]
        yield _Stage(concluded, signals, attributes)
        if signals and number < last:
            attributes = {**attributes, **dict(_attributes(signals))}


def _has_ended(compiled: CompiledSignals, name: str, attributes: Attributes, moment: Moment) -> bool:
    until = compiled.until.get(name)
    return until is not None and any_holds(until.conjunctions, attributes, moment)


def _concluded(
    compiled: CompiledSignals, name: str, attributes: Attributes, moment: Moment, memory: Memory
) -> HeldSignal:
    stored = memory.signals.get(name)
    hold = compiled.hold.get(name)
    exposed = compiled.expose.get(name, {}).items()
    fields = {field: value for field, source in exposed if (value := attributes.get(source)) is not None}
    return HeldSignal(
        name,
        moment.now if stored is None else stored.since,
        None if hold is None else moment.now + hold,
        fields if stored is None else {**stored.fields, **fields},
    )


def _attributes(signals: Iterable[HeldSignal]) -> Iterator[tuple[str, Value]]:
    """The attributes of these signals."""
    for signal in signals:
        yield PREFIX + signal.name, True
        for field, value in signal.fields.items():
            yield f"{PREFIX}{signal.name}.{field}", value


def _causes(rule: SignalRule, attributes: Attributes, moment: Moment) -> Iterator[str]:
    """The signals in the first conjunction that holds."""
    first = next(
        conjunction for conjunction in rule.conjunctions if conjunction_holds(conjunction, attributes, moment)
    )
    return (literal.test.attribute.removeprefix(PREFIX) for literal in first if _is_signal(literal))


def _is_signal(literal: Literal) -> bool:
    test = literal.test
    is_true = test.operator is Operator.EQ and test.operand is True
    return literal.positive and is_true and test.attribute.startswith(PREFIX)


def _gather(causes: Mapping[str, tuple[str, ...]], name: str, chain: dict[str, None]) -> None:
    """Add the signal's causes to the chain, each after its own causes."""
    for cause in causes.get(name, ()):
        if cause not in chain:
            _gather(causes, cause, chain)
            chain[cause] = None
