"""The service's methods: from the contract's messages to the engine, and back."""

import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import grpc
import structlog
from google.protobuf.message import DecodeError, Message

from engine.api.v1 import decisions_pb2 as pb
from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.explain import explain, explain_logged
from engine.ledger.commit.events import RecordResult, WarnedResult
from engine.ledger.queries.decisions import decision_of
from engine.model.decision import Decision
from engine.model.instant import Instant
from engine.model.request import Mode, Request
from engine.privacy.access import ReadCommand
from engine.privacy.objection import PrivacyActor
from engine.server.access.callers import CALLER
from engine.server.book.by_person import Answered, by_person, each_by_person, in_order
from engine.server.book.serving import ServingBook, ServingBooks
from engine.server.feeds import Feeds
from engine.server.handlers import server_stream, stream, unary, unreadable
from engine.server.status import refusal_reason, status_of
from engine.server.streams import Streams, decide_when_room
from engine.wire.explain import check_campaigns, check_explained, parse_past, respond_explained
from engine.wire.record import parse_linking, parse_recordings
from engine.wire.respond import IgnoredNames, respond
from engine.wire.violations import FieldViolation, InvalidMessage

if TYPE_CHECKING:
    from engine.server.book.challenger import Challenger
    from engine.telemetry.metrics import Metrics

log = structlog.get_logger()


_MOST_BYTES = 4096
"""Of a request that asks for a stream out of the log."""


class ServedCall(Protocol):
    """What a method asks of its call, whatever the protocol."""

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline; None without one."""

    def add_done_callback(self, callback: Any) -> None:
        """Calls back once the reply has left."""


class UnaryMethod(NamedTuple):
    """A method of one request and one answer."""

    behaviour: Callable[[Any, Any], Awaitable[Message]]
    """Takes the message and its ServedCall."""
    kind: type[Message]
    """Of the request."""
    most_bytes: int | None = None
    """The request's size, where it is less than that of any message."""


def unary_methods(service: "DecisionsService") -> Mapping[str, UnaryMethod]:
    """The methods of one request and one answer, by name, for every protocol that serves them."""
    return {
        "Decide": UnaryMethod(service.decide, pb.DecideRequest),
        "DecideBatch": UnaryMethod(service.decide_batch, pb.DecideBatchRequest),
        "Record": UnaryMethod(service.record, pb.RecordRequest),
        "Link": UnaryMethod(service.link, pb.LinkRequest),
        "Explain": UnaryMethod(service.explain, pb.ExplainRequest),
    }


def decisions_handler(service: "DecisionsService", feeds: Feeds) -> grpc.GenericRpcHandler:
    """The methods that this version serves; gRPC itself answers UNIMPLEMENTED for the others of the contract."""
    methods = unary_methods(service).items()
    return grpc.method_handlers_generic_handler(
        pb.DESCRIPTOR.services_by_name["Decisions"].full_name,
        {
            **{name: unary(*method) for name, method in methods},
            "DecideStream": stream(service.decide_stream, pb.DecideRequest),
            "Watch": server_stream(feeds.watch, pb.WatchRequest, _MOST_BYTES),
            "Due": server_stream(feeds.due, pb.DueRequest, _MOST_BYTES),
        },
    )


_Answer = TypeVar("_Answer")


