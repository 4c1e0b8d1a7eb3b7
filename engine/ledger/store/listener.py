"""Listens for notifications of PostgreSQL, in a thread of its own on a connection of its own.

They are a hint that there may be something new, and never the only way to learn of it: a pooler in transaction mode
swallows them without a word, and what is sent while the connection is down is lost.
"""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any
from uuid import uuid4

import psycopg
import structlog
from psycopg import sql

from engine.ledger.store.postgres_url import direct

log = structlog.get_logger()


_TURN_SECONDS = 1.0
"""How long a thread that is told to end may go on."""


_PROBE_SECONDS = 3.0
"""How long a notification of our own may take to arrive."""


_SHORTEST, _LONGEST = 0.5, 30.0
"""Seconds between tries to connect; each is twice the one before."""


_DEAF_SECONDS = 300.0
"""Seconds until the next try where notifications do not arrive."""


class _Deaf(Exception):
    """What is sent does not arrive."""


class Listener:
    """Calls `on_notice` in its thread for each notification on the channel, and whenever some may have been missed."""

    def __init__(self, url: str, channel: str, on_notice: Callable[[], None]) -> None:
        self._url, self._channel, self._on_notice = url, channel, on_notice
        self._ended = threading.Event()
        self._said = ""
        """The last trouble, which is not said again."""

    def start(self) -> None:
        """Begins to listen. The thread is not waited for by a process that ends."""
        threading.Thread(target=self._run, name="listener", daemon=True).start()

    def close(self) -> None:
        """Ends listening, within about a second."""
        self._ended.set()

    def _run(self) -> None:
        pause = _SHORTEST
        while not self._ended.is_set():
            try:
                self._listen()
            except _Deaf:
                if self._is_news("deaf"):
                    log.warning("notifications of releases do not arrive", again_in=_DEAF_SECONDS)
                pause = _DEAF_SECONDS
            except psycopg.Error as error:
                if self._is_news("lost"):
                    cause = " ".join(str(error).split())
                    log.warning("the connection that listens for releases is lost", cause=cause)
                pause = min(2 * pause, _LONGEST)
            self._ended.wait(pause)

    def _listen(self) -> None:
        with closing(psycopg.connect(direct(self._url), autocommit=True)) as connection:
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            self._probe(connection)
            self._said = ""
            log.info("listening for releases")
            self._on_notice()  # what was sent before
            while not self._ended.is_set():
                # a statement on this connection while notifies() runs would wait for ever
                for _ in connection.notifies(timeout=_TURN_SECONDS):
                    self._on_notice()

    def _probe(self, connection: "psycopg.Connection[Any]") -> None:
        """Sends a notification by another connection. Raises _Deaf when it does not arrive.

        By this one it would arrive behind a pooler, too: as part of the answer.
        """
        word = uuid4().hex
        with closing(psycopg.connect(direct(self._url), autocommit=True)) as other:
            other.execute("SELECT pg_notify(%s, %s)", (self._channel, word))
        deadline = time.monotonic() + _PROBE_SECONDS
        for notice in connection.notifies(timeout=_PROBE_SECONDS):
            if notice.payload == word:
                return
            if time.monotonic() > deadline:
                break
        raise _Deaf

    def _is_news(self, trouble: str) -> bool:
        """Whether it was not said before."""
        said, self._said = self._said, trouble
        return said != trouble
