"""What came of a stream, settled together, and answered."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from grpc.aio import ServicerContext

from engine.api.v1 import decisions_pb2 as pb
from engine.engine import Engine
from engine.explain import explain, explain_logged
from engine.ledger.commit.events import RecordCommand, RecordResult
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import LedgerFull
from engine.model.decision import Decision
from engine.model.instant import Instant
from engine.model.request import Request
from engine.server.book.serving import ServingBook, ServingBooks
from engine.server.status import status_of
from engine.server.streams import Streams
from engine.wire.explain import check_campaigns, parse_past, respond_explained
from engine.wire.record import parse_linking, parse_recordings
from engine.wire.respond import respond
from engine.wire.violations import FieldViolation, InvalidMessage


async def settled(
    engine: Engine, requests: Sequence[Request], deadline: float | None
) -> Sequence[Decision | Exception]:
    """Decides the requests in one settlement; what fails all of them stands in the place of each.

    Where too many others wait to be settled it waits as well, up to the deadline: a stream holds its sender back, and need
    not send anybody away.
    """
    while True:
        try:
            return await engine.decide_all(requests, deadline=deadline)
        except LedgerFull as full:
            if deadline is not None and time.monotonic() + full.retry_after > deadline:
                return [full] * len(requests)
            await asyncio.sleep(full.retry_after)
        except Exception as error:  # noqa: BLE001 the stream goes on: each request has its own status
            return [error] * len(requests)


def streamed(
    message: pb.DecideRequest | DecodeError, answer: Decision | Exception | Status
) -> pb.DecideResponse:
    """The answer of a stream to one request: the decision, or why there is none."""
    if isinstance(answer, Decision):
        return respond(answer)
    name = "" if isinstance(message, DecodeError) else message.request_id
    return pb.DecideResponse(
        request_id=name, error=answer if isinstance(answer, Status) else status_of(answer)
    )


Context = ServicerContext[Any, Any]


ServerNow = Callable[[], Instant]


class DecisionsService:
    """Translates between the contract and the engine; what its methods raise becomes a status in `handlers`.

    longest: seconds until the deadline of a call that brings none; 0: it has none.
    """

    def __init__(
        self, serving_books: ServingBooks, clock: ServerNow, streams: Streams, *, longest: float = 0.0
    ) -> None:
        self._desks = serving_books
        self._streams = streams
        self._clock = clock
        self._longest = longest or None

    async def decide(self, request: pb.DecideRequest, context: Context) -> pb.DecideResponse:
        """One customer, now."""
        with self._desks.compiled as serving:
            serving.engine.check_room(1)
            parsed = serving.parser.parse(request, self._clock())
            return respond(await serving.engine.decide(parsed, deadline=self._deadline(context)))

    async def decide_batch(self, request: pb.DecideBatchRequest, context: Context) -> pb.DecideBatchResponse:
        """Many customers in one settlement; an error of one is its own."""
        with self._desks.compiled as serving:
            if len(request.requests) > serving.parser.limits.batched:
                raise _too_many(serving.parser.limits.batched, len(request.requests))
            serving.engine.check_room(len(request.requests))
            parsed = [self._parsed(serving, one) for one in request.requests]
            good = [one for one in parsed if isinstance(one, Request)]
            answers = iter(
                await serving.engine.decide_all(good, deadline=self._deadline(context)) if good else ()
            )
        return pb.DecideBatchResponse(
            items=[_item(next(answers) if isinstance(one, Request) else one) for one in parsed]
        )

    async def decide_stream(
        self, requests: AsyncIterator[pb.DecideRequest | DecodeError], context: Context
    ) -> AsyncGenerator[pb.DecideResponse, None]:
        """Many customers, as many at a time as have come; an error of one is its own."""
        with self._streams.intake(requests) as intake:
            while taken := await intake.taken():
                for answer in await self._decided(taken, context):
                    yield answer
                    intake.answered()

    async def _decided(
        self, messages: Sequence[pb.DecideRequest | DecodeError], context: Context
    ) -> Sequence[pb.DecideResponse]:
        """The answers to what came of a stream, in one settlement."""
        with self._desks.compiled as serving:
            parsed = [self._named(serving, one) for one in messages]
            good = [one for one in parsed if isinstance(one, Request)]
            answers = iter(await settled(serving.engine, good, self._soon(context)) if good else ())
        return [
            streamed(one, next(answers) if isinstance(each, Request) else each)
            for one, each in zip(messages, parsed, strict=True)
        ]

    async def record(self, request: pb.RecordRequest, context: Context) -> pb.RecordResponse:
        """What customers did, and what happened to decisions; an error of one event is its own."""
        with self._desks.compiled as serving:
            serving.engine.check_room(len(request.events))
            parsed = parse_recordings(serving.parser, request, self._clock())
            good = [one for one in parsed if isinstance(one, RecordCommand | ReportCommand)]
            answers = iter(
                await serving.engine.record(good, deadline=self._deadline(context)) if good else ()
            )
        results = [next(answers) if isinstance(one, RecordCommand | ReportCommand) else one for one in parsed]
        return pb.RecordResponse(results=[_result(*one) for one in zip(request.events, results, strict=True)])

    async def link(self, request: pb.LinkRequest, context: Context) -> pb.LinkResponse:
        """Names of one person."""
        with self._desks.compiled as serving:
            linking = parse_linking(serving.parser, request, self._clock())
            linked = await serving.engine.link(linking, deadline=self._deadline(context))
        return pb.LinkResponse(customer_id=linked.person)

    async def explain(self, request: pb.ExplainRequest, context: Context) -> pb.ExplainResponse:
        """Every campaign, and why: of a request, or of a decision that was made."""
        with self._desks.compiled as serving:
            book, deadline = serving.engine.compiled.book, self._deadline(context)
            only = frozenset(request.campaigns)
            if request.WhichOneof("subject") == "decision_id":
                wanted = parse_past(request)
                found = await explain_logged(
                    serving.engine, wanted, deadline=deadline, only=only, counterfactuals=True
                )
            else:
                check_campaigns(request, book)
                parsed = serving.parser.parse(request.request, self._clock())
                found = await explain(
                    serving.engine, parsed, deadline=deadline, only=only, counterfactuals=True
                )
            return respond_explained(found, book.timezone)

    def _deadline(self, context: Context) -> float | None:
        """The caller's deadline, or ours, on time.monotonic's clock."""
        remaining: float | None = context.time_remaining()
        if remaining is None:
            remaining = self._longest
        return None if remaining is None else time.monotonic() + remaining

    def _soon(self, context: Context) -> float | None:
        """The deadline of what just came of a stream: ours, or the end of the stream where that is before it."""
        ends = self._deadline(context)
        ours = None if self._longest is None else time.monotonic() + self._longest
        return min(ends, ours) if ends is not None and ours is not None else ends

    def _named(self, serving: ServingBook, message: pb.DecideRequest | DecodeError) -> Request | Status:
        """A request of a stream, which has to say how its answer is to be known."""
        if isinstance(message, DecodeError):
            return status_of(InvalidMessage([FieldViolation("", "the bytes are not a DecideRequest")]))
        if not message.request_id:
            return status_of(InvalidMessage([FieldViolation("request_id", "is required in a stream")]))
        return self._parsed(serving, message)

    def _parsed(self, serving: ServingBook, message: pb.DecideRequest) -> Request | Status:
        try:
            return serving.parser.parse(message, self._clock())
        except Exception as error:  # noqa: BLE001 an item's fault is that item's status
            return status_of(error)


def _item(answer: Decision | Exception | Status) -> pb.DecideBatchItem:
    match answer:
        case Decision():
            return pb.DecideBatchItem(response=respond(answer))
        case Status():
            return pb.DecideBatchItem(error=answer)
        case _:
            return pb.DecideBatchItem(error=status_of(answer))


def _result(event: pb.RecordedEvent, answer: RecordResult | Exception) -> pb.RecordedResult:
    name = event.event_id or event.event.event_id
    match answer:
        case RecordResult.ACCEPTED:
            return pb.RecordedResult(event_id=name, accepted=True)
        case RecordResult.DUPLICATE:
            return pb.RecordedResult(event_id=name, duplicate=True)
        case _:
            return pb.RecordedResult(event_id=name, error=status_of(answer))


def _too_many(most: int, count: int) -> InvalidMessage:
    return InvalidMessage([FieldViolation("requests", f"must be at most {most}, not {count}")])
