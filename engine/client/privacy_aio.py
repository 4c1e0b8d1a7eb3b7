"""The client of the service for persons' rights on asyncio; `make generate` derives privacy.py, which waits, from it."""

# ruff: noqa: ASYNC109 -- the timeout is sent to the server as the call's deadline, so gRPC keeps it and not asyncio

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import grpc
from google.protobuf.message import Message

from engine.api.v1 import privacy_pb2 as pb
from engine.api.v1.privacy_pb2_grpc import PrivacyStub
from engine.client.access import Tls, Token, metadata_of
from engine.client.calls import async_channel
from engine.client.errors import error_of_call
from engine.client.retry import Budget, Policy


class AsyncPrivacyClient:
    """A client of one target, with the contract's messages. Create it where its event loop runs, and close it when done.

    timeout: seconds for one call with all its attempts; an export of a person with a long history takes some. attempts,
    tls, token: as of `Client`. Its methods raise TactError; all of them may be called again whatever came of the first call.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout: float = 60.0,
        attempts: int | None = None,
        tls: Tls | None = None,
        token: Token = None,
    ) -> None:
        self._policy, self._token = Policy.of(timeout, attempts), token
        self._channel = async_channel(target, tls)
        self._stub: Any = PrivacyStub(self._channel)  # type: ignore[no-untyped-call]

    async def __aenter__(self) -> "AsyncPrivacyClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection."""
        await self._channel.close()

    async def export(
        self, customer_id: str, *, timeout: float | None = None
    ) -> AsyncIterator[pb.ExportCustomerResponse]:
        """All that is held of the person: the head, then row by row.

        Tried again only until the head has come: what ends later raises the error, and what was yielded is a part.
        """
        request, budget = pb.ExportCustomerRequest(customer_id=customer_id), Budget(self._policy, timeout)
        while True:
            call = self._stub.ExportCustomer(
                request, timeout=budget.remaining(), metadata=metadata_of(self._token)
            )
            has_begun = False
            try:
                async for response in call:
                    has_begun = True
                    yield response
            except grpc.RpcError as failure:
                if has_begun:
                    raise error_of_call(failure) from None
                await asyncio.sleep(budget.pause_after(failure))
            else:
                return
            finally:
                call.cancel()

    async def erase(self, request: pb.EraseRequest, *, timeout: float | None = None) -> pb.EraseResponse:
        """Erases the person; the receipt.

        Where the connection broke behind the erasure, the next attempt finds nothing, and its receipt says so: the first
        receipt is in the audit of the log.
        """
        response: pb.EraseResponse = await self._call(self._stub.Erase, request, timeout)
        return response

    async def object(
        self, request: pb.ObjectRequest, *, timeout: float | None = None
    ) -> pb.ObjectionResponse:
        """Notes an objection."""
        response: pb.ObjectionResponse = await self._call(self._stub.Object, request, timeout)
        return response

    async def withdraw_objection(
        self, request: pb.WithdrawObjectionRequest, *, timeout: float | None = None
    ) -> pb.ObjectionResponse:
        """Notes that the person takes an objection back."""
        response: pb.ObjectionResponse = await self._call(self._stub.WithdrawObjection, request, timeout)
        return response

    async def _call(self, rpc: Any, message: Message, timeout: float | None) -> Any:
        budget = Budget(self._policy, timeout)
        while True:
            try:
                return await rpc(message, timeout=budget.remaining(), metadata=metadata_of(self._token))
            except grpc.RpcError as failure:
                await asyncio.sleep(budget.pause_after(failure))
