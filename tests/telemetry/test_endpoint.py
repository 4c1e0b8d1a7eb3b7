"""The endpoint of a real server: figures for Prometheus, and pages for probes."""

import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from engine.api.v1.decisions_pb2 import DecideRequest, DecideResponse
from engine.client import Client, InvalidRequest, Unavailable, outcome, recorded, request
from engine.telemetry import endpoint
from engine.telemetry.counters import COUNTERS
from engine.telemetry.endpoint import Page
from engine.telemetry.metrics import process_registry
from engine.wire.messages.values import value_of
from tests.books import write_book
from tests.logs import sqlite_log
from tests.requests import li_na
from tests.server.log_trouble import held
from tests.server.released import releasing
from tests.server.reloads import BROKEN, numbered_book, said, version_of
from tests.servers import serving, start_server
from tests.telemetry.shown import (
    ELSEWHERE,
    every_figure,
    free_port,
    get,
    page,
    samples,
    shown_name,
    three_free_ports,
    value,
)
from tests.waiting import until


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where a server logs."""
    return tmp_path / "tact.db"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """The spring book, in a folder of the test's own."""
    return write_book(tmp_path / "book")


def test_what_was_decided_is_counted(book: Path, log: Path) -> None:
    """Decisions by outcome, reasons by code, calls by status, stages and groups: as many as there were."""
    port = free_port()
    with (
        serving(book, log, "--metrics-port", str(port)) as server,
        Client(server.target, timeout=60) as client,
    ):
        groups, commands = (
            value(port, f"tact_group_size_{part}") for part in ("count", "sum")
        )  # of the book
        for _ in range(3):
            client.decide(li_na())
        client.decide_batch([li_na("a"), li_na("b", weather={"temperature_c": 30.0}, consents=[])])
        with pytest.raises(InvalidRequest):
            client.decide(li_na(""))
        assert value(port, "tact_decisions_total", outcome="offer") == 3
        assert value(port, "tact_decisions_total", outcome="blocked") == 2
        assert value(port, "tact_reasons_total", code="capped") == 1
        assert value(port, "tact_calls_total", method="Decide", status="OK") == 3
        assert value(port, "tact_calls_total", method="Decide", status="INVALID_ARGUMENT") == 1
        assert value(port, "tact_call_seconds_count", method="DecideBatch") == 1
        assert value(port, "tact_stage_seconds_count", stage="parse") == 5
        assert value(port, "tact_stage_seconds_count", stage="propose") == 4
        assert value(port, "tact_stage_seconds_count", stage="settle") == 4
        # counted once the answers are on their way
        until(lambda: value(port, "tact_group_size_count") == groups + 4)
        until(lambda: value(port, "tact_group_seconds_count") == groups + 4)
        assert value(port, "tact_group_size_sum") == commands + 5
        assert value(port, "tact_book_info", book="spring", version=version_of(book)) == 1
        assert value(port, "tact_ready") == 1
        assert value(port, "tact_queue_depth") == 0
        assert value(port, "process_resident_memory_bytes") > 0
        client.explain(li_na("c"))
        assert value(port, "tact_calls_total", method="Explain", status="OK") == 1
        assert value(port, "tact_decisions_total", outcome="offer") == 3
        assert server.stop() == 0


def test_refused_items_are_counted_by_reason(book: Path, log: Path) -> None:
    """Items of Record, of batches and of streams, and links: each refusal once, those found while parsing too."""
    port, at = free_port(), datetime(2026, 3, 10, tzinfo=UTC)
    with (
        serving(book, log, "--metrics-port", str(port)) as server,
        Client(server.target, timeout=60) as client,
    ):
        delivered = outcome("", "delivered", at, customer_id="ann", event_id="e-1")
        client.record(
            [
                outcome("", "opend", at, customer_id="ann"),
                recorded("ann", "view", at),
                outcome("d-unknown", "unsubscribed", at),
                delivered,
                delivered,
                outcome("", "opened", at, customer_id="ann", event_id="e-1"),
            ]
        )
        client.decide_batch([li_na("li"), li_na("")])
        assert [answer.error.code for answer in client.decide_stream([li_na("", request_id="s-1")])] == [3]
        client.decide(li_na("li", request_id="r-1"))
        client.decide_batch([li_na("ann", request_id="r-1")])
        with pytest.raises(InvalidRequest):
            client.link(["ann"])
        refused = {
            (method, reason): value(port, "tact_refused_total", method=method, reason=reason)
            for method, reason in (
                ("Record", "invalid"),
                ("Record", "events_not_kept"),
                ("Record", "outcome_refused"),
                ("Record", "event_id_taken"),
                ("DecideBatch", "invalid"),
                ("DecideBatch", "request_id_taken"),
                ("DecideStream", "invalid"),
                ("Link", "invalid"),
            )
        }
        assert refused == dict.fromkeys(refused, 1)
        assert sum(sample.value for sample in samples(port) if sample.name == "tact_refused_total") == 8
        assert value(port, "tact_recorded_total", result="error") == 4
        assert value(port, "tact_recorded_total", result="accepted") == 1
        assert value(port, "tact_recorded_total", result="duplicate") == 1
        assert server.stop() == 0


