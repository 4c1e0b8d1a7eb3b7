"""The report: what decisions did, by the last one that was made; each chart has its table beside it, each table its files."""

import re

from starlette.responses import Response

from engine.console.page import READERS, Asked, ConsolePage, Refusal
from engine.console.reporting import MOST_ROWS
from engine.console.texts import _

_FILE = re.compile(r"[a-z0-9_]{1,80}\.(csv|parquet)")
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def _report(asked: Asked) -> Response:
    with asked.reading() as store:
        lives = asked.shelf.live(store)
    desk = asked.reports
    kept = desk.kept
    return asked.page(
        "report.html",
        lives=[live for live in lives if live.book is not None],
        kept=kept,
        busy=desk.is_busy,
        problem=desk.problem,
        most=MOST_ROWS,
    )


def _begin(asked: Asked) -> Response:
    version = asked.form.get("version", "")
    with asked.reading() as store:
        versions = {live.version for live in asked.shelf.live(store)}
    if version not in versions:
        raise Refusal(400, _("The report is made by a book that is live."))
    if not asked.reports.begin(version):
        raise Refusal(409, _("Another report is being made; wait until it is there."))
    return asked.see("report")


def _file(asked: Asked) -> Response:
    name, kept = asked.path("name"), asked.reports.kept
    if kept is None or not _FILE.fullmatch(name) or name not in kept.files:
        raise Refusal(404, _("The report has no such table."))
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(kept.files[name], media_type=_MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)


PAGES = (
    ConsolePage("/report", "report", _report, READERS, nav="Report"),
    ConsolePage("/report", "make_report", _begin, READERS, ("POST",)),
    ConsolePage("/report/{name}", "report_file", _file, READERS),
)
