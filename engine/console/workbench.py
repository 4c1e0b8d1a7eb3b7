"""Has work on books done in child processes, a few at a time: what `engine.workbench.jobs` can do.

A book comes from whoever may write drafts: the child has bounds on time and memory, and the console's pages stay quick.
A child that works on a book keeps it loaded, so that the next page of the book waits for no loading.
"""

import atexit
import json
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from queue import Empty, Full, LifoQueue
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, NamedTuple, TypeAlias

from engine.children import child_command, child_environment
from engine.ledger.errors import LedgerError
from engine.model.shown import without_secrets

JOB_SECONDS = 60.0
"""Most processor time, and most time, of a job that somebody waits for."""


REPLAY_SECONDS = 300.0
"""The same of a replay, whose progress is watched."""


PATIENCE = 0.25
"""Seconds that a page waits for work that is not done yet, before it says so."""


_AT_ONCE = 2
"""Jobs on loaded books that run; others wait as long as a job may take."""


_ALONE_AT_ONCE = 2
"""Jobs with a child of their own that run, such as replays, which take minutes: no try-out waits for them."""


_MOST_KEPT = 60
"""Results."""


_MOST_LOADED = 4
"""Children that wait with a book; those of live books stay longest."""


_MOST_BEGUN = 16
"""Tasks that pages look at, those that run and those that wait."""


_CHILD = "from engine.workbench.jobs import child; child()"


JobProgress: TypeAlias = Callable[[Mapping[str, int]], object]
"""Gets how far a job is: `done` and `total`."""


class JobFailed(Exception):
    """A job came to no result; the message is a sentence that says why."""


class StillWorking(Exception):
    """What a page needs is being worked out."""


class WorkedBook(NamedTuple):
    """A book that is worked on."""

    bench: str
    """Names the child that has the book: a version, or a draft, whose books follow each other."""
    key: str
    """The same for the same files: a version, or a draft with its revision."""
    files: Callable[[], Mapping[str, str]]
    """Reads them, where no child has the book yet."""


class BookTask(NamedTuple):
    """A job whose result depends on nothing but what it is given, so that it is kept."""

    kind: str
    """The name of its function."""
    job: Mapping[str, Any]
    book: WorkedBook | None = None
    late: Callable[[], Mapping[str, Any]] = dict
    """Reads what is large and belongs to the job, when the job is done; `key` stands for it."""
    key: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """The same for tasks with the same result."""
        of_book = "" if self.book is None else self.book.key
        return self.kind, of_book, self.key, json.dumps(self.job, sort_keys=True)


class _Child:
    """A process that does jobs, one after the other, and the folder of its temporary files, such as a previewed customer."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        """Of who asks it."""
        self.key = ""
        """Of the book that it has loaded."""
        self._folder = mkdtemp(prefix="tact-console-")
        self._process = subprocess.Popen(  # noqa: S603 our own words
            child_command(_CHILD),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=child_environment(self._folder),
        )

    @property
    def lives(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, message: Mapping[str, Any], advance: JobProgress, *, last: bool) -> Any:
        """The result of a job, which has so many `seconds`. Raises JobFailed, after which it may live no longer.

        last: nothing follows.
        """
        stop = threading.Timer(message["seconds"], self._process.kill)
        stop.start()
        try:
            return self._said(json.dumps(message), advance, last=last)
        except BrokenPipeError:
            self.end()
            raise JobFailed("the process that worked on the book broke off before it began") from None
        except ValueError:
            self.end()  # what it says next would be taken for the answer to the next job
            raise
        finally:
            stop.cancel()

    def _said(self, message: str, advance: JobProgress, *, last: bool) -> Any:
        """What the child says at last: each of its lines is a JSON object."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise JobFailed("the process that works on the book has no pipes")
        process.stdin.write(message + "\n")
        process.stdin.flush()
        if last:
            process.stdin.close()
        for line in process.stdout:
            said = json.loads(line)
            if "result" in said:
                return said["result"]
            if "error" in said:
                raise JobFailed(said["error"])
            advance(said)
        self.end()
        raise JobFailed("the book took too much time or memory, and the work on it was given up")

    def end(self) -> None:
        """Ends the process, also while it works, and deletes its files. May be called again."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # of what was not written yet
                    pipe.close()
        rmtree(self._folder, ignore_errors=True)


class _Work:
    """A task that is worked on, and then what came of it, for all who wait."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.result: Any = None
        """JobFailed where it failed."""


