"""The codec: equal to protobuf's own json_format on everything that both take, and strict beyond it."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.v1 import decisions_pb2 as pb
from engine.server.http.json_reader import MOST_VIOLATIONS, read_json
from engine.server.http.json_writer import write_json
from engine.wire.elements import MOST_ELEMENTS
from engine.wire.violations import InvalidMessage
from tests.server.http.messages import messages

REQUESTS = (pb.DecideRequest, pb.DecideBatchRequest, pb.RecordRequest, pb.LinkRequest, pb.ExplainRequest)
ANSWERS = (pb.DecideResponse, pb.RecordResponse, pb.LinkResponse, pb.ExplainResponse)


def decide(**context: Any) -> bytes:
    """A request with the attributes of a profile."""
    return json.dumps({"customer": {"id": "a"}, "context": {"profile": {"attributes": context}}}).encode()


def told(data: bytes, kind: type[Message] = pb.DecideRequest) -> str:
    """Why the body is refused."""
    with pytest.raises(InvalidMessage) as refused:
        read_json(data, kind)
    return str(refused.value).removeprefix(": ")


def read_or_refused(body: bytes) -> Message | None:
    """The request; None for one that is refused, with a reason."""
    try:
        return read_json(body, pb.DecideRequest)
    except InvalidMessage as refused:
        if not refused.violations:
            raise AssertionError("refused without a reason") from refused
        return None


@pytest.mark.parametrize("kind", REQUESTS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_json_format_writes_is_read_as_it_reads_it(kind: type[Message], data: st.DataObject) -> None:
    """In both spellings of names, with numbers of 64 bits as texts, fields left out or written as zero."""
    message = data.draw(messages(kind))
    for options in (
        {},
        {"preserving_proto_field_name": True},
        {"always_print_fields_with_no_presence": True},
        {"use_integers_for_enums": True},
    ):
        text = json_format.MessageToJson(message, **options, ensure_ascii=data.draw(st.booleans()))  # type: ignore[arg-type]
        assert read_json(text.encode(), kind) == json_format.Parse(text, kind()) == message


@pytest.mark.parametrize("kind", [*REQUESTS, *ANSWERS])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_written_json_format_reads_as_the_same_message(
    kind: type[Message], data: st.DataObject
) -> None:
    """With the long names of enums; with the short ones requests are read here as they were."""
    message = data.draw(messages(kind))
    assert json_format.Parse(write_json(message, short=False), kind()) == message
    if kind in REQUESTS:
        assert read_json(write_json(message, short=True), kind) == message


ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
)
TREES = st.recursive(
    ATOMS | st.sampled_from(["MODE_PREVIEW", "2026-03-01T09:00:00Z", "1", "-7", "1.5"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "customer",
                    "id",
                    "aliases",
                    "context",
                    "profile",
                    "now",
                    "mode",
                    "maxOffers",
                    "max_offers",
                    "events",
                    "type",
                    "at",
                    "value",
                    "attributes",
                    "integer",
                    "text",
                    "texts",
                    "values",
                    "weather",
                    "is_day",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    tree=st.dictionaries(
        st.sampled_from(["customer", "context", "mode", "now", "max_offers", "channels"]), TREES
    )
)
@settings(max_examples=300, deadline=None)
def test_any_json_is_read_as_json_format_reads_it_or_refused(tree: dict[str, Any]) -> None:
    """No other error is raised, and where both take it both read the same, but for plain values of attributes."""
    body = json.dumps(tree).encode()
    message = read_or_refused(body)
    if message is None:
        return
    try:
        expected = json_format.ParseDict(tree, pb.DecideRequest())
    except json_format.ParseError:
        return  # an attribute by its plain value, which only this takes
    assert message == expected


@given(body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Whatever they are."""
    assert read_or_refused(body) in (None, pb.DecideRequest())


@pytest.mark.parametrize(
    ("given_value", "value"),
    [
        (31, {"integer": 31}),
        (-(2**63), {"integer": -(2**63)}),
        (3.5, {"number": 3.5}),
        (True, {"boolean": True}),
        ("红", {"text": "红"}),
        (["a", "b"], {"texts": {"values": ["a", "b"]}}),
        ([1, 2], {"integers": {"values": [1, 2]}}),
        ([1, 2.5], {"numbers": {"values": [1, 2.5]}}),
        ([], {"texts": {}}),
        ({"date": "2026-03-01"}, {"date": "2026-03-01"}),
        ({"time": "2026-03-01T09:00:00.5+08:00"}, {"time": {"seconds": 1772326800, "nanos": 500_000_000}}),
    ],
)
def test_attributes_are_plain_values(given_value: Any, value: Any) -> None:
    """Numbers, texts, truth values and lists stand for themselves; moments and days are named."""
    message: Any = read_json(decide(x=given_value), pb.DecideRequest)
    assert message == pb.DecideRequest(
        customer={"id": "a"}, context={"profile": {"attributes": {"x": value}}}
    )


