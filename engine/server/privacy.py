"""The methods of the service for a person's rights: from the contract's messages to the ledger, and back."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import grpc
import orjson
import structlog

from engine.api.v1 import privacy_pb2 as pb
from engine.ledger.ledger import Ledger
from engine.model.customer import EVERYTHING
from engine.model.instant import Instant
from engine.privacy.apart import ExportJob, exported
from engine.privacy.erasure import EraseCommand
from engine.privacy.objection import ObjectionCommand, Objections, PrivacyActor
from engine.privacy.record import HeldEntry, PersonReader
from engine.server.access.callers import CALLER
from engine.server.access.roles import TooMuch
from engine.server.handlers import server_stream, unary
from engine.server.service import ServedCall, UnaryMethod
from engine.settings import Settings
from engine.wire.respond import set_time
from engine.wire.values import name_of
from engine.wire.violations import FieldViolations

log = structlog.get_logger()


_MOST_BYTES = 16 * 1024
"""Of a request."""


_MOST_EXPORTS = 2
"""Exports under way; more are refused, as each is a process."""


_RETRY_SECONDS = 5.0


_LONGEST = 60.0
"""Seconds that a command may take, where neither the caller nor the server sets a limit."""


def privacy_methods(service: "PrivacyService") -> Mapping[str, UnaryMethod]:
    """The methods of one request and one answer, by name, for every protocol that serves them."""
    return {
        "Erase": UnaryMethod(service.erase, pb.EraseRequest, _MOST_BYTES),
        "Object": UnaryMethod(service.object, pb.ObjectRequest, _MOST_BYTES),
        "WithdrawObjection": UnaryMethod(
            service.withdraw_objection, pb.WithdrawObjectionRequest, _MOST_BYTES
        ),
    }


def privacy_handler(service: "PrivacyService") -> grpc.GenericRpcHandler:
    """All methods for gRPC."""
    return grpc.method_handlers_generic_handler(
        pb.DESCRIPTOR.services_by_name["Privacy"].full_name,
        {
            **{name: unary(*method) for name, method in privacy_methods(service).items()},
            "ExportCustomer": server_stream(service.export_customer, pb.ExportCustomerRequest, _MOST_BYTES),
        },
    )


class PrivacyService:
    """Tells what is held of persons, and does what they ask for. Belongs to one event loop."""

    def __init__(self, ledger: Ledger, clock: Callable[[], Instant], settings: Settings) -> None:
        self._ledger, self._clock = ledger, clock
        self._log, self._longest = settings.log, settings.request_timeout
        self._exports = 0

    async def export_customer(
        self, request: pb.ExportCustomerRequest, _call: Any
    ) -> AsyncGenerator[pb.ExportCustomerResponse, None]:
        """Streams all that is held. Raises InvalidMessage, TooMuch, LedgerUnavailable."""
        violations = FieldViolations()
        customer = name_of(request.customer_id, "customer_id", violations, required=True)
        violations.raise_any()
        if self._exports >= _MOST_EXPORTS:
            raise TooMuch(f"{_MOST_EXPORTS} exports are under way", _RETRY_SECONDS)
        self._exports += 1
        try:
            reader = PersonReader(CALLER.get().name, "export", "grpc")
            job = ExportJob(self._log, customer, reader, self._clock())
            async with aclosing(exported(job)) as parts:
                async for part in parts:
                    yield _part(part)
        finally:
            self._exports -= 1

    async def erase(self, request: pb.EraseRequest, call: ServedCall) -> pb.EraseResponse:
        """Erases a person."""
        violations = FieldViolations()
        customer = name_of(request.customer_id, "customer_id", violations, required=True)
        reference = name_of(request.reference, "reference", violations)
        violations.raise_any()
        command = EraseCommand(customer, reference, CALLER.get().name, "grpc", self._clock)
        receipt = await self._ledger.commit(command, deadline=self._deadline(call))
        log.info("person erased", receipt=receipt.receipt_id, caller=command.actor)
        response = pb.EraseResponse(
            receipt_id=receipt.receipt_id,
            deleted=receipt.erased.deleted,
            severed=receipt.erased.severed,
            suppressed=receipt.suppressed,
            runs=receipt.erased.runs,
        )
        set_time(response.erased_at, receipt.at)
        return response

    async def object(self, request: pb.ObjectRequest, call: ServedCall) -> pb.ObjectionResponse:
        """Notes an objection."""
        return await self._say(request, call, objects=True)

    async def withdraw_objection(
        self, request: pb.WithdrawObjectionRequest, call: ServedCall
    ) -> pb.ObjectionResponse:
        """Notes that the person takes an objection back."""
        return await self._say(request, call, objects=False)

    async def _say(
        self, request: pb.ObjectRequest | pb.WithdrawObjectionRequest, call: ServedCall, *, objects: bool
    ) -> pb.ObjectionResponse:
        violations = FieldViolations()
        customer = name_of(request.customer_id, "customer_id", violations, required=True)
        purpose = name_of(request.purpose, "purpose", violations) or EVERYTHING
        reference = name_of(request.reference, "reference", violations, required=not objects)
        violations.raise_any()
        command = ObjectionCommand(customer, purpose, objects, reference, self._actor())
        result: Objections = await self._ledger.commit(command, deadline=self._deadline(call))
        log.info("objection noted", objects=objects, purpose=purpose, caller=command.actor.name)
        return pb.ObjectionResponse(
            purposes=["" if purpose == EVERYTHING else purpose for purpose in result.purposes],
            is_new=result.is_new,
        )

    def _actor(self) -> PrivacyActor:
        return PrivacyActor(CALLER.get().name, "grpc", self._clock())

    def _deadline(self, call: ServedCall) -> float:
        remaining: float | None = call.time_remaining()
        return time.monotonic() + min(remaining or _LONGEST, self._longest or _LONGEST)


def _part(part: dict[str, Any] | HeldEntry) -> pb.ExportCustomerResponse:
    """The head of an export, or a row, as a message."""
    if isinstance(part, HeldEntry):
        row = pb.ExportRow(section=part.section, json=orjson.dumps(part.fields).decode())
        return pb.ExportCustomerResponse(row=row)
    head = pb.ExportHead(
        customer_id=part["customer"], person_id=part["person"], names=part["names"], sections=part["sections"]
    )
    head.made_at.FromJsonString(part["made_at"])
    return pb.ExportCustomerResponse(head=head)
