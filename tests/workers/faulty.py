"""A server whose workers can be made to crash or hang inside durable-rules, by data that the library does not bear.

`python -m tests.workers.faulty serve FAULT RULES LOG` serves by two workers. Each is this module too, as `work FAULT`: a
worker like any other, but that once the file FAULT is there the next fact that it gives the library is another one.
"""

import asyncio
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from engine.decide.signals import kernel
from engine.server.logs import configure
from engine.settings import Settings
from engine.workers import process, worker
from engine.workers.spawn_config import BookSnapshot, read_snapshot
from engine.workers.supervise import supervise

CRASH, HANG = "crash", "hang"
"""What the file may say."""
_DEEP = '{"id":1,"c":' + '{"a":' * 200_000 + "1" + "}" * 200_001
"""A fact that overflows the library's stack."""
_MANY = json.dumps({f"r{n}": {"all": [{"m": {"$gte": {"p": n}}}]} for n in range(513)})
"""Conditions under one parent, more than the library ends with."""


class Poisoned:
    """The library, given something else once the file is there."""

    def __init__(self, fault: Path) -> None:
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(kernel.LIBRARY, name)

    def assert_fact(self, handle: int, fact: str) -> Any:
        """As the library's, in the process that finds the file: one process, once."""
        assert kernel.LIBRARY is not None
        try:
            kind = self._fault.read_text(encoding="utf-8")
            self._fault.unlink()
        except FileNotFoundError:
            return kernel.LIBRARY.assert_fact(handle, fact)
        if kind == HANG:
            kernel.LIBRARY.create_ruleset("many", _MANY)
        return kernel.LIBRARY.assert_fact(handle, _DEEP)


def serve(fault: str, rules: str, log: str) -> None:
    """Serves by workers that can be made to fail, and get the time to report where they hang on a busy machine too."""
    configure(as_json=False)
    process.DUMP_SECONDS = 5.0
    book_snapshot = read_snapshot(Path(rules))
    assert isinstance(book_snapshot, BookSnapshot)
    command = (sys.executable, "-m", "tests.workers.faulty", "work", fault)
    settings = Settings(rules=rules, log=f"sqlite:///{log}", port=0, workers=2, liveness=10, grace=100)

    def announce(address: str) -> None:
        sys.stdout.write(f"listening on {address}\n")

    asyncio.run(supervise(book_snapshot, settings, announce, as_json=False, command=command))


def work(fault: str) -> None:
    """Works."""
    kernel.DurableKernel = partial(kernel.DurableKernel, library=Poisoned(Path(fault)))  # type: ignore[assignment,misc]
    worker.main()


if __name__ == "__main__":
    role, *words = sys.argv[1:]
    serve(*words) if role == "serve" else work(*words)
