"""Bad input: each gets INVALID_ARGUMENT that names the field, and the server lives on."""

import random
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1.values_pb2 import Value
from engine.client import Client, InvalidRequest
from tests.requests import li_na
from tests.servers import Server

Spoil = Callable[[pb.DecideRequest], object]


def attribute(name: str) -> Callable[[pb.DecideRequest], Value]:
    """The value message of an attribute of the profile."""
    return lambda message: message.context.profile.attributes[name]


def put(name: str, kind: str, value: object) -> Spoil:
    """Sets an attribute of the profile."""
    return lambda message: setattr(attribute(name)(message), kind, value)


CASES: dict[str, tuple[Spoil, str]] = {
    "no customer": (lambda m: m.customer.Clear(), "customer.id"),
    "a long customer id": (lambda m: setattr(m.customer, "id", "x" * 201), "customer.id"),
    "a NUL in the customer id": (lambda m: setattr(m.customer, "id", "a\0b"), "customer.id"),
    "a long request id": (lambda m: setattr(m, "request_id", "x" * 201), "request_id"),
    "text for an integer": (put("age", "text", "31"), "context.profile.attributes[age]"),
    "a decimal for an integer": (put("age", "number", 31.5), "context.profile.attributes[age]"),
    "true for an integer": (put("age", "boolean", True), "context.profile.attributes[age]"),
    "an integer for a boolean": (put("member", "integer", 1), "context.profile.attributes[member]"),
    "an integer for text": (put("first_name", "integer", 1), "context.profile.attributes[first_name]"),
    "beyond the maximum": (put("age", "integer", 131), "context.profile.attributes[age]"),
    "below the minimum": (put("age", "integer", -1), "context.profile.attributes[age]"),
    "not one of": (put("tier", "text", "tin"), "context.profile.attributes[tier]"),
    "NaN": (put("score", "number", float("nan")), "context.profile.attributes[score]"),
    "infinity": (put("score", "number", float("inf")), "context.profile.attributes[score]"),
    "NaN in an attribute that no one declared": (
        put("other", "number", float("nan")),
        "context.profile.attributes[other]",
    ),
    "no value": (lambda m: attribute("age")(m).SetInParent(), "context.profile.attributes[age]"),
    "a long text": (put("first_name", "text", "é" * 2049), "context.profile.attributes[first_name]"),
    "a day that is none": (put("birthday", "date", "2026-02-30"), "context.profile.attributes[birthday]"),
    "a day in another form": (put("birthday", "date", "20260228"), "context.profile.attributes[birthday]"),
    "a moment beyond time": (
        lambda m: setattr(attribute("last_visit")(m).time, "seconds", 10**15),
        "context.profile.attributes[last_visit]",
    ),
    "a long list": (
        lambda m: attribute("interests")(m).texts.values.extend(["x"] * 1001),
        "context.profile.attributes[interests]",
    ),
    "501 attributes": (
        lambda m: [put(f"a{i}", "integer", i)(m) for i in range(501)],
        "context.profile.attributes",
    ),
    "latitude 91": (lambda m: setattr(m.context.location, "latitude", 91), "context.location.latitude"),
    "longitude NaN": (
        lambda m: setattr(m.context.location, "longitude", float("nan")),
        "context.location.longitude",
    ),
    "a humidity of 101 %": (
        lambda m: setattr(m.context.weather, "humidity_pct", 101),
        "context.weather.humidity_pct",
    ),
    "weather that is none": (
        lambda m: setattr(m.context.weather, "condition", "frogs"),
        "context.weather.condition",
    ),
    "a number whose square is infinite": (
        put("other", "number", 1e200),
        "context.profile.attributes[other]",
    ),
    "a value whose square is infinite": (
        lambda m: setattr(m.context.events.add(type="sold", at={"seconds": 1}), "value", 1e154),
        "context.events[0].value",
    ),
    "a temperature of infinity": (
        lambda m: setattr(m.context.weather, "temperature_c", float("-inf")),
        "context.weather.temperature_c",
    ),
    "a malformed time zone": (
        lambda m: setattr(m.context.profile, "time_zone", "Asia/Shanghia"),
        "context.profile.time_zone",
    ),
    "a path as a time zone": (
        lambda m: setattr(m.context.location, "time_zone", "../../etc/passwd"),
        "context.location.time_zone",
    ),
    "an unknown channel": (lambda m: m.channels.append("pigeon"), "channels"),
    "an unknown placement": (lambda m: setattr(m, "placement", "footer"), "placement"),
    "a placement off the channels": (
        lambda m: m.MergeFrom(pb.DecideRequest(channels=["sms"], placement="hero")),
        "placement",
    ),
    "too many offers": (lambda m: setattr(m, "max_offers", 21), "max_offers"),
    "an unknown mode": (lambda m: setattr(m, "mode", 9), "mode"),
    "too many consents": (
        lambda m: m.context.profile.consents.extend(["x"] * 200),
        "context.profile.consents",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_field_is_named(client: Client, case: str) -> None:
    """The one thing that is wrong is the one violation that is reported."""
    spoil, field = CASES[case]
    message = li_na()
    spoil(message)
    with pytest.raises(InvalidRequest) as caught:
        client.decide(message)
    assert [violation.field for violation in caught.value.violations] == [field]
    assert all(violation.description for violation in caught.value.violations)


def test_everything_that_is_wrong_is_said_at_once(client: Client) -> None:
    """Three mistakes, three violations."""
    message = li_na("")
    put("age", "text", "31")(message)
    message.context.location.latitude = 91
    with pytest.raises(InvalidRequest) as caught:
        client.decide(message)
    assert {violation.field for violation in caught.value.violations} == {
        "customer.id",
        "context.profile.attributes[age]",
        "context.location.latitude",
    }


@pytest.mark.parametrize("text", ["a", "é", "🧴", '%"'])
def test_thousands_of_faults_fit_into_an_answer(client: Client, text: str) -> None:
    """A message with something wrong in 2,000 places names the first of them, and says how many there are besides."""
    message = li_na()
    for _ in range(2000):
        message.context.events.add(type=text * 300)
    with pytest.raises(InvalidRequest) as caught:
        client.decide(message)
    *listed, rest = caught.value.violations
    assert [violation.field for violation in listed] == [
        f"context.events[{number // 2}].{('type', 'at')[number % 2]}" for number in range(len(listed))
    ]
    assert len(listed) > 20
    assert rest.description == f"{4000 - len(listed):,} more are not told here"


def test_1001_requests_are_too_many(client: Client, server: Server) -> None:
    """A batch beyond the limit is refused as a whole, by name."""
    method = "/tact.v1.Decisions/DecideBatch"
    message = pb.DecideBatchRequest(requests=[pb.DecideRequest()] * 1001)
    code, details = raw_call(server, method, message.SerializeToString())
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "1000" in details
    assert client.health()


def raw_call(server: Server, method: str, payload: bytes) -> tuple[grpc.StatusCode, str]:
    """Sends bytes as they are and returns the status."""
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(server.target, options=options) as channel:
        call: Any = channel.unary_unary(method)
        with pytest.raises(grpc.RpcError) as caught:
            call(payload, timeout=200)
        return caught.value.code(), caught.value.details() or ""


def test_a_message_of_100_mb_is_refused_by_its_size(client: Client, server: Server) -> None:
    """The limit holds before anything is parsed."""
    code, _ = raw_call(server, "/tact.v1.Decisions/Decide", b"\0" * 100_000_000)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.health()


def test_random_bytes_get_an_error_and_the_server_lives(client: Client, server: Server) -> None:
    """Whatever the bytes, there is a status, and the next call is served."""
    rng = random.Random(7)
    for _ in range(200):
        payload = rng.randbytes(rng.randrange(1, 300))
        code, _ = raw_call(server, "/tact.v1.Decisions/Decide", payload)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert client.decide(li_na("after-the-noise")).outcome == pb.OUTCOME_OFFER


def test_internal_errors_carry_no_internals(client: Client, server: Server) -> None:
    """An unknown method is unimplemented, without a word about the inside."""
    code, details = raw_call(server, "/tact.v1.Decisions/Drop", b"")
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "Traceback" not in details
