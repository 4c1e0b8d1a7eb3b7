"""Random bytes on the socket, broken messages, unknown methods, huge metadata: refused, each with its status."""

import random
import socket
from collections import Counter
from contextlib import suppress
from typing import Any

import grpc

from engine.client import Client
from tests.books import write_book
from tests.requests import li_na
from tests.server.access.test_every_method import CONTRACT
from tests.server.access.test_half_open import PREFACE
from tests.servers import faults_in, serving
from trial.result import TrialResult, TrialSettings

Allowed = frozenset[grpc.StatusCode]
_BROKEN: Allowed = frozenset(
    (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OK)
)
_HUGE: Allowed = frozenset((grpc.StatusCode.RESOURCE_EXHAUSTED,))
_UNKNOWN: Allowed = frozenset((grpc.StatusCode.UNIMPLEMENTED,))


def run(settings: TrialSettings) -> TrialResult:
    """Sends each kind many times, with valid calls between them, which are answered."""
    result, rng, codes = TrialResult(), random.Random(7), Counter[str]()
    many = int(settings.size(1000, 16))
    with (
        serving(write_book(settings.folder / "book"), settings.folder / "tact.db") as server,
        grpc.insecure_channel(server.target) as channel,
        Client(server.target, timeout=60) as client,
    ):
        for number in range(many):
            path = CONTRACT[number % len(CONTRACT)]
            kinds = (
                (path, rng.randbytes(rng.randrange(1, 400)), (), _BROKEN),
                (path, _broken(rng), (), _BROKEN),
                (f"/tact.v1.Decisions/{rng.randbytes(5).hex()}", b"", (), _UNKNOWN),
                (path, b"", (("x-long", "x" * rng.randrange(20_000, 200_000)),), _HUGE),
            )
            method, body, metadata, allowed = kinds[number % len(kinds)]
            code = _code(channel, method, body, metadata)
            codes[code.name] += 1
            result.check(code in allowed, f"{method} with {len(body)} bytes ended with {code.name}")
            if number % 5 == 0:
                _send_random_bytes(server.target, rng)
                result.trials += 1
            if number % 100 == 0:
                result.expect(
                    bool(client.decide(li_na(f"d-{number}")).decision_id), "a valid call was not answered"
                )
        result.expect(client.health(), "it is not well afterwards")
        result.expect(server.stop() == 0, "it did not stop with 0")
    result.expect(not faults_in(server.errors), f"faults in the messages: {faults_in(server.errors)[:3]}")
    result.summary = (
        ", ".join(f"{count:,} {name}" for name, count in codes.most_common())
        + f"; {many // 5:,} times random bytes"
    )
    return result


def _broken(rng: random.Random) -> bytes:
    """A message with three bits flipped, and cut off."""
    body = bytearray(li_na("cut", placement="hero").SerializeToString())
    for _ in range(3):
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    return bytes(body[: rng.randrange(1, len(body))])


def _code(channel: grpc.Channel, path: str, body: bytes, metadata: Any) -> grpc.StatusCode:
    try:
        call: Any = channel.unary_unary(path)
        call(body, metadata=metadata, timeout=60)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


def _send_random_bytes(target: str, rng: random.Random) -> None:
    """Sends random bytes on a new connection, at once or after the HTTP/2 preface."""
    host, port = target.rsplit(":", 1)
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall((PREFACE if rng.random() < 0.5 else b"") + rng.randbytes(rng.randrange(1, 5000)))
