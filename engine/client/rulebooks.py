"""The Python client of the service that releases books."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from engine.api.v1 import rulebooks_pb2 as pb
from engine.api.v1.rulebooks_pb2_grpc import RulebooksStub
from engine.client.access import Tls, Token, metadata_of
from engine.client.calls import channel
from engine.client.errors import error_of_call

_Response = TypeVar("_Response", bound=Message)


class RulebooksClient:
    """A client of one target, for programs that wait; with the contract's messages. Close it when done.

    timeout: seconds for one call; a check of a large book takes some. tls, token: as of `Client`. Its methods raise TactError
    and try nothing again: `publish`, `activate` and `stage` may be called again whatever came of the first call.
    """

    def __init__(
        self, target: str, *, timeout: float = 30.0, tls: Tls | None = None, token: Token = None
    ) -> None:
        self._timeout, self._token = timeout, token
        self._channel = channel(target, tls)
        self._stub: Any = RulebooksStub(self._channel)  # type: ignore[no-untyped-call]

    def __enter__(self) -> "RulebooksClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def check(self, request: pb.CheckRequest) -> pb.CheckResponse:
        """Checks files, and keeps nothing."""
        return self._call(self._stub.Check, request, pb.CheckResponse)

    def publish(self, request: pb.PublishRequest) -> pb.PublishResponse:
        """Keeps a version."""
        return self._call(self._stub.Publish, request, pb.PublishResponse)

    def approve(self, request: pb.ApproveRequest) -> pb.ApproveResponse:
        """Says whether a version may go live."""
        return self._call(self._stub.Approve, request, pb.ApproveResponse)

    def activate(self, request: pb.ActivateRequest) -> pb.ActivationResponse:
        """Makes a version live for all persons."""
        return self._call(self._stub.Activate, request, pb.ActivationResponse)

    def stage(self, request: pb.StageRequest) -> pb.ActivationResponse:
        """Makes a version decide for a share of the persons."""
        return self._call(self._stub.Stage, request, pb.ActivationResponse)

    def rollback(self, request: pb.RollbackRequest) -> pb.ActivationResponse:
        """Takes the last change back."""
        return self._call(self._stub.Rollback, request, pb.ActivationResponse)

    def list(self, request: pb.ListRequest) -> pb.ListResponse:
        """Lists versions, changes and the audit."""
        return self._call(self._stub.List, request, pb.ListResponse)

    def get(self, request: pb.GetRequest) -> pb.GetResponse:
        """Gives a version with its files."""
        return self._call(self._stub.Get, request, pb.GetResponse)

    def diff(self, request: pb.DiffRequest) -> pb.DiffResponse:
        """Compares two versions."""
        return self._call(self._stub.Diff, request, pb.DiffResponse)

    def servers(self, request: pb.ServersRequest) -> pb.ServersResponse:
        """Lists the servers that follow books."""
        return self._call(self._stub.Servers, request, pb.ServersResponse)

    def save_draft(self, request: pb.SaveDraftRequest) -> pb.Draft:
        """Keeps the files of a draft."""
        return self._call(self._stub.SaveDraft, request, pb.Draft)

    def get_draft(self, request: pb.GetDraftRequest) -> pb.Draft:
        """Gives a draft with its files."""
        return self._call(self._stub.GetDraft, request, pb.Draft)

    def list_drafts(self, request: pb.ListDraftsRequest) -> pb.ListDraftsResponse:
        """Lists the drafts."""
        return self._call(self._stub.ListDrafts, request, pb.ListDraftsResponse)

    def delete_draft(self, request: pb.DeleteDraftRequest) -> pb.DeleteDraftResponse:
        """Deletes a draft."""
        return self._call(self._stub.DeleteDraft, request, pb.DeleteDraftResponse)

    def _call(self, method: Callable[..., Any], request: Message, kind: type[_Response]) -> _Response:  # noqa: ARG002
        try:
            response: _Response = method(request, timeout=self._timeout, metadata=metadata_of(self._token))
        except grpc.RpcError as failure:
            raise error_of_call(failure) from None
        return response
