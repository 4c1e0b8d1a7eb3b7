"""The scripted server, and either client, for each test."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from engine.api.v1 import decisions_pb2_grpc as pb_grpc
from engine.client import AsyncClient, Client
from tests.client.scripted import InThreads, Scripted


@pytest.fixture
async def served() -> AsyncIterator[tuple[Scripted, str]]:
    """A scripted server and its address."""
    service = Scripted()
    server = grpc.aio.server()
    pb_grpc.add_DecisionsServicer_to_server(service, server)  # type: ignore[no-untyped-call]
    add_HealthServicer_to_server(service.health, server)
    await service.health.set("", health_pb2.HealthCheckResponse.SERVING)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield service, f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.fixture
def service(served: tuple[Scripted, str]) -> Scripted:
    """The scripted server."""
    return served[0]


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, served: tuple[Scripted, str]) -> AsyncIterator[Any]:
    """Either client, with methods to await."""
    if request.param == "async":
        async with AsyncClient(served[1], timeout=60.0) as tact:
            yield tact
    else:
        with Client(served[1], timeout=60.0) as tact:
            yield InThreads(tact)
