"""Changes of releases as commands of the ledger: each in a transaction with its row of the audit, refused or done."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeVar

from uuid_utils import uuid7

from engine.ledger.commit.commands import Command, Stage, UnitOfWork
from engine.ledger.errors import LedgerError
from engine.ledger.queries import releases
from engine.ledger.queries.books import book_of
from engine.ledger.store.release_rows import ActivationRow, ApprovalRow, AuditRow, PublicationRow
from engine.ledger.store.store import Store
from engine.model.instant import Instant, to_datetime
from engine.releases.errors import (
    NotApproved,
    NotPublished,
    NotReleasable,
    Overtaken,
    OwnApproval,
    ReleaseRefused,
)
from engine.releases.standing import (
    SHORTEST,
    Approvals,
    ApprovalVerdict,
    LiveState,
    ReleaseAction,
    approvals_of,
    line_of,
    live_before,
    live_state,
    published,
    short_version,
)

ResultT = TypeVar("ResultT")


class ReleaseActor(NamedTuple):
    """Who acts on releases, and when."""

    name: str
    via: str
    """grpc or log."""
    at: Instant


class PublishedRelease(NamedTuple):
    """A version that is published now."""

    publication: PublicationRow
    is_new: bool
    """Whether this made it so; else it was published before, and the row is that one's."""
    differs: bool
    """Whether other comments or scenarios stand in the log than in the files that were given."""


class ApprovedRelease(NamedTuple):
    """A version of which something was said."""

    publication: PublicationRow
    approvals: Approvals


class ActivatedRelease(NamedTuple):
    """What is live now."""

    activation: ActivationRow
    is_new: bool
    """Whether this changed it; else it was so already."""


class ReleaseCommand(Command[ResultT]):
    """A change of releases; `actor` is among the fields of each kind."""

    __slots__ = ()

    stage = Stage.LEARN
    actor: ReleaseActor

    def locks(self) -> tuple[str, ...]:
        """One for all, so that ids of activations are in the order of the commits."""
        return (releases.RELEASES,)

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[ResultT | LedgerError]:
        """Changes one after the other."""
        return [command.apply_alone(unit.store) for command in commands]

    @abstractmethod
    def change(self, store: Store) -> ResultT:
        """Makes the change inside the transaction; raises ReleaseRefused before it wrote anything."""

    @abstractmethod
    def described(self) -> tuple[ReleaseAction, str, str, str]:
        """For the audit: the action, and the book's name, the version and the note as they were given."""

    def apply_alone(self, store: Store) -> ResultT | LedgerError:
        """Makes the change with its row of the audit; the refusal where it is refused, of which the row is kept too."""
        action, name, version, note = self.described()
        try:
            result = self.change(store)
        except ReleaseRefused as refused:
            self._audit(store, action, name, version, "refused", str(refused))
            return refused
        match result:
            case ActivatedRelease(activation=row):
                action, name, version = ReleaseAction(row.action), row.name, row.version
                note = f"emergency: {note}" if row.emergency else note
            case PublishedRelease(publication=row) | ApprovedRelease(publication=row):
                name, version = row.name, row.version
        self._audit(store, action, name, version, "done", note)
        return result

    def _audit(
        self, store: Store, action: ReleaseAction, name: str, version: str, result: str, note: str
    ) -> None:
        actor = self.actor
        row = AuditRow(str(uuid7()), actor.at, actor.name, actor.via, action, name, version, result, note)
        releases.add_audit(store, [row])


@dataclass(frozen=True, slots=True)
class PublishCommand(ReleaseCommand[PublishedRelease]):
    """A version that was checked and is to be kept.

    publication: its row, of which `base` is filled in here. text: of the book's own files.
    """

    actor: ReleaseActor
    publication: PublicationRow
    text: str

    def described(self) -> tuple[ReleaseAction, str, str, str]:
        """As published."""
        row = self.publication
        return ReleaseAction.PUBLISH, row.name, row.version, row.note

    def change(self, store: Store) -> PublishedRelease:
        """Keeps it, unless it is there already: then the first stays."""
        given = self.publication
        row = releases.publication(store, given.version)
        if row is not None:
            return PublishedRelease(row, is_new=False, differs=row.digest != given.digest)
        row = given._replace(base=live_state(store, given.name).live)
        kept = book_of(store, row.version)
        releases.add_publication(store, row, self.text)
        return PublishedRelease(row, is_new=True, differs=kept is not None and kept.text != self.text)


