"""The methods of the service, over a real channel to a real server."""

import json
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc.status_pb2 import Status
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, InvalidRequest, NotFound, RequestIdReused
from tests.requests import li_na
from tests.servers import Server


def test_decide(client: Client) -> None:
    """A decision comes with its id, its offer, its content and the book that decided."""
    answer = client.decide(li_na("decide", request_id="decide-1"))
    assert answer.outcome == pb.OUTCOME_OFFER
    assert (answer.request_id, len(answer.decision_id), len(answer.book_version)) == ("decide-1", 36, 64)
    (offer,) = answer.offers
    assert (offer.campaign, offer.variant, offer.channel) == ("cream-cold", "dry", "wechat")
    assert dict(offer.content) == {"title": "Dry air, Li Na?"}
    assert offer.selection_probability == 1.0


def test_a_retry_returns_the_same_decision(client: Client) -> None:
    """The same request_id gives the same bytes."""
    first = client.decide(li_na("retry", request_id="retry-1"))
    assert client.decide(li_na("retry", request_id="retry-1")) == first


def test_a_request_id_of_another_customer_is_refused(client: Client) -> None:
    """Nobody gets another customer's decision by its request_id."""
    client.decide(li_na("mine", request_id="shared"))
    with pytest.raises(RequestIdReused):
        client.decide(li_na("yours", request_id="shared"))


@pytest.mark.parametrize(
    "other", [{"mode": "preview"}, {"channels": ["sms"]}, {"placement": "hero"}], ids=str
)
def test_a_request_id_of_another_question_is_refused(client: Client, other: dict[str, Any]) -> None:
    """A preview of a committed request has an id of its own; Explain of it may bear any, and shows it."""
    request = li_na("asked", request_id="asked-1")
    client.decide(request)
    with pytest.raises(RequestIdReused):
        client.decide(li_na("asked", request_id="asked-1", **other))
    assert client.decide(li_na("asked", request_id="asked-1", consents=[])).decision_id
    assert client.explain(request).response.request_id == "asked-1"


def test_blocked_names_the_rule_and_the_moment(client: Client) -> None:
    """The third contact of the week says which cap, and that it may go a week after the first."""
    first, _, third = (client.decide(li_na("blocked")) for _ in range(3))
    assert third.outcome == pb.OUTCOME_BLOCKED
    assert list(third.blocked_by) == ["weekly"]
    assert third.next_allowed_at.seconds - first.decided_at.seconds == 7 * 86_400


def test_a_batch_answers_in_order_and_spares_the_good_from_the_bad(client: Client) -> None:
    """A bad item gets its own status with its violations; the others are decided."""
    good, bad, other = client.decide_batch([li_na("b1"), li_na(""), li_na("b2")])
    assert isinstance(good, pb.DecideResponse)
    assert isinstance(other, pb.DecideResponse)
    assert isinstance(bad, Status)
    assert bad.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "customer.id" in bad.message
    assert len(bad.details) == 1


def test_a_batch_keeps_caps_between_its_items(client: Client) -> None:
    """One customer five times in a batch: two contacts, three blocked."""
    answers = client.decide_batch([li_na("same")] * 5)
    outcomes = [answer.outcome for answer in answers if isinstance(answer, pb.DecideResponse)]
    assert outcomes == [pb.OUTCOME_OFFER] * 2 + [pb.OUTCOME_BLOCKED] * 3


def test_an_empty_batch_is_answered_with_nothing(client: Client) -> None:
    """No requests, no items."""
    assert client.decide_batch([]) == []


def test_explain_tells_of_every_campaign(client: Client) -> None:
    """Each campaign has its stage, its condition with values seen, and nothing is kept."""
    explained = client.explain(li_na("explain"))
    stages = {campaign.campaign: pb.ReasonCode.Name(campaign.reason.code) for campaign in explained.campaigns}
    assert stages == {
        "allergy-care": "REASON_CODE_NOT_ELIGIBLE",
        "cream-cold": "REASON_CODE_CHOSEN",
        "lotion-mild": "REASON_CODE_NOT_ELIGIBLE",
        "points-expire": "REASON_CODE_NOT_ELIGIBLE",
    }
    cream = next(campaign for campaign in explained.campaigns if campaign.campaign == "cream-cold")
    assert (cream.condition.verdict, json.loads(cream.condition.value or cream.condition.parts[0].value)) == (
        pb.VERDICT_TRUE,
        3.0,
    )
    member = next(campaign for campaign in explained.campaigns if campaign.campaign == "points-expire")
    tests = member.condition.parts or [member.condition]
    assert tests[0].verdict == pb.VERDICT_UNKNOWN
    assert explained.response.decision_id == ""
    assert client.decide_batch([li_na("explain")] * 3)[1].outcome == pb.OUTCOME_OFFER


