"""Both clients against a real server."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from grpc_health.v1.health_pb2 import HealthCheckResponse

import engine.client
from engine.api.v1 import decisions_pb2 as pb
from engine.client import (
    AccessDenied,
    AsyncClient,
    Client,
    DeadlineExceeded,
    Interrupted,
    InvalidRequest,
    ItemsRefused,
    NotImplementedHere,
    OutOfDate,
    Overloaded,
    Recorded,
    ServerError,
    TactError,
    Unavailable,
    Violation,
    error_of_status,
    recorded,
    request,
)
from tests.client.scripted import Scripted, collect, retry_after, violation

CODES = grpc.StatusCode


async def test_decide_answers(client: Any, service: Scripted) -> None:
    """A request comes to the server as it was made, and its answer comes back."""
    answer = await client.decide(request("ann", request_id="r1", weather={"temperature_c": 3.0}))
    assert answer.request_id == "r1"
    assert service.requests[0].context.weather.temperature_c == 3.0


async def test_unavailable_is_tried_again_under_one_name(client: Any, service: Scripted) -> None:
    """Two failures UNAVAILABLE and then an answer: three attempts, all with the same new request_id."""
    service.fail(CODES.UNAVAILABLE, times=2)
    unnamed = request("ann")
    answer = await client.decide(unnamed)
    names = {sent.request_id for sent in service.requests}
    assert len(service.requests) == 3
    assert names == {answer.request_id}
    assert answer.request_id
    assert not unnamed.request_id


async def test_events_are_recorded_again_under_one_name(client: Any, service: Scripted) -> None:
    """An event without an event_id gets one before the first attempt, so that the second is a duplicate."""
    service.fail(CODES.UNAVAILABLE)
    unnamed = recorded("ann", "view", datetime(2026, 3, 10, tzinfo=UTC))
    assert await client.record([unnamed]) == [Recorded.DUPLICATE]
    first, second = service.recorded
    assert first == second != ""
    assert not unnamed.event_id


async def test_attempts_are_bounded(client: Any, service: Scripted) -> None:
    """After the third failure the error is raised."""
    service.fail(CODES.UNAVAILABLE, times=9)
    with pytest.raises(Unavailable, match="scripted UNAVAILABLE"):
        await client.decide(request("ann"))
    assert len(service.requests) == 3


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (CODES.INVALID_ARGUMENT, InvalidRequest),
        (CODES.UNAUTHENTICATED, AccessDenied),
        (CODES.PERMISSION_DENIED, AccessDenied),
        (CODES.UNIMPLEMENTED, NotImplementedHere),
        (CODES.RESOURCE_EXHAUSTED, Overloaded),
        (CODES.DEADLINE_EXCEEDED, DeadlineExceeded),
        (CODES.INTERNAL, ServerError),
        (CODES.ABORTED, OutOfDate),
        (CODES.DATA_LOSS, ServerError),
    ],
)
async def test_other_failures_are_not_tried_again(
    client: Any, service: Scripted, code: grpc.StatusCode, error: type[TactError]
) -> None:
    """Every status but UNAVAILABLE is an error of its kind at once."""
    service.fail(code)
    with pytest.raises(error) as caught:
        await client.decide(request("ann"))
    assert type(caught.value) is error
    assert caught.value.code is code
    assert len(service.requests) == 1


async def test_invalid_request_names_the_fields(client: Any, service: Scripted) -> None:
    """The error has the invalid fields, as BadRequest gives them."""
    service.fail(CODES.INVALID_ARGUMENT, violation("context.profile.attributes.age", "is a text"))
    with pytest.raises(InvalidRequest) as caught:
        await client.decide(request("ann"))
    assert caught.value.violations == (Violation("context.profile.attributes.age", "is a text"),)


async def test_overloaded_says_when_to_try_again(client: Any, service: Scripted) -> None:
    """RetryInfo becomes seconds; without it they are None."""
    service.fail(CODES.RESOURCE_EXHAUSTED, retry_after(0.25))
    service.fail(CODES.RESOURCE_EXHAUSTED)
    seconds = []
    for _ in range(2):
        with pytest.raises(Overloaded) as caught:
            await client.decide(request("ann"))
        seconds.append(caught.value.retry_after)
    assert seconds == [0.25, None]


async def test_one_deadline_bounds_all_attempts(client: Any, service: Scripted) -> None:
    """A slow server that fails with UNAVAILABLE is not tried beyond the one deadline."""
    service.delay = 0.2
    service.fail(CODES.UNAVAILABLE, times=9)
    with pytest.raises(TactError) as caught:
        await client.decide(request("ann"), timeout=0.3)
    assert isinstance(caught.value, DeadlineExceeded | Unavailable)
    assert len(service.requests) <= 2


async def test_a_late_answer_is_a_deadline_exceeded(client: Any, service: Scripted) -> None:
    """A server that does not answer in time is not waited for."""
    service.delay = 5.0
    with pytest.raises(DeadlineExceeded):
        await client.decide(request("ann"), timeout=0.1)


async def test_batch_items_fail_alone(client: Any, service: Scripted) -> None:
    """A bad item is a status in its place, and can be read as the error that it stands for."""
    good, bad, other = await client.decide_batch([request("a"), request("bad"), request("c")])
    assert isinstance(good, pb.DecideResponse)
    assert isinstance(other, pb.DecideResponse)
    assert isinstance(bad, Status)
    error = error_of_status(bad)
    assert isinstance(error, InvalidRequest)
    assert error.violations == (Violation("customer.id", "is bad"),)


async def test_refused_events_raise_when_asked(client: Any, service: Scripted) -> None:
    """The exception lists each refused event by its index with its message; results without one come back themselves."""
    at = datetime(2026, 3, 10, tzinfo=UTC)
    results = await client.record([recorded(name, "view", at) for name in ("a", "bad", "c", "bad")])
    assert [isinstance(result, Status) for result in results] == [False, True, False, True]
    with pytest.raises(ItemsRefused) as caught:
        results.raise_for_errors()
    assert str(caught.value) == (
        "2 of 4 items were refused:\n"
        "  [1] INVALID_ARGUMENT: customer.id: is bad\n"
        "  [3] INVALID_ARGUMENT: customer.id: is bad"
    )
    assert caught.value.code is CODES.INVALID_ARGUMENT
    assert [*caught.value.errors] == [1, 3]
    assert all(isinstance(error, InvalidRequest) for error in caught.value.errors.values())
    accepted = await client.record([recorded("a", "view", at)])
    assert accepted.raise_for_errors() == [Recorded.ACCEPTED]


async def test_refused_requests_of_a_batch_raise_when_asked(client: Any, service: Scripted) -> None:
    """A batch's results raise in the same way."""
    results = await client.decide_batch([request("a"), request("bad")])
    with pytest.raises(ItemsRefused, match=r"1 of 2 items were refused:\n  \[1\] INVALID_ARGUMENT"):
        results.raise_for_errors()
    answered = await client.decide_batch([request("a")])
    assert len(answered.raise_for_errors()) == 1


