"""A book as customers get it: trying it out for one, every text of a campaign, the calendar, and its languages."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from starlette.responses import Response

from engine.console.log import LogReader
from engine.console.page import READERS, Asked, ConsolePage, Refusal
from engine.console.pages.books import publication_of
from engine.console.pages.drafts import draft_of, files_of_draft
from engine.console.texts import _
from engine.console.workbench import WORKBENCH, BookTask, JobFailed, WorkedBook
from engine.ledger.queries import releases

_DAYS = 28
"""Of a page of the calendar."""


_LARGE_FORM = 1 << 20
_GIVEN = "given:"
"""How the names of fields begin that hold values of attributes."""


_CUSTOMER = "customer: somebody\nprofile: {}\n"


class OpenedBook(NamedTuple):
    """A book that is looked at: a draft, or a published version."""

    kind: str
    """draft or version."""
    key: str
    title: str
    worked: WorkedBook

    @property
    def form(self) -> BookTask:
        """What a customer can be described by."""
        return form_of(self.worked)


def form_of(worked: WorkedBook) -> BookTask:
    """The task whose result says what a customer of the book can be described by."""
    return BookTask("form", {}, worked)


def _opened(asked: Asked) -> OpenedBook:
    """The book that the path names. Raises Refusal."""
    kind, key = asked.path("kind"), asked.path("key")
    if kind == "draft":
        draft = draft_of(asked, key)
        worked = WorkedBook(f"draft {key}", f"draft {key} {draft.revision}", lambda: files_of_draft(draft))
        return OpenedBook(kind, key, key, worked)
    if kind != "version":
        raise Refusal(404, _("There is no such page."))
    with asked.reading() as store:
        row = publication_of(store, key)
    return OpenedBook(kind, key, f"{row.name} {key[:12]}", version_on_bench(asked.log, key))


def version_on_bench(log: LogReader, version: str) -> WorkedBook:
    """A published version, as work is done on it."""

    def files() -> Mapping[str, str]:
        with log.reading() as store:
            return releases.book_files(store, version) or {}

    return WorkedBook(version, version, files)


def _form(asked: Asked) -> Response:
    return _shown(asked, _opened(asked), context=asked.query("customer"), tried=None, refused="")


def _try_out(asked: Asked) -> Response:
    opened = _opened(asked)
    job = {"context": _context(asked), "given": _given(asked)}
    tried, refused = None, ""
    try:
        tried = WORKBENCH.run("try_out", job, book=opened.worked)
    except JobFailed as error:
        refused = str(error)
    if asked.form.get("part") == "yes":
        return asked.page("_tried.html", tried=tried, refused=refused, opened=opened)
    return _shown(asked, opened, context="", tried=tried, refused=refused)


def _shown(
    asked: Asked, opened: OpenedBook, *, context: str, tried: Mapping[str, Any] | None, refused: str
) -> Response:
    """The page with its form; context: the name of a customer of the scenarios to begin with, or empty."""
    try:
        form = _asked_of(asked, opened)
    except JobFailed as error:
        form, refused = {"attributes": [], "customers": {}}, refused or str(error)
    text = asked.form.get("context") or form["customers"].get(context, _CUSTOMER)
    return asked.page(
        "try_out.html",
        status=400 if refused else 200,
        opened=opened,
        form=form,
        context=tried["context"] if tried else text,
        now=asked.form.get("now", ""),
        given={} if tried else _given(asked),
        tried=tried,
        refused=refused,
    )


def _asked_of(asked: Asked, opened: OpenedBook) -> Any:
    """What a customer of the book can be described by. Raises JobFailed, and StillWorking where a page can come again."""
    if asked.request.method == "GET":
        return WORKBENCH.soon(opened.form)
    return WORKBENCH.kept(opened.form)


def _context(asked: Asked) -> str:
    """The customer as typed, at the moment that the form has."""
    return asked.form.get("context", "").replace("\r\n", "\n") or _CUSTOMER


def _given(asked: Asked) -> dict[str, str]:
    """Values of single attributes, and the moment, as they were typed."""
    given = {
        name.removeprefix(_GIVEN): text.strip()
        for name, text in asked.form.items()
        if name.startswith(_GIVEN) and text.strip()
    }
    if now := asked.form.get("now", "").strip():
        given["now"] = now
    return given


# ---------------------------------------------------------------- texts, calendar, languages


def _campaigns(asked: Asked) -> Response:
    opened = _opened(asked)
    first = _day(asked.query("first"))
    try:
        if not first:
            timezone = ZoneInfo(_asked_of(asked, opened)["timezone"])
            first = datetime.now(timezone).date().isoformat()
        shown = WORKBENCH.soon(BookTask("campaigns", {"first": first, "days": _DAYS}, opened.worked))
    except JobFailed as error:
        raise Refusal(400, str(error)) from None
    return asked.page("campaigns_of.html", opened=opened, shown=shown, days=_days(shown["first"]))


def _texts(asked: Asked) -> Response:
    """Every text of a campaign for a customer; before one is described, for nobody in particular."""
    opened, campaign = _opened(asked), asked.path("campaign")
    job = {"campaign": campaign, "context": _context(asked), "given": _given(asked)}
    shown, refused = [], ""
    try:
        form = _asked_of(asked, opened)
        if not asked.form.get("context") and form["customers"]:
            job["context"] = form["customers"].get(asked.query("customer")) or next(
                iter(form["customers"].values())
            )
        shown = WORKBENCH.run("texts", job, book=opened.worked)["texts"]
    except JobFailed as error:
        form, refused = {"attributes": [], "customers": {}}, str(error)
    return asked.page(
        "texts.html",
        status=400 if refused else 200,
        opened=opened,
        campaign=campaign,
        form=form,
        context=job["context"],
        now=asked.form.get("now", ""),
        shown=shown,
        refused=refused,
    )


def _day(text: str) -> str:
    """The day, or empty for today."""
    if not text:
        return ""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Refusal(400, _("The day is written as 2026-03-01.")) from None


def _days(first: str) -> list[date]:
    begin = date.fromisoformat(first)
    return [begin + timedelta(days=number) for number in range(_DAYS)]


_POST = ("POST",)
PAGES: Sequence[ConsolePage] = (
    ConsolePage("/of/{kind}/{key}/try-out", "try_out", _form, READERS),
    ConsolePage("/of/{kind}/{key}/try-out", "tried_out", _try_out, READERS, _POST, most_bytes=_LARGE_FORM),
    ConsolePage("/of/{kind}/{key}/campaigns", "campaigns_of", _campaigns, READERS),
    ConsolePage("/of/{kind}/{key}/campaigns/{campaign}", "texts", _texts, READERS),
    ConsolePage(
        "/of/{kind}/{key}/campaigns/{campaign}", "texts_for", _texts, READERS, _POST, most_bytes=_LARGE_FORM
    ),
)
