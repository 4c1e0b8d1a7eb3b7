"""Reads and writes releases: drafts, publications, approvals, activations, what servers serve, and the audit.

Rows are only added, except those of drafts and servers. Who adds an activation holds the lock RELEASES from before it
reads what is live, so that ids are in the order of the commits; who saves or deletes a draft holds the lock DRAFTS.
"""

import json
from collections.abc import Sequence

from engine.ledger.queries.books import book_of, keep
from engine.ledger.store.release_rows import (
    ActivationRow,
    ApprovalRow,
    AuditRow,
    DraftRow,
    PublicationRow,
    ServerRow,
)
from engine.ledger.store.rows import BookRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.instant import DAY

RELEASES = "releases"
"""The lock of everything that changes releases."""


CHANNEL = "tact_releases"
"""PostgreSQL's channel on which each activation is told, with the book's name."""


_LISTED = PublicationRow._fields[:-1]


_PUBLICATION = Select(columns(_LISTED), "FROM publications WHERE version = ?")
"""The row of a version, without its scenarios."""


_PUBLICATIONS = Select(
    columns(_LISTED), "FROM publications WHERE name = ? ORDER BY published_at DESC, version LIMIT ?"
)
"""The last publications of a name, without their scenarios."""


_LIKE = Select(
    "version", "FROM publications WHERE version >= ? AND substr(version, 1, ?) = ? ORDER BY version LIMIT ?"
)
"""The published versions that begin with so many characters of a text."""


_TESTS = Select("tests", "FROM publications WHERE version = ?")
"""The scenarios of a version."""


_NAMES = Select("name", "FROM publications GROUP BY name ORDER BY name")
"""The names under which something was published."""


_APPROVALS = Select(
    columns(ApprovalRow._fields), "FROM approvals WHERE version = ? ORDER BY version, at, approver"
)
"""What was said of a version, the oldest first."""


_LIVE = Select(columns(ActivationRow._fields), "FROM activations WHERE name = ? ORDER BY id DESC LIMIT 1")
"""The last activation of a name."""


_NEWEST = Select("coalesce(max(id), 0)", "FROM activations")
"""The id of the last activation of all."""


_SINCE = Select(columns(ActivationRow._fields), "FROM activations WHERE id > ? ORDER BY id")
"""The activations after one."""


_HISTORY = Select(columns(ActivationRow._fields), "FROM activations WHERE name = ? ORDER BY id DESC LIMIT ?")
"""The last activations of a name, the newest first."""


_ONCE_LIVE = Select("id", "FROM activations WHERE version = ? AND name = ? AND share IS NULL LIMIT 1")
"""An activation by which the version was live under the name."""


_SERVERS = Select(columns(ServerRow._fields), "FROM servers ORDER BY server")
"""What all servers said last."""


_SEEN = """
    ON CONFLICT (server) DO UPDATE SET name = excluded.name, version = excluded.version, staged = excluded.staged,
      activation = excluded.activation, since = excluded.since, seen_at = excluded.seen_at,
      refused = excluded.refused, cause = excluded.cause, engine = excluded.engine"""


_GONE = "DELETE FROM servers WHERE seen_at < ?"
"""Deletes servers that said nothing for long."""


_AUDIT = Select(columns(AuditRow._fields), "FROM audit WHERE name = ? OR ? = '' ORDER BY id DESC LIMIT ?")
"""The last rows of the audit, the newest first."""


_AUDIT_BEFORE = Select(
    columns(AuditRow._fields), "FROM audit WHERE ? = '' OR id < ? ORDER BY id DESC LIMIT ?"
)
"""The rows of the audit before one, the newest first."""


_KEPT = DAY
"""How long a server is listed that says nothing."""


DRAFTS = "drafts"
"""The lock of everything that changes drafts."""


_DRAFT = Select(columns(DraftRow._fields), "FROM drafts WHERE name = ?")
"""A draft with its files."""


_DRAFTS = Select(columns(DraftRow._fields[:-1]), "FROM drafts ORDER BY updated_at DESC, name")
"""The drafts without their files, those that were saved last first."""


_REPLACE_DRAFT = """
    ON CONFLICT (name) DO UPDATE SET revision = excluded.revision, author = excluded.author, base = excluded.base,
      updated_at = excluded.updated_at, size = excluded.size, files = excluded.files"""


def publication(store: Store, version: str) -> PublicationRow | None:
    """The publication of the version, without its scenarios; None where it was not published."""
    rows = store.select(_PUBLICATION, version)
    return PublicationRow._make((*rows[0], "")) if rows else None


def publications(store: Store, name: str, most: int) -> list[PublicationRow]:
    """The last publications of the name, the newest first, without their scenarios."""
    return [PublicationRow._make((*row, "")) for row in store.select(_PUBLICATIONS, name, most)]


