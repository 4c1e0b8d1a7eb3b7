"""HTTP beside gRPC: what a call costs its server in processor time, for an echo and for `Decide`, in JSON and in Protobuf.

Every server is a process of its own, and the same client calls them in turn, so that all see the same noise. Processor time,
and not throughput: the client shares the machine's cores with the server.
"""

import asyncio
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import uvloop

from bench import books
from bench.books import CAMPAIGNS, CUSTOMERS, request_id, with_id
from bench.processes import BUILD, CannotMeasure, Client, client, running, typical
from bench.ratio import NO_TARGET, Ratio
from bench.table import Step, silent
from engine.api.v1 import decisions_pb2 as pb
from engine.server.http.json_writer import write_json

CLIENTS = 32
SAMPLE = 200
"""Requests from whose answers the typical answer is taken."""


class Served(NamedTuple):
    """A server with its addresses."""

    process: psutil.Process
    grpc: str
    http: str

    def busy(self) -> float:
        """Its processor time so far, in seconds."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


class Form(NamedTuple):
    """How a request is sent over HTTP."""

    path: str
    content_type: str
    body: Callable[[bytes], bytes]
    """Of a serialised request."""


def _json(body: bytes) -> bytes:
    return write_json(pb.DecideRequest.FromString(body), short=True)


FORMS = {
    "Connect in Protobuf": Form("/tact.v1.Decisions/Decide", "application/proto", bytes),
    "JSON": Form("/v1/decide", "application/json", _json),
}
TARGETS = {"Connect in Protobuf": 1 / 1.1, "JSON": 1 / 1.5}
"""Processor time of gRPC's echo over that of a durable `Decide`."""


@contextmanager
def _server(folder: Path, *words: str, http: bool = True, grpc: bool = True) -> Iterator[Served]:
    with (
        (folder / f"{words[1]}.err").open("w", encoding="utf-8") as messages,
        running(*words, stderr=messages) as process,
    ):
        addresses = [_address(process) if wanted else "" for wanted in (grpc, http)]
        yield Served(psutil.Process(process.pid), *addresses)


def _address(process: "subprocess.Popen[str]") -> str:
    line = process.stdout.readline() if process.stdout else ""
    if "listening on " not in line:
        raise CannotMeasure(f"a server did not start: {line}")
    return line.split("listening on ")[1].strip()


class Turn(NamedTuple):
    """What a server did in a turn."""

    calls: int
    busy: float
    """Seconds of its processor time."""

    @property
    def micros(self) -> float:
        """Processor time of a call, in microseconds."""
        return self.busy / self.calls * 1e6


def _over_grpc(served: Served, caller: Client, seconds: float) -> Turn:
    before = served.busy()
    figures = caller.run(served.grpc, seconds, clients=CLIENTS)
    return Turn(figures["calls"], served.busy() - before)


class _Requests:
    """Requests without end, as bytes on the wire, each with a request_id of its own."""

    def __init__(self, form: Form, bodies: list[bytes], marks: str) -> None:
        self._form, self._marks, self._next = form, marks, 0
        self._bodies = bodies

    def request(self) -> bytes:
        """The next one."""
        self._next += 1
        body = with_id(
            self._bodies[self._next % len(self._bodies)], f"{self._marks}-{request_id(self._next)}"
        )
        content = self._form.body(body)
        return (
            f"POST {self._form.path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {self._form.content_type}\r\n"
            f"content-length: {len(content)}\r\n\r\n"
        ).encode() + content


def _over_http(served: Served, ready: list[bytes], seconds: float) -> Turn:
    """Sends requests that are ready, over so many connections; the turn ends with them or with the time."""
    before = served.busy()
    calls = uvloop.run(_send(served.http, ready, seconds))
    return Turn(calls, served.busy() - before)


async def _send(url: str, ready: list[bytes], seconds: float) -> int:
    host, _, port = url.partition("://")[2].rpartition(":")
    end = asyncio.get_running_loop().time() + seconds
    calls = 0

    async def caller() -> None:
        nonlocal calls
        reader, writer = await asyncio.open_connection(host, int(port))
        while ready and asyncio.get_running_loop().time() < end:
            writer.write(ready.pop())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise CannotMeasure(f"a call failed: {head.decode()}")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            calls += 1
        writer.close()

    await asyncio.gather(*(caller() for _ in range(CLIENTS)))
    return calls


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """All ratios, in about a minute."""
    BUILD.mkdir(exist_ok=True)
    seconds, rounds, campaigns = (1.0, 2, CAMPAIGNS // 10) if quick else (2.0, 5, CAMPAIGNS)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-http-") as name, ExitStack() as stack:
        folder = Path(name)
        rules = books.write_book(folder / "rules", campaigns)
        step("http: servers and client")
        words = (
            "-m",
            "engine.cli",
            "serve",
            "--rules",
            str(rules),
            "--log",
            f"sqlite:///{folder / 'tact.db'}",
        )
        tact = stack.enter_context(_server(folder, *words, "--port", "0", "--http", "127.0.0.1:0"))
        answer = folder / "response"
        answer.write_bytes(typical(tact.grpc, books.bodies(SAMPLE)).SerializeToString())
        echo = stack.enter_context(_server(folder, "-m", "bench.echo", str(answer), http=False))
        echo_http = stack.enter_context(_server(folder, "-m", "bench.http_echo", str(answer), grpc=False))
        caller = stack.enter_context(client(CUSTOMERS))
        step("http: echo and Decide in turn")
        return _compared(_measured(tact, echo, echo_http, caller, seconds, rounds))


def _measured(
    tact: Served, echo: Served, echo_http: Served, caller: Client, seconds: float, rounds: int
) -> dict[str, list[Turn]]:
    """Turns by what was called; a first round warms up and is not counted."""
    turns: dict[str, list[Turn]] = {}
    bodies = list(books.bodies(CUSTOMERS))
    for number in range(rounds + 1):
        of_round = {
            "echo, gRPC": _over_grpc(echo, caller, seconds),
            "Decide, gRPC": _over_grpc(tact, caller, seconds),
        }
        for name, form in FORMS.items():
            for what, served in (("echo", echo_http), ("Decide", tact)):
                requests = _Requests(form, bodies, f"{name[0]}{number}")
                ready = [requests.request() for _ in range(int(8000 * seconds))]
                of_round[f"{what}, {name}"] = _over_http(served, ready, seconds)
        for what, turn in of_round.items():
            turns.setdefault(what, []).extend([turn] if number else [])
    return turns


def _compared(turns: dict[str, list[Turn]]) -> list[Ratio]:
    echo = turns["echo, gRPC"]
    return [
        Ratio(
            f"http: processor time of gRPC's echo / {what}",
            statistics.median(left.micros / right.micros for left, right in zip(echo, of_what, strict=True)),
            TARGETS.get(what.removeprefix("Decide, "), NO_TARGET) if what.startswith("Decide") else NO_TARGET,
            f"{_micros(of_what):.0f} µs a call against {_micros(echo):.0f}, {CLIENTS} at a time",
        )
        for what, of_what in turns.items()
        if what != "echo, gRPC"
    ]


def _micros(turns: list[Turn]) -> float:
    return statistics.median(turn.micros for turn in turns)
