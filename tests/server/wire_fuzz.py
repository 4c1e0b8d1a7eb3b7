"""Calls of every method with messages changed on the wire, tokens of every kind and odd metadata; each by its number."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from engine.api.v1 import decisions_pb2 as pb
from engine.server.access.roles import ANY, NEEDS, OPEN, Role
from engine.server.access.tokens import Entry, entry_of, new_token
from engine.settings import Settings
from tests.docs.pages import ROOT
from tests.server.access.conftest import write_callers
from tests.server.hostile import hostile_names, hostile_record, hostile_request
from tests.server.mutate import mutated

Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]
DECISIONS, HEALTH = "/tact.v1.Decisions/", "/grpc.health.v1.Health/"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
_UNKNOWN = (f"{DECISIONS}Nothing", "/tact.v1.Decisions", "/", "/x/../y", "/grpc.health.v1.Health/check")
_GENERATION = 20_000
"""Calls after which the customers are others, so that none gets a history without end."""
_MESSAGE_BYTES = Settings().message_bytes
_PATIENCE = 300.0
"""Seconds after which a call is taken to hang."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be made. token: the kind of its token."""

    path: str
    bodies: tuple[bytes, ...]
    metadata: Metadata
    token: str
    huge: bool
    """Whether its metadata are more than a server takes."""


class Tokens:
    """A token of every kind, and the callers file that knows those that are valid."""

    def __init__(self) -> None:
        roles = tuple(Role)
        self._entries: list[Entry] = []
        self.roles: dict[str, frozenset[Role]] = {}
        self._metadata: dict[str, Metadata] = {
            "none": (),
            "unknown": (("authorization", f"Bearer {new_token()}"),),
            "odd": (("authorization", "Basic dXNlcjpwYXNz"),),
            "empty": (("authorization", "Bearer "),),
        }
        for name, granted in {
            "all": roles,
            "limited": roles,
            **{str(role): (role,) for role in Role},
        }.items():
            self._add(name, granted)
            self.roles[name] = frozenset(granted)
        self._add("expired", roles, expires=datetime(2020, 1, 1, tzinfo=UTC))
        self._add("early", roles, not_before=datetime(2999, 1, 1, tzinfo=UTC))
        self._metadata["two"] = self._metadata["all"] + self._metadata["limited"]
        self.kinds = tuple(self._metadata)

    def _add(self, name: str, roles: tuple[Role, ...], **times: datetime) -> None:
        token = new_token()
        self._entries.append(entry_of(token, name, roles, **times))
        self._metadata[name] = (("authorization", f"Bearer {token}"),)

    def metadata(self, kind: str) -> Metadata:
        """What a caller with a token of the kind sends."""
        return self._metadata[kind]

    def write(self, path: Path) -> Path:
        """The callers file."""
        return write_callers(path, *self._entries, more="\n[limits.limited]\nrate = 5\nburst = 5\n")


def call_of(seed: int, number: int, tokens: Tokens) -> Call:
    """The call with this number: the same for the same seed, tokens aside."""
    rng = Random(f"{seed}/{number}")
    path = rng.choices(_PATHS, _WEIGHTS)[0]
    token = "all" if rng.random() < 0.75 else rng.choice(tokens.kinds)
    several = path == f"{DECISIONS}DecideStream" and token in ("all", Role.DECIDE)
    bodies = tuple(_body(rng, path, number) for _ in range(rng.randrange(4) if several else 1))
    if len(bodies) > 1:  # a client that is still sending takes the end of its stream for a fault of its own
        bodies = tuple(body for body in bodies if len(body) <= _MESSAGE_BYTES)
    odd, huge = _odd_metadata(rng)
    bodies = bodies[:1] if huge else bodies
    if path not in MESSAGES:
        path = rng.choice(_UNKNOWN)
    return Call(path, bodies, tokens.metadata(token) + odd, token, huge)


def _body(rng: Random, path: str, number: int) -> bytes:
    message = MESSAGES.get(path, _decide)(rng, number)
    body = message.SerializeToString()
    return body if rng.random() < 0.4 else mutated(rng, body)


def _decide(rng: Random, number: int) -> pb.DecideRequest:
    request = hostile_request(rng, number)
    if request.customer.id.startswith("h-"):
        request.customer.id = f"{number // _GENERATION}{request.customer.id}"
    if not request.request_id and rng.random() < 0.5:
        request.request_id = f"n-{number}-{rng.randrange(1000)}"
    return request