def test_short_names_of_enums() -> None:
    """As books and pages write them, read and written; zero values are left out."""
    message: Any = read_json(b'{"mode": "preview"}', pb.DecideRequest)
    assert message.mode == pb.MODE_PREVIEW
    answer = pb.DecideResponse(outcome=pb.OUTCOME_OFFER, reasons=[pb.Reason(code=pb.REASON_CODE_TOO_SOON)])
    assert json.loads(write_json(answer, short=True)) == {
        "outcome": "offer",
        "reasons": [{"code": "too_soon"}],
    }
    assert json.loads(write_json(answer, short=False))["outcome"] == "OUTCOME_OFFER"


def test_numbers_beyond_two_to_the_53_are_texts() -> None:
    """Up to there they are numbers."""
    spending = pb.Spending(spent_micros=2**53, limit_micros=2**53 + 1)
    assert json.loads(write_json(spending, short=True)) == {
        "spent_micros": 2**53,
        "limit_micros": str(2**53 + 1),
    }


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"customer":{"idd":"a"}}', "customer.idd: 'idd' is not a field; did you mean 'id'?"),
        (b'{"context":{"events":[{"type":"a"},{"typ":"b"}]}}', "context.events[1].typ: 'typ' is not a field"),
        (b'{"request_id":"a","request_id":"a"}', "request_id: comes twice in one object"),
        (b'{"request_id":"a:\\u003Ab","request_id":"a"}', "request_id: comes twice in one object"),
        (b'{"requestId":"a","request_id":"a"}', "request_id: comes twice, in both of its spellings"),
        (b'{"context":{"profile":{"attributes":{"a":1,"a":2}}}}', "a: comes twice in one object"),
        (decide(age=2**63), "context.profile.attributes[age]: must be between"),
        (b'{"max_offers":-1}', "max_offers: must be between 0 and 4294967295, not -1"),
        (b'{"max_offers":1.5}', "max_offers: must be a whole number, not 1.5"),
        (b'{"max_offers":true}', "max_offers: must be a whole number, not true"),
        (b'{"context":{"weather":{"temperature_c":NaN}}}', "the body is not JSON"),
        (b'{"context":{"weather":{"temperature_c":1e999}}}', "the body is not JSON"),
        (b'{"request_id":"\\ud800"}', "the body is not JSON"),
        (b'{"request_id":"\xff"}', "the body is not JSON"),
        (b'{"request_id":1}', "request_id: must be a text, not a number"),
        (b'{"customer":[]}', "customer: must be an object, not a list"),
        (b'{"channels":"sms"}', "channels: must be a list, not a text"),
        (b'{"channels":[null]}', "channels[0]: must be a text, not null"),
        (b'{"mode":"OFFER"}', "mode: must be one of commit, preview, not 'OFFER'"),
        (b'{"now":"2026-02-30T00:00:00Z"}', "now: must be a moment, not"),
        (b'{"now":"2026-02-03"}', "now: must be a moment as 2026-03-01T09:00:00Z"),
        (decide(age=None), "context.profile.attributes[age]: must be an object, not null"),
        (decide(age=[1, "a"]), "context.profile.attributes[age]: must be a list of texts, or of numbers"),
        (decide(age={"integer": 1, "text": "a"}), "exclude each other"),
        (b"[]", "must be an object, not a list"),
        (b"", "the body is not JSON: it is empty"),
        (b'{"customer":' * 1500, "the body is not JSON"),
        (b'{"customer":' * 500 + b"1" + b"}" * 500, "customer.customer: 'customer' is not a field"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(body: bytes, why: str) -> None:
    """A sentence for each mistake, and nothing is read."""
    assert why in told(body)


def test_all_violations_are_told_at_once_up_to_a_number() -> None:
    """So that one answer is enough to mend a request, and a hostile one takes no memory."""
    assert "mode: " in (message := told(b'{"mode":"x","max_offers":"y"}'))
    assert "max_offers: " in message
    wrong = json.dumps({f"f{number}": 1 for number in range(5000)}).encode()
    with pytest.raises(InvalidMessage) as refused:
        read_json(wrong, pb.DecideRequest)
    assert len(refused.value.violations) == MOST_VIOLATIONS


def test_dense_bodies_are_refused_before_they_are_parsed() -> None:
    """So many values take more memory than their bytes; commas within texts are no values."""
    dense = b'{"channels":[' + b"[]," * MOST_ELEMENTS + b"[]]}"
    assert told(dense) == f"the body has more than {MOST_ELEMENTS:,} values: split it"
    assert told(b'{"request_id":7,"placement":"' + b"," * (2 * MOST_ELEMENTS) + b'"}').startswith(
        "request_id"
    )


def test_lists_are_as_long_as_over_grpc() -> None:
    """A list beyond the contract's limit is refused as a whole."""
    body = json.dumps({"requests": [{}] * 1001}).encode()
    assert told(body, pb.DecideBatchRequest) == "requests: must be at most 1,000"
