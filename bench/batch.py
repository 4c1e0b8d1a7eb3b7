"""Populations: the time of a customer by columns, against the engine's functions in a loop and the whole per-request path."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

from bench.books import compiled_book, messages
from bench.ratio import Ratio
from bench.table import Step, silent
from engine.api.v1.decisions_pb2 import DecideRequest
from engine.batch.kernel import Kernel
from engine.batch.lanes import ColumnPlan
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.select import select
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.model.request import Request
from engine.wire.parse import Parser
from engine.wire.respond import respond

NOW = 1_773_108_000_000_000
GROUP = 64


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Microseconds of processor time a customer, taken side by side."""
    size, looped = (8_192, 500) if quick else (65_536, 3_000)
    step("batch: 1,000 campaigns")
    compiled, sent = compiled_book(1_000), list(messages(size))
    requests = _parsed(compiled, sent)
    columns = _columns(compiled, requests)
    loop = _loop(compiled, requests[:looped])
    path = _path(compiled, sent[:looped])
    step("batch: 10 campaigns")
    few = compiled_book(10)
    columns_of_few = _columns(few, _parsed(few, sent))
    return [
        Ratio(
            "preview / evaluate and select in a loop",
            loop / columns,
            20,
            f"{columns:.1f} against {loop:.1f} µs a customer, 1,000 campaigns, {size:,} customers",
        ),
        Ratio(
            "preview / whole per-request path",
            path / columns,
            50,
            f"{columns:.1f} against {path:.1f} µs a customer, SQLite, groups of {GROUP}",
        ),
        Ratio(
            "a sixth of the growth from 10 to 1,000 campaigns",
            6 * columns_of_few / columns,
            1,
            f"{columns_of_few:.1f} and {columns:.1f} µs a customer",
        ),
    ]


def _parsed(compiled: CompiledBook, sent: Sequence[DecideRequest]) -> list[Request]:
    """The requests of a send: everybody at one moment, on all outbound channels, for one offer."""
    parser = Parser(compiled)
    return [
        parser.parse(message, NOW)._replace(now=NOW, channels=(), placement="", max_offers=1, request_id="")
        for message in sent
    ]


def _columns(compiled: CompiledBook, requests: Sequence[Request]) -> float:
    return _timed(lambda: sum(1 for _ in Kernel(compiled, ColumnPlan(NOW)).decide(requests)), len(requests))


def _loop(compiled: CompiledBook, requests: Sequence[Request]) -> float:
    def decide() -> None:
        for request in requests:
            select(evaluate(compiled, request), (), request.customer)

    return _timed(decide, len(requests))


def _path(compiled: CompiledBook, sent: Sequence[DecideRequest]) -> float:
    """From the message to the response, committed to SQLite."""
    parser = Parser(compiled)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder)}/tact.db")
        try:

            def decide() -> None:
                for start in range(0, len(sent), GROUP):
                    parsed = [parser.parse(message, NOW) for message in sent[start : start + GROUP]]
                    commands = [DecideCommand(evaluate(compiled, request)) for request in parsed]
                    for decision in commit_group(store, commands):
                        if isinstance(decision, LedgerError):
                            raise decision
                        respond(decision)

            return _timed(decide, len(sent))
        finally:
            store.close()


def _timed(work: Callable[[], object], customers: int) -> float:
    """Microseconds of processor time a customer."""
    start = process_time()
    work()
    return (process_time() - start) / customers * 1e6
