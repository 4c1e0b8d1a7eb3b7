"""Books, their versions, and what is done with a version: approved, staged, activated, taken back."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import Message
from starlette.responses import Response

from engine.api.v1 import rulebooks_pb2 as pb
from engine.client import RulebooksClient, TactError
from engine.console.page import READERS, Asked, ConsolePage, DraftEditing, Refusal
from engine.console.pages.totals import ShownRate, rate_of
from engine.console.texts import _
from engine.console.workbench import WORKBENCH, BookTask, JobFailed, StillWorking
from engine.ledger.queries import releases
from engine.ledger.queries.decisions import outcomes_by_version
from engine.ledger.store.release_rows import ActivationRow, PublicationRow
from engine.ledger.store.store import Store
from engine.server.access.roles import Role

WRITERS = frozenset((Role.WRITE, Role.ADMIN))
_APPROVERS = frozenset((Role.APPROVE,))
_OPERATORS = frozenset((Role.ADMIN,))
_MOST_VERSIONS = 50
_MOST_COMPARED = 50_000
"""Decisions that are counted while a version is staged: the newest."""


_MOST_NOTE = 2_000


class ListedBook(NamedTuple):
    """A book as the list of books shows it."""

    name: str
    last: ActivationRow | None
    newest: PublicationRow | None

    @property
    def commit(self) -> str:
        """Of git, from which the newest version was published; empty: it was not said."""
        source = json.loads(self.newest.source) if self.newest is not None and self.newest.source else {}
        return str(source.get("commit", ""))


class VersionTally(NamedTuple):
    """What a version decided since another one is staged beside it."""

    version: str
    outcomes: Mapping[str, int]

    @property
    def total(self) -> int:
        """Its decisions."""
        return sum(self.outcomes.values())

    def rate(self, outcome: str) -> ShownRate:
        """How many of its decisions came out so."""
        return rate_of(self.outcomes.get(outcome, 0), self.total)


def _books(asked: Asked) -> Response:
    with asked.reading() as store:
        listed = [
            ListedBook(
                name, releases.live(store, name), next(iter(releases.publications(store, name, 1)), None)
            )
            for name in releases.published_names(store)
        ]
        drafts = releases.drafts(store)
    return asked.page(
        "books.html",
        books=listed,
        drafts=drafts,
        may_write=asked.user.may(WRITERS),
        in_git=asked.editing is DraftEditing.GIT_ONLY,
        refused="",
    )


def _book(asked: Asked) -> Response:
    return book_page(asked, asked.path("name"))


def book_page(asked: Asked, name: str, refused: str = "") -> Response:
    """The page of a book; refused: why a change of it was not made."""
    with asked.reading() as store:
        versions = releases.publications(store, name, _MOST_VERSIONS)
        if not versions:
            raise Refusal(404, _("No book of this name is published."))
        last = releases.live(store, name)
        rows = [
            (row, _state(store, row, last), len(releases.approvals(store, row.version))) for row in versions
        ]
        history = releases.history(store, name, _MOST_VERSIONS)
        servers = [server for server in releases.servers(store) if server.name == name]
    return asked.page(
        "book.html",
        status=409 if refused else 200,
        name=name,
        rows=rows,
        last=last,
        history=history,
        servers=servers,
        may_operate=asked.user.may(_OPERATORS),
        refused=refused,
    )


def _version(asked: Asked) -> Response:
    return _version_page(asked, asked.path("version"))


def _version_page(asked: Asked, version: str, refused: str = "", against: str = "") -> Response:
    with asked.reading() as store:
        row = publication_of(store, version)
        last = releases.live(store, row.name)
        said = releases.approvals(store, version)
        state = _state(store, row, last)
        arms = _arms(store, last) if last is not None and last.staged == version else []
    against = against or asked.query("against") or _compared_with(row, last)
    return asked.page(
        "version.html",
        status=409 if refused else 200,
        row=row,
        state=state,
        last=last,
        said=said,
        arms=arms,
        compared=_compared(asked, against, version),
        may_approve=asked.user.may(_APPROVERS),
        may_operate=asked.user.may(_OPERATORS),
        may_write=asked.user.may(WRITERS),
        refused=refused,
    )


def publication_of(store: Store, version: str) -> PublicationRow:
    """The published version. Raises Refusal."""
    row = releases.publication(store, version)
    if row is None:
        raise Refusal(404, _("No such version is published."))
    return row


def _compared_with(row: PublicationRow, last: ActivationRow | None) -> str:
    """What a version is compared with: the live one, or where it is live itself, the one that was live before it."""
    if last is not None and last.live != row.version:
        return last.live
    return row.base


def _state(store: Store, row: PublicationRow, last: ActivationRow | None) -> str:
    if last is not None and row.version == last.live:
        return "live"
    if last is not None and row.version == last.staged:
        return "staged"
    return "earlier" if releases.was_live(store, row.name, row.version) else "published"


def _arms(store: Store, last: ActivationRow) -> list[VersionTally]:
    """What the live and the staged version decided since the stage began."""
    outcomes: dict[str, dict[str, int]] = {last.live: {}, last.version: {}}
    for version, outcome, number in outcomes_by_version(store, last.at, _MOST_COMPARED):
        if version in outcomes:
            outcomes[version][outcome] = number
    return [VersionTally(version, numbers) for version, numbers in outcomes.items()]


class VersionComparison(NamedTuple):
    """What differs between a version and another one, as far as it is known."""

    against: str
    """The other version; empty: there is none."""
    result: Mapping[str, Any] | None = None
    """None: it is being worked out, or cannot be."""
    problem: str = ""
    """Why it cannot be."""

    @property
    def words(self) -> list[str]:
        """The names that come, go or change, as sentences."""
        names = self.result["names"] if self.result else ()
        return [change_in_words(name["section"], name["name"], name["change"]) for name in names]

    @property
    def concerned(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What changes for whom: its name in words, and its conditions before and afterwards."""
        rows = self.result["concerned"] if self.result else ()
        return [(named_in_words(row["section"], row["name"]), row) for row in rows]


