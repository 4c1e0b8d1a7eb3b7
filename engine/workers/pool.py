"""The workers of a server: started together, renewed one after another, sent home together."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from engine.server.listen import CannotServe
from engine.server.stop import Stop
from engine.workers.book_snapshot import BookSnapshot
from engine.workers.slot import DiedAtStart, WorkerSlot
from engine.workers.spawn_config import SpawnConfig

log = structlog.get_logger()


class WorkerPool:
    """As many workers as there are places. orders: those of a worker, by its number and the edition that it serves."""

    def __init__(
        self, spawn_config: Callable[[int, BookSnapshot], SpawnConfig], command: Sequence[str]
    ) -> None:
        self._orders = spawn_config
        self._command = command
        self._places: dict[int, WorkerSlot] = {}
        self._tasks: dict[WorkerSlot, asyncio.Task[bool]] = {}

    async def start(self, book_snapshot: BookSnapshot, count: int) -> None:
        """Fills the places; returns when all serve. Raises CannotServe when one cannot."""
        self._places = {
            number: self._keeper(number, book_snapshot, first=True) for number in range(1, count + 1)
        }
        serving = asyncio.create_task(self._all_serving())
        try:
            either: list[asyncio.Future[Any]] = [serving, *self._tasks.values()]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            for task in self._tasks.values():
                if task.done():
                    task.result()
        except DiedAtStart as error:
            raise CannotServe(str(error)) from error
        finally:
            serving.cancel()

    @property
    def serving(self) -> int:
        """In how many places a worker serves."""
        return sum(one.serves for one in self._places.values())

    async def _all_serving(self) -> None:
        for one in self._places.values():
            await one.serving.wait()

    async def renew(self, book_snapshot: BookSnapshot) -> None:
        """Gives each place a new worker, one after another: the old one goes when the new one serves."""
        for number, old in list(self._places.items()):
            new = self._keeper(number, book_snapshot, first=False)
            try:
                await new.serving.wait()
            except asyncio.CancelledError:
                new.retire()
                raise
            self._places[number] = new
            old.retire()
            await asyncio.wait((self._tasks[old],))
            del self._tasks[old]

    async def leave(self, stop: Stop) -> bool:
        """Sends all home; whether every one went of itself."""
        for one in self._tasks:
            one.retire()
        hurried = asyncio.create_task(self._hurry(stop))
        ended = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        hurried.cancel()
        return all(one is True or isinstance(one, DiedAtStart) for one in ended)

    async def _hurry(self, stop: Stop) -> None:
        await stop.hurried()
        log.warning("hurrying: calls under way get no answer")
        for one in self._tasks:
            one.hurry()

    def _keeper(self, number: int, book_snapshot: BookSnapshot, *, first: bool) -> WorkerSlot:
        one = WorkerSlot(self._orders(number, book_snapshot), self._command, first=first)
        self._tasks[one] = asyncio.create_task(one.keep())
        return one
