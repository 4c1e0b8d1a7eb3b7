"""The workers of a server: started together, replaced one after another, stopped together."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from engine.server.book.helper import TriedBook
from engine.server.listen import CannotServe, Stop
from engine.workers.slot import DiedAtStart, WorkerSlot
from engine.workers.spawn_config import BookSnapshot, SpawnConfig, WorkerBook

log = structlog.get_logger()


class WorkerPool:
    """A number of slots, each with a worker. spawn_config: makes a worker's, by its number and the book it serves."""

    def __init__(
        self, spawn_config: Callable[[int, WorkerBook], SpawnConfig], command: Sequence[str]
    ) -> None:
        self._spawn_config = spawn_config
        self._command = command
        self._slots: dict[int, WorkerSlot] = {}
        self._tasks: dict[WorkerSlot, asyncio.Task[bool]] = {}

    async def start(self, book_snapshot: WorkerBook, count: int) -> None:
        """Starts the workers; returns when all serve. Raises CannotServe when one cannot."""
        self._slots = {
            number: self._open(number, book_snapshot, first=True) for number in range(1, count + 1)
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
        """The number of workers that serve now."""
        return sum(slot.serves for slot in self._slots.values())

    async def _all_serving(self) -> None:
        for slot in self._slots.values():
            await slot.serving.wait()

    async def renew(self, book_snapshot: WorkerBook) -> None:
        """Replaces the workers one after another: the old one leaves when the new one serves."""
        for number, old in list(self._slots.items()):
            new = self._open(number, book_snapshot, first=False)
            try:
                await new.serving.wait()
            except asyncio.CancelledError:
                new.retire()
                raise
            self._slots[number] = new
            old.retire()
            await asyncio.wait((self._tasks[old],))
            del self._tasks[old]

    async def leave(self, stop: Stop) -> bool:
        """Stops all workers; whether none had to be killed."""
        for slot in self._tasks:
            slot.retire()
        hurrying = asyncio.create_task(self._hurry(stop))
        results = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        hurrying.cancel()
        return all(result is True or isinstance(result, DiedAtStart) for result in results)

    async def _hurry(self, stop: Stop) -> None:
        await stop.hurried()
        log.warning("hurrying: calls under way get no answer")
        for slot in self._tasks:
            slot.hurry()

    def _open(self, number: int, book_snapshot: WorkerBook, *, first: bool) -> WorkerSlot:
        slot = WorkerSlot(self._spawn_config(number, book_snapshot), self._command, first=first)
        self._tasks[slot] = asyncio.create_task(slot.keep())
        return slot


class RollingRestart:
    """Replaces the workers of a pool by others that serve another version of the book. Implements BookHost.

    book_snapshot: what the workers were started with.
    """

    def __init__(self, pool: WorkerPool, book_snapshot: WorkerBook) -> None:
        self._snapshot = book_snapshot
        self._pool = pool
        self._under_way: asyncio.Task[None] | None = None
        self._requested = asyncio.Event()

    @property
    def version(self) -> str:
        """The version that the workers serve, or are renewed to serve."""
        return self._snapshot.version

    def prepare(self, tried: TriedBook) -> BookSnapshot:
        """A snapshot for the workers, which compile it themselves."""
        return BookSnapshot(tried.files, tried.version, tried.objection)

    async def publish(self, prepared: BookSnapshot, seconds: float) -> None:  # noqa: ARG002 a host's signature
        """Begins to replace the workers, and returns; a restart that is under way is given up for this one."""
        await self._begin(prepared)

    async def again(self) -> None:
        """Replaces the workers by others of the same version, which are given the present challenger."""
        await self._begin(self._snapshot)

    def request(self) -> None:
        """Requests that `follow` replaces the workers."""
        self._requested.set()

    async def follow(self) -> None:
        """Begins to replace the workers whenever that is requested, until cancelled."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            await self.again()

    async def _begin(self, book_snapshot: WorkerBook) -> None:
        await self.cancel()
        self._under_way = asyncio.create_task(self._renew(book_snapshot))

    async def cancel(self) -> None:
        """Gives up a restart that is under way; the workers that serve stay."""
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.gather(self._under_way, return_exceptions=True)

    async def _renew(self, book_snapshot: WorkerBook) -> None:
        log.info("renewing the workers", version=book_snapshot.version, before=self.version)
        self._snapshot = book_snapshot
        try:
            await self._pool.renew(book_snapshot)
        except Exception:
            log.exception("the workers could not be renewed")
        else:
            log.info("workers renewed", version=book_snapshot.version)


class ChallengerRestart:
    """Gives the workers of a pool another version of the challenger's book, by replacing them. Implements BookHost."""

    def __init__(self, book_snapshot: BookSnapshot) -> None:
        self.snapshot = book_snapshot
        self.rolling_restart: RollingRestart | None = None
        """Set once there are workers."""

    @property
    def version(self) -> str:
        """The version of the challenger's book."""
        return self.snapshot.version

    def prepare(self, tried: TriedBook) -> BookSnapshot:
        """A snapshot for the workers, which compile it themselves."""
        return BookSnapshot(tried.files, tried.version, tried.objection)

    async def publish(self, prepared: BookSnapshot, seconds: float) -> None:
        """Begins to replace the workers, and returns."""
        log.info("challenger loaded", version=prepared.version, before=self.version, seconds=seconds)
        self.snapshot = prepared
        if self.rolling_restart is not None:
            await self.rolling_restart.again()