def _batch(rng: Random, number: int) -> Message:
    return pb.DecideBatchRequest(
        requests=[_decide(rng, number + extra) for extra in range(rng.choice((0, 1, 2, 5)))]
    )


def _record(rng: Random, number: int) -> Message:
    return pb.RecordRequest(
        events=[hostile_record(rng, number + extra) for extra in range(rng.choice((0, 1, 3, 8)))]
    )


def _link(rng: Random, _number: int) -> Message:
    return pb.LinkRequest(customer_ids=hostile_names(rng))


def _explain(rng: Random, number: int) -> Message:
    if rng.random() < 0.3:
        return pb.ExplainRequest(
            decision_id=rng.choice(("", "x", "019ac3a6-5c1e-7b7e-8000-000000000000", "\0"))
        )
    return pb.ExplainRequest(
        request=_decide(rng, number), campaigns=rng.choices(("near", "snow", "no-such"), k=rng.randrange(3))
    )


def _check(rng: Random, _number: int) -> Message:
    message: Message = HealthCheckRequest(
        service=rng.choice(("", "liveness", "rulebook", "tact.v1.Decisions", "x", "x" * 2000))
    )
    return message


def _reflect(rng: Random, _number: int) -> Message:
    message: Message = rng.choice(
        (
            ServerReflectionRequest(list_services="*"),
            ServerReflectionRequest(file_by_filename="engine/api/v1/decisions.proto"),
            ServerReflectionRequest(file_containing_symbol=rng.choice(("tact.v1.Decisions", "x", "\0"))),
            ServerReflectionRequest(all_extension_numbers_of_type="tact.v1.DecideRequest"),
        )
    )
    return message


MESSAGES: dict[str, Callable[[Random, int], Message]] = {
    f"{DECISIONS}Decide": _decide,
    f"{DECISIONS}DecideBatch": _batch,
    f"{DECISIONS}DecideStream": _decide,
    f"{DECISIONS}Record": _record,
    f"{DECISIONS}Link": _link,
    f"{DECISIONS}Explain": _explain,
    f"{HEALTH}Check": _check,
    f"{HEALTH}List": _check,
    f"{HEALTH}Watch": _check,
    REFLECTION: _reflect,
}
_PATHS = (*MESSAGES, "unknown")
_WEIGHTS = (25, 8, 10, 20, 4, 10, 4, 2, 4, 5, 5)


def _odd_metadata(rng: Random) -> tuple[Metadata, bool]:
    """Metadata as proxies, tracing and attackers add them, and whether they are too much."""
    odd: list[tuple[str, str | bytes]] = []
    while rng.random() < 0.3:
        odd.append(
            rng.choice(
                (
                    ("x-request-id", "r" * rng.randrange(200)),
                    ("traceparent", rng.choice(("00-" + "a" * 32 + "-" + "b" * 16 + "-01", "00-0-0-zz", ""))),
                    ("x-bin", rng.randbytes(rng.randrange(300))),
                    ("cookie", "; ".join(["a=b"] * rng.randrange(50))),
                    ("grpc-status-details-bin", rng.randbytes(20)),
                )
            )
        )
    huge = rng.random() < 0.002
    if huge:
        odd.append(("x-long", "x" * rng.randrange(20_000, 60_000)))
    return tuple(odd), huge


def documented() -> frozenset[str]:
    """The statuses that docs/reference/statuses.md names, without that of a fault of the server's, and OK."""
    page = (ROOT / "docs" / "reference" / "statuses.md").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^\| ([A-Z_]+) \|", page, re.MULTILINE)) - {"INTERNAL"} | {"OK"}


_NOT_WHILE_WELL = frozenset(("UNAVAILABLE", "DEADLINE_EXCEEDED"))
"""Statuses of a server in trouble; with them the log may have decisions whose answers were lost."""