def _compared(asked: Asked, against: str, version: str) -> VersionComparison:
    """The comparison, if it is at hand; else it is begun. Versions are hashes: what was compared is never out of date."""
    if against in ("", version):
        return VersionComparison("")

    def both() -> dict[str, Any]:
        with asked.log.reading() as store:
            files = {"old": releases.book_files(store, against), "new": releases.book_files(store, version)}
        return {side: dict(own or {}) for side, own in files.items()}

    try:
        result = WORKBENCH.soon(BookTask("compare", {}, late=both, key=f"{against} {version}"))
    except StillWorking:
        return VersionComparison(against)
    except JobFailed as error:
        return VersionComparison(against, problem=str(error))
    return VersionComparison(against, result)


def _comparison(asked: Asked) -> Response:
    """The comparison as a part of the page of a version, which asks for it until it is there."""
    version, against = asked.path("version"), asked.path("against")
    with asked.reading() as store:
        row = publication_of(store, version)
        publication_of(store, against)
    if asked.query("part") != "yes":
        return _version_page(asked, version, against=against)
    return asked.page("_compared.html", row=row, compared=_compared(asked, against, version))


# ---------------------------------------------------------------- what is done


def _approve(asked: Asked) -> Response:
    version, note = asked.path("version"), _note(asked)
    approves = asked.form.get("verdict") == "approved"
    verdict = pb.RELEASE_VERDICT_APPROVED if approves else pb.RELEASE_VERDICT_REJECTED
    request = pb.ApproveRequest(version=version, verdict=verdict, note=note)
    return _changed(asked, lambda books: books.approve(request), version)


def _activate(asked: Asked) -> Response:
    version = asked.path("version")
    request = pb.ActivateRequest(
        version=version,
        expected=asked.form.get("expected", ""),
        note=_note(asked),
        emergency=asked.form.get("emergency") == "yes",
    )
    return _changed(asked, lambda books: books.activate(request), version)


def _stage(asked: Asked) -> Response:
    version = asked.path("version")
    try:
        share = float(asked.form.get("share", "")) / 100
    except ValueError:
        raise Refusal(400, _("The share is a number of percent.")) from None
    request = pb.StageRequest(
        version=version, share=share, expected=asked.form.get("expected", ""), note=_note(asked)
    )
    return _changed(asked, lambda books: books.stage(request), version)


def _changed(asked: Asked, change: Callable[[RulebooksClient], Message], version: str) -> Response:
    """The page of the version after a change, or with the reason why there was none."""
    try:
        with asked.rulebooks() as books:
            change(books)
    except TactError as error:
        return _version_page(asked, version, sentence_of(error))
    return asked.see("version", version=version)


def _roll_back(asked: Asked) -> Response:
    name = asked.path("name")
    request = pb.RollbackRequest(
        name=name,
        version=asked.form.get("version", ""),
        expected=asked.form.get("expected", ""),
        note=_note(asked),
    )
    try:
        with asked.rulebooks() as books:
            books.rollback(request)
    except TactError as error:
        return book_page(asked, name, sentence_of(error))
    return asked.see("book", name=name)


def sentence_of(error: TactError) -> str:
    """What the server said, without the name of the status."""
    return error.status.message or str(error)


def named_in_words(section: str, name: str) -> str:
    """A thing of a book by its kind and name."""
    kinds = {
        "book": _("the book"),
        "campaigns": _("the campaign"),
        "offers": _("the offer"),
        "audiences": _("the audience"),
        "channels": _("the channel"),
        "placements": _("the placement"),
        "attributes": _("the attribute"),
        "signals": _("the signal"),
        "pressure.caps": _("the cap"),
        "pressure.gaps": _("the gap"),
        "pressure.pauses": _("the pause"),
        "pressure.quiet": _("the quiet hours"),
    }
    return f"{kinds.get(section, section)} {name}"


def change_in_words(section: str, name: str, change: str) -> str:
    """A name that is not the same in two versions, as a sentence."""
    sentences = {
        "added": _("%(named)s comes"),
        "removed": _("%(named)s goes"),
        "changed": _("%(named)s changes"),
    }
    return sentences.get(change, sentences["changed"]) % {"named": named_in_words(section, name)}


def _note(asked: Asked) -> str:
    return asked.form.get("note", "").replace("\r\n", "\n")[:_MOST_NOTE]


_POST = ("POST",)
PAGES: Sequence[ConsolePage] = (
    ConsolePage("/books", "books", _books, READERS, nav="Books"),
    ConsolePage("/books/{name}", "book", _book, READERS),
    ConsolePage("/books/{name}/rollback", "roll_back", _roll_back, _OPERATORS, _POST),
    ConsolePage("/versions/{version}", "version", _version, READERS),
    ConsolePage("/versions/{version}/against/{against}", "comparison", _comparison, READERS),
    ConsolePage("/versions/{version}/approve", "approve", _approve, _APPROVERS, _POST),
    ConsolePage("/versions/{version}/stage", "stage", _stage, _OPERATORS, _POST),
    ConsolePage("/versions/{version}/activate", "activate", _activate, _OPERATORS, _POST),
)
