"""Random bytes on the socket, messages that are none, methods that there are not, metadata without end: refused by name."""

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
from tests.servers import serving
from trial.result import Finding, Place

Allowed = frozenset[grpc.StatusCode]
_BROKEN: Allowed = frozenset(
    (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.OK)
)
_HUGE: Allowed = frozenset((grpc.StatusCode.RESOURCE_EXHAUSTED,))
_UNKNOWN: Allowed = frozenset((grpc.StatusCode.UNIMPLEMENTED,))


def run(place: Place) -> Finding:
    """Each many times; after each kind a decent call is answered."""
    finding, rng, codes = Finding(), random.Random(7), Counter[str]()
    many = int(place.size(1000, 16))
    with (
        serving(write_book(place.folder / "book"), place.folder / "tact.db") as server,
        grpc.insecure_channel(server.target) as channel,
        Client(server.target, timeout=60) as client,
    ):
        for number in range(many):
            path = CONTRACT[number % len(CONTRACT)]
            kinds = (
                (path, rng.randbytes(rng.randrange(1, 400)), (), _BROKEN),
                (path, _cut(rng), (), _BROKEN),
                (f"/tact.v1.Decisions/{rng.randbytes(5).hex()}", b"", (), _UNKNOWN),
                (path, b"", (("x-long", "x" * rng.randrange(20_000, 200_000)),), _HUGE),
            )
            where, body, metadata, allowed = kinds[number % len(kinds)]
            code = _code(channel, where, body, metadata)
            codes[code.name] += 1
            finding.tried(code in allowed, f"{where} with {len(body)} bytes ended with {code.name}")
            if number % 5 == 0:
                _shout(server.target, rng)
                finding.trials += 1
            if number % 100 == 0:
                finding.expect(
                    bool(client.decide(li_na(f"d-{number}")).decision_id), "a decent call was not answered"
                )
        finding.expect(client.health(), "it is not well afterwards")
        finding.expect(server.stop() == 0, "it did not stop with 0")
    finding.expect(not any("Traceback" in line for line in server.errors), "a traceback in the messages")
    finding.said = (
        ", ".join(f"{count:,} {name}" for name, count in codes.most_common())
        + f"; {many // 5:,} times random bytes"
    )
    return finding


def _cut(rng: random.Random) -> bytes:
    """A message with a piece that is missing or turned."""
    body = bytearray(li_na("cut", placement="hero").SerializeToString())
    for _ in range(3):
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    return bytes(body[: rng.randrange(1, len(body))])


def _code(channel: grpc.Channel, path: str, body: bytes, metadata: Any) -> grpc.StatusCode:
    try:
        ask: Any = channel.unary_unary(path)
        ask(body, metadata=metadata, timeout=60)
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


def _shout(target: str, rng: random.Random) -> None:
    """Random bytes on a connection of their own, as the first words or after a right beginning."""
    host, port = target.rsplit(":", 1)
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=10) as one:
        one.sendall((PREFACE if rng.random() < 0.5 else b"") + rng.randbytes(rng.randrange(1, 5000)))
