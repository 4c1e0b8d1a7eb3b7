"""Trial of new signals in a process that durable-rules may crash or hang, on samples with hostile values."""

import pickle
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

from engine.children import child_command, child_environment
from engine.conditions.model import NOW, SPANS, AttributeOperand, Operator, Test
from engine.decide.signals import kernel
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.infer import infer
from engine.decide.signals.strata import Conjunction
from engine.model.instant import DAY
from engine.model.values import Attributes, Moment, Value

MOMENT = Moment(20_000 * DAY + 5, date(2024, 10, 4))


ODD: tuple[Value, ...] = (
    True, False, 0, -0.0, 1, -1, 1.5, 5e-324, -5e-324, 1e-7, 1e16, 2**53, 2**53 + 1, -(2**63), 10**400,
    float("inf"), float("-inf"), float("nan"), "", "1", "true", "é\U0001f600", '"}\\\x00', "x" * 70_000,
    date(1, 1, 1), date(9999, 12, 31), (), ("x",) * 1_000, tuple(range(1_000)),
)  # fmt: skip
"""Values that readers of numbers or texts tend to get wrong."""


def samples(compiled: CompiledSignals, extra: int = 200, seed: int = 0) -> Iterator[Attributes]:
    """No attributes, `extra` random ones, and for every conjunction attributes that should make it hold.

    The same seed gives the same samples.
    """
    random = Random(seed)  # noqa: S311 - no secret
    conjunctions = [
        conjunction
        for stratum in compiled.strata
        for rule in stratum.rules
        for conjunction in rule.conjunctions
    ]
    tests = [literal.test for conjunction in conjunctions for literal in conjunction]
    yield {}
    for _ in range(extra):
        yield random_attributes(tests, random)
    for conjunction in random.sample(conjunctions, len(conjunctions)):
        yield satisfying(conjunction)


def satisfying(conjunction: Conjunction) -> dict[str, Value]:
    """Attributes that make the conjunction hold, unless a value for one of its tests contradicts another."""
    attributes: dict[str, Value] = {}
    for literal in conjunction:
        test = literal.test
        if isinstance(test.operand, AttributeOperand):
            test = replace(test, operand=attributes.setdefault(test.operand.attribute, 1))
        value = _value_for(test) if literal.positive else None
        if value is not None:
            attributes[literal.test.attribute] = value
    return attributes


def random_attributes(tests: list[Test], random: Random) -> dict[str, Value]:
    """Values near the operands of up to 40 of the tests, and values of ODD."""
    attributes: dict[str, Value] = {}
    for test in random.sample(tests, min(len(tests), random.randint(0, 40))):
        value = random.choice(ODD) if random.random() < 0.3 else _near(test, random)
        if value is not None:
            attributes[test.attribute] = value
    return attributes


def _near(test: Test, random: Random) -> Value | None:
    value = _value_for(test)
    if isinstance(value, bool):
        return random.choice((True, False))
    if isinstance(value, int | float):
        return value + random.choice((-1, 0, 0, 1))
    return value


_DATED: dict[Operator, Callable[[Any], Value | None]] = {
    **dict.fromkeys(SPANS, lambda _: MOMENT.now),
    Operator.MORE_THAN_AGO: lambda span: MOMENT.now - span - 1 if isinstance(span, int) else None,
    Operator.ANNIVERSARY: lambda _: MOMENT.today.replace(year=2000),
}
"""By operator that moves, from the operand a value on which the test holds."""


def _value_for(test: Test) -> Value | None:
    """A value on which the test holds; None if there is none, or the attribute must be missing."""
    if test.inner:
        return _list_for(test)
    if test.operator in _DATED:
        return _DATED[test.operator](test.operand)
    operand: Any = MOMENT.now if test.operand is NOW else test.operand
    value: Any = None if isinstance(operand, AttributeOperand) else operand
    match test.operator, operand:
        case Operator.EXISTS, _:
            value = 1 if operand is True else None
        case Operator.NE | Operator.NOT_IN, _:
            value = "none of these"
        case Operator.LT | Operator.BEFORE, _:
            value = _moved(operand, -1)
        case Operator.GT | Operator.AFTER, _:
            value = _moved(operand, 1)
        case Operator.BETWEEN | Operator.IN, (first, *_):
            value = first
        case Operator.IN_NETWORK, (network, *_):
            value = network.partition("/")[0]
        case Operator.HAS, _:
            value = (operand,)
    return value  # type: ignore[no-any-return]


def _list_for(test: Test) -> Value | None:
    """A list on which a test on items, or on the size, may hold."""
    value = _value_for(test.inner[0])
    if test.operator is not Operator.SIZE:
        return None if value is None else (value,)  # type: ignore[return-value] # of the type of the items
    return ("x",) * min(value, 100) if isinstance(value, int) else None


def _moved(operand: Any, by: int) -> Value | None:
    """The operand plus `by`, days for a date; None if there is no such value."""
    try:
        return operand + (timedelta(days=by) if isinstance(operand, date) else by)  # type: ignore[no-any-return]
    except (TypeError, OverflowError):
        return None


_CHILD = "from engine.server.book.probe import child; child()"


def probe(compiled: CompiledSignals, seconds: float = 30.0) -> str | None:
    """Try the rules in a child process. Returns None if durable-rules may evaluate them, else the reason why not.

    The child builds the rulesets, compares their answers with those of PythonEvaluator on as many samples as a third of the
    time allows, and frees them. It is killed after `seconds`. Without durable-rules nothing is tried.
    """
    if kernel.LIBRARY is None or not compiled.strata:
        return None
    rules = pickle.dumps((compiled, seconds))
    try:
        done = subprocess.run(  # noqa: S603 - its input is what this process compiled
            child_command(_CHILD),
            input=rules,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=child_environment(),
        )
    except subprocess.TimeoutExpired:
        return f"no end within {seconds:g} s"
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    if done.returncode > 0:
        return f"exit code {done.returncode}: {_last_line(done.stderr)}"
    return done.stdout.decode() or None


def child() -> None:
    """Entry point of the child: read the rules from standard input, write what is wrong with them."""
    compiled, seconds = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by probe
    # If the parent dies first, this process must not run for ever.
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(examine(compiled, seconds / 3) or "")


def examine(compiled: CompiledSignals, seconds: float) -> str | None:
    """What is wrong with the library's answers on samples, compared for at most `seconds`; None if nothing is."""
    end = time.monotonic() + seconds
    evaluator = kernel.DurableKernel(compiled)
    for attributes in samples(compiled):
        expected, actual = infer(compiled, attributes, MOMENT), infer(compiled, attributes, MOMENT, evaluator)
        if not evaluator.healthy:
            return "the library failed"
        if actual != expected:
            return f"a wrong answer on {', '.join(sorted(actual ^ expected))}"
        if time.monotonic() > end:
            break
    evaluator.close()
    return "the library failed" if evaluator.anomalies else None


def _last_line(text: bytes) -> str:
    return (text.decode(errors="replace").strip().splitlines() or [""])[-1]