class Workbench:
    """Runs jobs. May be used by many threads."""

    def __init__(self) -> None:
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._alone = threading.BoundedSemaphore(_ALONE_AT_ONCE)
        self._lock = threading.Lock()
        """Of what follows."""
        self._kept: OrderedDict[tuple[str, ...], Any] = OrderedDict()
        """Results; of a task that failed its JobFailed, until it was told."""
        self._begun: dict[tuple[str, ...], _Work] = {}
        self._loaded: OrderedDict[str, _Child] = OrderedDict()
        """Children by the bench of their book, the one that was used last at the end."""
        self._live: frozenset[str] = frozenset()
        self._spares: LifoQueue[_Child] = LifoQueue(1)
        atexit.register(self.close)

    def hold(self, benches: Collection[str]) -> None:
        """Says whose children stay longest: those of live books."""
        self._live = frozenset(benches)

    def soon(self, task: BookTask, patience: float = PATIENCE) -> Any:
        """The result, if it is at hand within so many seconds. Raises StillWorking where it is not, JobFailed."""
        key = task.identity
        with self._lock:
            if key in self._kept:
                return self._unwrapped(key, self._kept[key])
            work = self._begun.get(key)
            if work is None:
                if len(self._begun) >= _MOST_BEGUN:
                    raise JobFailed("too many books are being worked on; try again in a minute")
                work = self._begun[key] = _Work()
                threading.Thread(target=self._work, args=(task, work), daemon=True).start()
        if not work.ended.wait(patience):
            raise StillWorking(task.kind)
        with self._lock:
            return self._unwrapped(key, work.result)

    def kept(self, task: BookTask) -> Any:
        """The result, however long it takes. Raises JobFailed."""
        try:
            return self.soon(task, 2 * JOB_SECONDS)
        except StillWorking:
            raise JobFailed("too many books are being worked on; try again in a minute") from None

    def run(
        self,
        kind: str,
        job: Mapping[str, Any],
        *,
        book: WorkedBook | None = None,
        seconds: float = JOB_SECONDS,
        advance: JobProgress = lambda _: None,
    ) -> Any:
        """The result of a job, by the name of its function; advance: gets how far it is. Raises JobFailed."""
        turns = self._alone if book is None else self._turns
        if not turns.acquire(timeout=JOB_SECONDS):
            raise JobFailed("too many books are being worked on; try again in a minute")
        try:
            message = {"kind": kind, "seconds": seconds, "job": job}
            if book is not None:
                return self._by_loaded(message, book, advance)
            child = self._spare()
            try:
                return child.ask(message, advance, last=True)
            finally:
                child.end()
        finally:
            turns.release()
            self.prepare()

    def prepare(self) -> None:
        """Has the next child started before there is a job for it: that takes a second or two of a core."""
        if not self._spares.empty():
            return
        spare = _Child()
        try:
            self._spares.put_nowait(spare)
        except Full:
            spare.end()

    def close(self) -> None:
        """Ends all children that wait."""
        with self._lock:
            children = [*self._loaded.values()]
            self._loaded.clear()
        with suppress(Empty):
            children.append(self._spares.get_nowait())
        for child in children:
            child.end()

    def _unwrapped(self, key: tuple[str, ...], result: Any) -> Any:
        """The result, while the lock is held. Raises JobFailed where it is one, which is then kept no longer."""
        if isinstance(result, JobFailed):
            self._kept.pop(key, None)
            raise JobFailed(str(result))
        if key in self._kept:
            self._kept.move_to_end(key)
        return result

    def _work(self, task: BookTask, work: _Work) -> None:
        """Does the task, and keeps what comes of it."""
        result: Any = JobFailed("the work on the book met a fault of the program")
        try:
            result = self.run(task.kind, {**task.job, **task.late()}, book=task.book)
        except JobFailed as error:
            result = error
        except LedgerError as error:
            result = JobFailed(without_secrets(str(error)))
        finally:
            with self._lock:
                while len(self._kept) >= _MOST_KEPT:
                    self._kept.popitem(last=False)
                self._kept[task.identity] = result
                del self._begun[task.identity]
            work.result = result
            work.ended.set()

    def _by_loaded(self, message: dict[str, Any], book: WorkedBook, advance: JobProgress) -> Any:
        """The result by the child that has the book, or gets it now."""
        while True:
            with self._lock:
                child = self._loaded.get(book.bench)
                if child is None or not child.lives:
                    if child is not None:
                        child.end()
                    child = self._loaded[book.bench] = self._spare()
                self._loaded.move_to_end(book.bench)
                superfluous = self._superfluous(book.bench)
            for other in superfluous:
                with other.turn:  # what it does is done first
                    other.end()
            with child.turn:
                if not child.lives:
                    continue  # it was ended while it was waited for
                if child.key != book.key:
                    message["files"] = dict(book.files())
                    child.key = book.key
                return child.ask(message, advance, last=False)

    def _superfluous(self, present: str) -> list[_Child]:
        """The children beyond those that may wait, taken out, while the lock is held; present: the bench that stays."""
        others = [bench for bench in self._loaded if bench != present]
        others.sort(
            key=lambda bench: bench in self._live
        )  # stable: among equals the longest unused goes first
        return [self._loaded.pop(bench) for bench in others[: max(0, len(self._loaded) - _MOST_LOADED)]]

    def _spare(self) -> _Child:
        """One that waits for a job already, or a new one."""
        with suppress(Empty):
            while not (spare := self._spares.get_nowait()).lives:
                spare.end()
            return spare
        return _Child()


WORKBENCH = Workbench()
"""Of the console's pages: none of its children starts before there is work."""