@dataclass(frozen=True, slots=True)
class RefusePublishCommand(ReleaseCommand[None]):
    """A book that its check refused: nothing is kept of it but a row of the audit.

    name, version: empty where the book does not load.
    """

    actor: ReleaseActor
    name: str
    version: str
    cause: str

    def described(self) -> tuple[ReleaseAction, str, str, str]:
        """As checked."""
        return ReleaseAction.PUBLISH, self.name, self.version, self.cause

    def change(self, store: Store) -> None:  # noqa: ARG002 -- as declared
        """Refuses it: raises NotReleasable."""
        raise NotReleasable(self.cause)


@dataclass(frozen=True, slots=True)
class ApproveCommand(ReleaseCommand[ApprovedRelease]):
    """What somebody says of a version, which its whole hash names."""

    actor: ReleaseActor
    version: str
    verdict: ApprovalVerdict
    note: str

    def described(self) -> tuple[ReleaseAction, str, str, str]:
        """As said."""
        approves = self.verdict is ApprovalVerdict.APPROVED
        return ReleaseAction.APPROVE if approves else ReleaseAction.REJECT, "", self.version, self.note

    def change(self, store: Store) -> ApprovedRelease:
        """Adds what is said; raises NotPublished, OwnApproval."""
        row = releases.publication(store, self.version)
        if row is None:
            raise NotPublished(
                f"no version {self.version[:64]!r} is published; an approval names the whole hash of a version"
            )
        if row.author == self.actor.name:
            raise OwnApproval(
                f"{row.author} published {short_version(row.version)}, and somebody else has to approve it;"
                " callers are told apart by the names of their tokens"
            )
        said = ApprovalRow(row.version, self.actor.name, self.actor.at, self.verdict, self.note)
        releases.add_approval(store, said)
        return ApprovedRelease(row, approvals_of(row.author, releases.approvals(store, row.version)))


@dataclass(frozen=True, slots=True)
class ActivateCommand(ReleaseCommand[ActivatedRelease]):
    """A version that is to be live, for all persons or for a share of them.

    expected: the version that has to be live, empty: none; None: the one that was when it was published. share: above 0
    and below 1; None: for all. approvals: how many it needs. emergency: whether it goes without, and over another's stage.
    """

    actor: ReleaseActor
    version: str
    name: str
    expected: str | None
    note: str
    approvals: int
    share: float | None = None
    emergency: bool = False

    def described(self) -> tuple[ReleaseAction, str, str, str]:
        """As asked for."""
        action = ReleaseAction.ACTIVATE if self.share is None else ReleaseAction.STAGE
        return action, self.name, self.version, self.note

    def change(self, store: Store) -> ActivatedRelease:
        """Adds the activation; raises NotPublished, Overtaken, NotApproved, NotReleasable."""
        publication = published(store, self.version)
        if self.name not in ("", publication.name):
            raise NotReleasable(
                f"the version {short_version(publication.version)} is of the book {publication.name!r}, not {self.name!r}"
            )
        state = live_state(store, publication.name)
        last = state.last
        if last is not None and (last.version, last.share) == (publication.version, self.share):
            return ActivatedRelease(last, is_new=False)
        is_earlier = releases.was_live(store, publication.name, publication.version)
        _check_expected(publication, state, self.expected, is_earlier=is_earlier)
        self._check_stage(publication, state)
        if self.emergency and not self.note.strip():
            raise NotReleasable("an emergency needs a note that says why: it is shown in the audit")
        if not (is_earlier or self.emergency):
            _check_approvals(store, publication, self.approvals)
        return ActivatedRelease(self._add(store, publication, state), is_new=True)

    def _check_stage(self, publication: PublicationRow, state: LiveState) -> None:
        if self.share is not None and state.live in ("", publication.version):
            raise NotReleasable(
                f"{short_version(state.live)} is live already: a stage is of another version"
                if state.live
                else f"nothing is live under {publication.name!r}: activate a version for all before you stage one"
            )
        last = state.last
        if state.staged in ("", publication.version) or last is None or self.emergency:
            return
        raise NotReleasable(
            f"{short_version(state.staged)} is staged for {_percent(last.share)} of the persons by {last.actor}:"
            " activate it, or take it back by a rollback, before another version comes"
        )

    def _add(self, store: Store, publication: PublicationRow, state: LiveState) -> ActivationRow:
        salt = None if self.share is None else f"stage {publication.version}"
        row = releases.next_activation(
            store,
            ActivationRow(
                0,
                publication.name,
                publication.version,
                state.live,
                ReleaseAction.ACTIVATE if self.share is None else ReleaseAction.STAGE,
                self.share,
                salt,
                self.actor.at,
                self.actor.name,
                self.note,
                self.emergency,
            ),
        )
        releases.add_activation(store, row)
        return row


