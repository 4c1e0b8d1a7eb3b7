"""The client for programs that wait; derived from privacy_aio.py by `make generate`: change it there."""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import grpc
from google.protobuf.message import Message

from engine.api.v1 import privacy_pb2 as pb
from engine.api.v1.privacy_pb2_grpc import PrivacyStub
from engine.client.access import Tls, Token, metadata_of
from engine.client.calls import channel
from engine.client.errors import error_of_call
from engine.client.retry import Budget, Policy


class PrivacyClient:
    """A client of one target, with the contract's messages. Threads may share it; close it when done.

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
        self._channel = channel(target, tls)
        self._stub: Any = PrivacyStub(self._channel)  # type: ignore[no-untyped-call]

    def __enter__(self) -> "PrivacyClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def export(
        self, customer_id: str, *, timeout: float | None = None
    ) -> Iterator[pb.ExportCustomerResponse]:
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
                for response in call:
                    has_begun = True
                    yield response
            except grpc.RpcError as failure:
                if has_begun:
                    raise error_of_call(failure) from None
                time.sleep(budget.pause_after(failure))
            else:
                return
            finally:
                call.cancel()

    def erase(self, request: pb.EraseRequest, *, timeout: float | None = None) -> pb.EraseResponse:
        """Erases the person; the receipt.

        Where the connection broke behind the erasure, the next attempt finds nothing, and its receipt says so: the first
        receipt is in the audit of the log.
        """
        response: pb.EraseResponse = self._call(self._stub.Erase, request, timeout)
        return response

    def object(self, request: pb.ObjectRequest, *, timeout: float | None = None) -> pb.ObjectionResponse:
        """Notes an objection."""
        response: pb.ObjectionResponse = self._call(self._stub.Object, request, timeout)
        return response

    def withdraw_objection(
        self, request: pb.WithdrawObjectionRequest, *, timeout: float | None = None
    ) -> pb.ObjectionResponse:
        """Notes that the person takes an objection back."""
        response: pb.ObjectionResponse = self._call(self._stub.WithdrawObjection, request, timeout)
        return response

    def _call(self, rpc: Any, message: Message, timeout: float | None) -> Any:
        budget = Budget(self._policy, timeout)
        while True:
            try:
                return rpc(message, timeout=budget.remaining(), metadata=metadata_of(self._token))
            except grpc.RpcError as failure:
                time.sleep(budget.pause_after(failure))
