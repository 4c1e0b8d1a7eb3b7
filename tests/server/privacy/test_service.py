"""The service for a person's rights, by a real server over gRPC and HTTP."""

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import orjson
import pytest

from engine.api.v1 import privacy_pb2 as pb
from engine.api.v1.privacy_pb2_grpc import PrivacyStub
from engine.client import InvalidRequest, PrivacyClient
from engine.privacy.coverage import SECTIONS
from tests.books import write_book
from tests.logs import Log, sqlite_log
from tests.privacy.kit import BOB, DEVICE, LI_NA, filled
from tests.server.http.conftest import HTTP
from tests.servers import Server, faults_in, serving
from tests.waiting import HANGS


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A log that holds something of Li Na, by two names, and of Bob, in every table."""
    folder = tmp_path_factory.mktemp("held")
    log = sqlite_log(folder)
    asyncio.run(filled(log, folder))
    return log


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, log: Log) -> Iterator[Server]:
    """A server on it."""
    book = write_book(tmp_path_factory.mktemp("book") / "book")
    with serving(book, log, *HTTP) as running:
        yield running
        assert running.stop() == 0
        assert faults_in(running.errors) == []


@pytest.fixture(scope="module")
def privacy(server: Server) -> Iterator[Any]:
    """A stub of the service."""
    with grpc.insecure_channel(server.target) as channel:
        yield PrivacyStub(channel)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def web(server: Server) -> Iterator[httpx.Client]:
    """A client over HTTP."""
    with httpx.Client(base_url=server.http, timeout=HANGS) as client:
        yield client


def exported(privacy: Any, name: str) -> tuple[pb.ExportHead, dict[str, list[Any]]]:
    """What is held of the person, by section."""
    first, *rest = privacy.ExportCustomer(pb.ExportCustomerRequest(customer_id=name), timeout=HANGS)
    rows: dict[str, list[Any]] = {section: [] for section in first.head.sections}
    for response in rest:
        rows[response.row.section].append(orjson.loads(response.row.json))
    return first.head, rows


def test_all_that_is_held_is_streamed_and_posted(privacy: Any, web: httpx.Client, log: Log) -> None:
    """Over gRPC and HTTP the same: under any name every section has rows, decisions have reasons, and the look is noted."""
    head, rows = exported(privacy, DEVICE)
    assert (head.customer_id, head.person_id, list(head.names)) == (DEVICE, DEVICE, [DEVICE, LI_NA])
    assert head.made_at.seconds > 1_700_000_000
    assert all(rows[section.name] for section in SECTIONS)
    assert all(decision["summary"] and decision["reasons"] for decision in rows["decisions"])
    document = web.post("/v1/person/export", json={"customer_id": LI_NA}).json()
    assert document["person_id"] == DEVICE
    assert {name: document[name] for name in rows if name != "access"} == {
        name: rows[name] for name in rows if name != "access"
    }
    assert [access["what"] for access in document["access"]] == ["person export"] * 2
    noted = "SELECT via, action, name LIKE 'person:%' FROM audit WHERE via = 'grpc'"
    assert log.rows(noted) == [("grpc", "person export", 1)] * 2


def test_of_a_stranger_there_is_a_head_alone(privacy: Any, web: httpx.Client) -> None:
    """Who is not known gets an answer: nothing is held."""
    head, rows = exported(privacy, "nobody")
    assert list(head.names) == ["nobody"]
    assert [name for name, own in rows.items() if own] == ["access"]
    document = web.post("/v1/person/export", json={"customer_id": "nobody"}).json()
    assert [name for name in rows if document[name]] == ["access"]


def test_an_objection_is_noted_once_and_taken_back(privacy: Any, web: httpx.Client, log: Log) -> None:
    """For everything and for one purpose; again it is not new; only the person's own request takes it back."""
    everything = pb.ObjectRequest(customer_id=BOB, reference="ticket 7")
    assert privacy.Object(everything) == pb.ObjectionResponse(purposes=[""], is_new=True)
    assert privacy.Object(everything) == pb.ObjectionResponse(purposes=[""])
    texts = web.post("/v1/person/object", json={"customer_id": BOB, "purpose": "sms"})
    assert texts.json() == {"purposes": ["", "sms"], "is_new": True}
    with pytest.raises(grpc.RpcError) as refused:
        privacy.WithdrawObjection(pb.WithdrawObjectionRequest(customer_id=BOB))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "reference" in str(refused.value.details())
    back = pb.WithdrawObjectionRequest(customer_id=BOB, reference="letter of May")
    assert privacy.WithdrawObjection(back) == pb.ObjectionResponse(purposes=["sms"], is_new=True)
    assert privacy.WithdrawObjection(back) == pb.ObjectionResponse(purposes=["sms"])
    assert privacy.Object(everything).is_new
    notes = "SELECT action, note FROM audit WHERE action LIKE '%object%' ORDER BY id"
    assert log.rows(notes) == [
        ("person object", "*: ticket 7"),
        ("person object", "*: ticket 7"),
        ("person object", "sms"),
        ("person withdraw objection", "*: letter of May"),
        ("person withdraw objection", "*: letter of May"),
        ("person object", "*: ticket 7"),
    ]
    _, rows = exported(privacy, BOB)
    assert {"objection:*", "objection:sms"} <= {consent["purpose"] for consent in rows["consents"]}