@dataclass(frozen=True, slots=True)
class RollbackCommand(ReleaseCommand[ActivatedRelease]):
    """The last change of what is live is to be taken back: a stage where there is one, else the version.

    version: to which it goes back, one that was live; empty: the one before. expected: as of ActivateCommand; None: whatever.
    """

    actor: ReleaseActor
    name: str
    version: str
    expected: str | None
    note: str

    def described(self) -> tuple[ReleaseAction, str, str, str]:
        """As asked for."""
        return ReleaseAction.ROLLBACK, self.name, self.version, self.note

    def change(self, store: Store) -> ActivatedRelease:
        """Adds the activation; raises NotPublished, Overtaken, NotReleasable."""
        state = live_state(store, self.name)
        if state.last is None:
            known = ", ".join(releases.published_names(store)[:20]) or "none"
            raise NotPublished(f"nothing is live under {self.name[:60]!r}; books that are published: {known}")
        if self.expected is not None and not _is(state.live, self.expected):
            raise _overtaken(self.name, state, self.expected)
        if state.staged and not self.version:
            return self._added(store, state, ReleaseAction.UNSTAGE, state.live)
        target = (
            published(store, self.version).version if self.version else live_before(line_of(store, self.name))
        )
        if not target:
            raise NotReleasable(
                f"{short_version(state.live)} is the first version of {self.name!r}: there is none to go back to"
            )
        if target == state.live and not state.staged:
            return ActivatedRelease(state.last, is_new=False)
        if not releases.was_live(store, self.name, target):
            raise NotReleasable(
                f"{short_version(target)} was never live under {self.name!r}: activate it instead"
            )
        return self._added(store, state, ReleaseAction.ROLLBACK, target)

    def _added(self, store: Store, state: LiveState, action: ReleaseAction, version: str) -> ActivatedRelease:
        row = releases.next_activation(
            store,
            ActivationRow(
                0,
                self.name,
                version,
                state.live,
                action,
                None,
                None,
                self.actor.at,
                self.actor.name,
                self.note,
                emergency=False,
            ),
        )
        releases.add_activation(store, row)
        return ActivatedRelease(row, is_new=True)


def _check_expected(
    publication: PublicationRow, state: LiveState, expected: str | None, *, is_earlier: bool
) -> None:
    """Raises Overtaken where another version is live than the one that the change was made for."""
    if expected is None and is_earlier and publication.version not in (state.live, state.staged):
        raise NotReleasable(
            f"{short_version(publication.version)} was live before: roll back to it, or name what is live now as expected"
        )
    if expected is None:
        expected = state.live if publication.version == state.live else publication.base
    if not _is(state.live, expected):
        raise _overtaken(publication.name, state, expected)


def _is(version: str, expected: str) -> bool:
    """Whether the version is the expected one, which its first characters name."""
    return version == expected or (len(expected) >= SHORTEST and version.startswith(expected))


def _overtaken(name: str, state: LiveState, expected: str) -> Overtaken:
    row = state.since
    if row is None:
        return Overtaken(f"nothing is live under {name!r}, and {short_version(expected)} was expected to be")
    note = f" ({row.note[:100]})" if row.note else ""
    wanted = short_version(expected) if expected else "no version"
    return Overtaken(
        f"{row.actor} came between: {short_version(state.live)} is live under {name!r} since"
        f" {to_datetime(row.at).isoformat(timespec='seconds')}{note}, where {wanted} was expected;"
        " compare with it (tact diff), then expect it"
    )


def _check_approvals(store: Store, publication: PublicationRow, needed: int) -> None:
    said = approvals_of(publication.author, releases.approvals(store, publication.version))
    version = short_version(publication.version)
    if said.rejected and needed:
        raise NotApproved(f"{', '.join(said.rejected)} rejected {version}: publish another version")
    if len(said.approved) < needed:
        by = f" ({', '.join(said.approved)})" if said.approved else ""
        raise NotApproved(
            f"{version} has {len(said.approved)} of {needed} approvals{by}: somebody other than its author"
            f" {publication.author} has to approve it"
        )


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):g} %"
