"""A slot of the pool: starts a worker, kills it when it hangs, and starts the next one when it died."""

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
"""Seconds from a worker's death to the next start; each pause is twice the one before."""


WELL = 10.0
"""Seconds of service after which the pauses begin with FIRST again."""


class Backoff:
    """The pauses of one slot."""

    def __init__(self) -> None:
        self._next = FIRST

    def after(self, served: float) -> float:
        """Seconds to wait after the death of a worker; served: the seconds that it served."""
        if served >= WELL:
            self._next = FIRST
        pause = self._next
        self._next = min(2 * pause, LONGEST)
        return pause


log = structlog.get_logger()


START_LIMIT = 120.0
"""Seconds that a worker may take until it serves."""


_CHECKS = 10
"""Checks of a worker within the time after which a silent one is killed."""


_LEAVE = 5.0
"""Seconds in which a worker has to end after its calls' grace, beside those that the log may keep it waiting."""


class DiedAtStart(Exception):
    """A worker ended before it served, while the server starts."""


class WorkerSlot:
    """Keeps a worker running. first: whether the server is starting, so that a worker that cannot serve ends the start."""

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
        """Runs workers until the slot is retired; whether the last one ended without being killed. Raises DiedAtStart."""
        backoff = Backoff()
        while not self._retired.is_set():
            worker = await self._started(backoff)
            if worker is None:
                continue
            self._worker = worker
            if self._retired.is_set():
                worker.drain()
            began = time.monotonic()
            code = await self._watch(worker)
            if self._retired.is_set():
                return code == 0 or not worker.serving
            if self._first and not self.serving.is_set():
                raise DiedAtStart(f"worker {self.number} ended before it served ({_describe(code)})")
            await self._pause(
                worker, code, backoff.after(time.monotonic() - began if worker.serving else 0.0)
            )
        return True

    async def _started(self, backoff: Backoff) -> Worker | None:
        """A new worker; None after a pause, if the system has no room for a process. Raises DiedAtStart."""
        try:
            return await Worker.start(self._command, self._config, self.serving.set)
        except OSError as error:
            if self._first and not self.serving.is_set():
                raise DiedAtStart(f"worker {self.number} could not be started ({error.strerror})") from error
            pause = backoff.after(0.0)
            log.error("a worker could not be started", worker=self.number, error=str(error), next_in=pause)  # noqa: TRY400
            await self._wait(pause)
            return None

    async def _wait(self, seconds: float) -> None:
        """Waits, unless the slot is retired."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._retired.wait(), seconds)

    @property
    def serves(self) -> bool:
        """Whether a worker serves here now."""
        return self._worker is not None and self._worker.serves

    def retire(self) -> None:
        """Gives the slot up: its worker takes no new calls, finishes what it accepted, and leaves."""
        if not self._retired.is_set():
            self._retired.set()
            self._deadline = time.monotonic() + self._grace + self._leave
            if self._worker is not None:
                self._worker.drain()

    def hurry(self) -> None:
        """Makes its worker leave at once."""
        self._deadline = min(self._deadline, time.monotonic() + self._leave)
        if self._worker is not None:
            self._worker.hurry()

    async def _watch(self, worker: Worker) -> int:
        """Checks the worker until it ends; returns its exit code."""
        ended = asyncio.create_task(worker.ended())
        checked, interval = time.monotonic(), self._limit / _CHECKS
        while not ended.done():
            await asyncio.wait({ended}, timeout=interval)
            now = time.monotonic()
            worker.excuse(max(0.0, now - checked - 2 * interval))  # the supervisor itself did not run
            checked = now
            if not ended.done():
                await self._check(worker, now)
        return await ended

    async def _check(self, worker: Worker, now: float) -> None:
        if now >= self._deadline:
            log.error("a worker did not end in time", worker=self.number, pid=worker.pid)
            worker.kill()
        elif worker.silent > (self._limit if worker.serving else START_LIMIT):
            seconds = round(worker.silent, 1)
            log.error("a worker hangs", worker=self.number, pid=worker.pid, silent=seconds)
            await worker.dump_and_kill()

    async def _pause(self, worker: Worker, code: int, seconds: float) -> None:
        """Logs that a worker died, and waits before the next start."""
        log.error(
            "a worker died",
            worker=self.number,
            pid=worker.pid,
            how=_describe(code),
            where=list(worker.stacks),
            deaths=int(WORKER_DEATHS.add()),
            next_in=seconds,
        )
        await self._wait(seconds)


def _describe(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