async def test_batch_is_tried_again_under_the_same_names(client: Any, service: Scripted) -> None:
    """Every item of a batch that was UNAVAILABLE bears the same request_id the second time."""
    service.fail(CODES.UNAVAILABLE)
    await client.decide_batch([request("a"), request("b")])
    names = [sent.request_id for sent in service.requests]
    assert names[:2] == names[2:]
    assert all(names)


async def test_decide_many_goes_batch_by_batch(client: Any, service: Scripted) -> None:
    """Seven requests in batches of three keep their order, and progress is reported after each batch."""
    progress: list[int] = []
    requests = (request("ann", request_id=f"r{i}") for i in range(7))
    answers = await collect(client, requests, batch_size=3, on_progress=progress.append)
    assert [answer.request_id for answer in answers] == [f"r{i}" for i in range(7)]
    assert service.batches == [3, 3, 1]
    assert progress == [3, 6, 7]


async def test_decide_many_sends_a_batch_again(client: Any, service: Scripted) -> None:
    """A batch that failed for a while is sent again under the same request_ids, also after its deadline or overload."""
    for code in (CODES.UNAVAILABLE, CODES.DEADLINE_EXCEEDED):
        service.fail(code)
    service.failures.append(None)  # a batch that is answered in between restores all attempts
    service.fail(CODES.UNAVAILABLE)
    service.fail(CODES.RESOURCE_EXHAUSTED, retry_after(0.01))
    answers = await collect(client, [request("ann") for _ in range(4)], batch_size=2)
    assert service.batches == [2, 2, 2, 2, 2, 2]
    names = [sent.request_id for sent in service.requests]
    assert names[:2] == names[2:4] == names[4:6]
    assert [answer.request_id for answer in answers] == [*names[:2], *names[6:8]]


