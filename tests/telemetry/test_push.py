"""Figures and traces by OTLP, to a real collector, from a real server."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from engine.api.v1.decisions_pb2_grpc import DecisionsStub
from engine.server.run import open_observer
from engine.settings import Settings
from engine.telemetry.config import CannotObserve, OtlpConfig, read_otlp_config
from tests.books import write_book
from tests.server.test_messages import SECRETS, about_somebody
from tests.servers import serving
from tests.telemetry.collector import collecting, texts
from tests.telemetry.shown import every_figure
from tests.waiting import until

TRACE, ABOVE = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
POINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_a_collector_gets_figures_and_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure, under its name; and of a call a span below its caller's, with its stages, and nothing about persons."""
    book = write_book(tmp_path / "book")
    with collecting() as (collector, url):
        monkeypatch.setenv(POINT, url)
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "500")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=trial")
        monkeypatch.setenv("TACT_WEATHER_URL", "http://127.0.0.1:9")
        challenger = ("--challenger", str(book), "--http", "127.0.0.1:0")
        with (
            serving(book, tmp_path / "tact.db", *challenger) as server,
            grpc.insecure_channel(server.target) as channel,
        ):
            stub = DecisionsStub(channel)  # type: ignore[no-untyped-call]
            above = (("traceparent", f"00-{TRACE}-{ABOVE}-01"),)
            answer = stub.Decide(about_somebody(request_id="r-9"), metadata=above, timeout=60)
            until(lambda: "tact_challenges" in collector.metrics, server)
            until(
                lambda: any(point.as_int for point in _points(collector.metrics["tact_challenges"])), server
            )
            assert server.stop() == 0
    (span,) = collector.spans
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == (
        "tact.v1.Decisions/Decide",
        TRACE,
        ABOVE,
    )
    attributes = texts(span.attributes)
    assert (attributes["tact.request_id"], attributes["tact.decision_id"]) == ("r-9", answer.decision_id)
    assert (attributes["tact.book_version"], attributes["rpc.grpc.status"]) == (answer.book_version, "OK")
    seconds = {
        attribute.key: attribute.value.double_value
        for attribute in span.attributes
        if attribute.key.endswith("_seconds")
    }
    assert set(seconds) == {"tact.parse_seconds", "tact.propose_seconds", "tact.settle_seconds"}
    lasted = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    assert 0 < sum(seconds.values()) <= lasted
    assert [secret for secret in SECRETS if secret in str(span)] == []
    assert set(collector.metrics) | {"tact_workers"} == {figure.name for figure in every_figure()}
    decisions = collector.metrics["tact_decisions"].sum.data_points
    assert [point.as_int for point in decisions] == [1, 0, 0, 0, 0]  # every outcome from the start
    (group,) = collector.metrics["tact_group_size"].histogram.data_points
    # the texts of two books, the decision, and what the challenger would have done
    assert (group.count, group.sum) == (4, 4)
    assert {resource["service.name"] for resource in collector.resources} == {"tact"}
    assert {resource["deployment.environment"] for resource in collector.resources} == {"trial"}


def _points(metric: Any) -> Sequence[Any]:
    """The values of a counter, by its labels."""
    points: Sequence[Any] = metric.sum.data_points or metric.gauge.data_points
    return points


def test_a_collector_that_is_not_there_hinders_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server serves, stops with 0, and does not wait long for it."""
    monkeypatch.setenv(POINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    book = write_book(tmp_path / "book")
    with serving(book, tmp_path / "tact.db") as server, grpc.insecure_channel(server.target) as channel:
        stub = DecisionsStub(channel)  # type: ignore[no-untyped-call]
        assert stub.Decide(about_somebody(), timeout=60).decision_id
        assert server.stop(within=120) == 0


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, OtlpConfig()),
        ({POINT: "http://c"}, OtlpConfig(metrics=True, traces=True)),
        ({POINT: "http://c", "OTEL_SDK_DISABLED": "True"}, OtlpConfig()),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, OtlpConfig(traces=True)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c"}, OtlpConfig(metrics=True)),
        ({POINT: "http://c", "OTEL_TRACES_EXPORTER": "none"}, OtlpConfig(metrics=True)),
        ({POINT: "http://c", "OTEL_METRICS_EXPORTER": "prometheus"}, OtlpConfig(traces=True)),
        ({POINT: "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, OtlpConfig(metrics=True, traces=True)),
        (
            {POINT: "http://c", "OTEL_METRIC_EXPORT_INTERVAL": "500"},
            OtlpConfig(metrics=True, traces=True, interval=0.5),
        ),
    ],
    ids=str,
)
def test_the_standard_variables_are_heeded(environment: dict[str, str], wanted: OtlpConfig) -> None:
    """Where to send, which of the two, how often, and not at all."""
    assert read_otlp_config(environment) == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_METRIC_EXPORT_INTERVAL", "soon")],
)
def test_what_cannot_be_done_is_said(name: str, value: str) -> None:
    """A protocol that is not spoken, an interval that is none: refused by name."""
    with pytest.raises(CannotObserve, match=f"{name} is .*{value}"):
        read_otlp_config({POINT: "http://c", name: value})


def test_where_nobody_looks_nothing_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a port and an endpoint there is no observer, and nothing of OpenTelemetry or Prometheus is imported."""
    monkeypatch.delenv(POINT, raising=False)
    assert open_observer(Settings()) is None
    code = "import sys, engine.cli.serve; print([name for name in sys.modules if name[:13] in FORBIDDEN])"
    code = code.replace("FORBIDDEN", "('opentelemetry', 'prometheus_cl')")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=200
    )
    assert done.stdout == "[]\n"


def test_a_call_over_http_has_a_span_below_its_caller_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the header `traceparent`, under the name of the method and the protocol's, with the status in gRPC's words."""
    with collecting() as (collector, url):
        monkeypatch.setenv(POINT, url)
        with serving(write_book(tmp_path / "book"), tmp_path / "tact.db", "--http", "127.0.0.1:0") as server:
            headers = {"traceparent": f"00-{TRACE}-{ABOVE}-01"}
            answer = httpx.post(
                f"{server.http}/v1/decide", json={"customer": {"id": "a"}}, headers=headers, timeout=60
            )
            assert answer.status_code == 200
            assert server.stop() == 0
    (span,) = collector.spans
    assert (span.name, span.parent_span_id.hex()) == ("tact.v1.Decisions/Decide", ABOVE)
    attributes = texts(span.attributes)
    assert (attributes["rpc.system"], attributes["rpc.grpc.status"]) == ("connect_rpc", "OK")
