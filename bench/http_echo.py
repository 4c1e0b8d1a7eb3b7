"""The limit over HTTP: a server that reads a DecideRequest and writes the same DecideResponse each time.

`python -m bench.http_echo RESPONSE` serves on a free port of loopback; RESPONSE is a file with the serialised answer.
"""

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from bench.echo import SERVICE, answering
from engine.api.v1 import decisions_pb2 as pb
from engine.server.access.admission import Admission
from engine.server.access.callers import Callers, everyone
from engine.server.access.limits import UNBOUNDED
from engine.server.http.app import HttpApp, friendly_routes, method_routes
from engine.server.http.server import HttpServer, open_sockets
from engine.server.listen import Stop
from engine.server.logs import configure
from engine.server.service import UnaryMethod
from engine.settings import Settings


async def serve(response: pb.DecideResponse) -> None:
    """Serves the method until SIGTERM or SIGINT."""
    settings = Settings(http="127.0.0.1:0")
    methods = {"Decide": UnaryMethod(answering(response), pb.DecideRequest)}
    posts = method_routes(SERVICE, methods, settings.message_bytes)
    posts |= friendly_routes(SERVICE, methods, {"/v1/decide": "Decide"}, settings.message_bytes)
    callers = Callers(anyone=everyone(UNBOUNDED, simulate=False))
    app = HttpApp(Admission(lambda: callers, settings.request_timeout), posts, {}, {}, None)
    server = HttpServer(app, open_sockets(settings, shared=False), settings, None, lambda: None)
    stop = Stop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.hurry)
    server.start()
    print(f"listening on {server.address}", flush=True)
    await stop.requested()
    await server.drain(1, stop)


if __name__ == "__main__":
    configure(as_json=False)
    uvloop.run(serve(pb.DecideResponse.FromString(Path(sys.argv[1]).read_bytes())))
