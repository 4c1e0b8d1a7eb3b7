"""`tact tail`: prints decisions and outcomes as they are kept, or posts them to a web address."""

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Annotated, Literal

import typer
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from engine.api.v1.decisions_pb2 import Outcome, WatchResponse
from engine.cli.exits import USAGE, complain, fail
from engine.cli.logged import check_log, moment_of, system_user
from engine.cli.options import LogUrl, settings_of
from engine.ledger import feed
from engine.ledger.errors import LedgerError
from engine.ledger.feed import Cursor, FeedPage
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.instant import to_datetime
from engine.model.shown import printable
from engine.privacy.access import note_feed
from engine.privacy.objection import PrivacyActor
from engine.privacy.record import present
from engine.wire.feed import WatchQuery, query_of_kind, watch_response

_POLL_SECONDS = 0.5


_MOST_LINES = 10_000
"""Of the last; they are read at once. With `--from` or `--cursor` there may be any number."""


_POSTED = 100
"""Entries of one POST."""


_INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells count it."""


_ATTEMPTS, _FIRST_PAUSE, _LONGEST_PAUSE = 8, 0.5, 60.0
"""Of a POST. A receiver that says when to try again is believed, up to the longest pause."""


_TIMEOUT_SECONDS = 30.0


_AGAIN, _SERVER_ERROR = (408, 425, 429), 500
"""Statuses after which the same is sent again, and from which on all are."""


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)


_HEADER_VALUE = re.compile(r"[\t -~]*")
"""Of ASCII and without controls: no HTTP library sends others."""


Send = Callable[[Sequence[WatchResponse]], None]


def tail(
    log: LogUrl = None,
    lines: Annotated[
        int, typer.Option("-n", "--lines", min=0, max=_MOST_LINES, help="Begin with so many of the last.")
    ] = 10,
    since: Annotated[
        str | None,
        typer.Option("--from", help="Begin with what was kept from this moment on: 2026-03-10T00:00Z."),
    ] = None,
    cursor: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps how far it got. Goes on from there; a new one begins with the log."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with what is kept from now on.")
    ] = False,
    only: Annotated[
        Literal["decision", "outcome", "trend"] | None, typer.Option(help="Leave out the others.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, for machines.")
    ] = False,
    post: Annotated[
        str | None,
        typer.Option(
            help="Send them to this http:// or https:// address instead, as JSON arrays of at most 100."
        ),
    ] = None,
    headers: Annotated[
        Path | None,
        typer.Option(
            help="File with further headers of the POSTs, one a line, such as Authorization: Bearer …"
        ),
    ] = None,
) -> None:
    """Print decisions and outcomes in the order in which they were kept; with -f also as they are kept.

    With --cursor each is printed or sent at least once, however often the command is ended and begun again.
    """
    url = settings_of(log=log).log
    try:
        check_log(url)
        start = moment_of("--from", since, -1)
        cursor_file = None if cursor is None else _CursorFile(cursor)
        send = partial(_print, as_json=as_json) if post is None else _poster(post, headers, patient=follow)
        if headers is not None and post is None:
            raise ValueError("--headers needs --post")
    except (OSError, ValueError) as error:
        fail(str(error), USAGE)
    try:
        with closing(open_store(url)) as store:
            with store.transaction():
                note_feed(store, PrivacyActor(system_user(), "log", present()))
            begun = _begin(store, cursor_file, start, lines)
            _pump(store, begun, cursor_file, send, query_of_kind(only), follow=follow)
    except BrokenPipeError:
        raise  # who read the output has gone: the program ends without a word
    except (LedgerError, NotAccepted, OSError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


class NotAccepted(Exception):
    """The receiver did not take what was posted."""


def json_line(message: Message) -> str:
    """The message as one line of JSON, with the names of the contract."""
    return MessageToJson(message, preserving_proto_field_name=True, indent=None, ensure_ascii=False)


class _CursorFile:
    """Keeps a cursor in a file. Raises ValueError for one that holds something else or has no folder, OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.kept: Cursor | None = None
        if not path.parent.is_dir():
            raise ValueError(f"--cursor {path}: there is no folder {path.parent}")
        if path.exists():
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            try:
                self.kept = feed.parse_cursor(text)
            except ValueError as error:
                raise ValueError(f"{path}: {text[:40]!r} {error}") from None

    def keep(self, cursor: Cursor) -> None:
        """Replaces the file as a whole, so that it is never half a cursor."""
        if cursor == self.kept:
            return
        temporary = self._path.with_name(f"{self._path.name}.new")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(f"{cursor}\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        self.kept = cursor


def _begin(store: Store, cursor_file: _CursorFile | None, since: int, lines: int) -> FeedPage:
    """What to begin with; ends the command where the cursor is of another log."""
    with store.transaction(writes=False):
        if cursor_file is not None and cursor_file.kept is not None:
            if feed.is_ahead(store, cursor_file.kept):
                fail("the cursor is of another log: this one has not got as far")
            return FeedPage((), cursor_file.kept, is_last=False)
        if since >= 0:
            return FeedPage((), feed.cursor_since(store, since), is_last=False)
        if cursor_file is not None:
            return FeedPage((), feed.START, is_last=False)
        return feed.last_entries(store, lines)


def _pump(
    store: Store,
    page: FeedPage,
    cursor_file: _CursorFile | None,
    send: Send,
    query: WatchQuery,
    *,
    follow: bool,
) -> None:
    """Sends page by page; the cursor is kept once what stands before it is sent."""
    while True:
        selected = [watch_response(entry) for entry in page.entries if query.includes(entry)]
        for start in range(0, len(selected), _POSTED):
            portion = selected[start : start + _POSTED]
            send(portion)
            if cursor_file is not None:
                cursor_file.keep(feed.parse_cursor(portion[-1].cursor))
        if cursor_file is not None:
            cursor_file.keep(page.cursor)
        if page.is_last:
            if not follow:
                return
            time.sleep(_POLL_SECONDS)
        with store.transaction(writes=False):
            page = feed.read_feed(store, page.cursor)


def _print(messages: Sequence[WatchResponse], *, as_json: bool) -> None:
    for message in messages:
        typer.echo(printable(json_line(message) if as_json else _line(message)))


def _line(message: WatchResponse) -> str:
    """What was kept, in one line to look at."""
    if message.WhichOneof("kept") == "outcome":
        report = message.outcome.event
        of = " ".join(filter(None, (report.campaign, report.channel and f"on {report.channel}")))
        return "  ".join(filter(None, (_time(report.event.at), report.customer.id, report.event.type, of)))
    if message.WhichOneof("kept") == "trend":
        trend = message.trend
        of = f"{trend.field} {trend.value}".strip()
        number = f"{trend.number:,} where {trend.usual:,.1f} are usual"
        return "  ".join(filter(None, (_time(trend.at), "trend", trend.event, of, number)))
    decision = message.decision
    response = decision.response
    outcome = Outcome.Name(response.outcome).removeprefix("OUTCOME_").lower()
    offers = ", ".join(f"{offer.campaign or offer.offer} on {offer.channel}" for offer in response.offers)
    because = f"(blocked by {', '.join(response.blocked_by)})" if response.blocked_by else ""
    return "  ".join(
        filter(None, (_time(response.decided_at), decision.customer_id, outcome, offers, because))
    )


def _time(timestamp: Timestamp) -> str:
    return to_datetime(timestamp.ToMicroseconds()).strftime("%Y-%m-%d %H:%M:%SZ")


def _poster(address: str, headers: Path | None, *, patient: bool) -> Send:
    """Sends messages to the address; raises ValueError for one that is none, OSError. patient: tries until they are taken."""
    import httpx  # noqa: PLC0415 -- only what posts needs it

    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise ValueError(f"--post {address}: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"--post needs an http:// or https:// address, not {address!r}")
    client = httpx.Client(timeout=_TIMEOUT_SECONDS, headers=[] if headers is None else _headers(headers))

    def send(messages: Sequence[WatchResponse]) -> None:
        content = f"[{','.join(map(json_line, messages))}]".encode()
        key = {"Content-Type": "application/json", "Idempotency-Key": messages[-1].cursor}
        pause = _FIRST_PAUSE
        for attempt in count(1):
            seconds: float | None = None
            try:
                response = client.post(url, content=content, headers=key)
                if response.is_success:
                    return
                trouble = f"answered {response.status_code}"
                if response.status_code not in _AGAIN and response.status_code < _SERVER_ERROR:
                    raise NotAccepted(f"{address} {trouble}; nothing after the cursor was taken")
                after = response.headers.get("Retry-After", "")
                seconds = float(after) if after.isascii() and after.isdigit() else None
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__}: {error}"
            if attempt >= _ATTEMPTS and not patient:
                raise NotAccepted(f"{address} {trouble}, {attempt} times; nothing after the cursor was taken")
            complain(f"tact: {address} {trouble}; trying again")
            time.sleep(min(pause if seconds is None else seconds, _LONGEST_PAUSE))
            pause = min(2 * pause, _LONGEST_PAUSE)

    return send


def _headers(file: Path) -> list[tuple[str, str]]:
    """The headers of a file; raises ValueError with the number of a line that is none, but not with the line."""
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"{file}:{number}: not a header such as Authorization: Bearer …")
        pairs.append((name, value.strip()))
    return pairs
