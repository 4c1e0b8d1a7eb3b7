"""The Python client of the service for persons' rights."""

from collections.abc import Iterator
from types import TracebackType
from typing import Any

import grpc

from engine.api.v1 import privacy_pb2 as pb
from engine.api.v1.privacy_pb2_grpc import PrivacyStub
from engine.client.access import Tls, Token, metadata_of
from engine.client.calls import CHANNEL_OPTIONS
from engine.client.errors import error_of_call


class PrivacyClient:
    """A client of one target, for programs that wait; with the contract's messages. Close it when done.

    timeout: seconds for one call; an export of a person with a long history takes some. tls, token: as of `Client`. Its
    methods raise TactError and try nothing again; each may be called again whatever came of the first call.
    """

    def __init__(
        self, target: str, *, timeout: float = 60.0, tls: Tls | None = None, token: Token = None
    ) -> None:
        self._timeout, self._token = timeout, token
        options = [*CHANNEL_OPTIONS, *(tls.options() if tls else ())]
        self._channel = (
            grpc.insecure_channel(target, options)
            if tls is None
            else grpc.secure_channel(target, tls.credentials(), options)
        )
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

    def export(self, customer_id: str) -> Iterator[pb.ExportCustomerResponse]:
        """All that is held of the person: the head, then row by row."""
        request = pb.ExportCustomerRequest(customer_id=customer_id)
        try:
            yield from self._stub.ExportCustomer(
                request, timeout=self._timeout, metadata=metadata_of(self._token)
            )
        except grpc.RpcError as failure:
            raise error_of_call(failure) from None

    def erase(self, request: pb.EraseRequest) -> pb.EraseResponse:
        """Erases the person; the receipt."""
        response: pb.EraseResponse = self._call(self._stub.Erase, request)
        return response

    def object(self, request: pb.ObjectRequest) -> pb.ObjectionResponse:
        """Notes an objection."""
        response: pb.ObjectionResponse = self._call(self._stub.Object, request)
        return response

    def withdraw_objection(self, request: pb.WithdrawObjectionRequest) -> pb.ObjectionResponse:
        """Notes that the person takes an objection back."""
        response: pb.ObjectionResponse = self._call(self._stub.WithdrawObjection, request)
        return response

    def _call(self, method: Any, request: Any) -> Any:
        try:
            return method(request, timeout=self._timeout, metadata=metadata_of(self._token))
        except grpc.RpcError as failure:
            raise error_of_call(failure) from None
