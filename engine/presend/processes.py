"""Decides the parts of a run by one process or several, until they are whole or somebody interrupts.

At Ctrl-C and SIGTERM the groups under way are committed, and nothing more is begun.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from functools import cache, partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

from engine.decide.compiled import CompiledBook, compile_book, keep_loaded
from engine.ledger.queries import presends
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.measure.population.scarcity import PairSpool
from engine.presend.left import LastPass
from engine.presend.parts import Job, PartSender
from engine.presend.run import RunRefused
from engine.presend.shares import DemandReader
from engine.rulebook.load import load

_ENDED = "a worker process was ended; the same command goes on"
_LOOK_EVERY = 0.5
"""Seconds between looks at how far other processes are."""


class Work(NamedTuple):
    """A run as its processes get it."""

    job: Job
    book: Path
    version: str
    """Of the book: a process that finds another in the folder refuses."""
    url: str
    busy_timeout: float = 30.0


def send(
    work: Work, compiled: CompiledBook, workers: int, advance: Callable[[int], object], stop: "StopSwitch"
) -> bool:
    """Decides all parts; whether they are whole, or it was stopped before.

    advance: called with the number of customers that were committed. Raises what PartSender.send raises, RunRefused.
    """
    parts = range(work.job.population.parts)
    if workers == 1 or len(parts) == 1:
        with closing(open_store(work.url, busy_timeout=work.busy_timeout)) as store:
            worker = PartSender(compiled, store, work.job, now)
            is_whole = all(worker.send(part, stop, advance) for part in parts)
            if is_whole and work.job.plan.prices:
                last = LastPass(compiled, store, work.job, now)
                is_whole = all(last.send(part, stop) for part in parts)
            return is_whole
    workers = min(workers, len(parts))
    is_whole = _by_several(work, workers, (_send, parts), advance, stop)
    if is_whole and work.job.plan.prices:
        is_whole = _by_several(work, workers, (_send_left, parts), advance, stop)
    return is_whole


def read_demand(work: Work, compiled: CompiledBook, workers: int, spool: PairSpool) -> None:
    """Reads what everybody could get of what is scarce. Raises what DemandReader.read raises, RunRefused."""
    parts = work.job.population.parts
    if workers == 1 or parts == 1:
        with closing(open_store(work.url, busy_timeout=work.busy_timeout)) as store:
            reader = DemandReader(compiled, store, work.job, now, spool)
            for part in range(parts):
                reader.read(part)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, parts), context, _begin, (work, context.Event()))
    try:
        for files in pool.map(partial(_read_demand, str(spool.folder)), range(parts)):
            spool.files += files
    except BrokenProcessPool as error:
        raise RunRefused(_ENDED) from error
    finally:
        pool.shutdown(cancel_futures=True)


class StopSwitch:
    """Whether the run is to end after the groups under way."""

    def __init__(self) -> None:
        self.is_set = False

    def __call__(self) -> bool:
        """Whether it is set."""
        return self.is_set

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Sets it at Ctrl-C and SIGTERM; a second one ends at once."""

        def note(number: int, _: object) -> None:
            if self.is_set:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            self.is_set = True

        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def now() -> int:
    """The present moment."""
    return time.time_ns() // 1000


def _by_several(
    work: Work,
    workers: int,
    tasks: tuple[Callable[[int], bool], range],
    advance: Callable[[int], object],
    stop: StopSwitch,
) -> bool:
    """Calls the function for every part in processes of its own; whether all were whole. tasks: function, and parts."""
    of_part, parts = tasks
    context = multiprocessing.get_context("spawn")
    stopping = context.Event()
    pool = ProcessPoolExecutor(workers, context, _begin, (work, stopping))
    with closing(open_store(work.url, busy_timeout=work.busy_timeout)) as store:
        seen = committed(store, work.job.plan.run)
        left: set[Future[bool]] = {pool.submit(of_part, part) for part in parts}
        whole = True
        try:
            while left:
                done, left = wait(left, _LOOK_EVERY, FIRST_COMPLETED)
                if stop():
                    stopping.set()
                whole &= all(future.result() for future in done)
                so_far = committed(store, work.job.plan.run)
                advance(so_far - seen)
                seen = so_far
        except BrokenProcessPool as error:
            raise RunRefused(_ENDED) from error
        finally:
            stopping.set()
            pool.shutdown(cancel_futures=True)
    return whole


def committed(store: Store, run: str) -> int:
    """How many customers of the run are committed."""
    with store.transaction(writes=False):
        return presends.committed(store, run)


class _Process(NamedTuple):
    """What a worker process works with."""

    compiled: CompiledBook
    store: Store
    job: Job
    stopping: Event


_process: _Process | None = None


def _begin(work: Work, stopping: Event) -> None:
    """Loads what a worker process needs."""
    global _process  # noqa: PLW0603 -- what the pool's initializer leaves for its tasks
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    book = load(work.book).book
    if book is None or book.version != work.version:
        raise RunRefused(f"{work.book} is not the version {work.version} of the book any more")
    store = open_store(work.url, busy_timeout=work.busy_timeout)
    _process = _Process(compile_book(book), store, work.job, stopping)
    keep_loaded()


def _begun() -> _Process:
    if _process is None:
        raise RuntimeError("the process was not begun")
    return _process


@cache
def _part_sender() -> PartSender:
    process = _begun()
    return PartSender(process.compiled, process.store, process.job, now)


@cache
def _last_pass() -> LastPass:
    process = _begun()
    return LastPass(process.compiled, process.store, process.job, now)


def _send(part: int) -> bool:
    return _part_sender().send(part, _begun().stopping.is_set, lambda _: None)


def _send_left(part: int) -> bool:
    return _last_pass().send(part, _begun().stopping.is_set)


def _read_demand(folder: str, part: int) -> list[str]:
    """Reads a part to files of the folder; their names."""
    process = _begun()
    spool = PairSpool(process.compiled, process.job.plan.now, str(part), Path(folder))
    DemandReader(process.compiled, process.store, process.job, now, spool).read(part)
    return spool.files