def test_linked_names_are_one_person(client: Client) -> None:
    """Two names had a contact each; linked, both have reached the weekly cap of two, and linking again changes nothing."""
    assert client.decide(li_na("linked-web")).outcome == pb.OUTCOME_OFFER
    assert client.decide(li_na("linked-app")).outcome == pb.OUTCOME_OFFER
    assert [client.link(["linked-web", "linked-app"]) for _ in range(2)] == ["linked-web"] * 2
    assert client.decide(li_na("linked-app")).outcome == pb.OUTCOME_BLOCKED
    assert client.decide(li_na("linked-new", aliases=["linked-web"])).outcome == pb.OUTCOME_BLOCKED


@pytest.mark.parametrize(
    ("names", "field"),
    [
        ([], "customer_ids"),
        (["a"], "customer_ids"),
        (["a", "a"], "customer_ids"),
        (["a", ""], "customer_ids[1]"),
        (["a", "b" * 201], "customer_ids[1]"),
        (["a", "b\0"], "customer_ids[1]"),
        ([f"n-{number}" for number in range(22)], "customer_ids"),
    ],
)
def test_names_that_cannot_be_linked_are_named(client: Client, names: list[str], field: str) -> None:
    """Too few names, too many and impossible ones are violations at their place."""
    with pytest.raises(InvalidRequest) as caught:
        client.link(names)
    assert [violation.field for violation in caught.value.violations] == [field]


@pytest.mark.parametrize("aliases", [[""], ["b" * 201], ["b\0"], [f"n-{number}" for number in range(21)]])
def test_impossible_aliases_are_named(client: Client, aliases: list[str]) -> None:
    """What no name may be, no alias may be either."""
    with pytest.raises(InvalidRequest) as caught:
        client.decide(li_na("aliases", aliases=aliases))
    assert [violation.field.partition("[")[0] for violation in caught.value.violations] == [
        "customer.aliases"
    ]


def test_explain_tells_of_the_campaigns_that_are_asked_for(client: Client) -> None:
    """By name only those are explained and searched; a name that is none is refused with its field."""
    (campaign,) = client.explain(li_na("explain-one"), campaigns=["lotion-mild"]).campaigns
    assert (campaign.campaign, campaign.searched, campaign.flips[0].then.code) == (
        "lotion-mild",
        True,
        pb.REASON_CODE_CHOSEN,
    )
    with pytest.raises(InvalidRequest) as caught:
        client.explain(li_na("explain-one"), campaigns=["cream-cold", "lotion-wild"])
    assert [violation.field for violation in caught.value.violations] == ["campaigns"]


def test_explain_tells_of_a_decision_that_was_made(client: Client) -> None:
    """By its id it is explained as of then: the answer is the one that was given, though the customer was contacted since."""
    answers = [client.decide(li_na("past")) for _ in range(3)]
    first, _, third = [client.explain(answer.decision_id) for answer in answers]
    assert [explained.response.offers for explained in (first, third)] == [
        answers[0].offers,
        answers[2].offers,
    ]
    assert (first.response.decision_id, list(first.notes)) == (answers[0].decision_id, [])
    cream = next(campaign for campaign in third.campaigns if campaign.campaign == "cream-cold")
    assert (cream.reason.code, cream.flips[0].kind) == (pb.REASON_CODE_CAPPED, pb.CHANGE_KIND_TIME)
    only = client.explain(answers[0].decision_id, campaigns=["cream-cold"]).campaigns
    assert [campaign.campaign for campaign in only] == ["cream-cold"]


def test_a_decision_that_was_not_made_is_not_found(client: Client) -> None:
    """An id that the log does not hold is said so; one that can be none is a violation, as are too many campaigns."""
    with pytest.raises(NotFound):
        client.explain("019a8e1c-0000-7000-8000-000000000000")
    with pytest.raises(InvalidRequest) as caught:
        client.explain("x" * 201, campaigns=["c"] * 101)
    assert [violation.field for violation in caught.value.violations] == ["campaigns", "decision_id"]


def test_simulated_time_needs_a_server_that_allows_it(client: Client) -> None:
    """`now` is refused by an ordinary server."""
    message = li_na("now")
    message.now.seconds = 1
    with pytest.raises(InvalidRequest) as caught:
        client.decide(message)
    assert [violation.field for violation in caught.value.violations] == ["now"]


def test_health_and_reflection(client: Client, server: Server) -> None:
    """A generic client learns the service from the server itself, and health says SERVING."""
    assert client.health()
    with grpc.insecure_channel(server.target) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        service = pool.FindServiceByName("tact.v1.Decisions")
        assert {method.name for method in service.methods} == {
            "Decide",
            "DecideBatch",
            "DecideStream",
            "Due",
            "Explain",
            "Link",
            "Record",
            "Watch",
        }
