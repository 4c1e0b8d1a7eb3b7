"""The end of a call that fails."""

from typing import Any, NoReturn

import grpc
from grpc.aio import ServicerContext

from engine.server.status import status_of

_STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


async def abort(context: ServicerContext[Any, Any], error: Exception) -> NoReturn:
    """Ends the call with the status that tells its caller of the error."""
    status = status_of(error)
    await context.abort(
        _STATUS_CODES[status.code],
        status.message,
        trailing_metadata=(("grpc-status-details-bin", status.SerializeToString()),),
    )
    raise AssertionError("abort raises")
