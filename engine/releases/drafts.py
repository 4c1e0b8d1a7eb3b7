"""Drafts of books: kept whole at each saving, which names the revision it was made from, so that nobody's work is lost."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from google.protobuf.timestamp_pb2 import Timestamp
from uuid_utils import uuid7

from engine.api.v1 import rulebooks_pb2 as pb
from engine.ledger.commit.commands import Command, Stage, UnitOfWork
from engine.ledger.errors import LedgerError
from engine.ledger.queries import releases
from engine.ledger.store.release_rows import DraftRow
from engine.ledger.store.store import Store
from engine.model.instant import to_datetime
from engine.releases.commands import ReleaseActor, ReleaseCommand
from engine.releases.errors import NotPublished, NotReleasable, Overtaken, ReleaseRefused
from engine.releases.files import text_of_files
from engine.releases.messages import file_messages, files_of
from engine.releases.standing import ReleaseAction, published
from engine.wire.violations import FieldViolation, InvalidMessage

MOST_DRAFTS = 200
"""Drafts that are kept at once."""


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}", re.ASCII)


_LONGEST_REVISION = 64


@dataclass(frozen=True, slots=True)
class SaveDraftCommand(Command[DraftRow]):
    """Files that are to be kept as the draft of the name.

    expected: the revision that they were made from; empty: there is no draft yet. base: a published version, or empty.
    """

    actor: ReleaseActor
    name: str
    expected: str
    base: str
    files: Mapping[str, bytes]

    stage = Stage.LEARN

    def locks(self) -> tuple[str, ...]:
        """One for all, so that their number stays bounded."""
        return (releases.DRAFTS,)

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[DraftRow | LedgerError]:
        """Saves one after the other."""
        results: list[DraftRow | LedgerError] = []
        for command in commands:
            try:
                results.append(command.saved(unit.store))
            except ReleaseRefused as refused:
                results.append(refused)
        return results

    def saved(self, store: Store) -> DraftRow:
        """Keeps them inside the transaction; raises Overtaken, NotPublished, NotReleasable before it wrote anything."""
        before = releases.draft(store, self.name)
        _check_revision(self.name, before, self.expected)
        if before is None and len(releases.drafts(store)) >= MOST_DRAFTS:
            raise NotReleasable(
                f"there are {MOST_DRAFTS} drafts: publish or delete some before you begin another"
            )
        row = DraftRow(
            self.name,
            str(uuid7()),
            self.actor.name,
            published(store, self.base).version if self.base else "",
            self.actor.at,
            sum(map(len, self.files.values())),
            text_of_files(self.files),
        )
        releases.keep_draft(store, row)
        return row


@dataclass(frozen=True, slots=True)
class DeleteDraftCommand(ReleaseCommand[bool]):
    """A draft that is to go. The result says whether there was one."""

    actor: ReleaseActor
    name: str
    expected: str

    def locks(self) -> tuple[str, ...]:
        """As of saving."""
        return (releases.DRAFTS,)

    def described(self) -> tuple[ReleaseAction, str, str, str]:
        """The draft in place of a version."""
        return ReleaseAction.DELETE, "", self.name, "draft"

    def change(self, store: Store) -> bool:
        """Deletes it; raises Overtaken where it was saved since."""
        before = releases.draft(store, self.name)
        if before is None:
            return False
        _check_revision(self.name, before, self.expected)
        releases.delete_draft(store, self.name)
        return True


def _check_revision(name: str, before: DraftRow | None, expected: str) -> None:
    """Raises Overtaken where another revision is kept than the expected one."""
    if before is None:
        if expected:
            raise Overtaken(
                f"the draft {name!r} was deleted or published by somebody meanwhile; save it under another name,"
                " or expect no draft"
            )
        return
    if before.revision != expected:
        since = to_datetime(before.updated_at).isoformat(timespec="seconds")
        raise Overtaken(
            f"{before.author} saved the draft {name!r} at {since}, after the revision that this was made from;"
            " merge both, then expect what is kept now"
        )


def save_draft_command(request: pb.SaveDraftRequest, actor: ReleaseActor) -> SaveDraftCommand:
    """The command of the request; raises InvalidMessage."""
    _check(request.name, request.expected)
    if len(request.base) > _LONGEST_REVISION or (request.base and not request.base.isalnum()):
        raise InvalidMessage([FieldViolation("base", "is a version, or empty")])
    return SaveDraftCommand(actor, request.name, request.expected, request.base, files_of(request.files))


def delete_draft_command(request: pb.DeleteDraftRequest, actor: ReleaseActor) -> DeleteDraftCommand:
    """The command of the request; raises InvalidMessage."""
    _check(request.name, request.expected)
    return DeleteDraftCommand(actor, request.name, request.expected)


def read_draft(store: Store, request: pb.GetDraftRequest) -> pb.Draft:
    """A draft with its files. Raises InvalidMessage, NotPublished."""
    _check(request.name, "")
    row = releases.draft(store, request.name)
    if row is None:
        raise NotPublished(f"there is no draft {request.name!r}: it was published or deleted, or never saved")
    return draft_message(row, json.loads(row.files))


def read_drafts(store: Store) -> pb.ListDraftsResponse:
    """The drafts, without their files."""
    return pb.ListDraftsResponse(drafts=[draft_message(row) for row in releases.drafts(store)])


def draft_message(row: DraftRow, files: Mapping[str, str] | None = None) -> pb.Draft:
    """The draft, with its files where they are given."""
    return pb.Draft(
        name=row.name,
        revision=row.revision,
        author=row.author,
        base=row.base,
        updated_at=Timestamp(seconds=row.updated_at // 1_000_000, nanos=row.updated_at % 1_000_000 * 1000),
        size=row.size,
        files=file_messages(files or {}),
    )


def _check(name: str, revision: str) -> None:
    violations = []
    if not _NAME.fullmatch(name):
        violations.append(
            FieldViolation("name", "is up to 60 letters, digits, - and _, beginning with a letter or a digit")
        )
    if len(revision) > _LONGEST_REVISION:
        violations.append(FieldViolation("expected", "is the revision of a draft, or empty"))
    if violations:
        raise InvalidMessage(violations)
