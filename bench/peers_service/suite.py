"""Tact beside what a user would build instead: services with the same campaigns, caps and consents, durable before the answer.

Every service is a process of its own. Before anything is measured each gives the answers that Tact gives.
"""

import asyncio
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psutil
from google.protobuf.json_format import MessageToDict

from bench import books
from bench.books import CAMPAIGNS, CUSTOMERS, request_id, with_id
from bench.peers_service import book, node
from bench.peers_service.http_load import connect, exchange, posted
from bench.processes import BUILD, ROOT, CannotMeasure, Client, client, deciding, running, server, tact
from bench.ratio import NO_TARGET, Ratio
from bench.table import Step, silent

CLIENTS = (16, 64)
Figures = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    campaigns: int
    customers: int
    seconds: float
    """Seconds of a turn."""
    rounds: int
    checked: int
    """Customers for whom answers are compared, five calls each."""


FULL = Size(CAMPAIGNS, CUSTOMERS, 2.0, 5, 60)
QUICK = replace(FULL, customers=CUSTOMERS // 5, seconds=0.5, rounds=2, checked=20)


class Peer(NamedTuple):
    """A service."""

    name: str
    words: tuple[str, ...]
    """Of its command; the files of its rules and its log follow, and for Node the folder of the contract."""
    is_http: bool
    target: float
    """Of Tact's throughput over its own."""
    note: str
    on_node: bool = False


PYTHON_PEERS = (
    Peer(
        "FastAPI, SQLModel, growthbook",
        ("-m", "bench.peers_service.fastapi_service"),
        True,
        5.0,
        "one transaction a request",
    ),
    Peer(
        "grpc.aio, zen-engine",
        ("-m", "bench.peers_service.zen_service"),
        False,
        1.0,
        "Tact's group commit, lent; no events, links, explanations or reloads, and a row without a trace",
    ),
)
NODE_PEERS = (
    Peer(
        "fastify, json-rules-engine, better-sqlite3",
        ("fastify_service.mjs",),
        True,
        5.0,
        "one transaction a request",
        on_node=True,
    ),
    Peer(
        "gRPC on Node, rules by hand",
        ("grpc_service.mjs",),
        False,
        NO_TARGET,
        "one transaction a request; nothing checks its rules, and only programmers change them",
        on_node=True,
    ),
)


class Served(NamedTuple):
    """A service that runs."""

    peer: Peer
    target: str
    log: Path


@contextmanager
def serving(peer: Peer, rules: Path, folder: Path) -> Iterator[Served]:
    """The service for the length of a block. rules: its file of plain rules; its log is below the folder."""
    name = peer.words[-1].removesuffix(".mjs").rpartition(".")[2]
    log, words = folder / f"{name}.db", (*peer.words, str(rules), str(folder / f"{name}.db"))
    program, cwd = sys.executable, ROOT
    if peer.on_node:
        program, cwd, words = node.program(), node.INSTALLED, (*words, str(ROOT / "protos"))
    with server(folder / f"{name}.err", *words, program=program, cwd=cwd) as target:
        yield Served(peer, target, log)


class Comparable(NamedTuple):
    """An answer without its ids. Which variant goes is drawn by each service's own hash."""

    outcome: str
    campaign: str = ""
    offer: str = ""
    channel: str = ""
    title: str = ""
    """With the word that differs by variant left out, if it is the variant's."""
    text: str = ""


WORDS = {"a": "good", "b": "fresh"}
"""By variant, what differs in the title."""


def comparable(answer: Figures) -> Comparable:
    """The answer in JSON, of any service."""
    outcome = answer["outcome"].removeprefix("OUTCOME_").lower()
    if not answer.get("offers"):
        return Comparable(outcome)
    (offer,) = answer["offers"]
    title = offer["content"]["title"].replace(f" {WORDS[offer['variant']]} ", " ", 1)
    names = (offer["campaign"], offer["offer"], offer["channel"])
    return Comparable(outcome, *names, title, offer["content"]["text"])


def calls(customers: int) -> list[bytes]:
    """Serialised requests: of each customer five, so that caps are reached, and each sent twice, as by a retry."""
    bodies = books.bodies(customers)
    requests = [with_id(body, f"check-{request_id(number)}") for number, body in enumerate(bodies * 5)]
    return [request for request in requests for _ in range(2)]


def grpc_answers(target: str, requests: list[bytes]) -> list[Figures]:
    """Of a service over gRPC, one after the other."""
    with deciding(target) as decide:
        return [MessageToDict(decide(request), preserving_proto_field_name=True) for request in requests]


def http_answers(target: str, requests: list[bytes]) -> list[Figures]:
    """Of a service over HTTP, one after the other."""

    async def ask() -> list[Figures]:
        connection = await connect(target)
        bodies = [await exchange(connection, posted(book.as_json(request))) for request in requests]
        connection[1].close()
        return [orjson.loads(body) for body in bodies]

    return asyncio.run(ask())


def answers(served: Served, requests: list[bytes]) -> list[Figures]:
    """Of a service, whatever its protocol."""
    return (http_answers if served.peer.is_http else grpc_answers)(served.target, requests)


def differences(own: list[Figures], expected: list[Figures]) -> list[str]:
    """Where a service does not answer as Tact does, or a retry has another answer than the call."""
    wrong = [
        f"call {number}: {comparable(mine)}, Tact {comparable(tacts)}"
        for number, (mine, tacts) in enumerate(zip(own, expected, strict=True))
        if comparable(mine) != comparable(tacts)
    ]
    pairs = zip(own[::2], own[1::2], strict=True)
    return wrong + [
        f"retry {number} differs" for number, (first, retry) in enumerate(pairs) if first != retry
    ]


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Tact's throughput over each service's, and the bytes of a decision on disk, in about three minutes."""
    BUILD.mkdir(exist_ok=True)
    size = QUICK if quick else FULL
    step("peers-service: Node's packages")
    peers = PYTHON_PEERS
    try:
        node.install()
        peers += NODE_PEERS
    except CannotMeasure as error:
        print(error, file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-peers-") as name:
        folder = Path(name)
        turns, logs = _measured(peers, folder, size, step)
        return compared(peers, turns, logs)


def _measured(
    peers: tuple[Peer, ...], folder: Path, size: Size, step: Step
) -> tuple[dict[tuple[str, int], list[Figures]], dict[str, Path]]:
    """Figures by service and number of clients, and the logs; Tact's under the name `tact`."""
    rules = book.write_plain(folder / "rules.json", size.campaigns)
    log = folder / "tact.db"
    with ExitStack() as stack:
        step("peers-service: servers and clients")
        ours = stack.enter_context(tact(books.write(book.book(size.campaigns), folder / "rules"), log))
        served = [stack.enter_context(serving(peer, rules, folder)) for peer in peers]
        by_grpc = stack.enter_context(client(size.customers, book.__name__))
        by_http = stack.enter_context(_http_client(size.customers))
        step("peers-service: the same answers")
        requests = calls(size.checked)
        expected = grpc_answers(ours, requests)
        for service in served:
            if wrong := differences(answers(service, requests), expected):
                raise CannotMeasure(f"{service.peer.name} answers differently: {'; '.join(wrong[:3])}")
        targets = [("tact", ours, by_grpc)]
        targets += [(of.peer.name, of.target, by_http if of.peer.is_http else by_grpc) for of in served]
        turns: dict[tuple[str, int], list[Figures]] = {}
        for clients in CLIENTS:
            for number in range(size.rounds + 1):
                step(f"peers-service: {clients} clients, turn {number} of {size.rounds}")
                for name, target, caller in targets:
                    figures = _turn(caller, target, size.seconds, clients)
                    turns.setdefault((name, clients), []).extend([figures] if number else [])
    return turns, {"tact": log} | {service.peer.name: service.log for service in served}


def _turn(caller: Client, target: str, seconds: float, clients: int) -> Figures:
    """The client's figures, and `micros`, the processor time of the server for a call."""
    process = _listener(target)
    before = process.cpu_times()
    figures = caller.run(target, seconds, clients=clients)
    after = process.cpu_times()
    busy = after.user + after.system - before.user - before.system
    return figures | {"micros": busy / figures["calls"] * 1e6}


def _listener(target: str) -> psutil.Process:
    """The process that listens there."""
    port = int(target.rpartition(":")[2])
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            return psutil.Process(connection.pid)
    raise CannotMeasure(f"nobody listens on {target}")


@contextmanager
def _http_client(customers: int) -> Iterator[Client]:
    words = ("-m", "bench.peers_service.http_load", str(customers))
    with running(*words, stdin=subprocess.PIPE) as process:
        yield Client(process)


def compared(
    peers: tuple[Peer, ...], turns: dict[tuple[str, int], list[Figures]], logs: dict[str, Path]
) -> list[Ratio]:
    """The ratios of what `_measured` gives."""
    return [*_throughputs(peers, turns), *_processor_time(peers, turns), *_on_disk(peers, logs)]


def _throughputs(peers: tuple[Peer, ...], turns: dict[tuple[str, int], list[Figures]]) -> list[Ratio]:
    return [
        Ratio(
            f"peers-service: Decide / {peer.name}, calls a second at {clients} clients",
            statistics.median(
                ours["per_second"] / theirs["per_second"]
                for ours, theirs in zip(turns["tact", clients], turns[peer.name, clients], strict=True)
            ),
            peer.target,
            f"{_figures(turns['tact', clients])} against {_figures(turns[peer.name, clients])}; {peer.note}",
        )
        for peer in peers
        for clients in CLIENTS
    ]


def _figures(turns: list[Figures]) -> str:
    names = ("per_second", "p50", "p99", "micros")
    rate, p50, p99, micros = (statistics.median(turn[name] for turn in turns) for name in names)
    return f"{rate:,.0f}/s p50 {p50:.2f} ms p99 {p99:.2f} ms, {micros:,.0f} µs of its processor time a call"


def _processor_time(peers: tuple[Peer, ...], turns: dict[tuple[str, int], list[Figures]]) -> list[Ratio]:
    """What says less of the disk, and is steadier on a busy machine."""
    return [
        Ratio(
            f"peers-service: processor time of a call, {peer.name} / tact, at {clients} clients",
            statistics.median(
                theirs["micros"] / ours["micros"]
                for ours, theirs in zip(turns["tact", clients], turns[peer.name, clients], strict=True)
            ),
            NO_TARGET,
            "in turn, medians",
        )
        for peer in peers
        for clients in CLIENTS
    ]


def _on_disk(peers: tuple[Peer, ...], logs: dict[str, Path]) -> list[Ratio]:
    sizes = {name: _bytes_a_decision(log) for name, log in logs.items()}
    return [
        Ratio(
            f"peers-service: bytes of a decision on disk, {peer.name} / tact",
            sizes[peer.name] / sizes["tact"],
            NO_TARGET,
            f"{sizes[peer.name]:,.0f} against {sizes['tact']:,.0f}",
        )
        for peer in peers
    ]


def _bytes_a_decision(log: Path) -> float:
    """Of a log whose server has ended, indexes and all."""
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (decisions,) = connection.execute("SELECT count(*) FROM decisions").fetchone()
    return log.stat().st_size / int(decisions)
