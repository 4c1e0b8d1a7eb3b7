"""The processes that are measured: the server itself, the echo, the client."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from bench.books import request_id, with_id
from bench.echo import SERVICE
from engine.api.v1 import decisions_pb2 as pb

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"


class CannotMeasure(Exception):
    """A process failed, or there is no room for the measurement."""


@contextmanager
def running(*words: str, program: str = sys.executable, **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """A process for the length of a block, of Python if no other program is named."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [program, *words], text=True, env=environment, stdout=subprocess.PIPE, **options
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def server(errors: Path, *words: str, **options: Any) -> Iterator[str]:
    """A server for the length of a block: its address. errors: the file for its messages; options: as of `running`."""
    with (
        errors.open("w", encoding="utf-8") as messages,
        running(*words, stderr=messages, **options) as process,
    ):
        line = process.stdout.readline() if process.stdout else ""
        if "listening on " not in line:
            raise CannotMeasure(f"{' '.join(words)}: {line}{errors.read_text(encoding='utf-8')}")
        yield line.split("listening on ")[1].strip()


@contextmanager
def tact(rules: Path, log: Path, *options: str) -> Iterator[str]:
    """The server of the book in `rules`, its log a file; with further options."""
    words = ("-m", "engine.cli", "serve", "--rules", str(rules), "--log", f"sqlite:///{log}", "--port", "0")
    with server(log.with_suffix(".err"), *words, *options) as target:
        yield target


@contextmanager
def echo(response: pb.DecideResponse, folder: Path) -> Iterator[str]:
    """A server that gives the same answer each time, for the length of a block: its address."""
    file = folder / "response"
    file.write_bytes(response.SerializeToString())
    with server(folder / "echo.err", "-m", "bench.echo", str(file)) as target:
        yield target


class Client:
    """The client process: runs jobs, one at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._read()

    def run(self, target: str, seconds: float, method: str = "Decide", **job: Any) -> dict[str, Any]:
        """Runs a closed job if `clients` are given, a paced one if `rate` is; returns its figures."""
        kind = "paced" if "rate" in job else "closed"
        job |= {"target": target, "method": method, "kind": kind, "seconds": seconds}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise CannotMeasure("the client ended: a call failed, see above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def floor(response: pb.DecideResponse, folder: Path, pattern: Path) -> Iterator[str]:
    """A server that gives the same answer each time, once rows like those of the log `pattern` are on disk."""
    file = folder / "floor-response"
    file.write_bytes(response.SerializeToString())
    words = ("-m", "bench.floor", str(file), str(folder / "floor.db"), str(pattern))
    with server(folder / "floor.err", *words) as target:
        yield target


@contextmanager
def client(customers: int, module: str = "bench.books") -> Iterator[Client]:
    """A client process that knows so many customers, whose requests are the module's."""
    with running("-m", "bench.load", str(customers), module, stdin=subprocess.PIPE) as process:
        yield Client(process)


@contextmanager
def deciding(target: str) -> Iterator[Callable[[bytes], pb.DecideResponse]]:
    """The method Decide of a server, for serialised requests."""
    with grpc.insecure_channel(target) as channel:
        yield channel.unary_unary(f"/{SERVICE}/Decide", response_deserializer=pb.DecideResponse.FromString)


def typical(target: str, bodies: Iterable[bytes]) -> pb.DecideResponse:
    """The server's answer of middle size to some requests, an offer."""
    answers: list[pb.DecideResponse] = []
    with deciding(target) as decide:
        for number, body in enumerate(bodies):
            answers.append(decide(with_id(body, f"typical-{request_id(number)}")))
    offers = sorted((answer for answer in answers if answer.offers), key=lambda offer: offer.ByteSize())
    return offers[len(offers) // 2]
