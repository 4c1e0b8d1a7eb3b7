"""Inferring signals: the kernel with durable-rules compared with the Python evaluator and with durable-rules' own Host.

`python -m bench.signals` prints a table. Every rule has three tests (an order, a text, an absence), every request 20
numbers, a text and three attributes that no rule uses; the kernel's figure is all of `infer`, from attributes to names.
The Host is used as durable-rules documents it, in a process of its own, since it may not return. All figures are the best
of short rounds in which the evaluators take turns, in microseconds an inference.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from itertools import count
from typing import Any

from bench.ratio import Ratio
from bench.table import Step, show, silent
from engine.conditions.index.index import ConditionIndex
from engine.conditions.model import All, Condition, None_, Operator, Test
from engine.decide.signals.compile import compile_signals
from engine.decide.signals.infer import infer
from engine.decide.signals.kernel import DurableKernel
from engine.model.values import Moment, Value
from engine.rulebook.model.derived import Signal

MOMENT = Moment(0, date(2026, 3, 10))
SCORES, CITIES, OPEN = 20, 50, 7
HERE = "here"
SIZES, HITS = (10, 100, 1_000), (1, 10)
ROUNDS, LONG = 9, 0.02
HOST_SECONDS = 15
Inference = Callable[[], Any]


def rules(size: int, hits: int) -> list[tuple[str, float, str, str]]:
    """Score, bound, city, and the name that must be absent; the first `hits` of them hold on the request."""
    return [
        (
            f"score{number % SCORES}",
            10.5 if number < hits else 60 + number / size,
            HERE if number < hits else f"city{number % CITIES}",
            f"open{number % OPEN}",
        )
        for number in range(size)
    ]


def request() -> dict[str, Value]:
    """Without the absent ones; its scores are at most 60, and so below the bounds of the rules that do not hold."""
    scores: dict[str, Value] = {f"score{number}": 40.25 + number for number in range(SCORES)}
    return {**scores, "city": HERE, "one": 1, "two": "x", "three": True}


def signals(size: int, hits: int) -> dict[str, Signal]:
    return {
        f"s{number}": Signal(f"s{number}", condition(*rule)) for number, rule in enumerate(rules(size, hits))
    }


def condition(score: str, bound: float, city: str, absent: str) -> Condition:
    low, here = Test(score, Operator.GTE, bound), Test("city", Operator.EQ, city)
    return All((low, here, None_((Test(absent, Operator.EQ, True),))))


def host(size: int, hits: int) -> Inference:
    """As in the documentation of durable-rules: a ruleset in its language, facts asserted and retracted."""
    from durable.engine import MessageNotHandledException
    from durable.lang import assert_fact, m, retract_fact, ruleset, when_all

    hits_of_request: list[str] = []
    numbers, fixed = count(1), request()

    def action(number: int) -> Callable[[Any], None]:
        def hit(c: Any) -> None:  # noqa: ARG001 - it must take exactly one
            hits_of_request.append(f"s{number}")

        return hit

    with ruleset("signals"):
        for number, (score, bound, city, absent) in enumerate(rules(size, hits)):
            when_all((getattr(m, score) >= bound) & (m.city == city) & (-getattr(m, absent)))(action(number))

    def infer_signals() -> list[str]:
        hits_of_request.clear()
        fact = {"id": next(numbers), **fixed}
        for step in (assert_fact, retract_fact):
            try:
                step("signals", fact)
            except MessageNotHandledException:  # nothing matched
                continue
        return hits_of_request

    return infer_signals


def microseconds(inferences: dict[str, Inference]) -> dict[str, float]:
    """The best of short rounds, taken in turn."""
    times = dict.fromkeys(inferences, 1)
    for name, inference in inferences.items():
        once = min(_timed(inference, 1) for _ in range(3))
        times[name] = max(1, int(LONG / once))
    best = dict.fromkeys(inferences, float("inf"))
    for _ in range(ROUNDS):
        for name, inference in inferences.items():
            best[name] = min(best[name], _timed(inference, times[name]) / times[name] * 1e6)
    return best


def _timed(inference: Inference, times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        inference()
    return time.perf_counter() - start


def in_process(size: int, hits: int) -> dict[str, float]:
    """Kernel, Python evaluator, and the index that matches campaigns, which agree."""
    written, attributes = signals(size, hits), request()
    compiled = compile_signals(written)
    kernel = DurableKernel(compiled)
    index = ConditionIndex.build([signal.when for signal in written.values()])
    expected = {f"s{number}" for number in range(hits)}
    if not (infer(compiled, attributes, MOMENT) == infer(compiled, attributes, MOMENT, kernel) == expected):
        raise AssertionError("the evaluators differ")
    times = microseconds(
        {
            "kernel": partial(infer, compiled, attributes, MOMENT, kernel),
            "naive": partial(infer, compiled, attributes, MOMENT),
            "index": partial(index.match, attributes, MOMENT),
        }
    )
    if kernel.anomalies:
        raise AssertionError("the library failed")
    kernel.close()
    return times


def of_host(size: int, hits: int) -> tuple[float | None, str]:
    """Its microseconds, or None; and a note."""
    command = [sys.executable, "-m", "bench.signals", "host", str(size), str(hits)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=HOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None, f"Host: no answer within {HOST_SECONDS} s"
    if done.returncode < 0:
        return None, f"Host: killed by signal {-done.returncode}"
    if done.returncode > 0:
        return None, f"Host: {(done.stderr.strip().splitlines() or ['failed'])[-1]}"
    answer = json.loads(done.stdout)
    if answer["found"] != sorted(f"s{number}" for number in range(hits)):
        return None, f"Host: wrong answer, {len(answer['found'])} of {hits} signals"
    return answer["microseconds"], f"Host {answer['microseconds']:.1f} µs"


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """The kernel beside the Host: at 1 it is as fast. Where the Host fails the ratio is to the Python evaluator."""
    measured = []
    for size in SIZES[:2] if quick else SIZES:
        for hits in HITS:
            step(f"signals: {size} rules, {hits} hits")
            ours = in_process(size, hits)
            other, note = of_host(size, hits)
            beside = "its Host" if other is not None else "the naive evaluator (its Host failed)"
            detail = f"kernel {ours['kernel']:.1f} µs, naive {ours['naive']:.1f} µs, index {ours['index']:.1f} µs, {note}"
            name = f"signals, {size:,} rules, {hits} hold: durable-rules fenced off beside {beside}"
            measured.append(Ratio(name, (other or ours["naive"]) / ours["kernel"], 1.0, detail))
    return measured


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["host"]:
        inference = host(*map(int, arguments[1:]))
        answer = sorted(inference())
        print(json.dumps({"found": answer, "microseconds": microseconds({"host": inference})["host"]}))
        return
    from rich.console import Console

    show(ratios(quick="--quick" in arguments), Console())


if __name__ == "__main__":
    main(sys.argv[1:])