@dataclass
class Tally:
    """What became of the calls."""

    tokens: Tokens
    allowed: frozenset[str] = field(default_factory=lambda: documented() - _NOT_WHILE_WELL)
    codes: Counter[str] = field(default_factory=Counter)
    """By method and status."""
    items: Counter[str] = field(default_factory=Counter)
    """By the status of each item of a batch, a stream or a recording."""
    decided: set[str] = field(default_factory=set)
    """The decisions that were acknowledged."""
    faults: list[str] = field(default_factory=list)
    """A sentence for each call that ended as none should."""

    def add(self, number: int, call: Call, code: str, detail: str, answers: Iterable[bytes]) -> None:
        """Notes how a call ended."""
        self.codes[f"{call.path.rpartition('/')[2]} {code}"] += 1
        if code not in self._expected(call):
            self.faults.append(f"call {number}, {call.path} with token {call.token}: {code} {detail}")
        for answer in answers:
            for item in _items(call.path, answer, self.decided):
                name = _NAMES[item.code]
                self.items[name] += 1
                if name not in self.allowed:
                    self.faults.append(f"call {number}, {call.path}: an item with {name} {item.message}")

    def _expected(self, call: Call) -> frozenset[str]:
        """The statuses with which the call may end."""
        if call.huge:
            return frozenset(("RESOURCE_EXHAUSTED",))
        if call.path in OPEN:
            return self.allowed - {"UNAUTHENTICATED", "PERMISSION_DENIED"}
        if call.token not in self.tokens.roles:
            return frozenset(("UNAUTHENTICATED",))
        if self.tokens.roles[call.token].isdisjoint(NEEDS.get(call.path, ANY)):
            return frozenset(("PERMISSION_DENIED",))
        if call.path not in NEEDS:
            return frozenset(("UNIMPLEMENTED", "RESOURCE_EXHAUSTED"))
        return self.allowed - {"UNAUTHENTICATED"}


_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def _items(path: str, answer: bytes, decided: set[str]) -> Iterator[Status]:
    """The statuses of an answer's items; notes the decisions."""
    match path.removeprefix(DECISIONS):
        case "Decide" | "DecideStream":
            responses = [pb.DecideResponse.FromString(answer)]
            yield from (response.error for response in responses)
        case "DecideBatch":
            items = pb.DecideBatchResponse.FromString(answer).items
            responses = [item.response for item in items]
            yield from (item.error for item in items)
        case "Record":
            responses = []
            yield from (result.error for result in pb.RecordResponse.FromString(answer).results)
        case _:
            return
    decided.update(response.decision_id for response in responses if response.decision_id)


class WireFuzz:
    """Makes the calls of a seed over several connections. credentials: of TLS; None: without."""

    def __init__(
        self, seed: int, target: str, credentials: grpc.ChannelCredentials | None, tokens: Tokens
    ) -> None:
        self._seed, self._target, self._credentials = seed, target, credentials
        self.tally = Tally(tokens)

    def run(
        self, numbers: Iterable[int], on_call: Callable[[], object] = lambda: None, *, callers: int = 32
    ) -> None:
        """Makes the calls with these numbers, so many at a time."""
        asyncio.run(self._run(iter(numbers), on_call, callers))

    async def _run(self, numbers: Iterator[int], on_call: Callable[[], object], callers: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, callers // 8)):
                group.create_task(self._connection(numbers, on_call, min(callers, 8)))

    async def _connection(self, numbers: Iterator[int], on_call: Callable[[], object], callers: int) -> None:
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_metadata_size", 1 << 20))
        channel = (
            grpc.aio.insecure_channel(self._target, options)
            if self._credentials is None
            else grpc.aio.secure_channel(self._target, self._credentials, options)
        )
        async with channel, asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(self._caller(channel, numbers, on_call))

    async def _caller(
        self, channel: grpc.aio.Channel, numbers: Iterator[int], on_call: Callable[[], object]
    ) -> None:
        for number in numbers:
            call = call_of(self._seed, number, self.tally.tokens)
            code, detail, answers = await _made(channel, call)
            try:
                self.tally.add(number, call, code, detail, answers)
            except DecodeError:
                self.tally.faults.append(f"call {number}, {call.path}: an answer that cannot be read")
            on_call()


async def _made(channel: grpc.aio.Channel, call: Call) -> tuple[str, str, list[bytes]]:
    """Makes a call; the name of its status, its message, and the answers."""
    method: Any
    message: bytes | Iterator[bytes]
    # A single message is sent at once: a client takes a write after the server's refusal for a fault of its own.
    if len(call.bodies) == 1:
        method, message = channel.unary_stream(call.path), call.bodies[0]
    else:
        method, message = channel.stream_stream(call.path), iter(call.bodies)
    made, answers = method(message, metadata=call.metadata, timeout=_PATIENCE), []
    try:
        async for answer in made:
            answers.append(answer)
            if call.path.endswith("/Watch"):
                made.cancel()
                return "OK", "", answers
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or "", answers
    return "OK", "", answers