def test_ignored_names_are_counted_and_shown(book: Path, log: Path) -> None:
    """Undeclared attributes count in every call, and previews and Explain list them with what was meant."""
    port = free_port()
    profile = {"profile.age": 31, "languge": "en", "tierr": "gold", "weather.is_day": True, "xyzzy": 1}
    wanted = [
        ("profile.age", "age"),
        ("languge", "context.profile.language"),
        ("tierr", "tier"),
        ("weather.is_day", "context.weather.is_day"),
        ("xyzzy", ""),
    ]

    def asked(mode: str, request_id: str) -> DecideRequest:
        message = request("li-na", profile={"age": 30, "allergy": "none"}, mode=mode, request_id=request_id)
        for name, plain in profile.items():
            message.context.profile.attributes[name].CopyFrom(value_of(name, plain))
        return message

    def shown(answer: DecideResponse) -> list[tuple[str, str]]:
        return sorted((ignored.name, ignored.meant) for ignored in answer.ignored)

    with (
        serving(book, log, "--metrics-port", str(port)) as server,
        Client(server.target, timeout=60) as client,
    ):
        assert shown(client.decide(asked("commit", "r-1"))) == []
        assert value(port, "tact_ignored_names_total") == 5
        assert shown(client.decide(asked("preview", "r-2"))) == sorted(wanted)
        batched = client.decide_batch([li_na(""), asked("preview", "r-3"), asked("commit", "r-4")])
        assert [shown(answer) for answer in batched if isinstance(answer, DecideResponse)] == [
            sorted(wanted),
            [],
        ]
        (streamed,) = client.decide_stream([asked("preview", "r-5")])
        assert shown(streamed) == sorted(wanted)
        assert value(port, "tact_ignored_names_total") == 25
        assert shown(client.explain(asked("commit", "r-6")).response) == sorted(wanted)
        assert value(port, "tact_ignored_names_total") == 30
        client.decide(li_na("declared", profile={"openid": "o-1", "phone": "138", "first_name": "Li Na"}))
        assert value(port, "tact_ignored_names_total") == 30
        assert server.stop() == 0


