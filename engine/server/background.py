"""Tasks that run beside the calls, for as long as the server does."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import structlog

log = structlog.get_logger()


ResultT = TypeVar("ResultT")


_AGAIN_SECONDS = 1.0
_WELL_SECONDS = 10.0
"""How long a task that was started again has to run until it counts as well."""


class BackgroundTasks:
    """Starts tasks again that end by a fault, says so, and knows which of them cannot be relied on.

    Such a task would otherwise end in silence: without the one that reads the callers file, a revoked token stays valid.
    """

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._failing: dict[str, asyncio.TimerHandle | None] = {}
        self.on_change: Callable[[], None] | None = None
        """Called whenever `failing` may have changed."""

    @property
    def failing(self) -> tuple[str, ...]:
        """The names of the tasks that ended by a fault and have not run well since."""
        return tuple(self._failing)

    def start(self, name: str, main: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Runs what `main` returns until it is cancelled, and a new one each time that it ends."""
        task = asyncio.create_task(self._keep(name, main), name=name)
        self._tasks.append(task)
        return task

    def cancel(self) -> None:
        """Ends all tasks."""
        for task in self._tasks:
            task.cancel()

    async def wait(self) -> None:
        """Returns when all of them are cancelled."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, name: str, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        keeping = asyncio.current_task()
        while True:
            try:
                await main()
                log.error("a background task ended", task=name)
            except asyncio.CancelledError:
                if keeping is None or keeping.cancelling():
                    raise
                # what it waited for was cancelled, and not the task
                log.exception("a background task failed", task=name)
            except Exception:
                log.exception("a background task failed", task=name)
            self._note(name, None)
            await asyncio.sleep(_AGAIN_SECONDS)
            self._note(name, asyncio.get_running_loop().call_later(_WELL_SECONDS, self._well, name))

    def _note(self, name: str, well: asyncio.TimerHandle | None) -> None:
        timer = self._failing.get(name)
        if timer is not None:
            timer.cancel()
        self._failing[name] = well
        self._changed()

    def _well(self, name: str) -> None:
        self._failing.pop(name, None)
        self._changed()

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()


def in_thread(function: Callable[[], ResultT]) -> "asyncio.Future[ResultT]":
    """Calls the function in a thread of its own, for what may hang: files and the log.

    Unlike those of asyncio.to_thread, a thread that hangs neither keeps the process from ending nor takes room from others.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[ResultT] = loop.create_future()

    def finish(setter: Callable[[Any], None], outcome: object) -> None:
        if not future.done():
            setter(outcome)

    def main() -> None:
        try:
            settle = partial(finish, future.set_result, function())
        except Exception as error:  # noqa: BLE001 raised where the future is awaited
            settle = partial(finish, future.set_exception, error)
        with suppress(RuntimeError):  # the loop has ended before the function
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=main, daemon=True).start()
    return future
