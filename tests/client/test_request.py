"""Plain values and documents become requests."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import yaml

from engine.api.v1.decisions_pb2 import Mode
from engine.client import event, from_document, request

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("plain", "kind"),
    [
        (True, "boolean"),
        (1, "integer"),
        (1.0, "number"),
        ("1", "text"),
        (NOON, "time"),
        (date(2026, 3, 10), "date"),
        (["a"], "texts"),
        ([], "texts"),
        ([1, 2], "integers"),
        ([1, 2.5], "numbers"),
        (("a", "b"), "texts"),
    ],
)
def test_each_kind_of_value_keeps_its_kind(plain: Any, kind: str) -> None:
    """No kind of value is converted into another."""
    assert request("ann", profile={"x": plain}).context.profile.attributes["x"].WhichOneof("kind") == kind


@pytest.mark.parametrize(
    "plain",
    [b"x", {1, 2}, ["a", 1], [True, 2], [None], datetime(2026, 3, 10), 2**63, object()],  # noqa: DTZ001
)
def test_what_cannot_be_sent_is_a_type_error_with_its_name(plain: Any) -> None:
    """The attribute's name is in the error."""
    with pytest.raises(TypeError, match=r"^profile\.x: "):
        request("ann", profile={"x": plain})


def test_all_parts_come_where_they_belong() -> None:
    """Every part of a request is in its field; what is below a mapping gets a dotted name."""
    made = request(
        "ann",
        profile={"scores": {"churn": 0.8}, "language": "zh-CN"},
        consents=["wechat"],
        preferred_channels=["sms"],
        time_zone="Asia/Shanghai",
        location={"city": "Harbin", "latitude": 45},
        weather={"temperature_c": 3, "is_day": True, "tomorrow": {"frost": False}},
        channels=["web"],
        placement="hero",
        max_offers=2,
        mode="preview",
        now=NOON,
        request_id="r1",
    )
    profile = made.context.profile
    assert profile.attributes["scores.churn"].number == 0.8
    assert (profile.language, profile.time_zone) == ("zh-CN", "Asia/Shanghai")
    assert "language" not in profile.attributes
    assert (list(profile.consents), list(profile.preferred_channels)) == (["wechat"], ["sms"])
    assert (made.context.location.city, made.context.location.latitude) == ("Harbin", 45.0)
    assert (made.context.weather.temperature_c, made.context.weather.is_day) == (3.0, True)
    assert not made.context.weather.HasField("humidity_pct")
    assert made.context.weather.tomorrow.HasField("frost")
    assert (list(made.channels), made.placement, made.max_offers) == (["web"], "hero", 2)
    assert (made.mode, made.now.ToDatetime(UTC), made.request_id) == (Mode.MODE_PREVIEW, NOON, "r1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weather": {"temperature": 3}}, r"weather: unknown 'temperature'; did you mean 'temperature_c'\?"),
        ({"weather": {"temperature_c": "3"}}, r"weather\.temperature_c: is a number, not '3'"),
        ({"weather": {"temperature_c": True}}, r"weather\.temperature_c: is a number, not True"),
        ({"weather": {"is_day": 1}}, r"weather\.is_day: is true or false, not 1"),
        ({"weather": {"tomorrow": 3}}, r"weather\.tomorrow: is a mapping, not 3"),
        ({"weather": {"tomorrow": {"frost": 1}}}, r"weather\.tomorrow\.frost: is true or false, not 1"),
        ({"location": {"city": 3}}, r"location\.city: is a text, not 3"),
        ({"profile": {"language": 3}}, r"profile\.language: is a text, not 3"),
        ({"consents": "wechat"}, r"consents: needs a list of texts, not 'wechat'"),
        ({"mode": "previw"}, r"mode: unknown 'previw'; did you mean 'preview'\?"),
        ({"now": datetime(2026, 3, 10)}, r"now: .* needs a time zone"),  # noqa: DTZ001
    ],
)
def test_a_wrong_part_is_named(arguments: dict[str, Any], message: str) -> None:
    """The error says which part cannot be sent."""
    with pytest.raises((TypeError, ValueError), match=message):
        request("ann", **arguments)


DOCUMENT = """
customer: li-na
profile: {age: 31, member_since: 2020-05-01, scores: {churn: 0.5}}
location: {country: CN, city: Harbin}
weather: {temperature_c: 3, humidity_pct: 30}
consents: [wechat]
placement: homepage-hero
max_offers: 2
now: 2026-03-10T10:00+08:00
"""


def test_a_document_is_a_request() -> None:
    """A context file gives the request that it describes."""
    made = from_document(yaml.safe_load(DOCUMENT))
    assert made.customer.id == "li-na"
    assert made.context.profile.attributes["member_since"].date == "2020-05-01"
    assert made.context.weather.humidity_pct == 30.0
    assert made.now.ToDatetime(UTC) == datetime(2026, 3, 10, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "a context is a mapping with a customer"),
        ({}, "customer: is missing"),
        ({"customer": 7}, "customer: needs the customer's id, a text, not 7"),
        ({"customer": "a", "wether": {}}, r"context: unknown 'wether'; did you mean 'weather'\?"),
        ({"customer": "a", 3: {}}, "context: unknown 3; known are"),
        ({"customer": "a", "profile": {"age": [None]}}, r"profile.age: a list holds texts only"),
        ({"customer": "a", "profile": [1]}, r"profile: needs a mapping of names to values, not \[1\]"),
        ({"customer": "a", "consents": "wechat"}, "consents: needs a list of texts, not 'wechat'"),
        ({"customer": "a", "max_offers": -1}, "max_offers: needs a whole number, not -1"),
        ({"customer": "a", "max_offers": True}, "max_offers: needs a whole number, not True"),
        ({"customer": "a", "now": "soon"}, "now: needs a time such as"),
        ({"customer": "a", "now": "2026-03-10T10:00"}, "now: .* needs a time zone"),
        ({"customer": "a", "weather": {"wind": 3}}, r"weather: unknown 'wind'; did you mean 'wind_kph'\?"),
        ({"customer": "a", "mode": "dry-run"}, "mode: unknown 'dry-run'; known are commit, preview"),
    ],
)
def test_a_wrong_document_is_a_value_error(document: Any, message: str) -> None:
    """Every mistake in a context file is a ValueError that says what is wrong where."""
    with pytest.raises(ValueError, match=message):
        from_document(document)


def test_events_from_values_and_from_documents_are_the_same() -> None:
    """An event of plain values, of a document and of a mapping become one message."""
    built = event("view", NOON, item="cream", value=12, attributes={"stars": 5})
    plain = {
        "type": "view",
        "at": "2026-03-10T12:00+00:00",
        "item": "cream",
        "value": 12,
        "attributes": {"stars": 5},
    }
    sent = request("ann", events=[built, plain]).context.events
    assert list(sent) == [built, built]
    assert list(from_document({"customer": "ann", "events": [plain]}).context.events) == [built]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"typ": "view"}, "did you mean 'type'"),
        ({"type": 1}, "is a text"),
        ({"at": "yesterday"}, "needs a time"),
        ({"at": "2026-03-10T12:00"}, "needs a time zone"),
        ({"value": True}, "is a number"),
        ({"attributes": ["a"]}, "is a mapping"),
    ],
)
def test_what_an_event_cannot_be_is_said_with_its_place(wrong: dict[str, object], words: str) -> None:
    """The message begins with the event's place and names the likely fix."""
    with pytest.raises((TypeError, ValueError), match=words) as caught:
        request("ann", events=[wrong])
    assert str(caught.value).startswith("events[0]")
