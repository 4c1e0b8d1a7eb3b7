"""Drafts and their editor: begun, saved, checked, submitted, deleted, and what they would have done."""

import json
from collections.abc import Mapping, Sequence

from starlette.responses import JSONResponse, Response

from engine.api.v1 import rulebooks_pb2 as pb
from engine.client import InvalidRequest, OutOfDate, TactError
from engine.console.language_server import LanguageServers
from engine.console.page import READERS, Asked, ConsolePage, DraftEditing, Refusal, Socket
from engine.console.pages.books import WRITERS, publication_of, sentence_of
from engine.console.replays import Replay, Replays
from engine.console.texts import _
from engine.console.workbench import WORKBENCH
from engine.ledger.queries import releases
from engine.ledger.store.release_rows import DraftRow
from engine.releases import file_messages, patch_of

_REPLAYS = Replays(WORKBENCH)
_LANGUAGE_SERVERS = LanguageServers()

_MOST_BYTES = 16 << 20
"""Of a form with all files of a draft."""


_DAYS = (7, 30, 0)
"""For what a change would have done: the last days; 0: all that the log has."""


_METRICS = ("converted", "clicked")
"""What is estimated of a draft: the share of decisions after which somebody ordered, or clicked."""


def draft_of(asked: Asked, name: str) -> DraftRow:
    """The draft as it is kept. Raises Refusal."""
    with asked.reading() as store:
        row = releases.draft(store, name)
    if row is None:
        raise Refusal(404, _("There is no such draft: it was submitted or deleted, or never saved."))
    return row


def files_of_draft(row: DraftRow) -> dict[str, str]:
    """Its files by name."""
    files: dict[str, str] = json.loads(row.files)
    return files


def _begin(asked: Asked) -> Response:
    """A draft of a published version, or of nothing."""
    name, base = asked.form.get("name", "").strip(), asked.form.get("base", "")
    with asked.reading() as store:
        if base:
            base = publication_of(store, base).version
            files = releases.book_files(store, base) or {}
        else:
            files = {"book.yaml": f"book: {{name: {json.dumps(name)}, timezone: UTC}}\n"}
    with asked.rulebooks() as books:
        books.save_draft(pb.SaveDraftRequest(name=name, base=base, files=file_messages(files)))
    return asked.see("draft", name=name)


def _draft(asked: Asked) -> Response:
    row = draft_of(asked, asked.path("name"))
    return asked.page(
        "draft.html",
        row=row,
        files=files_of_draft(row),
        may_delete=asked.user.may(WRITERS),
        in_git=asked.editing is DraftEditing.GIT_ONLY,
        read_only=not asked.user.may(WRITERS) or asked.editing is DraftEditing.GIT_ONLY,
        days=_DAYS,
        words=_words(),
    )


def _patch(asked: Asked) -> Response:
    """What the draft as it is saved changes against the version that it was begun from, for `git apply`."""
    row = draft_of(asked, asked.path("name"))
    with asked.reading() as store:
        base = releases.book_files(store, row.base) if row.base else {}
    if base is None:
        raise Refusal(404, _("No such version is published."))
    patch = patch_of(base, files_of_draft(row))
    headers = {"content-disposition": f'attachment; filename="{row.name}.patch"'}
    return Response(patch.encode(), 200, headers, "text/x-patch; charset=utf-8")


def _words() -> dict[str, str]:
    """What the editor's script says."""
    return {
        "delete_sure": _("delete this file?"),
        "error": _("error"),
        "file": _("File"),
        "mine": _("Yours:"),
        "no_fix": _("There is no fix for this line."),
        "no_problems": _("No problems."),
        "no_server": _("The language server is gone: reload the page to have problems shown as you type."),
        "not_checked": _("The scenarios could not be played."),
        "not_done": _("This did not work; try again."),
        "not_saved": _("Not saved: the console could not be reached. What you typed is still here."),
        "note": _("note"),
        "saved": _("All is saved."),
        "saving": _("Saving …"),
        "take_theirs": _("Take theirs"),
        "theirs": _("Theirs:"),
        "last_file": _("This is the only file: a book has at least one."),
        "there_already": _("There is a file of this name."),
        "was_deleted": _("The file is deleted when you save."),
        "was_renamed": _("The file has its new name when you save."),
        "wrong_name": _(
            "This is no name for a file of a book: it ends in .yaml or .csv, and is such as campaigns/spring.yaml."
        ),
        "unsaved": _("There are changes that are not saved."),
        "warning": _("warning"),
        "was_saved": _("Saved."),
    }


def _save(asked: Asked) -> Response:
    """Keeps all files; of another revision than expected it gives back what is kept, to be merged."""
    name = asked.path("name")
    request = pb.SaveDraftRequest(
        name=name,
        expected=asked.form.get("expected", ""),
        base=asked.form.get("base", ""),
        files=file_messages(_files_sent(asked)),
    )
    try:
        with asked.rulebooks() as books:
            saved = books.save_draft(request)
    except OutOfDate as error:
        return JSONResponse({"message": sentence_of(error), "draft": _kept(asked, name)}, 409)
    except InvalidRequest as error:
        wrong = "; ".join(f"{violation.field}: {violation.description}" for violation in error.violations)
        return JSONResponse({"message": wrong or sentence_of(error)}, 400)
    except TactError as error:
        return JSONResponse({"message": sentence_of(error)}, 503)
    return JSONResponse({"revision": saved.revision})


