"""The limit: a server that reads a DecideRequest and writes the same DecideResponse each time, and does nothing else.

`python -m bench.echo RESPONSE` serves on a free port of loopback; RESPONSE is a file with the serialised answer.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import uvloop

from engine.api.v1 import decisions_pb2 as pb
from engine.settings import Settings

SERVICE = pb.DESCRIPTOR.services_by_name["Decisions"].full_name
OPTIONS = (
    ("grpc.max_receive_message_length", Settings().message_bytes),
    ("grpc.max_send_message_length", Settings().message_bytes),
)


Decide = Callable[[pb.DecideRequest, Any], Awaitable[pb.DecideResponse]]
DecideBatch = Callable[[pb.DecideBatchRequest, Any], Awaitable[pb.DecideBatchResponse]]


def answering(response: pb.DecideResponse) -> Decide:
    """A method that gives the same answer each time."""

    async def decide(request: pb.DecideRequest, context: Any) -> pb.DecideResponse:  # noqa: ARG001
        return response

    return decide


async def serve(decide: Decide, batch: DecideBatch | None = None) -> None:
    """Serves the methods until SIGTERM or SIGINT."""
    handlers = {
        "Decide": grpc.unary_unary_rpc_method_handler(
            decide, pb.DecideRequest.FromString, pb.DecideResponse.SerializeToString
        )
    }
    if batch is not None:
        handlers["DecideBatch"] = grpc.unary_unary_rpc_method_handler(
            batch, pb.DecideBatchRequest.FromString, pb.DecideBatchResponse.SerializeToString
        )
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await stop.wait()
    await server.stop(1)


if __name__ == "__main__":
    uvloop.run(serve(answering(pb.DecideResponse.FromString(Path(sys.argv[1]).read_bytes()))))
