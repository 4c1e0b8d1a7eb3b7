"""Calls over HTTP: the same answers as over gRPC, and every refusal as a document."""

import gzip
import json
from base64 import b64decode
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
from google.protobuf import json_format
from google.rpc.error_details_pb2 import BadRequest

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client
from engine.server.http.pages import EXPORT, FRIENDLY, PERSON
from tests.requests import li_na
from tests.servers import Server

CONNECT = "/tact.v1.Decisions/"
PROTO = {"content-type": "application/proto"}


def body_of(message: Any) -> dict[str, Any]:
    """The message as ProtoJSON."""
    made: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return made


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of an answer with this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["type"] == "about:blank"
    return document


def same(left: Any, right: Any) -> bool:
    """Whether two decisions are equal but for their ids and moments."""
    for answer in (left, right):
        for field in ("decision_id", "request_id", "decided_at", "next_allowed_at", "next_any_at"):
            answer.ClearField(field)
    return bool(left == right)


def test_every_interface_decides_alike(web: httpx.Client, server: Server) -> None:
    """By gRPC, by JSON, by Connect in JSON and in Protobuf the same customer gets the same offer."""
    with Client(server.target, timeout=60) as client:
        grpc = client.decide(li_na("alike-1", placement="hero"))
    friendly = web.post("/v1/decide", json=body_of(li_na("alike-2", placement="hero")))
    by_json = web.post(f"{CONNECT}Decide", json=body_of(li_na("alike-3", placement="hero")))
    message = li_na("alike-4", placement="hero").SerializeToString()
    by_proto = web.post(f"{CONNECT}Decide", content=message, headers=PROTO)
    assert by_proto.headers["content-type"] == "application/proto"
    assert grpc.outcome == pb.OUTCOME_OFFER
    assert friendly.json()["outcome"] == "offer"
    assert by_json.json()["outcome"] == "OUTCOME_OFFER"
    expected = pb.DecideResponse.FromString(by_proto.content)
    for answer in (grpc, json_format.ParseDict(by_json.json(), pb.DecideResponse())):
        assert same(pb.DecideResponse.FromString(expected.SerializeToString()), answer)


def test_a_retry_is_the_same_decision_whatever_interface_it_takes(web: httpx.Client, server: Server) -> None:
    """The key of HTTP is the request_id: a retry over gRPC, by JSON and by Protobuf gives the decision that was made."""
    request = li_na("retry", placement="hero")
    keyed = {"idempotency-key": '"retry-1"'}
    first = web.post("/v1/decide", json=body_of(request), headers=keyed).json()
    request.request_id = "retry-1"
    with Client(server.target, timeout=60) as client:
        assert client.decide(request).decision_id == first["decision_id"]
    proto = web.post(f"{CONNECT}Decide", content=request.SerializeToString(), headers=PROTO)
    assert pb.DecideResponse.FromString(proto.content).decision_id == first["decision_id"]
    assert web.post("/v1/decide", json=body_of(request), headers=keyed).json() == first


def test_a_key_that_differs_from_the_request_id_is_refused(web: httpx.Client) -> None:
    """Which of the two would be meant? And a method without a request_id takes no key."""
    keyed = {"idempotency-key": "one"}
    body = body_of(li_na("key", placement="hero", request_id="two"))
    refused = problem(web.post("/v1/decide", json=body, headers=keyed), 400)
    assert refused["errors"] == [{"field": "request_id", "detail": "differs from the header Idempotency-Key"}]
    refused = problem(web.post("/v1/link", json={"customer_ids": ["a", "b"]}, headers=keyed), 400)
    assert "stands for request_id" in refused["detail"]


def test_the_other_methods_answer_by_friendly_paths(web: httpx.Client) -> None:
    """A batch has an error for each item that is wrong; events are recorded, names linked, results explained."""
    requests = [body_of(li_na("batch", placement="hero")), {"customer": {}}]
    items = web.post("/v1/decide-batch", json={"requests": requests}).json()["items"]
    assert items[0]["response"]["outcome"] == "offer"
    assert items[1]["error"]["code"] == 3
    assert items[1]["error"]["details"][0]["field_violations"][0]["field"] == "customer.id"
    decision = items[0]["response"]["decision_id"]
    event = {
        "event_id": "e1",
        "decision_id": decision,
        "event": {"type": "clicked", "at": "2026-03-01T09:00:00Z"},
    }
    recorded = web.post("/v1/record", json={"events": [event]})
    assert recorded.status_code == 200
    assert recorded.json()["results"][0]["event_id"] == "e1"
    assert web.post("/v1/link", json={"customerIds": ["batch", "batch-2"]}).json() == {"customer_id": "batch"}
    explained = web.post("/v1/explain", json={"decision_id": decision}).json()
    assert explained["response"]["decision_id"] == decision
    assert {campaign["reason"]["code"] for campaign in explained["campaigns"]} >= {"chosen"}


