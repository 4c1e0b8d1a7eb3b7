"""Both clients for persons' rights: attempts, deadlines and broken streams, against a real server that is scripted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
import pytest

from engine.api.v1 import privacy_pb2 as pb
from engine.api.v1 import privacy_pb2_grpc as pb_grpc
from engine.client import AsyncPrivacyClient, DeadlineExceeded, PrivacyClient, TactError, Unavailable
from tests.client.scripted import Context
from tests.waiting import HANGS

Act: TypeAlias = Callable[[Any], Any]


class ScriptedPrivacy(pb_grpc.PrivacyServicer):
    """Fails as often as scripted, then answers; an export may end in the middle, and an objection waits for good."""

    def __init__(self) -> None:
        self.failures: list[grpc.StatusCode] = []
        self.calls: list[str] = []
        self.breaks_after_head = False

    async def _receive(self, name: str, context: Context) -> None:
        self.calls.append(name)
        if self.failures:
            await context.abort(self.failures.pop(0), "scripted")

    async def ExportCustomer(  # noqa: N802
        self, request: pb.ExportCustomerRequest, context: Context
    ) -> AsyncIterator[pb.ExportCustomerResponse]:
        """The head and one row."""
        await self._receive("export", context)
        yield pb.ExportCustomerResponse(head=pb.ExportHead(customer_id=request.customer_id))
        if self.breaks_after_head:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "in the middle")
        yield pb.ExportCustomerResponse(row=pb.ExportRow(section="events", json="{}"))

    async def Erase(self, request: pb.EraseRequest, context: Context) -> pb.EraseResponse:  # noqa: N802
        """A receipt."""
        await self._receive("erase", context)
        return pb.EraseResponse(receipt_id=request.customer_id)

    async def Object(self, request: pb.ObjectRequest, context: Context) -> pb.ObjectionResponse:  # noqa: N802
        """Nothing before the deadline."""
        await self._receive("object", context)
        await asyncio.Event().wait()
        return pb.ObjectionResponse(purposes=[request.purpose])

    async def WithdrawObjection(  # noqa: N802
        self, request: pb.WithdrawObjectionRequest, context: Context
    ) -> pb.ObjectionResponse:
        """The purpose."""
        await self._receive("withdraw", context)
        return pb.ObjectionResponse(purposes=[request.purpose])


@asynccontextmanager
async def scripted() -> AsyncIterator[tuple[ScriptedPrivacy, str]]:
    """The server and its target."""
    server, servicer = grpc.aio.server(), ScriptedPrivacy()
    pb_grpc.add_PrivacyServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield servicer, f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def called(kind: str, target: str, name: str, message: Any, **options: Any) -> Any:
    """What comes of one call by a client of the kind; of an export, the list of its parts, and the error that ended it."""
    if kind == "asyncio":
        async with AsyncPrivacyClient(target, timeout=HANGS) as client:
            if name == "export":
                parts: list[Any] = []
                try:
                    async for part in client.export(message, **options):
                        parts.append(part)  # noqa: PERF401 - keeps what comes before an error
                except TactError as error:
                    return parts, error
                return parts, None
            return await getattr(client, name)(message, **options)
    return await asyncio.to_thread(_waited, target, name, message, options)


def _waited(target: str, name: str, message: Any, options: dict[str, Any]) -> Any:
    with PrivacyClient(target, timeout=HANGS) as client:
        if name != "export":
            return getattr(client, name)(message, **options)
        parts: list[Any] = []
        try:
            for part in client.export(message, **options):
                parts.append(part)  # noqa: PERF402 - keeps what comes before an error
        except TactError as error:
            return parts, error
        return parts, None


@pytest.mark.parametrize("kind", ["asyncio", "threads"])
def test_what_is_unavailable_is_tried_again(kind: str) -> None:
    """Each call succeeds at the third attempt, and an export yields each part once; other failures end it at once."""

    async def main() -> None:
        async with scripted() as (server, target):
            server.failures = [grpc.StatusCode.UNAVAILABLE] * 2
            receipt = await called(kind, target, "erase", pb.EraseRequest(customer_id="li"))
            assert (receipt.receipt_id, server.calls) == ("li", ["erase"] * 3)
            server.failures = [grpc.StatusCode.UNAVAILABLE] * 2
            parts, error = await called(kind, target, "export", "li")
            assert [part.WhichOneof("part") for part in parts] == ["head", "row"]
            assert (error, server.calls[3:]) == (None, ["export"] * 3)
            server.failures = [grpc.StatusCode.ABORTED]
            back = pb.WithdrawObjectionRequest(customer_id="li", reference="letter")
            with pytest.raises(TactError):
                await called(kind, target, "withdraw_objection", back)
            assert server.calls[6:] == ["withdraw"]
            server.failures = [grpc.StatusCode.UNAVAILABLE] * 9
            with pytest.raises(Unavailable):
                await called(kind, target, "erase", pb.EraseRequest(customer_id="li"))
            assert server.calls[7:] == ["erase"] * 3

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["asyncio", "threads"])
def test_an_export_that_breaks_in_the_middle_is_not_begun_again(kind: str) -> None:
    """What was yielded is followed by the error, and by no second head."""

    async def main() -> None:
        async with scripted() as (server, target):
            server.breaks_after_head = True
            parts, error = await called(kind, target, "export", "li")
            assert [part.WhichOneof("part") for part in parts] == ["head"]
            assert isinstance(error, Unavailable)
            assert server.calls == ["export"]

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["asyncio", "threads"])
def test_a_call_ends_at_its_deadline(kind: str) -> None:
    """The deadline of the call goes before the client's own, and holds for all attempts together."""

    async def main() -> None:
        async with scripted() as (server, target):
            server.failures = [grpc.StatusCode.UNAVAILABLE]
            with pytest.raises(DeadlineExceeded):
                await called(kind, target, "object", pb.ObjectRequest(customer_id="li"), timeout=4)
            assert server.calls == ["object"] * 2

    asyncio.run(main())
