"""How long a place stays empty after its worker died."""

import asyncio
import signal
import time
from collections.abc import Sequence
from contextlib import suppress

import structlog

from engine.telemetry.counters import WORKER_DEATHS
from engine.workers.process import Worker
from engine.workers.spawn_config import SpawnConfig

FIRST, LONGEST = 0.1, 30.0
"""Seconds; each pause is twice the one before."""


WELL = 10.0
"""Seconds of service after which a death is the first again."""


class Backoff:
    """The pauses of one place."""

    def __init__(self) -> None:
        self._next = FIRST

    def after(self, served: float) -> float:
        """Seconds to wait, after a worker that served for so many."""
        if served >= WELL:
            self._next = FIRST
        pause = self._next
        self._next = min(2 * pause, LONGEST)
        return pause


log = structlog.get_logger()


START_LIMIT = 120.0
"""Seconds that a worker may take until it serves."""


_LOOKS = 10
"""Looks at a worker within the time after which a silent one is killed."""


_LEAVE = 5.0
"""Seconds in which a worker has to end when the time for its calls is over, beside those that the log keeps it waiting."""


class DiedAtStart(Exception):
    """A worker of a server that starts ended before it served."""


class WorkerSlot:
    """One place. first: whether the server only starts, so that a worker that cannot serve is not tried again."""

    def __init__(self, spawn_config: SpawnConfig, command: Sequence[str], *, first: bool) -> None:
        self.serving = asyncio.Event()
        """Set once a worker has served here."""
        self.number = spawn_config.number
        self._config = spawn_config.encoded()
        self._limit, self._grace = spawn_config.settings.liveness, spawn_config.settings.grace
        self._leave = _LEAVE + 2 * spawn_config.settings.busy_timeout
        self._command = command
        self._first = first
        self._worker: Worker | None = None
        self._retired = asyncio.Event()
        self._deadline = float("inf")

    async def keep(self) -> bool:
        """Returns when the place is given up: whether its last worker ended of itself. Raises DiedAtStart."""
        backoff = Backoff()
        while not self._retired.is_set():
            self._worker = worker = await Worker.start(self._command, self._config, self.serving.set)
            if self._retired.is_set():
                worker.drain()
            began = time.monotonic()
            code = await self._watch(worker)
            if self._retired.is_set():
                return code == 0 or not worker.serving
            if self._first and not self.serving.is_set():
                raise DiedAtStart(f"worker {self.number} ended before it served ({_how(code)})")
            await self._pause(
                worker, code, backoff.after(time.monotonic() - began if worker.serving else 0.0)
            )
        return True

    @property
    def serves(self) -> bool:
        """Whether a worker serves here now."""
        return self._worker is not None and self._worker.serves

    def retire(self) -> None:
        """Gives the place up: its worker takes nothing new, finishes what it accepted, and leaves."""
        if not self._retired.is_set():
            self._retired.set()
            self._deadline = time.monotonic() + self._grace + self._leave
            if self._worker is not None:
                self._worker.drain()

    def hurry(self) -> None:
        """Has a worker that leaves leave at once."""
        self._deadline = min(self._deadline, time.monotonic() + self._leave)
        if self._worker is not None:
            self._worker.hurry()

    async def _watch(self, worker: Worker) -> int:
        """Looks at the worker until it ends; its exit code."""
        ended = asyncio.create_task(worker.ended())
        looked, between = time.monotonic(), self._limit / _LOOKS
        while not ended.done():
            await asyncio.wait({ended}, timeout=between)
            now = time.monotonic()
            worker.excuse(max(0.0, now - looked - 2 * between))  # it was the supervisor that stood still
            looked = now
            if not ended.done():
                await self._judge(worker, now)
        return await ended

    async def _judge(self, worker: Worker, now: float) -> None:
        if now >= self._deadline:
            log.error("a worker did not end in time", worker=self.number, pid=worker.pid)
            worker.kill()
        elif worker.silent > (self._limit if worker.serving else START_LIMIT):
            seconds = round(worker.silent, 1)
            log.error("a worker hangs", worker=self.number, pid=worker.pid, silent=seconds)
            await worker.expose()

    async def _pause(self, worker: Worker, code: int, seconds: float) -> None:
        """Says that a worker died, and waits before the next one."""
        log.error(
            "a worker died",
            worker=self.number,
            pid=worker.pid,
            how=_how(code),
            where=list(worker.said),
            deaths=int(WORKER_DEATHS.add()),
            next_in=seconds,
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(self._retired.wait(), seconds)


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
