"""What is said of published versions, and where they stand: approvals, what is live, and what was before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.ledger.queries import releases
from engine.ledger.store.release_rows import ActivationRow, ApprovalRow, PublicationRow
from engine.ledger.store.store import Store
from engine.releases.errors import NotPublished

SHORTEST = 6
"""Characters of a version that name it."""


_SHOWN = 12


_HISTORY = 10_000
"""Activations that are looked through for what was live before."""


class ReleaseAction(StrEnum):
    """What somebody does to releases."""

    PUBLISH = "publish"
    APPROVE = "approve"
    REJECT = "reject"
    ACTIVATE = "activate"
    STAGE = "stage"
    UNSTAGE = "unstage"
    ROLLBACK = "rollback"
    DELETE = "delete"
    """Of a draft."""


class ApprovalVerdict(StrEnum):
    """What somebody says of a version."""

    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Approvals:
    """Whose last word on a version is which; the author's own does not count."""

    approved: tuple[str, ...]
    rejected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveState:
    """What is live under a name."""

    live: str = ""
    """The version; empty: none ever was."""
    since: ActivationRow | None = None
    """What made it live."""
    last: ActivationRow | None = None
    """The last activation, which may be of a stage."""

    @property
    def staged(self) -> str:
        """The version that decides for a share of the persons; empty: none."""
        return (self.last and self.last.staged) or ""


def short_version(version: str) -> str:
    """The version as messages show it."""
    return version[:_SHOWN]


def approvals_of(author: str, rows: Iterable[ApprovalRow]) -> Approvals:
    """The last word of everybody; rows: the oldest first."""
    last = {row.approver: row.verdict for row in rows if row.approver != author}
    by_verdict = {
        verdict: tuple(sorted(name for name, given in last.items() if given == verdict))
        for verdict in ApprovalVerdict
    }
    return Approvals(by_verdict[ApprovalVerdict.APPROVED], by_verdict[ApprovalVerdict.REJECTED])


def published(store: Store, version: str) -> PublicationRow:
    """The publication of a version, which its first six characters or more name; raises NotPublished."""
    row = releases.publication(store, version)
    if row is not None:
        return row
    alike = releases.published_like(store, version, 3) if len(version) >= SHORTEST else []
    if len(alike) == 1:
        row = releases.publication(store, alike[0])
    if row is None:
        several = f"; {', '.join(map(short_version, alike))} begin so" if alike else ""
        raise NotPublished(
            f"no version {version[:64]!r} of a book is published{several}: `tact versions` lists those that are"
        )
    return row


def live_state(store: Store, name: str) -> LiveState:
    """What is live under the name."""
    last = releases.live(store, name)
    if last is None:
        return LiveState()
    if _makes_live(last):
        return LiveState(last.live, last, last)
    rows = releases.history(store, name, _HISTORY)
    since = next((row for row in rows if _makes_live(row)), last)
    return LiveState(last.live, since, last)


def live_before(rows: Sequence[ActivationRow]) -> str:
    """The version to which a rollback leads, by the activations of a name, the newest first; empty: there is none.

    A rollback is as if what it took back had never been, so that several in a row go further back.
    """
    line: list[str] = []
    for row in reversed(rows):
        if not _makes_live(row):
            continue
        if row.action == ReleaseAction.ROLLBACK and row.version in line:
            while line[-1] != row.version:
                line.pop()
        else:
            line.append(row.version)
    return line[-2] if len(line) > 1 else ""


def line_of(store: Store, name: str) -> list[ActivationRow]:
    """The activations of the name that `live_before` looks at, the newest first."""
    return releases.history(store, name, _HISTORY)


def _makes_live(row: ActivationRow) -> bool:
    return row.action in (ReleaseAction.ACTIVATE, ReleaseAction.ROLLBACK)