@pytest.mark.parametrize("path", [*FRIENDLY, *PERSON, EXPORT])
def test_what_a_body_must_be(web: httpx.Client, path: str) -> None:
    """Each way in which a body is not what its path takes has its status and a sentence."""
    assert "must be application/json" in problem(web.post(path, content=b"{}"), 415)["detail"]
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert "x-www-form" in problem(web.post(path, content=b"a=b", headers=form), 415)["detail"]
    assert problem(web.post(path, json={"nothing": 1}), 400)["errors"][0]["field"] == "nothing"
    typed = {"content-type": "application/json; charset=utf-8"}
    assert "not JSON" in problem(web.post(path, content=b"{", headers=typed), 400)["detail"]
    refused = web.get(path)
    assert problem(refused, 405)["detail"] == "this path takes POST"
    assert refused.headers["allow"] == "POST"
    for verb in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
        status = web.request(verb, path).status_code
        assert status == (400 if verb == "BREW" else 405), verb
    assert "no such path" in problem(web.post(f"{path}/", json={}), 404)["detail"]


def test_compressed_bodies(web: httpx.Client) -> None:
    """Gzip is taken and given; what is not gzip, another encoding and what becomes too long are refused."""
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    body = gzip.compress(json.dumps(body_of(li_na("gzip", placement="hero"))).encode())
    assert web.post("/v1/decide", content=body, headers=headers).json()["outcome"] == "offer"
    assert "not gzip" in problem(web.post("/v1/decide", content=b"{}", headers=headers), 400)["detail"]
    for cut in (body[:-4], body + body, b""):
        assert problem(web.post("/v1/decide", content=cut, headers=headers), 400)
    bomb = gzip.compress(b" " * 50_000_000)
    assert problem(web.post("/v1/decide", content=bomb, headers=headers), 413)["detail"].startswith(
        "the body must be"
    )
    brotli = web.post("/v1/decide", content=b"x", headers=headers | {"content-encoding": "br"})
    assert problem(brotli, 415)["detail"] == "the content-encoding 'br' is not known: send gzip, or none"
    assert brotli.headers["accept-encoding"] == "gzip"
    batch = {"requests": [body_of(li_na(f"many-{number}", placement="hero")) for number in range(20)]}
    answer = web.post("/v1/decide-batch", json=batch)
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["items"]) == 20
    plain = web.post("/v1/decide-batch", json=batch, headers={"accept-encoding": "gzip;q=0, identity"})
    assert "content-encoding" not in plain.headers


def test_bodies_that_are_too_long(web: httpx.Client) -> None:
    """By their length, and in parts whose length nobody said."""
    long = b'{"request_id":"' + b"a" * 5_000_000 + b'"}'
    headers = {"content-type": "application/json"}
    assert problem(web.post("/v1/decide", content=long, headers=headers), 413)["detail"] == (
        "the body must be at most 4,194,304 bytes"
    )
    parts = (long[start : start + 100_000] for start in range(0, len(long), 100_000))
    assert problem(web.post("/v1/decide", content=parts, headers=headers), 413)