async def test_decide_many_sends_unfinished_requests_again(client: Any, service: Scripted) -> None:
    """Requests of a batch that alone came too late are sent again alone; refused ones keep their status in their place."""
    service.late = {"b": 1, "d": 3}
    names = ("a", "b", "bad", "d", "e")
    answers = await collect(client, [request(name, request_id=name) for name in names])
    assert service.batches == [5, 2, 1, 1]
    assert [getattr(answer, "request_id", "refused") for answer in answers] == ["a", "b", "refused", "d", "e"]


async def test_decide_many_stops_and_can_be_resumed(client: Any, service: Scripted) -> None:
    """After the last attempt the results until then are yielded, and the exception has the requests that are left."""
    service.late = {"r4": 3}
    requests = [request("ann", request_id=f"r{number}") for number in range(8)]
    answers: list[Any] = []
    progress: list[int] = []
    with pytest.raises(Interrupted, match="after 4 results: DEADLINE_EXCEEDED") as caught:
        await collect(client, iter(requests), into=answers, batch_size=3, on_progress=progress.append)
    assert [answer.request_id for answer in answers] == ["r0", "r1", "r2", "r3"]
    assert progress == [3]
    assert isinstance(caught.value.error, DeadlineExceeded)
    assert caught.value.answered == 4
    await collect(client, caught.value.unfinished, into=answers)
    assert [answer.request_id for answer in answers] == [f"r{number}" for number in range(8)]


async def test_decide_many_stops_at_once_where_a_retry_cannot_help(client: Any, service: Scripted) -> None:
    """A batch that is refused is not sent again."""
    service.fail(CODES.PERMISSION_DENIED)
    with pytest.raises(Interrupted) as caught:
        await collect(client, [request("a"), request("b")])
    assert isinstance(caught.value.error, AccessDenied)
    assert (caught.value.code, caught.value.answered) == (CODES.PERMISSION_DENIED, 0)
    assert len(service.batches) == 1
    assert [left.customer.id for left in caught.value.unfinished] == ["a", "b"]
    service.fail(CODES.RESOURCE_EXHAUSTED)  # without a time: the message is too large
    with pytest.raises(Interrupted) as caught:
        await collect(client, [request("a")])
    assert isinstance(caught.value.error, Overloaded)
    assert len(service.batches) == 2
    with pytest.raises(ValueError, match="batch_size must be between 1 and 1000, not 0"):
        await collect(client, [request("a")], batch_size=0)


async def test_explain_answers(client: Any, service: Scripted) -> None:
    """A request can be explained."""
    service.fail(CODES.UNAVAILABLE)
    answer = await client.explain(request("ann"))
    assert answer.response.outcome == pb.OUTCOME_NOTHING


async def test_health_is_what_the_server_reports(client: Any, service: Scripted) -> None:
    """A server is healthy if it reports SERVING."""
    assert await client.health()
    await service.health.set("", HealthCheckResponse.NOT_SERVING)
    assert not await client.health()


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_no_server_is_unavailable(asynchronous: bool) -> None:
    """Where no server listens, the error is raised before the deadline."""
    if asynchronous:
        async with AsyncClient("127.0.0.1:1", timeout=60.0) as tact:
            with pytest.raises(Unavailable):
                await tact.decide(request("ann"))
    else:
        with Client("127.0.0.1:1", timeout=60.0) as tact, pytest.raises(Unavailable):
            await asyncio.to_thread(tact.decide, request("ann"))


@pytest.mark.parametrize(("timeout", "attempts"), [(0, 3), (-1, 3), (1.0, 0)])
def test_a_policy_must_allow_something(timeout: float, attempts: int) -> None:
    """A client without time or attempts is refused when it is made."""
    with pytest.raises(ValueError, match="timeout"):
        Client("127.0.0.1:1", timeout=timeout, attempts=attempts)


def test_every_public_name_is_there() -> None:
    """`__all__` lists what the package has."""
    assert [name for name in engine.client.__all__ if not hasattr(engine.client, name)] == []
