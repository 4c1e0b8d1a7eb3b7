"""The log is away in every way: callers are told no host, port, path or table, and operators are told the cause."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client
from engine.server.http.pages import FRIENDLY
from tests.books import write_book
from tests.logs import Log, sqlite_log
from tests.postgres import PostgresServer, postgres
from tests.requests import li_na
from tests.server.http.conftest import HTTP
from tests.server.http.test_calls import PROTO, body_of
from tests.server.http.test_lines import NDJSON
from tests.server.http.test_lines import PATH as STREAM
from tests.server.log_trouble import held, limit
from tests.servers import Server, serving
from tests.telemetry.shown import free_port, get
from trial.peers import impatient
from trial.result import TrialResult, TrialSettings, wait_until

_WORDS = (
    b"tact.db", b"sqlite", b"postgres", b"psycopg", b"PGSQL", b"5432", b"socket", b"keeper", b"relation", b"table",
    b"identities", b"contacts", b"malformed", b"database", b"disk", b"role", b"connection",
)  # fmt: skip
"""What no caller may read, besides the folder of the log."""
Trouble = AbstractContextManager[object]


def run(settings: TrialSettings) -> TrialResult:
    """Calls every method in each kind of trouble, over gRPC and HTTP, and reads all that comes back, metadata included."""
    result, few = TrialResult(), int(settings.size(10, 2))
    book = write_book(settings.folder / "book")
    with impatient():
        for name, trouble in list(_OF_SQLITE.items())[:few]:
            folder = settings.folder / name.replace(" ", "-")
            folder.mkdir()
            _check(result, book, sqlite_log(folder), folder, f"SQLite {name}", trouble)
        with postgres() as database:
            for number, (name, of_postgres) in enumerate(list(_OF_POSTGRES.items())[:few]):
                database.create_database(f"keeper{number}")
                log = Log(_keeper_of(database, f"keeper{number}"))
                _check(
                    result, book, log, database.socket.parent, f"PostgreSQL {name}",
                    lambda _log, _server, of=of_postgres, at=f"keeper{number}": of(database, at),
                )  # fmt: skip
        kinds = min(few, len(_OF_SQLITE)), min(few, len(_OF_POSTGRES))
    result.summary = f"{kinds[0]} kinds of trouble with SQLite, {kinds[1]} with PostgreSQL, every method by both ways in each"
    return result


def _keeper_of(database: PostgresServer, name: str) -> str:
    """The URL of a database for a user of its own, as an operator would make it."""
    _administer(database, f"CREATE ROLE {name} LOGIN")
    _administer(database, f"ALTER DATABASE {name} OWNER TO {name}")
    Log(database.url(name)).execute(f"GRANT ALL ON SCHEMA public TO {name}")
    return database.url(name).replace("postgres@", f"{name}@")


def _check(result: TrialResult, book: Path, log: Log, folder: Path, name: str, trouble: Any) -> None:
    port = free_port()
    with (
        serving(book, log, "--metrics-port", str(port), *HTTP) as server,
        grpc.insecure_channel(server.target) as channel,
        httpx.Client(base_url=server.http, timeout=60) as web,
        Client(server.target, timeout=60) as client,
    ):
        result.check(bool(client.decide(li_na()).decision_id), f"{name}: no decision before")
        with trouble(log, server):
            cause = wait_until(lambda: _cause(channel, port))
            result.check(cause, f"{name}: /ready told no cause: {get(port, '/ready')}")
            for method, message in _calls().items():
                for way, said in (
                    ("gRPC", _said(channel, f"/tact.v1.Decisions/{method}", message)),
                    ("HTTP", _said_over_http(web, method.strip(), message)),
                ):
                    words = [word for word in (*_WORDS, str(folder).encode()) if word.lower() in said.lower()]
                    result.check(not words, f"{name}: {method} over {way} said {words}: {said[:300]!r}")


def _cause(channel: grpc.Channel, port: int) -> bool:
    """Whether /ready tells a cause after one of the calls."""
    for method, message in _calls().items():
        _said(channel, f"/tact.v1.Decisions/{method}", message)
        if '"trouble": "' in get(port, "/ready")[1]:
            return True
    return False


def _calls() -> dict[str, Any]:
    request, hero = li_na("told"), li_na("told-hero", placement="hero", request_id="told-hero")
    event = pb.RecordedEvent(
        customer=pb.Customer(id="told"), event_id="e-1", event=pb.Event(type="delivered")
    )
    return {
        "Decide": request,
        "DecideBatch": pb.DecideBatchRequest(requests=[request, hero]),
        "DecideStream": hero,
        "Record": pb.RecordRequest(events=[event]),
        "Link": pb.LinkRequest(customer_ids=["told", "told-too"]),
        "Explain": pb.ExplainRequest(request=request),
        "Explain ": pb.ExplainRequest(decision_id="01a21ad4-d4b0-768f-b559-791b00ccb742"),
    }


def _said(channel: grpc.Channel, path: str, message: Any) -> bytes:
    """All that a caller reads: the answers, and the status with its message and trailing metadata."""
    method: Any = channel.unary_stream(path.strip())
    call, said = method(message.SerializeToString(), timeout=60), b""
    try:
        for answer in call:
            said += answer
    except grpc.RpcError:
        said += f"{call.code()} {call.details()}".encode()
    for key, value in call.trailing_metadata() or ():
        said += key.encode() + (value if isinstance(value, bytes) else value.encode())
    return said


def _said_over_http(web: httpx.Client, method: str, message: Any) -> bytes:
    """All that a caller reads in Protobuf, in JSON and in lines, and what anybody reads of readiness."""
    path = f"/tact.v1.Decisions/{method}"
    body = body_of(message)
    if method == "DecideStream":
        answers = [web.post(STREAM, content=json.dumps(body), headers=NDJSON)]
    else:
        answers = [
            web.post(path, content=message.SerializeToString(), headers=PROTO),
            web.post(path, json=body),
            web.post(_FRIENDLY[method], json=body),
        ]
    answers.append(web.get("/readyz"))
    own = {"connection", "content-type", "content-length", "date"}
    said = b""
    for answer in answers:
        headers = [f"{name}: {value}" for name, value in answer.headers.items() if name not in own]
        said += answer.content + "; ".join(headers).encode()
    return said


_FRIENDLY = {name: path for path, name in FRIENDLY.items()}


@contextmanager
def _full(_log: Log, server: Server) -> Iterator[None]:
    limit("prlimit", server, "0")
    yield


@contextmanager
def _corrupt(log: Log, _server: Server) -> Iterator[None]:
    """Overwrites all pages but the first, and the write-ahead log."""
    assert log.path is not None
    for path in (log.path, log.path.with_name(log.path.name + "-wal")):
        data = path.read_bytes()
        path.write_bytes(data[:100] + b"\xa5" * (len(data) - 100))
    yield


def _held(log: Log, _server: Server) -> Trouble:
    assert log.path is not None
    return held(log.path)


_OF_SQLITE: dict[str, Any] = {"locked": _held, "corrupt": _corrupt, "full": _full}


@contextmanager
def _down(database: PostgresServer, _name: str) -> Iterator[None]:
    database.stop()
    try:
        yield
    finally:
        database.start()


@contextmanager
def _no_login(database: PostgresServer, name: str) -> Iterator[None]:
    """As with a password that was changed: whoever is connected is sent away, and let in no more."""
    _administer(database, f"ALTER ROLE {name} NOLOGIN")
    _end_sessions(database, name)
    yield


@contextmanager
def _gone(database: PostgresServer, name: str) -> Iterator[None]:
    database.drop_database(name)
    yield


@contextmanager
def _read_only(database: PostgresServer, name: str) -> Iterator[None]:
    """As on a replica that was not promoted."""
    _administer(database, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    _end_sessions(database, name)
    yield


def _administer(database: PostgresServer, command: str) -> None:
    Log(database.url("postgres")).execute(command)


def _end_sessions(database: PostgresServer, name: str) -> None:
    _administer(database, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


_OF_POSTGRES: dict[str, Any] = {
    "down": _down,
    "without login": _no_login,
    "gone": _gone,
    "read-only": _read_only,
}
