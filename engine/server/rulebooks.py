"""The methods of the service that releases books: from the contract's messages to the ledger, and back.

What takes long is done in a child process: the check of a book, and the comparison of two.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import grpc
import structlog

from engine.api.v1 import rulebooks_pb2 as pb
from engine.ledger.commit.commands import Command
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.store.store import Store
from engine.model.instant import Instant
from engine.releases import (
    CheckedRelease,
    ReleaseActor,
    ReleaseRefused,
    activate_command,
    activation_response,
    approve_command,
    check_apart,
    check_publish,
    check_response,
    compare_apart,
    delete_draft_command,
    diff_response,
    draft_message,
    files_of,
    publish_command,
    publish_response,
    read_draft,
    read_drafts,
    read_list,
    read_pair,
    read_release,
    read_servers,
    read_version,
    refusal_of,
    refuse_command,
    rollback_command,
    save_draft_command,
)
from engine.server.access.callers import CALLER
from engine.server.access.roles import TooMuch
from engine.server.background import in_thread
from engine.server.handlers import unary
from engine.server.service import ServedCall, UnaryMethod
from engine.settings import Settings
from engine.wire.violations import InvalidMessage

log = structlog.get_logger()


ResultT = TypeVar("ResultT")


_MOST_WAITING = 8
"""Checks under way and waiting; more are refused. They come one by one."""


_RETRY_SECONDS = 5.0


_LONGEST = 600.0
"""Seconds that a check may take, where neither the caller nor the server sets a limit."""


_SMALL_BYTES = 16 * 1024
"""Of a message without files."""


def rulebook_methods(service: "RulebooksService") -> Mapping[str, UnaryMethod]:
    """The methods of releases, by name, for every protocol that serves them."""
    return {
        "Check": UnaryMethod(service.check, pb.CheckRequest),
        "Publish": UnaryMethod(service.publish, pb.PublishRequest),
        "Approve": UnaryMethod(service.approve, pb.ApproveRequest, _SMALL_BYTES),
        "Activate": UnaryMethod(service.activate, pb.ActivateRequest, _SMALL_BYTES),
        "Stage": UnaryMethod(service.stage, pb.StageRequest, _SMALL_BYTES),
        "Rollback": UnaryMethod(service.rollback, pb.RollbackRequest, _SMALL_BYTES),
        "List": UnaryMethod(service.list, pb.ListRequest, _SMALL_BYTES),
        "Get": UnaryMethod(service.get, pb.GetRequest, _SMALL_BYTES),
        "Diff": UnaryMethod(service.diff, pb.DiffRequest, _SMALL_BYTES),
        "Servers": UnaryMethod(service.servers, pb.ServersRequest, _SMALL_BYTES),
        "SaveDraft": UnaryMethod(service.save_draft, pb.SaveDraftRequest),
        "GetDraft": UnaryMethod(service.get_draft, pb.GetDraftRequest, _SMALL_BYTES),
        "ListDrafts": UnaryMethod(service.list_drafts, pb.ListDraftsRequest, _SMALL_BYTES),
        "DeleteDraft": UnaryMethod(service.delete_draft, pb.DeleteDraftRequest, _SMALL_BYTES),
    }


def rulebooks_handler(service: "RulebooksService") -> grpc.GenericRpcHandler:
    """The same for gRPC."""
    return grpc.method_handlers_generic_handler(
        pb.DESCRIPTOR.services_by_name["Rulebooks"].full_name,
        {name: unary(*method) for name, method in rulebook_methods(service).items()},
    )


class CheckTurns:
    """Has checks of books come one by one. Belongs to one event loop."""

    def __init__(self) -> None:
        self._turn, self._waiting = asyncio.Lock(), 0

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Waits until no other check is under way. Raises TooMuch where too many wait already."""
        if self._waiting >= _MOST_WAITING:
            raise TooMuch(f"{_MOST_WAITING} checks of books are under way or wait", _RETRY_SECONDS)
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1


