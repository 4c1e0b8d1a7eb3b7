"""The server's messages: who may read them learns nothing of anybody."""

import json
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.client import Client, TactError, event
from engine.server.logs import configure
from tests.requests import li_na
from tests.server.log_trouble import held
from tests.servers import faults_in, serving
from tests.waiting import until

SECRETS = (
    "secret-customer",
    "secret-name",
    "secret-openid",
    "secret-phone",
    "secret-item",
    "Secretville",
    "secret-odd",
)


def about_somebody(**over: object) -> DecideRequest:
    """A request full of what nobody else should read."""
    profile = {
        "first_name": "secret-name",
        "openid": "secret-openid",
        "phone": "secret-phone",
        "unknown": "secret-odd",
    }
    given: dict[str, object] = {
        "profile": profile,
        "location": {"country": "CN", "city": "Secretville"},
        "events": [event("view", datetime(2026, 3, 10, tzinfo=UTC), item="secret-item")],
        **over,
    }
    return li_na("secret-customer", **given)


def test_nothing_personal_is_logged(book: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with decisions, wrong requests and a log that goes away names no customer and no value."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "0.2")
    with serving(book, log) as server, Client(server.target, timeout=60, attempts=1) as client:
        client.decide(about_somebody(request_id="r-1"))
        client.decide_batch([about_somebody(), about_somebody(placement="secret-odd")])
        client.explain(about_somebody())
        for wrong in ({"placement": "secret-odd"}, {"request_id": "secret-odd" * 30}):
            with suppress(TactError):
                client.decide(about_somebody(**wrong))
        with held(log):
            with suppress(TactError):
                client.decide(about_somebody())
            until(lambda: not client.health())
        until(client.health)
        assert server.stop() == 0
    logged = "".join(server.errors)
    assert "the log does not answer" in logged, logged
    assert [secret for secret in SECRETS if secret in logged] == []


def test_at_debug_each_decision_has_a_line(book: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the request_id and the decision_id, and still not whom it is about."""
    monkeypatch.setenv("TACT_MESSAGE_LEVEL", "debug")
    with serving(book, log) as server, Client(server.target, timeout=60) as client:
        answer = client.decide(about_somebody(request_id="r-7"))
        assert server.stop() == 0
    (line,) = [line for line in server.errors if "decided" in line]
    assert "r-7" in line
    assert answer.decision_id in line
    assert [secret for secret in SECRETS if secret in "".join(server.errors)] == []


FAULT = """
import sys, structlog
from engine.server.logs import configure
configure(as_json=sys.argv[1] == "json", level=sys.argv[2])
def settle(customer):
    try:
        {}[customer]
    except KeyError:
        raise ValueError(f"nothing of {customer}")
try:
    settle("secret-customer")
except ValueError as error:
    structlog.get_logger().error("internal error", exc_info=error)
    structlog.get_logger().exception("again")
structlog.get_logger().info("fine", book="spring")
import logging
from grpc._cython.cygrpc import ExecuteBatchError
try:
    raise ExecuteBatchError
except ExecuteBatchError:
    logging.getLogger("grpc").exception("an answer could not be sent")
"""


def faults(form: str, level: str) -> str:
    """What is written of a fault that knows a customer."""
    command = [sys.executable, "-c", FAULT, form, level]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200)
    return done.stderr


@pytest.mark.parametrize("form", ["json", "plain"])
def test_faults_tell_where_and_not_with_whom(form: str) -> None:
    """The type of the exception, of the one behind it, and the lines that led there; neither its text nor variables."""
    text = faults(form, "info")
    assert "secret-customer" not in text
    assert text.count("ValueError from KeyError") == 2
    assert text.count("settle") >= 2
    assert len(faults_in(text.splitlines())) == 2
    assert "secret-customer" in faults(form, "debug")


def test_in_json_every_message_is_one_object() -> None:
    """Also one with a fault."""
    lines = [json.loads(line) for line in faults("json", "info").splitlines()]
    assert [line["event"] for line in lines] == ["internal error", "again", "fine"]
    assert lines[0]["fault"] == "ValueError from KeyError"
    assert all(":" in line for line in lines[0]["where"])


def test_a_caller_who_went_away_is_no_fault() -> None:
    """What gRPC reports as an error of its own is said at debug."""
    assert "could not be sent" not in faults("json", "debug")
    assert (
        json.loads(faults("json", "debug").splitlines()[-1])["event"]
        == "a caller went away before its answer"
    )


def test_levels_are_kept() -> None:
    """Messages below the level are not written."""
    assert "fine" not in faults("json", "error")
    with pytest.raises(KeyError):
        configure(as_json=True, level="nonsense")
