"""Sends on PostgreSQL: processor time a customer against the per-request path, and what a server's answers wait beside one."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from bench.batch import GROUP, NOW
from bench.books import compiled_book, messages
from bench.ratio import Ratio
from bench.table import Step, silent
from engine.api.v1.decisions_pb2 import DecideRequest
from engine.decide.compiled import CompiledBook, keep_loaded
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.request import Request
from engine.presend.parts import Job, PartSender
from engine.presend.population import Population, PopulationSource
from engine.presend.population import staged as stage
from engine.presend.processes import now
from engine.presend.rows import SendPlan
from engine.presend.run import begin, run_row
from engine.wire.parse import Parser
from engine.wire.respond import respond
from tests.postgres import PostgresServer, postgres

CAMPAIGNS = 1_000
SINGLE = 300
"""Decisions whose latencies are taken, alone and beside a send."""


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Microseconds of processor time a customer, client and PostgreSQL, taken side by side."""
    size, single = (20_000, 1_000) if quick else (200_000, 6_000)
    compiled = compiled_book(CAMPAIGNS)
    keep_loaded()  # as servers and sends do
    with postgres() as server, tempfile.TemporaryDirectory() as folder:
        open_store(server.create_database("empty")).close()
        step("presend: per-request path")
        path_url, sent_url = (server.create_database(name, template="empty") for name in ("path", "sent"))
        path = _spent(
            server, path_url, single, lambda store: _decide(compiled, store, list(messages(single)))
        )
        step("presend: a send")
        population = staged(compiled, list(messages(size)), Path(folder))
        sent = _spent(server, sent_url, size, lambda store: _send(compiled, store, population, Path(folder)))
        step("presend: the same customers two days later")
        again = _spent(
            server, sent_url, size, lambda store: _send(compiled, store, population, Path(folder), "later")
        )
        step("presend: answers beside a send")
        alone, beside = _latencies(server, compiled, population, Path(folder))
    return [
        Ratio(
            "a send into PostgreSQL / per-request path, client",
            path[0] / sent[0],
            15,
            f"{sent[0]:.1f} against {path[0]:.1f} µs a customer, {CAMPAIGNS:,} campaigns, {size:,} customers",
        ),
        Ratio(
            "the same, client and server together",
            sum(path) / sum(sent),
            10,
            f"{sum(sent):.1f} against {sum(path):.1f} µs a customer",
        ),
        Ratio(
            "the same, where everybody has a history",
            sum(path) / sum(again),
            10,
            f"client {again[0]:.1f}, server {again[1]:.1f} µs a customer",
        ),
        Ratio(
            "a third of the p99 of an answer beside a send",
            3 * alone / beside,
            1,
            f"{alone * 1e3:.1f} ms alone, {beside * 1e3:.1f} ms beside",
        ),
    ]


def staged(compiled: CompiledBook, sent: Sequence[DecideRequest], folder: Path) -> Population:
    """A population of these customers, by the file that a warehouse would unload."""
    parser = Parser(compiled)
    plain = [DecideRequest(customer=message.customer, context=message.context) for message in sent]
    rows = [_row(parser.parse(message, 0)) for message in plain]
    source = folder / "people.parquet"
    pq.write_table(pa.Table.from_pylist(rows), source)
    return stage(PopulationSource(source, "bench", folder, (), len(rows)), compiled, lambda _: None)


def _row(request: Request) -> dict[str, object]:
    return {"customer": request.customer, **request.attributes, "consents": sorted(request.consents)}


def _spent(
    server: PostgresServer, url: str, customers: int, work: Callable[[Store], object]
) -> tuple[float, float]:
    """Microseconds of processor time a customer: of this process, and of PostgreSQL's."""
    with closing(open_store(url, busy_timeout=60)) as store, store.transaction():
        pass
    with closing(open_store(url, busy_timeout=60)) as store:
        before, start = _server_seconds(server), process_time()
        work(store)
        client = process_time() - start
        spent = _server_seconds(server) - before
    return client / customers * 1e6, spent / customers * 1e6


def _server_seconds(server: PostgresServer) -> float:
    """Processor time of PostgreSQL's processes, those included that have ended."""
    first = psutil.Process(server.pid)
    total = first.cpu_times().children_user + first.cpu_times().children_system
    for process in (first, *first.children(recursive=True)):
        times = process.cpu_times()
        total += times.user + times.system
    return total


def _decide(compiled: CompiledBook, store: Store, sent: Sequence[DecideRequest]) -> None:
    parser = Parser(compiled)
    for start in range(0, len(sent), GROUP):
        requests = [parser.parse(message, NOW) for message in sent[start : start + GROUP]]
        for decision in commit_group(
            store, [DecideCommand(evaluate(compiled, request)) for request in requests]
        ):
            if isinstance(decision, LedgerError):
                raise decision
            respond(decision)


def _send(
    compiled: CompiledBook, store: Store, population: Population, folder: Path, run: str = "first"
) -> None:
    moment = NOW if run == "first" else NOW + 2 * 86_400_000_000
    plan = SendPlan(run, moment)
    begin(
        store, run_row(compiled.book.version, plan, population.people, "bench", population.part_size, now())
    )
    PartSender(compiled, store, Job(plan, population, folder), now).send(0, lambda: False, lambda _: None)


def _beside(url: str, population: Population, folder: Path, started: "object") -> None:
    compiled = compiled_book(CAMPAIGNS)
    keep_loaded()
    with closing(open_store(url, busy_timeout=60)) as store:
        started.set()  # type: ignore[attr-defined]
        _send(compiled, store, population, folder, "beside")


def _latencies(
    server: PostgresServer, compiled: CompiledBook, population: Population, folder: Path
) -> tuple[float, float]:
    """The 99th percentile of a decision by itself, in seconds: alone, and while a process sends."""
    url, parser = server.create_database("beside", template="empty"), Parser(compiled)
    requests = [parser.parse(message, NOW) for message in messages(2 * SINGLE)]
    with closing(open_store(url, busy_timeout=60)) as store:
        alone = _p99(compiled, store, requests[:SINGLE])
        context = get_context("spawn")
        started = context.Event()
        process = context.Process(target=_beside, args=(url, population, folder, started))
        process.start()
        started.wait()
        beside = _p99(compiled, store, requests[SINGLE:])
        process.join()
    return alone, beside


def _p99(compiled: CompiledBook, store: Store, requests: Sequence[object]) -> float:
    seconds = []
    for request in requests:
        start = perf_counter()
        commit_group(store, [DecideCommand(evaluate(compiled, request))])  # type: ignore[arg-type]
        seconds.append(perf_counter() - start)
    return sorted(seconds)[len(seconds) * 99 // 100]