class DecisionsService:
    """Translates between the contract and the engine; `handlers` turns what its methods raise into a status.

    longest: seconds until the deadline of a call that brings none; 0: it has none. metrics: None where nothing is observed.
    challenger: gets the decisions whose replies have left; None where no second book decides.
    """

    def __init__(
        self,
        serving_books: ServingBooks,
        clock: Callable[[], Instant],
        streams: Streams,
        *,
        longest: float = 0.0,
        metrics: "Metrics | None" = None,
        challenger: "Challenger | None" = None,
    ) -> None:
        self._serving_books = serving_books
        self._streams = streams
        self._clock = clock
        self._longest = longest or None
        self._metrics = metrics
        self._challenger = challenger

    async def decide(self, request: pb.DecideRequest, call: ServedCall) -> pb.DecideResponse:
        """Decides for one customer."""
        deadline = self._deadline(call)

        async def decide(serving: ServingBook) -> tuple[ServingBook, Request, Decision]:
            serving.engine.check_room(1)
            parsed = self._parse(serving, request, self._clock())
            return serving, parsed, await serving.engine.decide(parsed, deadline=deadline)

        serving, parsed, decision = await by_person(self._serving_books, request.customer.id, decide)
        self._count("Decide", (decision,))
        self._challenge_after(call, [(serving, request, parsed, decision)])
        return _response(IgnoredNames(serving.parser.compiled.book), parsed, decision)

    async def decide_batch(self, request: pb.DecideBatchRequest, call: ServedCall) -> pb.DecideBatchResponse:
        """Decides for many customers in one group; an item that fails has an error of its own."""
        live, deadline = self._serving_books.current, self._deadline(call)
        if len(request.requests) > live.parser.limits.batched:
            raise _too_many(live.parser.limits.batched, len(request.requests))
        live.engine.check_room(len(request.requests))

        async def decide(engine: Engine, requests: Sequence[Request]) -> Sequence[Decision | Exception]:
            return await engine.decide_all(requests, deadline=deadline)

        parse = partial(self._parsed_or_error, now=self._clock())
        answered = await each_by_person(self._serving_books, request.requests, parse, decide)
        self._count("DecideBatch", [item.answer for item in answered])
        self._challenge_after(
            call, [(item.serving, item.message, item.parsed, item.answer) for item in answered]
        )
        named = _names_by_book(answered)
        return pb.DecideBatchResponse(
            items=[_item(named[item.serving], item.parsed, item.answer) for item in answered]
        )

    async def decide_stream(
        self, requests: AsyncIterator[pb.DecideRequest | DecodeError], call: ServedCall
    ) -> AsyncGenerator[pb.DecideResponse, None]:
        """Decides for many customers, as many at a time as have arrived; one that fails has an error of its own."""
        with self._streams.intake(requests, _size) as intake:
            while messages := await intake.taken():
                responses, decided = await self._decide_streamed(messages, call)
                for response, of_response in zip(responses, decided, strict=True):
                    yield response
                    intake.answered()
                    if of_response is not None:
                        self._challenge(*of_response)

    async def _decide_streamed(
        self, messages: Sequence[pb.DecideRequest | DecodeError], call: ServedCall
    ) -> tuple[Sequence[pb.DecideResponse], Sequence["_Decided | None"]]:
        """The responses to messages of a stream, decided in one group; and of each, what the challenger may decide."""
        deadline = self._stream_deadline(call)

        async def decide(engine: Engine, requests: Sequence[Request]) -> Sequence[Decision | Exception]:
            return await decide_when_room(engine, requests, deadline)

        parse = partial(self._parse_streamed, now=self._clock())
        answered = await each_by_person(self._serving_books, messages, parse, decide)
        self._count("DecideStream", [item.answer for item in answered])
        named = _names_by_book(answered)
        responses = [
            _streamed(named[item.serving], item.message, item.parsed, item.answer) for item in answered
        ]
        return responses, [self._decided(*item) for item in answered]

    async def record(self, request: pb.RecordRequest, call: ServedCall) -> pb.RecordResponse:
        """Records events of customers and outcomes of decisions; one that fails has an error of its own."""
        with self._serving_books.current as serving:
            serving.engine.check_room(len(request.events))
            parsed = parse_recordings(serving.parser, request, self._clock())
            valid = [item for item in parsed if not isinstance(item, Exception)]
            answers = await serving.engine.record(valid, deadline=self._deadline(call)) if valid else ()
        ordered = [*in_order(parsed, answers)]
        self._count_recorded(ordered)
        return pb.RecordResponse(results=map(_result, request.events, ordered))

    async def link(self, request: pb.LinkRequest, call: ServedCall) -> pb.LinkResponse:
        """Makes ids one person's."""
        with self._serving_books.current as serving:
            try:
                command = parse_linking(serving.parser, request, self._clock())
                result = await serving.engine.link(command, deadline=self._deadline(call))
            except Exception as error:
                self._count_refused("Link", error)
                raise
        return pb.LinkResponse(customer_id=result.person)

    async def explain(self, request: pb.ExplainRequest, call: ServedCall) -> pb.ExplainResponse:
        """Explains every campaign's result: for a request, or for a decision in the log."""
        deadline, only = self._deadline(call), frozenset(request.campaigns)

        async def explain_request(serving: ServingBook) -> pb.ExplainResponse:
            engine = serving.engine
            check_campaigns(request, engine.compiled.book)
            parsed = self._parse(serving, request.request, self._clock())
            explained = await explain(engine, parsed, deadline=deadline, only=only, counterfactuals=True)
            return respond_explained(explained, engine.compiled.book)

        if request.WhichOneof("subject") != "decision_id":
            return await by_person(self._serving_books, request.request.customer.id, explain_request)
        decision_id = parse_past(request)
        with await self._deciding(decision_id, deadline) as serving:
            reads = ReadCommand(PrivacyActor(CALLER.get().name, "grpc", self._clock()), decision_id)
            await serving.engine.note(reads, deadline=deadline)
            explained = await explain_logged(
                serving.engine, decision_id, deadline=deadline, only=only, counterfactuals=True
            )
            check_explained(request.campaigns, explained, serving.engine.compiled.book)
            return respond_explained(explained, serving.engine.compiled.book)

    async def _deciding(self, decision_id: str, deadline: float | None) -> ServingBook:
        """What serves the version that made the decision; the live one where no version does that is served."""
        books = self._serving_books
        if books.staged is None:
            return books.current
        row = await books.current.engine.look(
            partial(decision_of, decision_id=decision_id), deadline=deadline
        )
        return (books.held(row.book_version) if row is not None else None) or books.current

    def _deadline(self, call: ServedCall) -> float | None:
        """The caller's deadline, or ours, on time.monotonic's clock."""
        remaining: float | None = call.time_remaining()
        if remaining is None:
            remaining = self._longest
        return None if remaining is None else time.monotonic() + remaining

    def _stream_deadline(self, call: ServedCall) -> float | None:
        """The deadline of messages that have just arrived: ours, or the end of the stream where that is earlier."""
        end = self._deadline(call)
        own = None if self._longest is None else time.monotonic() + self._longest
        return min(end, own) if end is not None and own is not None else end

    def _parse(self, serving: ServingBook, message: pb.DecideRequest, now: Instant) -> Request:
        start = time.perf_counter()
        request = serving.parser.parse(message, now)
        if self._metrics is not None:
            self._metrics.took("parse", time.perf_counter() - start)
            if request.ignored:
                self._metrics.ignored(len(request.ignored))
        return request

    def _parsed_or_error(
        self, serving: ServingBook, message: pb.DecideRequest, now: Instant
    ) -> Request | Exception:
        try:
            return self._parse(serving, message, now)
        except Exception as error:  # noqa: BLE001 an item's fault is that item's status
            return error

    def _parse_streamed(
        self, serving: ServingBook, message: pb.DecideRequest | DecodeError, now: Instant
    ) -> Request | Exception:
        """A request of a stream, which needs a request_id by which its response is recognised."""
        if isinstance(message, DecodeError):
            return unreadable(message, pb.DecideRequest)
        if not message.request_id:
            return InvalidMessage([FieldViolation("request_id", "is required in a stream")])
        return self._parsed_or_error(serving, message, now)

    def _challenge_after(
        self,
        call: ServedCall,
        items: Iterable[tuple[ServingBook, pb.DecideRequest, Request | Exception, Decision | Exception]],
    ) -> None:
        """Gives the challenger what was decided, once the call has ended: its reply has left."""
        if self._challenger is None:
            return
        decided = [of_item for item in items if (of_item := self._decided(*item)) is not None]

        def offer(_: object) -> None:
            for of_item in decided:
                self._challenge(*of_item)

        if decided:
            call.add_done_callback(offer)

    def _decided(
        self,
        serving: ServingBook,
        message: pb.DecideRequest | DecodeError,
        request: Request | Exception,
        answer: Decision | Exception,
    ) -> "_Decided | None":
        """What the challenger may decide; None where there is none, or nothing was committed."""
        if self._challenger is None or isinstance(message, DecodeError):
            return None
        if not isinstance(request, Request) or not isinstance(answer, Decision):
            return None
        return _Decided(message, request, answer, serving.engine.compiled)

    def _challenge(
        self, message: pb.DecideRequest, request: Request, decision: Decision, deciding: CompiledBook
    ) -> None:
        if self._challenger is not None:
            self._challenger.offer(message, request, decision, deciding)

    def _count(self, method: str, answers: Iterable[Decision | Exception]) -> None:
        """Counts the decisions and what was refused, and logs each decision at level `debug`, without the customer."""
        if self._metrics is None:
            return
        for answer in answers:
            if isinstance(answer, Exception):
                self._count_refused(method, answer)
            else:
                self._metrics.decided(answer)
                log.debug(
                    "decided",
                    request_id=answer.request_id,
                    decision_id=answer.decision_id,
                    outcome=answer.outcome,
                    book=answer.book_version,
                )

    def _count_recorded(self, answers: Iterable[RecordResult | WarnedResult | Exception]) -> None:
        if self._metrics is None:
            return
        for answer in answers:
            if isinstance(answer, Exception):
                self._metrics.recorded("error")
                self._count_refused("Record", answer)
            else:
                self._metrics.recorded(answer.result if isinstance(answer, WarnedResult) else answer)

    def _count_refused(self, method: str, error: Exception) -> None:
        if self._metrics is not None:
            self._metrics.refused(method, refusal_reason(error))