def test_connect_errors_have_details(web: httpx.Client) -> None:
    """By the codes of Connect, with the details in bytes and for people; also where messages are in Protobuf."""
    answer = web.post(f"{CONNECT}Decide", content=b"", headers=PROTO)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert document["code"] == "invalid_argument"
    assert document["message"].startswith("customer.id: is required")
    (detail,) = document["details"]
    assert detail["type"] == "google.rpc.BadRequest"
    violations = BadRequest.FromString(b64decode(detail["value"] + "==")).field_violations
    assert violations[0].field == detail["debug"]["field_violations"][0]["field"] == "customer.id"
    assert (
        web.post(f"{CONNECT}Decide", content=b"\x0a\xff", headers=PROTO).json()["code"] == "invalid_argument"
    )


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("Invented", 404, "unimplemented"),
        ("DecideStream", 404, "unimplemented"),
        ("Watch", 404, "unimplemented"),
    ],
)
def test_methods_that_connect_does_not_have(web: httpx.Client, path: str, status: int, code: str) -> None:
    """Streams are for gRPC alone."""
    answer = web.post(f"{CONNECT}{path}", json={})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ([("connect-timeout-ms", "soon")], "connect-timeout-ms must be milliseconds"),
        ([("connect-timeout-ms", "12345678901")], "connect-timeout-ms must be milliseconds"),
        ([("connect-protocol-version", "2")], "connect-protocol-version must be 1"),
        (
            [("content-type", "application/json"), ("content-type", "application/proto")],
            "content-type comes twice",
        ),
    ],
)
def test_headers_that_cannot_be_meant(web: httpx.Client, headers: list[tuple[str, str]], why: str) -> None:
    """They are refused with a sentence."""
    given = headers if headers[0][0] == "content-type" else [("content-type", "application/json"), *headers]
    answer = web.post(f"{CONNECT}Decide", content=b"{}", headers=given)
    assert answer.status_code == 400
    assert why in answer.json()["message"]


def test_a_deadline_that_has_passed(web: httpx.Client) -> None:
    """Is 504, and nothing is decided; one that is far away is no matter."""
    body = body_of(li_na("deadline", placement="hero"))
    late = web.post("/v1/decide", json=body, headers={"connect-timeout-ms": "0"})
    assert problem(late, 504)["code"] == "deadline_exceeded"
    assert web.post("/v1/decide", json=body, headers={"connect-timeout-ms": "60000"}).status_code == 200


def test_blanks_around_a_header_are_none_of_its_value(web: httpx.Client) -> None:
    """As RFC 9110 has it: the same key, a deadline, and the type of the body."""
    connection = HTTPConnection(web.base_url.host, web.base_url.port or 80, timeout=60)
    body = json.dumps(body_of(li_na("blanks", placement="hero")))
    answers = []
    for key in ("blanks-1", "blanks-1 \t"):
        headers = {
            "content-type": "application/json\t",
            "connect-timeout-ms": " 60000 ",
            "idempotency-key": key,
        }
        connection.request("POST", "/v1/decide", body, headers)
        answers.append(json.loads(connection.getresponse().read()))
    connection.close()
    assert answers[0] == answers[1]
    assert answers[0]["request_id"] == "blanks-1"


def test_statuses_of_the_domain(web: httpx.Client) -> None:
    """A request_id that means something else is a conflict, an unknown decision is not found, silence is 200."""
    request = body_of(li_na("conflict", placement="hero", request_id="taken"))
    assert web.post("/v1/decide", json=request).status_code == 200
    other = body_of(li_na("somebody-else", placement="hero", request_id="taken"))
    assert problem(web.post("/v1/decide", json=other), 409)["code"] == "already_exists"
    unknown = {"decision_id": "01a21ecf-d3de-7012-bbc0-6a735ff00803"}
    assert problem(web.post("/v1/explain", json=unknown), 404)["code"] == "not_found"
    silent = web.post("/v1/decide", json={"customer": {"id": "nobody-known"}})
    assert (silent.status_code, silent.json()["outcome"]) == (200, "nothing")


def test_pages(web: httpx.Client) -> None:
    """Probes, the live book with its ETag, the description and its page, which loads nothing."""
    assert web.get("/healthz").json() == {"live": True}
    assert web.get("/readyz").json() == {"ready": True}
    assert web.head("/readyz").status_code == 200
    description = web.get("/openapi.json").json()
    assert set(FRIENDLY) < set(description["paths"])
    assert web.get("/openapi.json", headers={"accept-encoding": "identity"}).json() == description
    page = web.get("/docs")
    assert page.headers["content-encoding"] == "gzip"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "/v1/decide-batch" in page.text
    assert "<script" not in page.text
    assert "http:" not in page.text
    version = web.post("/v1/decide", json={"customer": {"id": "x"}}).json()["book_version"]
    live = web.get("/v1/books/spring/live")
    assert live.json() == {"name": "spring", "version": version, "campaigns": live.json()["campaigns"]}
    assert live.headers["etag"] == f'"{version}"'
    assert web.get("/v1/books/spring/live", headers={"if-none-match": f'"{version}"'}).status_code == 304
    assert "not called 'autumn'" in problem(web.get("/v1/books/autumn/live"), 404)["detail"]
    assert problem(web.post("/v1/books/spring/live"), 405)["detail"] == "this path takes GET, HEAD"
