"""The rows of the tables of releases: drafts and versions of books as they are published, approved, activated and served."""

from typing import Annotated, NamedTuple

from sqlalchemy import BigInteger, Index

from engine.ledger.store.tables import BigInt, ColumnType, Id, IdKey, InstantKey, stored


@stored("publications", Index("publications_of", "name", "published_at"))
class PublicationRow(NamedTuple):
    """A version of a book that was published; its text is in `books`."""

    version: IdKey
    name: Id
    """The book's own: releases of one name follow each other."""
    digest: str
    """SHA-256 of all files, comments and scenarios included."""
    engine: str
    """The version of Tact that checked it."""
    published_at: BigInt
    author: str
    base: str
    """The version that was live then; empty: none was."""
    note: str
    source: str
    """A JSON object: `commit` of git, and whether its tree was `dirty`; empty where nothing was said."""
    diagnostics: str
    """A JSON list of what the check remarked, one sentence each."""
    scenarios: BigInt
    """How many passed."""
    tests: str
    """A JSON object of the files of scenarios, by name. Last, since it may be long."""


@stored("approvals", sqlite_with_rowid=False)
class ApprovalRow(NamedTuple):
    """What somebody said of a version; their last word counts."""

    version: IdKey
    approver: IdKey
    at: InstantKey
    verdict: str
    """approved or rejected."""
    note: str


_ActivationId = Annotated[int, ColumnType(BigInteger(), primary_key=True)]


@stored(
    "activations",
    Index("activations_of", "name", "id"),
    Index("activations_by_version", "version", "id"),
    sqlite_with_rowid=False,
)
class ActivationRow(NamedTuple):
    """A change of what is live under a name. The last row of a name says what is: see `live` and `staged`."""

    id: _ActivationId
    """From 1 without gaps, in the order of the commits."""
    name: Id
    version: Id
    """The version that is live from now on, or that is staged."""
    previous: str
    """The version that was live before, and with `stage` still is; empty: none was."""
    action: str
    """activate, rollback, stage or unstage."""
    share: float | None
    """Of persons for whom the staged version decides, above 0 and below 1; empty: nothing is staged."""
    salt: str | None
    """By which these persons are drawn; a larger share of the same salt has all of the smaller one."""
    at: BigInt
    actor: str
    note: str
    emergency: bool
    """Whether approvals were passed over."""

    @property
    def live(self) -> str:
        """The version that is live since this row."""
        return self.previous if self.share is not None else self.version

    @property
    def staged(self) -> str | None:
        """The version that decides for a share of the persons since this row; None: nothing is staged."""
        return self.version if self.share is not None else None


@stored("servers", sqlite_with_rowid=False)
class ServerRow(NamedTuple):
    """A process that serves a book by its name: what it serves and what it refused, as it said last."""

    server: IdKey
    """Host and process, or whatever name the process goes by."""
    name: str
    version: str
    """The version that decides; empty: none yet."""
    staged: str
    """The version that decides for a share of the persons; empty: none."""
    activation: BigInt
    """The id of the last activation that it has seen; 0: of none."""
    since: BigInt
    """From when on it serves this version."""
    seen_at: BigInt
    refused: str
    """The version that it could not load or serve; empty: none."""
    cause: str
    """Why."""
    engine: str
    """Its version of Tact."""


@stored("drafts")
class DraftRow(NamedTuple):
    """Files of a book that somebody edits and nobody has published."""

    name: IdKey
    revision: str
    """UUIDv7 of the last saving: who saves the next one names it."""
    author: str
    """Who saved it last."""
    base: str
    """The published version that it was begun from; empty: none."""
    updated_at: BigInt
    size: BigInt
    """Bytes of all files."""
    files: str
    """A JSON object of the files, by name. Last, since it may be long."""


@stored("audit", sqlite_with_rowid=False)
class AuditRow(NamedTuple):
    """What somebody did to releases, or tried to."""

    id: IdKey
    """UUIDv7, so rows are in order of time."""
    at: BigInt
    actor: str
    via: str
    """grpc: the actor is a caller; log: whoever ran a command on the log itself."""
    action: str
    """publish, approve, reject, activate, stage, unstage or rollback."""
    name: str
    version: str
    result: str
    """done or refused."""
    note: str
    """What was said with it, or why it was refused."""