def _files_sent(asked: Asked) -> Mapping[str, str]:
    try:
        files = json.loads(asked.form.get("files", ""))
    except ValueError:
        files = None
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise Refusal(400, _("The files cannot be read."))
    try:
        json.dumps(files, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refusal(400, _("The files cannot be read.")) from None
    return files


def _kept(asked: Asked, name: str) -> dict[str, object] | None:
    """What somebody else saved; None where the draft is gone."""
    with asked.reading() as store:
        row = releases.draft(store, name)
    return row and {"revision": row.revision, "author": row.author, "files": files_of_draft(row)}


def _check(asked: Asked) -> Response:
    """The scenarios of the draft as it is saved, and what its check remarks, as a part of the editor."""
    row = draft_of(asked, asked.path("name"))
    with asked.rulebooks() as books:
        checked = books.check(pb.CheckRequest(files=file_messages(files_of_draft(row))))
    return asked.page("_checked.html", checked=checked)


def _submit(asked: Asked) -> Response:
    """Publishes the draft; what was published is no draft any more."""
    name = asked.path("name")
    row = draft_of(asked, name)
    expected = asked.form.get("expected", "")
    if row.revision != expected:
        raise Refusal(
            409, _("Somebody else saved the draft meanwhile: open it again, and look before you submit it.")
        )
    request = pb.PublishRequest(
        files=file_messages(files_of_draft(row)), note=asked.form.get("note", "").replace("\r\n", "\n")
    )
    with asked.rulebooks() as books:
        try:
            published = books.publish(request).release
        except InvalidRequest as error:
            return asked.page("refused.html", status=400, name=name, violations=error.violations[:100])
        books.delete_draft(pb.DeleteDraftRequest(name=name, expected=expected))
    return asked.see("version", version=published.version)


def _delete(asked: Asked) -> Response:
    request = pb.DeleteDraftRequest(name=asked.path("name"), expected=asked.form.get("expected", ""))
    with asked.rulebooks() as books:
        books.delete_draft(request)
    return asked.see("books")


# ---------------------------------------------------------------- what it would have done


def _replay_draft(asked: Asked) -> Response:
    """Compares a draft with what is live under its book's name, or with what it was begun from."""
    row = draft_of(asked, asked.path("name"))
    if not row.base:
        raise Refusal(409, _("The draft was begun from nothing: there is no version to compare it with."))
    with asked.reading() as store:
        base = publication_of(store, row.base)
        last = releases.live(store, base.name)
        old = last.live if last is not None else row.base
        files = releases.book_files(store, old)
    return _replay(asked, old, files, files_of_draft(row), row.name)


def _replay_version(asked: Asked) -> Response:
    version = asked.path("version")
    with asked.reading() as store:
        row = publication_of(store, version)
        last = releases.live(store, row.name)
        old = row.base if last is None or last.live == version else last.live
        files, own = releases.book_files(store, old) if old else None, releases.book_files(store, version)
    return _replay(asked, old, files, own or {}, version[:12])


def _replay(
    asked: Asked, old: str, before: Mapping[str, str] | None, after: Mapping[str, str], title: str
) -> Response:
    if before is None:
        raise Refusal(409, _("There is no version to compare it with."))
    job = {"old": dict(before), "new": dict(after), "log": asked.log.url, "days": _days(asked)}
    return _begun(asked, _REPLAYS.begin(asked.user.name, f"{old[:12]} → {title}", job))


def _evaluate_draft(asked: Asked) -> Response:
    """Estimates off-policy what decisions would have brought by a draft."""
    row = draft_of(asked, asked.path("name"))
    metric = asked.form.get("metric", "")
    job = {
        "new": files_of_draft(row),
        "log": asked.log.url,
        "days": _days(asked),
        "metric": metric if metric in _METRICS else _METRICS[0],
    }
    return _begun(asked, _REPLAYS.begin(asked.user.name, row.name, job, kind="evaluation"))


def _days(asked: Asked) -> int:
    days = asked.form.get("days", "")
    return int(days) if days in map(str, _DAYS) else _DAYS[0]


def _begun(asked: Asked, replay: Replay) -> Response:
    if asked.form.get("part") == "yes":
        return asked.page("_replayed.html", replay=replay)
    return asked.see("replay", id=replay.id)


def _replayed(asked: Asked) -> Response:
    replay = _REPLAYS.of(asked.path("id"), asked.user.name)
    part = asked.query("part") == "yes"
    return asked.page("_replayed.html" if part else "replay.html", replay=replay)


_POST = ("POST",)
PAGES: Sequence[ConsolePage] = (
    ConsolePage("/drafts", "begin_draft", _begin, WRITERS, _POST, edits=True),
    ConsolePage("/drafts/{name}", "draft", _draft, READERS, inline_styles=True),
    ConsolePage(
        "/drafts/{name}/save", "save_draft", _save, WRITERS, _POST, edits=True, most_bytes=_MOST_BYTES
    ),
    ConsolePage("/drafts/{name}/patch", "draft_patch", _patch, READERS),
    ConsolePage("/drafts/{name}/check", "check_draft", _check, READERS, _POST),
    ConsolePage("/drafts/{name}/submit", "submit_draft", _submit, WRITERS, _POST, edits=True),
    ConsolePage("/drafts/{name}/delete", "delete_draft", _delete, WRITERS, _POST),
    ConsolePage("/drafts/{name}/replay", "replay_draft", _replay_draft, READERS, _POST),
    ConsolePage("/drafts/{name}/evaluation", "evaluate_draft", _evaluate_draft, READERS, _POST),
    ConsolePage("/versions/{version}/replay", "replay_version", _replay_version, READERS, _POST),
    ConsolePage("/replays/{id}", "replay", _replayed, READERS),
)
SOCKETS: Sequence[Socket] = (Socket("/lsp", "lsp", _LANGUAGE_SERVERS.speak, READERS),)
