"""durable-rules, fenced off: the only module that calls the library.

Its C module is called directly, with texts made of generated names and small integers. A ruleset runs a canary rule to its
end before use and before it is freed, since the library frees uninitialised memory otherwise. A lock admits one thread at a
time: each call of the library keeps the interpreter's lock, but evaluating a fact takes several calls. After any anomaly the
instance is abandoned without freeing it, and PythonEvaluator answers until a new one is built.
"""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import ClassVar, Protocol

import structlog

from engine.decide.signals import rulesets
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.python_evaluator import PythonEvaluator, holding
from engine.model.values import Attributes, Moment
from engine.telemetry.counters import SIGNAL_ANOMALIES

try:
    import durable_rules_engine  # type: ignore[import-not-found]
except ImportError:
    durable_rules_engine = None


class Library(Protocol):
    """The functions of the C module that are used. A result is (code, state); code 0: there are actions, 1: none."""

    def create_ruleset(self, name: str, rules: str, /) -> int: ...  # noqa: D102 the library has none
    def assert_fact(self, handle: int, fact: str, /) -> tuple[int, int]: ...  # noqa: D102 the library has none
    def start_action_for_state(self, handle: int, state: int, /) -> tuple[str, str] | None: ...  # noqa: D102 the library has none
    def complete_and_start_action(self, handle: int, state: int, /) -> str | None: ...  # noqa: D102 the library has none
    def retract_fact(self, handle: int, fact: str, /) -> tuple[int, int]: ...  # noqa: D102 the library has none
    def delete_state(self, handle: int, sid: None, /) -> None: ...  # noqa: D102 the library has none
    def delete_ruleset(self, handle: int, /) -> None: ...  # noqa: D102 the library has none


log = structlog.get_logger()


LIBRARY: Library | None = durable_rules_engine
"""None if durable-rules is not installed: there is no release for Python 3.13 and later."""


FIRST_PAUSE, LONGEST_PAUSE = 1.0, 3600.0
"""Seconds from an anomaly to the next attempt, doubled with each: an abandoned instance keeps its memory."""


class Anomaly(Exception):
    """The library gave an impossible answer."""


class LibraryMissing(Exception):
    """durable-rules is not installed."""


class DurableKernel:
    """Evaluates compiled signals with durable-rules. Thread-safe."""

    name: ClassVar[str] = "durable-rules"

    def __init__(
        self,
        compiled: CompiledSignals,
        library: Library | None = LIBRARY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Build the rulesets, some 20 ms each. Raises LibraryMissing. clock: monotonic seconds."""
        if library is None:
            raise LibraryMissing
        self.anomalies = 0
        """How often an instance was abandoned or could not be built."""
        self._compiled = compiled
        self._fallback = PythonEvaluator(compiled)
        self._library = library
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False
        self._instance: _Instance | None = None
        self._pause, self._not_before = FIRST_PAUSE, clock()
        with self._lock:
            self._ready()

    @property
    def healthy(self) -> bool:
        """Whether durable-rules answers, not PythonEvaluator."""
        return self._instance is not None

    def matching(self, stratum: int, attributes: Attributes, moment: Moment) -> frozenset[str]:
        """The signals of the stratum, by its number, whose rule holds."""
        compiled = self._compiled.strata[stratum]
        facts = [batch.fact_builder.fact(attributes, moment) for batch in compiled.batches]
        with self._lock:
            names = self._match(stratum, facts)
        if names is None:
            return self._fallback.matching(stratum, attributes, moment)
        return names | holding(compiled.outside, attributes, moment) if compiled.outside else names

    def close(self) -> None:
        """Free the rulesets; from then on PythonEvaluator answers."""
        with self._lock:
            instance, self._instance, self._closed = self._instance, None, True
            if instance is not None:
                try:
                    instance.free()
                except Exception as error:  # noqa: BLE001 - whatever a broken library raises
                    self._count(error)

    def _match(self, stratum: int, facts: list[str]) -> frozenset[str] | None:
        """The instance's answer; None if there is no instance, or it failed."""
        instance = self._instance or self._ready()
        if instance is None:
            return None
        try:
            return instance.matching(stratum, facts)
        except BaseException as error:
            self._abandon(error)
            if not isinstance(error, Exception):
                raise
            return None

    def _ready(self) -> "_Instance | None":
        """Build an instance if none is due to be waited for; None if that is too early or fails."""
        if self._closed or self._clock() < self._not_before:
            return None
        try:
            self._instance = _Instance(self._library, self._compiled)
        except Exception as error:  # noqa: BLE001 - whatever a broken library raises
            self._abandon(error)
        return self._instance

    def _abandon(self, error: BaseException) -> None:
        self._count(error)
        self._instance = None
        self._not_before = self._clock() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _count(self, error: BaseException) -> None:
        self.anomalies += 1
        total = int(SIGNAL_ANOMALIES.add())
        log.error("an instance of durable-rules was discarded", error=str(error), anomalies=total)


class _Instance:
    """The rulesets of all strata, in the library."""

    def __init__(self, library: Library, compiled: CompiledSignals) -> None:
        self._strata = [
            [[_Loaded(library, ruleset) for ruleset in batch.rulesets] for batch in stratum.batches]
            for stratum in compiled.strata
        ]

    def matching(self, stratum: int, facts: list[str]) -> frozenset[str]:
        """The signals whose rule holds. facts: of each batch of the stratum, for all of its rulesets."""
        batches = zip(self._strata[stratum], facts, strict=True)
        return frozenset(
            owner for batch, fact in batches for ruleset in batch for owner in ruleset.matching(fact)
        )

    def free(self) -> None:
        for batch in chain.from_iterable(self._strata):
            for ruleset in batch:
                ruleset.free()


class _Loaded:
    """One ruleset in the library."""

    _CANARY_FACT = f'{{"id":1,"{rulesets.CANARY}":3}}'
    _ID = '{"id":1}'

    def __init__(self, library: Library, ruleset: rulesets.Ruleset) -> None:
        self._library = library
        self._owners = {f"r{number}": owner for number, owner in enumerate(ruleset.owners)}
        self._handle = library.create_ruleset("signals", ruleset.definition)
        self._check_canary()

    def matching(self, fact: str) -> list[str]:
        """The signals of the rules that hold. Raises Anomaly, or whatever the library raises."""
        return [self._owners[name] for name in self._fired(fact)]

    def free(self) -> None:
        self._check_canary()
        self._library.delete_state(self._handle, None)
        self._library.delete_ruleset(self._handle)

    def _check_canary(self) -> None:
        if list(self._fired(self._CANARY_FACT)) != [rulesets.CANARY_RULE]:
            raise Anomaly("the canary rule did not hold")

    def _fired(self, fact: str) -> Iterator[str]:
        """The names of the rules that hold, each once. The fact is retracted when the iteration ends."""
        code, state = self._library.assert_fact(self._handle, fact)
        if code == 1:
            return
        if code != 0:
            raise Anomaly(f"assert_fact gave {code}")
        started = self._library.start_action_for_state(self._handle, state)
        if started is None:
            raise Anomaly("a match without an action")
        message: str | None = started[1]
        left = len(self._owners) + 1
        while message is not None:
            yield message[2 : message.index('"', 2)]
            left -= 1
            if left < 0:
                raise Anomaly("more actions than rules")
            message = self._library.complete_and_start_action(self._handle, state)
        code, _ = self._library.retract_fact(self._handle, self._ID)
        if code != 0:
            raise Anomaly(f"retract_fact gave {code}")
