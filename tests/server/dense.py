"""Messages of four million bytes in thousands of parts, and a limit on the memory of the server that gets them."""

from typing import Any

import grpc

from tests.waiting import HANGS

DECISIONS, HEALTH = "/tact.v1.Decisions/", "/grpc.health.v1.Health/"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
_PARTS = 2_000_000
_FIRST, _THIRD = b"\x0a\x00" * _PARTS, b"\x1a\x00" * _PARTS
_GROUP = b"\xfb\x3f\xfc\x3f"
"""An unknown field as a group, which the parser skips and no message of ours has."""
TOO_DENSE: tuple[tuple[str, bytes], ...] = (
    (f"{DECISIONS}DecideBatch", _FIRST),
    (f"{DECISIONS}Decide", _THIRD),
    (f"{DECISIONS}Record", _FIRST),
    (f"{DECISIONS}Link", _FIRST),
    (f"{DECISIONS}Explain", _THIRD),
    (f"{DECISIONS}DecideBatch", _GROUP + _FIRST),
)
"""Methods, and messages that each refuses for the number of its parts."""
DENSE: tuple[tuple[str, bytes], ...] = (
    (f"{DECISIONS}DecideBatch", (b"\x0a\x84\x01" + b"\x22\x00" * 66) * 1000),
    (f"{DECISIONS}Decide", _FIRST),
    (f"{DECISIONS}Decide", b"\xff" * 4_000_000),
    (f"{DECISIONS}DecideStream", _FIRST),
    (f"{DECISIONS}DecideStream", _THIRD),
    (f"{DECISIONS}Record", (b"\x0a\xd0\x1f" + b"\x22\xcd\x1f" + b"x" * 4045) * 1000),
    (f"{DECISIONS}Explain", _FIRST),
    (f"{HEALTH}Check", _FIRST),
    (f"{HEALTH}List", _FIRST),
    (f"{HEALTH}Watch", _FIRST),
    (REFLECTION, _FIRST),
    (REFLECTION, _THIRD),
)
"""Methods, and messages that each refuses, or answers."""


def limited(megabytes: int) -> tuple[str, ...]:
    """Words before the command of a server that may have so much data. They limit all memory on Linux only."""
    return ("prlimit", f"--data={megabytes * 1_000_000}")


def code_of(channel: grpc.Channel, path: str, body: bytes) -> tuple[grpc.StatusCode, str]:
    """The status with which a call of the method ends, and its message; OK after the first answer of a watch."""
    method: Any = channel.unary_stream(path)
    call = method(body, timeout=HANGS)
    try:
        for _ in call:
            if path.endswith("/Watch"):
                call.cancel()
                break
    except grpc.RpcError:
        return call.code(), call.details() or ""
    return grpc.StatusCode.OK, ""
