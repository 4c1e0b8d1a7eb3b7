"""Answers show the names of their enums; None stands for what is not given."""

import copy
import inspect
import operator
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, event, from_document, outcome, recorded, request
from engine.client.named import named

NOW = datetime(2026, 3, 10, 10, tzinfo=UTC)
MESSAGE = pb.DecideResponse(
    outcome=pb.OUTCOME_BLOCKED,
    blocked_by=["weekly"],
    reasons=[pb.Reason(code=pb.REASON_CODE_CAPPED, name="weekly")],
    offers=[pb.Offer(campaign="cream")],
)


def test_enums_print_as_their_names() -> None:
    """As text, in f-strings and in lists; at any depth."""
    answer = named(MESSAGE)
    assert str(answer.outcome) == "OUTCOME_BLOCKED"
    assert f"{answer.outcome} {answer.outcome:>16}" == "OUTCOME_BLOCKED  OUTCOME_BLOCKED"
    assert f"{answer.outcome:02d}" == f"{pb.OUTCOME_BLOCKED:02d}"
    assert [str(reason.code) for reason in answer.reasons] == ["REASON_CODE_CAPPED"]
    assert "OUTCOME_BLOCKED" in repr([answer.outcome])
    explained = named(pb.ExplainResponse(response=MESSAGE))
    assert str(explained.response.outcome) == "OUTCOME_BLOCKED"


def test_they_are_the_numbers_of_the_contract_all_the_same() -> None:
    """Code that compares with the generated constants, or asks them for the name, goes on."""
    answer = named(MESSAGE)
    assert answer.outcome == pb.OUTCOME_BLOCKED
    assert pb.Outcome.Name(answer.outcome) == "OUTCOME_BLOCKED"
    assert {answer.outcome: 1}[pb.OUTCOME_BLOCKED] == 1


def test_a_number_that_the_contract_does_not_know_stays_a_number() -> None:
    """A newer server may have more."""
    unknown = pb.DecideResponse.FromString(pb.DecideResponse(outcome=pb.OUTCOME_OFFER).SerializeToString())
    unknown.MergeFromString(b"\x18\x63")
    assert pb.DecideResponse.DESCRIPTOR.fields_by_name["outcome"].number == 3
    assert str(named(unknown).outcome) == "99"


def test_an_answer_is_its_message_in_all_else() -> None:
    """Class, equality, fields, methods, JSON, copies and pickles."""
    answer = named(MESSAGE)
    assert isinstance(answer, pb.DecideResponse)
    assert not isinstance(answer, Status)
    assert answer == MESSAGE
    assert operator.eq(MESSAGE, answer)
    assert answer == named(copy.deepcopy(MESSAGE))
    assert answer != pb.DecideResponse()
    assert not answer.HasField("next_allowed_at")
    assert [*answer.blocked_by, *(offer.campaign for offer in answer.offers)] == ["weekly", "cream"]
    assert json_format.MessageToDict(answer) == json_format.MessageToDict(MESSAGE)
    assert str(answer) == str(MESSAGE)
    assert repr(answer) == repr(MESSAGE)
    for twin in (copy.copy(answer), copy.deepcopy(answer), pickle.loads(pickle.dumps(answer))):
        assert twin == MESSAGE
        assert str(twin.outcome) == "OUTCOME_BLOCKED"
    assert pb.ExplainResponse(response=answer.message).response == answer  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="unhashable"):
        hash(answer)
    with pytest.raises(AttributeError):
        answer.outcom  # type: ignore[attr-defined]  # noqa: B018 -- it raises


def test_none_is_as_good_as_not_given() -> None:
    """In every optional part of a request, and as the value of attributes and fields."""
    parts = [name for name in inspect.signature(request).parameters if name != "customer_id"]
    nothing: dict[str, Any] = dict.fromkeys(parts)
    assert request("ada", **nothing) == request("ada")
    assert from_document(
        {"customer": "ada", **{part: None for part in parts if part not in _NOT_KEYS}}
    ) == request("ada")
    given = request(
        "ada",
        profile={"first_name": None, "scores": {"churn": None, "buys": 0.5}, "language": None},
        location={"city": None, "country": "CN"},
        weather={"temperature_c": None, "tomorrow": None},
        events=[{"type": "view", "at": NOW, "item": None, "value": None, "attributes": None}],
    )
    assert given == request(
        "ada", profile={"scores": {"buys": 0.5}}, location={"country": "CN"}, events=[event("view", NOW)]
    )


_NOT_KEYS = ("language", "time_zone")
"""Parts of `request` that documents have below profile."""


def test_none_is_as_good_as_not_given_in_events_and_outcomes() -> None:
    """Also in their ids."""
    assert event("view", NOW, attributes=None, item=None, value=None) == event("view", NOW)
    assert event("view", NOW, attributes={"size": None}) == event("view", NOW)
    plain = recorded("ada", "view", NOW)
    assert recorded("ada", "view", NOW, aliases=None, attributes=None, event_id=None) == plain
    said = outcome("", "unsubscribed", NOW, customer_id="ada", channel="sms")
    none = outcome(None, "unsubscribed", NOW, customer_id="ada", channel="sms", campaign=None, value=None)
    assert none == said


def test_what_is_needed_may_not_be_none() -> None:
    """An event has a type and a time."""
    with pytest.raises(ValueError, match=r"^event\.at: needs a time"):
        event("view", None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^event\.type: is a text, not None"):
        event(None, NOW)  # type: ignore[arg-type]


def test_a_client_takes_none_for_its_defaults() -> None:
    """Of the channel and of the calls."""
    with Client("127.0.0.1:1", timeout=None, attempts=None, connections=None, token=None) as client:
        assert (client._policy.timeout, client._policy.attempts, len(client._channels)) == (1.0, 3, 1)
