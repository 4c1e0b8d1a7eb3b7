"""Load on a server from many callers at once, and what it acknowledged."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from google.rpc.code_pb2 import UNAVAILABLE
from google.rpc.status_pb2 import Status

from engine.api.v1.decisions_pb2 import DecideRequest, DecideResponse
from engine.client import Client, DeadlineExceeded, TactError, Unavailable
from tests.waiting import HANGS


@dataclass
class Load:
    """Callers that decide until told to stop, as fast as they can unless they pause."""

    target: str
    make: Callable[[int, int], DecideRequest]
    """The request of caller `a` at its turn `b`."""
    callers: int = 8
    attempts: int = 1
    timeout: float = HANGS
    """Seconds that a call may take; it bounds a hang."""
    access: dict[str, Any] = field(default_factory=dict)
    """What the clients are made with, so that they may call."""
    pause: float = 0
    """Seconds between two calls of a caller; with some, what the test is about is done sooner, for there is room to do it."""
    once: bool = False
    """Whether each call has a connection of its own."""
    patient: bool = False
    """Whether a request that failed for the server's sake is asked again, by the same request_id, until it is answered."""
    answers: list[DecideResponse] = field(default_factory=list)
    failures: list[TactError] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """The load, for the length of a block."""
        threads = [threading.Thread(target=self._call, args=(caller,)) for caller in range(self.callers)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _call(self, caller: int) -> None:
        turn = 0
        while not self._stop.is_set():
            with Client(self.target, timeout=self.timeout, attempts=self.attempts, **self.access) as client:
                while not self._stop.is_set():
                    request = self.make(caller, turn)
                    while not self._answered(client, request) and self.patient:
                        time.sleep(0.05)
                    turn += 1
                    time.sleep(self.pause)
                    if self.once:
                        break

    def _answered(self, client: Client, request: DecideRequest) -> bool:
        """Asks once; whether an answer came, or none is to be had."""
        try:
            self.answers.append(client.decide(request))
        except TactError as failure:
            self.failures.append(failure)
            return not isinstance(failure, (Unavailable, DeadlineExceeded))
        return True

    def await_answers(self, count: int, within: float = HANGS) -> None:
        """Waits until there are so many answers, for the server to be under load and not idle."""
        deadline = time.monotonic() + within
        while len(self.answers) < count:
            assert time.monotonic() < deadline, self.failures[-3:]
            time.sleep(0.005)


class HttpLoad(Load):
    """The same over HTTP, by Connect in Protobuf. target: the server's URL."""

    def _call(self, caller: int) -> None:
        with httpx.Client(base_url=self.target, timeout=self.timeout) as web:
            turn = 0
            while not self._stop.is_set():
                self._ask(web, self.make(caller, turn))
                turn += 1

    def _ask(self, web: httpx.Client, request: DecideRequest) -> None:
        headers = {"content-type": "application/proto"}
        try:
            answer = web.post(
                "/tact.v1.Decisions/Decide", content=request.SerializeToString(), headers=headers
            )
        except httpx.TransportError as gone:
            self.failures.append(Unavailable(Status(code=UNAVAILABLE, message=str(gone))))
            return
        if answer.status_code == httpx.codes.OK:
            self.answers.append(DecideResponse.FromString(answer.content))
        else:
            kind = Unavailable if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else TactError
            self.failures.append(kind(Status(code=UNAVAILABLE, message=answer.text)))
