"""What came of a stream, settled together, and answered."""

import asyncio
import time
from collections.abc import Sequence

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from engine.api.v1 import decisions_pb2 as pb
from engine.context import Request
from engine.decide import Engine
from engine.decision import Decision
from engine.ledger.errors import LedgerFull
from engine.server.respond import respond
from engine.server.status import status_of


async def settled(
    engine: Engine, requests: Sequence[Request], deadline: float | None
) -> Sequence[Decision | Exception]:
    """Decides the requests in one settlement; what fails all of them stands in the place of each.

    Where too many others wait to be settled it waits as well, up to the deadline: a stream holds its sender back, and need
    not send anybody away.
    """
    while True:
        try:
            return await engine.settle_all(requests, deadline=deadline)
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