def test_trouble_is_counted(book: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups that were lost, fallbacks in place of decisions, refused books; and the pages say 503 for as long."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "0.2")
    port = free_port()
    with (
        serving(book, log, "--metrics-port", str(port)) as server,
        Client(server.target, timeout=60) as client,
    ):
        until(client.health)
        assert page(port, "/ready") == (200, {"ready": True, "trouble": None})
        with held(log):
            assert client.decide(li_na(placement="hero")).degraded
            until(lambda: not client.health())
            status, document = page(port, "/ready")
            assert status == 503
            assert "locked" in str(document)
            assert page(port, "/live")[0] == 200
            assert value(port, "tact_degraded_total") == 1
            assert value(port, "tact_groups_lost_total") >= 1
            assert value(port, "tact_ready") == 0
        live = version_of(book)
        write_book(book, BROKEN)
        server.process.send_signal(signal.SIGHUP)
        said(server, "book refused")
        until(lambda: value(port, "tact_reloads_total", result="refused") == 1)
        assert value(port, "tact_book_errors") == 1
        status, document = page(port, "/book")
        assert status == 503
        assert isinstance(document, dict)
        assert (document["book"], document["version"], document["campaigns"]) == ("spring", live, 4)
        assert document["errors"][0].startswith("book.yaml:2:")
        assert server.stop() == 0


def test_what_is_not_there(book: Path, log: Path) -> None:
    """Another path is 404 with the paths that there are; without the option there is no port."""
    port = free_port()
    with serving(book, log, "--metrics-port", str(port)) as server:
        assert get(port, "/nonsense") == (404, "there are /metrics, /live, /ready, /book and /settings\n")
        assert server.stop() == 0
    assert any(f"http://127.0.0.1:{port}/metrics" in line for line in server.errors)


def test_a_port_in_use_is_said(book: Path, log: Path, tmp_path: Path) -> None:
    """A server that could not show what it counts does not start."""
    port = free_port()
    taken = pytest.raises(AssertionError, match=f"cannot show metrics on 127.0.0.1:{port}")
    with serving(book, log, "--metrics-port", str(port)), taken:
        start_server(book, tmp_path / "b.db", "--metrics-port", str(port))


def test_every_counter_of_the_process_is_shown() -> None:
    """What engine/telemetry/counters.py counts stands among the figures."""
    shown = [family.name for family in process_registry().collect()]
    assert sorted(shown) == sorted(f"tact_{counter.name}" for counter in COUNTERS)
    names = [figure.name for figure in every_figure()]
    assert sorted(set(names)) == sorted(names)


def test_a_slow_reader_keeps_nobody_waiting(book: Path, log: Path) -> None:
    """One that connects and asks nothing does not stop another's answer."""
    port = free_port()
    with serving(book, log, "--metrics-port", str(port)) as server:
        with socket.create_connection(("127.0.0.1", port)):
            assert samples(port)
        assert server.stop() == 0


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Of many that send half a head the oldest end for new ones; all others are answered, and one line reports them."""
    monkeypatch.setattr(endpoint, "CONNECTIONS", 4)
    with opened_endpoint() as port, ExitStack() as held:
        slow = [held.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(20)]
        for connection in slow:
            with suppress(OSError):  # it has been ended already
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost")
            assert get(port, "/live") == (200, "{}\n")
        assert [is_ended(connection) for connection in slow[:16]] == [True] * 16
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    assert output.out.count("connections for metrics broke off") == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /metrics HTTP/1.1\r\n",
        b"x" * 20_000,
        b"GET / HTTP/1.0\r\n" + b"a: b\r\n" * 4000,
        b"\x16\x03\x01\r\n",
    ],
)
def test_a_connection_ends_in_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sent: bytes
) -> None:
    """One that sends nothing, half a head, too long a head or TLS is ended, without a traceback."""
    monkeypatch.setattr(endpoint, "SECONDS", 0.01)
    with opened_endpoint() as port, socket.create_connection(("127.0.0.1", port)) as connection:
        with suppress(OSError):
            connection.sendall(sent)
        assert is_ended(connection)
        monkeypatch.setattr(endpoint, "SECONDS", 60)
        assert get(port, "/live") == (200, "{}\n")
    output = capsys.readouterr()
    assert "Traceback" not in output.err + output.out


def test_one_that_reads_nothing_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    """An answer larger than what the system buffers waits for its reader only so long."""
    registry = CollectorRegistry()
    Gauge("large", "x" * 16_000_000, registry=registry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(endpoint, "SECONDS", 0.01)
        with opened_endpoint(registry) as port, socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            patch.setattr(endpoint, "SECONDS", 60)
            until(
                lambda: not [thread for thread in threading.enumerate() if "process_request" in thread.name]
            )
            assert get(port, "/live") == (200, "{}\n")
    output = capsys.readouterr()
    assert "Traceback" not in output.err + output.out


def test_a_fault_of_ours_is_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    """As a message with its type, whatever the number of calls; the caller hears that it failed."""
    with opened_endpoint(pages={"/live": lambda: (1 // 0 > 0, {})}) as port:
        assert [get(port, "/live")[0] for _ in range(3)] == [500] * 3
    output = capsys.readouterr()
    assert output.out.count("metrics could not be shown") == 1
    assert "ZeroDivisionError" in output.out


@contextmanager
def opened_endpoint(
    registry: CollectorRegistry | None = None, pages: Mapping[str, Page] | None = None
) -> Iterator[int]:
    """An endpoint for the length of a block; its port."""
    port = free_port()
    opened = endpoint.started(
        "127.0.0.1", port, registry or CollectorRegistry(), pages or {"/live": lambda: (True, {})}
    )
    try:
        yield port
    finally:
        opened.close()


def is_ended(connection: socket.socket) -> bool:
    """Whether the server ends it; waits for that."""
    connection.settimeout(60)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def test_every_figure_is_shown(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with everything switched on shows each figure that there is."""
    monkeypatch.setenv("TACT_WEATHER_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TACT_HTTP", f"127.0.0.1:{free_port()}")
    port, kept = free_port(), sqlite_log(tmp_path)
    with releasing(kept, "spring") as releases:
        releases.activate(releases.publish(book))
    options = ("--metrics-port", str(port), "--challenger", str(book), "--http", "127.0.0.1:0")
    with serving("spring", kept, *options) as server:
        _, text = get(port, "/metrics")
        assert server.stop() == 0
    shown = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE tact_")}
    assert shown | ELSEWHERE == set(map(shown_name, every_figure()))


def test_each_worker_has_a_port(book: Path, log: Path) -> None:
    """The supervisor shows how many serve, each worker at the port of its number what it did; a new one takes it over."""
    port = three_free_ports()
    with serving(book, log, "--workers", "2", "--metrics-port", str(port)) as server:
        until(lambda: value(port, "tact_workers") == 2)
        assert page(port, "/ready") == (200, {"workers": 2, "wanted": 2, "failing": []})
        with Client(server.target, timeout=60) as client:
            client.decide(li_na())
        until(lambda: sum(_decided(port + number) for number in (1, 2)) == 1)
        live = version_of(book)
        write_book(book, BROKEN)
        server.process.send_signal(signal.SIGHUP)
        said(server, "book refused")
        status, document = page(port, "/book")
        assert status == 503
        assert isinstance(document, dict)
        assert document["version"] == live
        version = version_of(write_book(book, numbered_book(2)))
        server.process.send_signal(signal.SIGHUP)
        said(server, "workers renewed")
        for number in (1, 2):
            until(lambda number=number: _version(port + number) == version)  # type: ignore[misc]
        assert server.stop() == 0


def _decided(port: int) -> float:
    """The decisions that a worker shows; 0 while nobody has the port."""
    try:
        return sum(sample.value for sample in samples(port) if sample.name == "tact_decisions_total")
    except OSError:
        return 0


def _version(port: int) -> str:
    """The version that a worker shows; empty while nobody has the port."""
    try:
        return next(sample.labels["version"] for sample in samples(port) if sample.name == "tact_book_info")
    except OSError:
        return ""


def test_every_series_is_there_from_the_start(book: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of counters and histograms none appears later, by whatever calls, refusals, reloads and trouble: all begin at 0."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "0.2")
    monkeypatch.setenv("TACT_WEATHER_URL", "http://127.0.0.1:9")
    port = free_port()
    with (
        serving(book, log, "--metrics-port", str(port)) as server,
        Client(server.target, timeout=60, attempts=1) as client,
    ):
        begun = _counted(port)
        assert [series for series, count in begun.items() if series[0].endswith("_total") and count] == []
        assert len(begun) > 400
        client.decide_batch([li_na("a", placement="hero"), li_na(""), li_na("b", consents=[])])
        client.record([recorded("ann", "view", datetime.now(UTC)), outcome("", "opend", datetime.now(UTC))])
        client.explain(li_na())
        for wrong in (lambda: client.link(["ann"]), lambda: client.decide(li_na(""))):
            with pytest.raises(InvalidRequest):
                wrong()
        with held(log):
            assert client.decide(li_na(placement="hero")).degraded
            with pytest.raises(Unavailable):
                client.link(["ann", "bob"])
        write_book(book, BROKEN)
        server.process.send_signal(signal.SIGHUP)
        said(server, "book refused")
        until(lambda: value(port, "tact_reloads_total", result="refused") == 1)
        write_book(book, numbered_book(2))
        server.process.send_signal(signal.SIGHUP)
        said(server, "book live")
        client.decide(li_na("c"))
        assert _counted(port).keys() == begun.keys()
        assert server.stop() == 0


def _counted(port: int) -> dict[tuple[str, ...], float]:
    """The series of counters and histograms of ours, with their values."""
    families = text_string_to_metric_families(get(port, "/metrics")[1])
    return {
        (sample.name, *sorted(map("=".join, sample.labels.items()))): sample.value
        for family in families
        if family.type in {"counter", "histogram"} and family.name.startswith("tact_")
        for sample in family.samples
    }
