"""What there is no room for is refused before anything is done for it."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.engine import Engine
from engine.ledger.errors import LedgerFull
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.server.book.serving import ServingBook, ServingBooks
from engine.server.service import DecisionsService
from engine.server.streams import Streams
from engine.wire.parse import Parser
from engine.wire.violations import InvalidMessage
from tests.books import compiled_book
from tests.requests import li_na

NOW = 1_773_100_800_000_000


class Patient:
    """A call without a deadline."""

    def time_remaining(self) -> None:
        """There is none."""


async def test_what_is_refused_is_not_read(tmp_path: Path) -> None:
    """While the queue is full a wrong request is not even found to be wrong; afterwards it is."""
    log = tmp_path / "log.db"
    ledger = Ledger(open_store(f"sqlite:///{log}", busy_timeout=200), limit=1)
    compiled = compiled_book(tmp_path / "book")
    serving_books = ServingBooks(
        compiled, lambda compiled: ServingBook(Parser(compiled), Engine(compiled, ledger))
    )
    service, call = DecisionsService(serving_books, lambda: NOW, Streams(1, 1)), cast("Any", Patient())
    wrong = li_na(placement="no-such")
    holder = sqlite3.connect(log, isolation_level=None)
    holder.execute("begin immediate")
    first = asyncio.create_task(service.decide(li_na("a"), call))
    await asyncio.sleep(0)  # it is submitted
    await _until_depth(ledger, 0)
    second = asyncio.create_task(service.decide(li_na("b"), call))
    await _until_depth(ledger, 1)
    with pytest.raises(LedgerFull):
        await service.decide(wrong, call)
    with pytest.raises(LedgerFull):
        await service.decide_batch(pb.DecideBatchRequest(requests=[wrong]), call)
    holder.execute("rollback")
    assert (await first).decision_id
    assert (await second).decision_id
    with pytest.raises(InvalidMessage):
        await service.decide(wrong, call)
    await asyncio.to_thread(ledger.close)
    holder.close()


async def _until_depth(ledger: Ledger, depth: int) -> None:
    async with asyncio.timeout(120):
        while ledger.depth != depth:  # noqa: ASYNC110 its thread tells nobody
            await asyncio.sleep(0.001)
