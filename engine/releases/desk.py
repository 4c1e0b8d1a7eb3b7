"""Releases of a log without a server: for commands on the machine that has it."""

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from engine.api.v1 import rulebooks_pb2 as pb
from engine.ledger.commit.group import commit_group
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.instant import from_datetime
from engine.releases.check import check_release
from engine.releases.commands import ReleaseActor, ReleaseCommand
from engine.releases.compare import compare_releases
from engine.releases.messages import (
    activate_command,
    activation_response,
    approve_command,
    check_publish,
    check_response,
    diff_response,
    files_of,
    publish_command,
    publish_response,
    refusal_of,
    refuse_command,
    rollback_command,
)
from engine.releases.reading import read_list, read_pair, read_release, read_servers, read_version

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class LogDesk:
    """What the service `Rulebooks` does, on a log itself; with its messages, so that commands do either.

    url: of the log. actor: who acts, as the system knows them. approvals: how many a version needs. Its methods raise
    InvalidMessage, LedgerError (ReleaseRefused among them).
    """

    url: str
    actor: str
    approvals: int

    def check(self, request: pb.CheckRequest) -> pb.CheckResponse:
        """Checks files."""
        return check_response(check_release(files_of(request.files), self._actor().at))

    def publish(self, request: pb.PublishRequest) -> pb.PublishResponse:
        """Keeps a version."""
        check_publish(request)
        actor, files = self._actor(), files_of(request.files)
        checked = check_release(files, actor.at)
        if not checked.ok:
            with suppress(LedgerError):
                self._commit(refuse_command(checked, actor))
            raise refusal_of(checked)
        result = self._commit(publish_command(request, files, checked, actor))
        release = self._read(lambda store: read_release(store, result.publication))
        return publish_response(result, checked, release)

    def approve(self, request: pb.ApproveRequest) -> pb.ApproveResponse:
        """Says something of a version."""
        result = self._commit(approve_command(request, self._actor()))
        release = self._read(lambda store: read_release(store, result.publication))
        return pb.ApproveResponse(release=release, needed=self.approvals)

    def activate(self, request: pb.ActivateRequest) -> pb.ActivationResponse:
        """Makes a version live."""
        return activation_response(self._commit(activate_command(request, self._actor(), self.approvals)))

    def stage(self, request: pb.StageRequest) -> pb.ActivationResponse:
        """Makes a version decide for a share of the persons."""
        return activation_response(self._commit(activate_command(request, self._actor(), self.approvals)))

    def rollback(self, request: pb.RollbackRequest) -> pb.ActivationResponse:
        """Takes the last change back."""
        return activation_response(self._commit(rollback_command(request, self._actor())))

    def list(self, request: pb.ListRequest) -> pb.ListResponse:
        """Lists versions."""
        return self._read(lambda store: read_list(store, request))

    def get(self, request: pb.GetRequest) -> pb.GetResponse:
        """Gives a version with its files."""
        return self._read(lambda store: read_version(store, request))

    def diff(self, request: pb.DiffRequest) -> pb.DiffResponse:
        """Compares two versions."""
        (old, before), (new, after) = self._read(lambda store: read_pair(store, request))
        return diff_response(old, new, compare_releases(before, after))

    def servers(self, request: pb.ServersRequest) -> pb.ServersResponse:
        """Lists the servers."""
        return self._read(lambda store: read_servers(store, request))

    def _actor(self) -> ReleaseActor:
        return ReleaseActor(self.actor, "log", from_datetime(datetime.now(UTC)))

    def _commit(self, command: ReleaseCommand[ResultT]) -> ResultT:
        with closing(open_store(self.url)) as store:
            (result,) = commit_group(store, [command])
        if isinstance(result, LedgerError):
            raise result
        return result

    def _read(self, read: Callable[[Store], ResultT]) -> ResultT:
        with closing(open_store(self.url)) as store, store.transaction(writes=False):
            return read(store)