def published_like(store: Store, beginning: str, most: int) -> list[str]:
    """Published versions that begin with the text, at most so many."""
    rows = store.select(_LIKE, beginning, len(beginning), beginning, most)
    return [version for (version,) in rows]


def published_names(store: Store) -> list[str]:
    """The names under which something was published, in order."""
    return [name for (name,) in store.select(_NAMES)]


def add_publication(store: Store, row: PublicationRow, text: str) -> None:
    """Adds a version that was not published yet; its text is kept unless the log has it from a server."""
    keep(store, [BookRow(row.version, text, row.published_at)])
    store.insert(PublicationRow, [row])


def book_files(store: Store, version: str) -> dict[str, str] | None:
    """The files of the version by name, those of its scenarios included; None where it was not published."""
    tests, row = store.select(_TESTS, version), book_of(store, version)
    if not tests or row is None:
        return None
    files: dict[str, str] = json.loads(row.text)
    files.update(json.loads(tests[0][0]))
    return files


def approvals(store: Store, version: str) -> list[ApprovalRow]:
    """What was said of the version, the oldest first."""
    return [ApprovalRow(*row) for row in store.select(_APPROVALS, version)]


def add_approval(store: Store, row: ApprovalRow) -> None:
    """Adds what somebody said."""
    store.insert(ApprovalRow, [row])


def live(store: Store, name: str) -> ActivationRow | None:
    """The last activation of the name, which says what is live and staged; None: nothing ever was."""
    rows = store.select(_LIVE, name)
    return _activation(rows[0]) if rows else None


def newest_activation(store: Store) -> int:
    """The id of the last activation, of whatever name; 0: there was none. Quick: to be asked every second."""
    return int(store.select(_NEWEST)[0][0])


def activations_since(store: Store, after: int) -> list[ActivationRow]:
    """The activations of all names after the one with that id, in order."""
    return [_activation(row) for row in store.select(_SINCE, after)]


def history(store: Store, name: str, most: int) -> list[ActivationRow]:
    """The last activations of the name, the newest first."""
    return [_activation(row) for row in store.select(_HISTORY, name, most)]


def was_live(store: Store, name: str, version: str) -> bool:
    """Whether the version was ever live under the name, for all persons."""
    return bool(store.select(_ONCE_LIVE, version, name))


def add_activation(store: Store, row: ActivationRow) -> None:
    """Adds an activation, and tells servers that listen; its id is the next one."""
    store.insert(ActivationRow, [row])
    store.notify(CHANNEL, row.name)


def servers(store: Store) -> list[ServerRow]:
    """What servers said last, by their names; those that ended long ago are not among them."""
    return [ServerRow(*row) for row in store.select(_SERVERS)]


def see_server(store: Store, row: ServerRow) -> None:
    """Replaces what the server said before; servers that said nothing for a day are forgotten."""
    store.insert(ServerRow, [row], _SEEN)
    store.change(_GONE, row.seen_at - _KEPT)


def audit(store: Store, name: str, most: int) -> list[AuditRow]:
    """The last rows of the audit, the newest first; name: of a book, or empty for all."""
    return [AuditRow(*row) for row in store.select(_AUDIT, name, name, most)]


def audit_before(store: Store, before: str, most: int) -> list[AuditRow]:
    """The last rows of the audit before the one with that id, the newest first; empty: the last of all."""
    return [AuditRow(*row) for row in store.select(_AUDIT_BEFORE, before, before, most)]


def add_audit(store: Store, rows: Sequence[AuditRow]) -> None:
    """Adds rows to the audit."""
    store.insert(AuditRow, rows)


def draft(store: Store, name: str) -> DraftRow | None:
    """The draft of the name with its files; None where there is none."""
    rows = store.select(_DRAFT, name)
    return DraftRow(*rows[0]) if rows else None


def drafts(store: Store) -> list[DraftRow]:
    """All drafts without their files, those that were saved last first."""
    return [DraftRow._make((*row, "")) for row in store.select(_DRAFTS)]


def keep_draft(store: Store, row: DraftRow) -> None:
    """Keeps a draft, in place of what was under its name."""
    store.insert(DraftRow, [row], _REPLACE_DRAFT)


def delete_draft(store: Store, name: str) -> None:
    """Deletes the draft of the name."""
    store.change("DELETE FROM drafts WHERE name = ?", name)


def next_activation(store: Store, row: ActivationRow) -> ActivationRow:
    """The row with the id that follows the last one."""
    return row._replace(id=newest_activation(store) + 1)


def _activation(row: Sequence[object]) -> ActivationRow:
    """SQLite has no booleans."""
    activation = ActivationRow(*row)  # type: ignore[arg-type]
    return activation._replace(emergency=bool(activation.emergency))