class _Decided(NamedTuple):
    message: pb.DecideRequest
    request: Request
    decision: Decision
    deciding: CompiledBook


def _names_by_book(answered: Iterable[Answered[Any]]) -> dict[ServingBook, IgnoredNames]:
    servings = {item.serving for item in answered}
    return {serving: IgnoredNames(serving.parser.compiled.book) for serving in servings}


def _size(message: pb.DecideRequest | DecodeError) -> int:
    """Bytes of a request of a stream; what could not be read was let go."""
    return 0 if isinstance(message, DecodeError) else message.ByteSize()


def _response(names: IgnoredNames, request: Request | Exception, decision: Decision) -> pb.DecideResponse:
    """The response; a preview names the attributes that were ignored."""
    response = respond(decision)
    if isinstance(request, Request) and request.ignored and request.mode is Mode.PREVIEW:
        response.ignored.extend(names.messages(request.ignored))
    return response


def _item(
    names: IgnoredNames, request: Request | Exception, answer: Decision | Exception
) -> pb.DecideBatchItem:
    if isinstance(answer, Decision):
        return pb.DecideBatchItem(response=_response(names, request, answer))
    return pb.DecideBatchItem(error=status_of(answer))


def _streamed(
    names: IgnoredNames,
    message: pb.DecideRequest | DecodeError,
    request: Request | Exception,
    answer: Decision | Exception,
) -> pb.DecideResponse:
    if isinstance(answer, Decision):
        return _response(names, request, answer)
    request_id = "" if isinstance(message, DecodeError) else message.request_id
    return pb.DecideResponse(request_id=request_id, error=status_of(answer))


def _result(event: pb.RecordedEvent, answer: RecordResult | WarnedResult | Exception) -> pb.RecordedResult:
    event_id = event.event_id or event.event.event_id
    match answer:
        case WarnedResult(result=result, warning=warning):
            message = _result(event, result)
            message.warning = warning
            return message
        case RecordResult.ACCEPTED:
            return pb.RecordedResult(event_id=event_id, accepted=True)
        case RecordResult.DUPLICATE:
            return pb.RecordedResult(event_id=event_id, duplicate=True)
        case _:
            return pb.RecordedResult(event_id=event_id, error=status_of(answer))


def _too_many(most: int, count: int) -> InvalidMessage:
    return InvalidMessage([FieldViolation("requests", f"must be at most {most}, not {count}")])