class RulebooksService:
    """Releases books by the server's log. Belongs to one event loop."""

    def __init__(self, ledger: Ledger, clock: Callable[[], Instant], settings: Settings) -> None:
        self._ledger, self._clock = ledger, clock
        self._approvals, self._longest = settings.approvals, settings.request_timeout
        self._turns = CheckTurns()

    async def check(self, request: pb.CheckRequest, call: ServedCall) -> pb.CheckResponse:
        """Checks files, and keeps nothing."""
        return check_response(await self._checked(files_of(request.files), call))

    async def publish(self, request: pb.PublishRequest, call: ServedCall) -> pb.PublishResponse:
        """Keeps a version of a book without errors, whose scenarios pass."""
        check_publish(request)
        files = files_of(request.files)
        checked = await self._checked(files, call)
        if not checked.ok:
            try:
                await self._commit(refuse_command(checked, self._actor()), call)
            except LedgerError as error:  # the caller is told what is wrong with the book all the same
                log.warning("a refused publication is not in the audit", cause=str(error))
            raise refusal_of(checked)
        result = await self._commit(publish_command(request, files, checked, self._actor()), call)
        row = result.publication
        if result.is_new:
            log.info("book published", book=row.name, version=row.version, caller=row.author)
        release = await self._read(lambda store: read_release(store, row), call)
        return publish_response(result, checked, release)

    async def approve(self, request: pb.ApproveRequest, call: ServedCall) -> pb.ApproveResponse:
        """Says whether a version may go live."""
        result = await self._commit(approve_command(request, self._actor()), call)
        release = await self._read(lambda store: read_release(store, result.publication), call)
        return pb.ApproveResponse(release=release, needed=self._approvals)

    async def activate(self, request: pb.ActivateRequest, call: ServedCall) -> pb.ActivationResponse:
        """Makes a version live for all persons."""
        return await self._activated(request, call)

    async def stage(self, request: pb.StageRequest, call: ServedCall) -> pb.ActivationResponse:
        """Makes a version decide for a share of the persons."""
        return await self._activated(request, call)

    async def rollback(self, request: pb.RollbackRequest, call: ServedCall) -> pb.ActivationResponse:
        """Takes the last change back."""
        result = await self._commit(rollback_command(request, self._actor()), call)
        return self._said(activation_response(result))

    async def list(self, request: pb.ListRequest, call: ServedCall) -> pb.ListResponse:
        """Lists versions, changes and the audit."""
        return await self._read(lambda store: read_list(store, request), call)

    async def get(self, request: pb.GetRequest, call: ServedCall) -> pb.GetResponse:
        """Gives a version with its files."""
        return await self._read(lambda store: read_version(store, request), call)

    async def diff(self, request: pb.DiffRequest, call: ServedCall) -> pb.DiffResponse:
        """Compares two versions."""
        (old, before), (new, after) = await self._read(lambda store: read_pair(store, request), call)
        async with self._turns.taken():
            seconds = self._remaining(call)
            compared = await in_thread(partial(compare_apart, before, after, seconds))
        return diff_response(old, new, compared)

    async def servers(self, request: pb.ServersRequest, call: ServedCall) -> pb.ServersResponse:
        """Lists the servers that follow books."""
        return await self._read(lambda store: read_servers(store, request), call)

    async def save_draft(self, request: pb.SaveDraftRequest, call: ServedCall) -> pb.Draft:
        """Keeps the files of a draft."""
        return draft_message(await self._commit(save_draft_command(request, self._actor()), call))

    async def get_draft(self, request: pb.GetDraftRequest, call: ServedCall) -> pb.Draft:
        """Gives a draft with its files."""
        return await self._read(lambda store: read_draft(store, request), call)

    async def list_drafts(self, _: pb.ListDraftsRequest, call: ServedCall) -> pb.ListDraftsResponse:
        """Lists the drafts."""
        return await self._read(read_drafts, call)

    async def delete_draft(self, request: pb.DeleteDraftRequest, call: ServedCall) -> pb.DeleteDraftResponse:
        """Deletes a draft."""
        deleted = await self._commit(delete_draft_command(request, self._actor()), call)
        if deleted:
            log.info("draft deleted", draft=request.name, caller=self._actor().name)
        return pb.DeleteDraftResponse(deleted=deleted)

    async def _activated(
        self, request: pb.ActivateRequest | pb.StageRequest, call: ServedCall
    ) -> pb.ActivationResponse:
        command = activate_command(request, self._actor(), self._approvals)
        return self._said(activation_response(await self._commit(command, call)))

    def _said(self, response: pb.ActivationResponse) -> pb.ActivationResponse:
        """The response; what is new in it is also in the messages."""
        row = response.activation
        if response.is_new:
            log.info(
                "book released",
                action=row.action,
                book=row.name,
                version=row.version,
                before=row.previous,
                share=row.share,
                caller=row.actor,
                emergency=row.emergency,
            )
        return response

    async def _checked(self, files: dict[str, bytes], call: ServedCall) -> CheckedRelease:
        async with self._turns.taken():
            return await in_thread(partial(check_apart, files, self._clock(), self._remaining(call)))

    def _actor(self) -> ReleaseActor:
        return ReleaseActor(CALLER.get().name, "grpc", self._clock())

    async def _commit(self, command: Command[ResultT], call: ServedCall) -> ResultT:
        return await self._ledger.commit(command, deadline=self._deadline(call))

    async def _read(self, read: Callable[[Store], ResultT], call: ServedCall) -> ResultT:
        def guarded(store: Store) -> ResultT | ReleaseRefused | InvalidMessage:
            try:
                return read(store)
            except (ReleaseRefused, InvalidMessage) as refused:
                return refused  # raised here it would fail the readings that share the transaction

        result = await self._ledger.reader.look(guarded, deadline=self._deadline(call))
        if isinstance(result, (ReleaseRefused, InvalidMessage)):
            raise result
        return result

    def _deadline(self, call: ServedCall) -> float:
        return time.monotonic() + self._remaining(call)

    def _remaining(self, call: ServedCall) -> float:
        """Seconds until the call's deadline."""
        remaining: float | None = call.time_remaining()
        return min(remaining or _LONGEST, self._longest or _LONGEST)