def test_an_erased_person_is_gone(privacy: Any, web: httpx.Client, log: Log) -> None:
    """The receipt says what was deleted and what stays without them; then nothing is held, and a second call finds nothing."""
    receipt = privacy.Erase(pb.EraseRequest(customer_id=LI_NA, reference="ticket 9"))
    assert receipt.deleted["events"] == 1
    assert receipt.severed["decisions"] >= 4
    assert list(receipt.runs) == ["spring"]
    assert receipt.suppressed >= 1
    _, rows = exported(privacy, DEVICE)
    assert [name for name, own in rows.items() if own] == ["access"]
    again = web.post("/v1/person/erase", json={"customer_id": LI_NA}).json()
    assert again.keys() == {"receipt_id", "erased_at"}
    noted = "SELECT count(*) FROM audit WHERE action = 'person erase' AND note LIKE '%ticket 9%'"
    assert log.rows(noted) == [(1,)]


def test_the_client_has_every_call(server: Server) -> None:
    """Exports, objects, withdraws and erases with messages of the contract; a refusal is an error of the client's."""
    with PrivacyClient(server.target, timeout=HANGS) as client:
        assert client.object(pb.ObjectRequest(customer_id="carla", purpose="sms")).is_new
        with pytest.raises(InvalidRequest, match="reference"):
            client.withdraw_objection(pb.WithdrawObjectionRequest(customer_id="carla", purpose="sms"))
        first, *rest = client.export("carla")
        assert list(first.head.names) == ["carla"]
        assert "objection:sms" in {
            orjson.loads(own.row.json)["purpose"] for own in rest if own.row.section == "consents"
        }
        back = pb.WithdrawObjectionRequest(customer_id="carla", purpose="sms", reference="letter")
        assert list(client.withdraw_objection(back).purposes) == []
        assert client.erase(pb.EraseRequest(customer_id="carla")).deleted["consents"] == 1
        assert {own.row.section for own in [*client.export("carla")][1:]} == {"access"}
        with pytest.raises(InvalidRequest):
            next(client.export(""))


@pytest.mark.parametrize("name", ["", "x" * 201, "a\0b"])
def test_names_that_nobody_has_are_refused(privacy: Any, name: str) -> None:
    """Empty, too long and with a zero: INVALID_ARGUMENT, for every method, and nothing is noted."""
    for call, request in (
        (lambda asked: [*privacy.ExportCustomer(asked)], pb.ExportCustomerRequest(customer_id=name)),
        (privacy.Erase, pb.EraseRequest(customer_id=name)),
        (privacy.Object, pb.ObjectRequest(customer_id=name)),
        (privacy.WithdrawObjection, pb.WithdrawObjectionRequest(customer_id=name, reference="r")),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call(request)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
