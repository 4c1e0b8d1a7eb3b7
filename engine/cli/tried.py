"""Trying a book out, and looking back at what was decided by it, without a server."""

import asyncio
import tempfile
from collections.abc import Collection

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.decide import Engine
from engine.explain import Explained, explain, explain_past
from engine.ledger.open import check_url, is_missing, open_store
from engine.live import LiveBook
from engine.server.clock import wall_clock
from engine.server.parse import Parser
from engine.settle.ledger import Ledger


def try_out(
    live: LiveBook, message: DecideRequest, *, only: Collection[str] = (), flips: bool = False
) -> Explained:
    """The explained answer for a customer without history, as `explain`; raises InvalidRequest, Unsupported."""
    request = Parser(live, may_simulate=lambda: True).parse(message, wall_clock())
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(open_store(f"sqlite:///{folder}/tact.db"))
        try:
            return asyncio.run(explain(Engine(live, ledger), request, only=only, flips=flips))
        finally:
            ledger.close()


def look_back(live: LiveBook, decision_id: str, log: str, *, only: Collection[str] = ()) -> Explained:
    """A decision of a log explained, as `explain_past`; raises ValueError where there is no log, and LedgerError."""
    check_url(log)
    if is_missing(log):
        raise ValueError(f"there is no log at {log}")
    ledger = Ledger(open_store(log))
    try:
        return asyncio.run(explain_past(Engine(live, ledger), decision_id, only=only, flips=True))
    finally:
        ledger.close()
