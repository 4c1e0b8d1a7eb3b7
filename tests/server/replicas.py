"""Servers on one log, that are killed and started again."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.logs import Log
from tests.servers import Server, start_server

REPLICAS = 4


class Fleet:
    """Four servers on one log."""

    def __init__(self, book: Path, log: Log) -> None:
        self._book, self._log = book, log
        self._servers: list[Server] = []

    @contextmanager
    def running(self) -> Iterator["Fleet"]:
        """The servers, for the length of a block."""
        try:
            self._servers += [start_server(self._book, self._log) for _ in range(REPLICAS)]
            yield self
        finally:
            for server in self._servers:
                if server.process.poll() is None:
                    server.kill()

    def target(self, rng: random.Random) -> str:
        """The address of one of them."""
        return rng.choice(self._servers).target

    def kill(self, rng: random.Random) -> None:
        """Kills one, and starts another in its place."""
        number = rng.randrange(REPLICAS)
        self._servers[number].kill()
        self._servers[number] = start_server(self._book, self._log)
