"""The kernel: what it does when the library misbehaves, from several threads, and how it frees."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.decide.signals import kernel
from engine.decide.signals.infer import infer
from engine.decide.signals.kernel import LIBRARY, DurableKernel, LibraryMissing
from engine.server.book.probe import MOMENT
from engine.telemetry.counters import SIGNAL_ANOMALIES
from tests.decide.signals.books import compiled, eq, gte, needs_library, numbered

pytestmark = needs_library

BOOK = compiled({"old": gte("age", 60), "young": eq("age", 7)})


class Clock:
    """Seconds, set by the test."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """As time.monotonic."""
        return self.now


class Faulty:
    """The library, except for the functions that a test replaces."""

    def __init__(self, **faults: Any) -> None:
        self.faults = faults
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return self.faults.get(name) or getattr(LIBRARY, name)


def raising(error: BaseException) -> Any:
    """A function that raises."""

    def function(*_: Any) -> Any:
        raise error

    return function


@pytest.mark.parametrize(
    "faults",
    [
        {"assert_fact": raising(RuntimeError("Could not assert fact, error code: 303"))},
        {"assert_fact": raising(MemoryError())},
        {"assert_fact": lambda *_: (2, 1)},
        {"assert_fact": lambda *_: (3, 1)},
        {"assert_fact": lambda *_: None},
        {"start_action_for_state": lambda *_: None},
        {"start_action_for_state": raising(RuntimeError())},
        {"start_action_for_state": lambda *_: ("{}", '{"r99":{}}')},
        {"start_action_for_state": lambda *_: ("{}", '{"canary":{}}')},
        {"start_action_for_state": lambda *_: ("{}", "")},
        {"complete_and_start_action": lambda *_: '{"r0":{}}'},
        {"complete_and_start_action": raising(RuntimeError())},
        {"retract_fact": lambda *_: (1, 1)},
        {"retract_fact": raising(RuntimeError())},
    ],
    ids=lambda faults: next(iter(faults)),
)
def test_an_anomaly_costs_the_instance_and_no_answer(faults: dict[str, Any]) -> None:
    """PythonEvaluator answers at once; the instance is abandoned, unfreed, counted, and replaced after a pause."""
    library, clock = Faulty(), Clock()
    evaluator = DurableKernel(BOOK, library, clock)
    assert evaluator.healthy
    library.faults, library.calls, counted = faults, [], SIGNAL_ANOMALIES.value
    with capture_logs() as logged:
        assert infer(BOOK, {"age": 61}, MOMENT, evaluator) == {"old"}
    assert not evaluator.healthy
    assert evaluator.anomalies == 1
    assert SIGNAL_ANOMALIES.value == counted + 1
    assert [entry["anomalies"] for entry in logged] == [counted + 1]
    library.faults, before = {}, list(library.calls)
    assert infer(BOOK, {"age": 7}, MOMENT, evaluator) == {"young"}
    assert library.calls == before
    assert not {"delete_state", "delete_ruleset", "abandon_action"} & set(library.calls)
    clock.now += kernel.FIRST_PAUSE
    assert infer(BOOK, {"age": 7}, MOMENT, evaluator) == {"young"}
    assert evaluator.healthy
    assert evaluator.anomalies == 1
    evaluator.close()


def test_a_library_that_stays_broken_is_tried_ever_more_rarely() -> None:
    """The pause doubles up to an hour, and every request is answered meanwhile."""
    library, clock = Faulty(create_ruleset=raising(RuntimeError())), Clock()
    evaluator = DurableKernel(BOOK, library, clock)
    for _ in range(100_000):
        clock.now += 1
        if len(library.calls) > 13:
            break
        assert infer(BOOK, {"age": 60}, MOMENT, evaluator) == {"old"}
    tries = len(library.calls)
    assert tries == evaluator.anomalies
    assert clock.now - 100 == pytest.approx(sum(min(2.0**n, 3600) for n in range(tries - 1)), abs=2)


def test_a_canary_that_is_silent_keeps_a_ruleset_from_use() -> None:
    """A library that matches nothing is found out before the first request."""
    evaluator = DurableKernel(BOOK, Faulty(assert_fact=lambda *_: (1, 1)))
    assert not evaluator.healthy
    assert evaluator.anomalies == 1
    assert infer(BOOK, {"age": 60}, MOMENT, evaluator) == {"old"}


def test_an_interruption_is_passed_on_and_costs_the_instance() -> None:
    """An exception that is not the library's is not swallowed; the interrupted evaluation is not continued."""
    library = Faulty()
    evaluator = DurableKernel(BOOK, library)
    library.faults = {"start_action_for_state": raising(KeyboardInterrupt())}
    with pytest.raises(KeyboardInterrupt):
        infer(BOOK, {"age": 60}, MOMENT, evaluator)
    assert not evaluator.healthy
    assert infer(BOOK, {"age": 60}, MOMENT, evaluator) == {"old"}


def test_closing_sings_before_it_frees_and_answers_go_on() -> None:
    """A canary runs to its end, then the state is freed, then the ruleset; later PythonEvaluator answers."""
    library = Faulty()
    evaluator = DurableKernel(BOOK, library)
    library.calls.clear()
    evaluator.close()
    assert library.calls == [
        *("assert_fact", "start_action_for_state", "complete_and_start_action", "retract_fact"),
        *("delete_state", "delete_ruleset"),
    ]
    assert infer(BOOK, {"age": 60}, MOMENT, evaluator) == {"old"}
    evaluator.close()
    assert len(library.calls) == 6
    assert evaluator.anomalies == 0


def test_a_failure_while_freeing_is_counted_and_goes_no_further() -> None:
    """If the canary fails nothing is freed."""
    library = Faulty()
    evaluator = DurableKernel(BOOK, library)
    library.faults, library.calls = {"assert_fact": lambda *_: (1, 1)}, []
    evaluator.close()
    assert library.calls == ["assert_fact"]
    assert evaluator.anomalies == 1


def test_without_the_library_there_is_no_kernel() -> None:
    """The constructor raises LibraryMissing."""
    with pytest.raises(LibraryMissing):
        DurableKernel(BOOK, None)


def test_threads_share_a_kernel() -> None:
    """Eight threads, each with its own values, get their own answers; the library does not fail."""
    signals = numbered(600)
    evaluator = DurableKernel(signals)
    start = threading.Barrier(8)

    def work(seed: int) -> bool:
        random = Random(seed)
        start.wait()
        values = [random.randint(0, 12) for _ in range(150)]
        return all(len(infer(signals, {"x": value}, MOMENT, evaluator)) == value + 1 for value in values)

    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(work, seed) for seed in range(8)]
        assert all(result.result() for result in results)
    assert evaluator.anomalies == 0
    evaluator.close()


def test_reloads_leave_memory_flat() -> None:
    """200 reloads of 300 rules, each used, grow the process by less than 10 MB; 2,000 in scripts/soak-signals.py."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("needs /proc")
    signals = numbered(300)

    def reloads(times: int) -> int:
        for _ in range(times):
            evaluator = DurableKernel(signals)
            assert infer(signals, {"x": 2}, MOMENT, evaluator) == {"s0", "s1", "s2"}
            evaluator.close()
            assert evaluator.anomalies == 0
        return int(statm.read_text().split()[1]) * 4096

    before = reloads(20)
    assert reloads(200) - before < 10_000_000
