"""Streams out of the log: what is kept, as it is kept, and persons at the moment from which they may be contacted.

A stream polls the log, and so finds what any server keeps; all of them share a thread and a connection of their own.
"""

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from functools import partial

from engine.api.v1 import decisions_pb2 as pb
from engine.ledger import feed
from engine.ledger.feed import Cursor
from engine.ledger.ledger import Ledger
from engine.ledger.queries.due import DueDecision, due_decisions
from engine.ledger.store.store import Store
from engine.model.instant import Instant
from engine.privacy.access import ReadCommand
from engine.privacy.objection import PrivacyActor
from engine.server.access.callers import CALLER
from engine.server.access.roles import TooMuch
from engine.server.handlers import Context
from engine.server.streams import Streams
from engine.wire.feed import DueQuery, WatchQuery, due_response, parse_due, parse_watch, watch_response
from engine.wire.violations import FieldViolation, InvalidMessage

_POLL_SECONDS = 0.25
"""Between two readings of a stream that has got as far as the log."""


_SILENT_SECONDS = 15.0
"""After which a stream that sends nothing sends its cursor."""


_RETRY_SECONDS = 10.0


_NOTE_SECONDS = 30.0
"""Within which the audit must have who reads."""


_PAGE = 500
"""Persons who are read at a time."""


_LATE = 60_000_000
"""Microseconds by which a decision may become readable after its own moment, by commits and clocks of other servers."""


class Feeds:
    """The streams out of one log. Belongs to one event loop.

    most: streams at a time; more are refused with TooMuch. ledger: its audit says who reads, before anything is read.
    """

    def __init__(self, ledger: Ledger, streams: Streams, clock: Callable[[], Instant], most: int) -> None:
        self._ledger, self._reader = ledger, ledger.open_reader(most)
        self._streams, self._clock, self._most = streams, clock, most
        self._under_way = 0

    async def watch(
        self, request: pb.WatchRequest, _context: Context
    ) -> AsyncGenerator[pb.WatchResponse, None]:
        """What is kept, from a cursor on. Raises InvalidMessage, TooMuch, LedgerError, and GoingDown when the server stops."""
        query = parse_watch(request)
        with self._counted():
            await self._note()
            cursor = await self._reader.look(partial(_start, query))
            if cursor is None:
                violation = FieldViolation("cursor", "is of another log: this one has not got as far")
                raise InvalidMessage([violation])
            yield pb.WatchResponse(cursor=str(cursor))  # a caller whose connection ends goes on from here
            sent = time.monotonic()
            while True:
                page = await self._reader.look(partial(feed.read_feed, cursor=cursor))
                cursor = page.cursor
                for entry in page.entries:
                    if query.includes(entry):
                        yield watch_response(entry)
                        sent = time.monotonic()
                if time.monotonic() - sent >= _SILENT_SECONDS:
                    yield pb.WatchResponse(cursor=str(cursor))
                    sent = time.monotonic()
                if page.is_last:
                    await self._streams.pause(_POLL_SECONDS)

    async def due(self, request: pb.DueRequest, _context: Context) -> AsyncGenerator[pb.DueResponse, None]:
        """Persons who may be contacted, by when. Raises as `watch` does."""
        query = parse_due(request, self._clock())
        with self._counted():
            await self._note()
            sent: dict[str, Instant] = {}
            while True:
                since = max(query.since, query.until - _LATE)
                async for due in self._due(query):
                    if due.row.decision_id not in sent:
                        yield due_response(due)
                    if query.follow and due.next_allowed_at >= since:
                        sent[due.row.decision_id] = due.next_allowed_at
                if not query.follow:
                    return
                await self._streams.pause(_POLL_SECONDS)
                sent = {decision_id: at for decision_id, at in sent.items() if at >= since}
                query = query._replace(since=since, until=self._clock() + 1)

    async def _note(self) -> None:
        """Says in the audit who begins to read. Raises LedgerError."""
        actor = PrivacyActor(CALLER.get().name, "grpc", self._clock())
        await self._ledger.commit(ReadCommand(actor), deadline=time.monotonic() + _NOTE_SECONDS)

    async def _due(self, query: DueQuery) -> AsyncGenerator[DueDecision, None]:
        after: tuple[Instant, str] = (query.since, "")
        while True:
            read = partial(due_decisions, since=query.since, until=query.until, after=after, most=_PAGE)
            page = await self._reader.look(read)
            for due in page:
                yield due
                after = due.key
            if len(page) < _PAGE:
                return

    def close(self) -> None:
        """Closes the connection to the log."""
        self._reader.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self._under_way >= self._most:
            raise TooMuch("more streams out of the log than this server holds", _RETRY_SECONDS)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


def _start(query: WatchQuery, store: Store) -> Cursor | None:
    """The cursor to begin with; None for one that this log did not give."""
    if query.cursor is not None:
        return None if feed.is_ahead(store, query.cursor) else query.cursor
    return feed.end_of_feed(store) if query.since is None else feed.cursor_since(store, query.since)
