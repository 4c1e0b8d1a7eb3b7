"""Thousands of watches of health and messages that stop half-way, without a token: memory is bounded, probes are answered."""

from contextlib import ExitStack

import grpc
import psutil
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from engine.client import Client
from engine.server.access.roles import Role
from engine.server.health_service import MOST_WATCHES, MOST_WATCHES_OF_A_CONNECTION
from tests.books import write_book
from tests.server.access.conftest import token_for, write_callers
from tests.server.http2 import Peer, peer_of
from tests.servers import serving
from trial.peers import LONG_GRACE, ends
from trial.result import TrialResult, TrialSettings, wait_until
from trial.watch import memory_of

WATCH, CHECK = "/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health/Check"
MAY_GROW = 192.0
"""MB: 32 messages of 4 MB that arrive, 1,000 watches of 20 kB, and what the allocator keeps."""
_HALF = 2_000_000


def run(settings: TrialSettings) -> TrialResult:
    """Does it without a token, to a server with a callers file; then an ordinary watch, and a stop."""
    result, watches = TrialResult(), int(settings.size(1000, 50))
    book, log = write_book(settings.folder / "book"), settings.folder / "tact.db"
    callers = write_callers(settings.folder / "callers.toml", token_for("shop", Role.DECIDE)[1])
    with (
        serving(book, log, "--callers", str(callers), *LONG_GRACE) as server,
        Client(server.target, timeout=60) as client,
        ExitStack() as stack,
    ):
        result.check(wait_until(client.health), "it was not ready")
        process = psutil.Process(server.process.pid)
        before = memory_of(process)
        peers = [stack.enter_context(peer_of(server.target)) for _ in range(int(settings.size(20, 3)))]
        begun = {peer: _watch(peer, watches) for peer in peers}
        refused = sum(_refused(peer, streams) for peer, streams in begun.items())
        allowed = min(MOST_WATCHES, len(peers) * MOST_WATCHES_OF_A_CONNECTION)
        result.check(refused == len(peers) * watches - allowed, f"{refused:,} watches were refused")
        result.check(client.health(), "a probe was not answered beside watches")
        sent = 0
        for _ in range(int(settings.size(10, 1))):
            for peer in peers:
                begun[peer].append(peer.call(CHECK, of=4_000_000))
                sent += peer.send(begun[peer][-1], _HALF)
        result.check(client.health(), "a probe was not answered beside messages that stop half-way")
        grown = memory_of(process) - before
        result.check(grown < MAY_GROW, f"memory grew by {grown:.0f} MB")
        with grpc.insecure_channel(server.target) as channel:
            ordinary = HealthStub(channel).Watch(HealthCheckRequest())
            result.check(bool(next(iter(ordinary)).status), "an ordinary watch was not answered")
            server.process.terminate()
            for peer, streams in begun.items():
                result.check(len(peer.statuses(streams)) == len(streams), "a stranger's call did not end")
        stack.close()
        result.check(ends(server, signals=0), "watches and half-sent messages kept it from ending")
    result.summary = (
        f"{len(peers)} connections, {watches:,} watches each: {refused:,} refused; {sent / 1e6:.0f} MB of messages that"
        f" stop half-way; memory {grown:+.0f} MB"
    )
    return result


def _watch(peer: Peer, watches: int) -> list[int]:
    """Begins watches."""
    return [peer.call(WATCH, HealthCheckRequest().SerializeToString()) for _ in range(watches)]


def _refused(peer: Peer, streams: list[int]) -> int:
    """How many of the watches are refused."""
    statuses = peer.statuses(streams[MOST_WATCHES_OF_A_CONNECTION:])
    return sum(status == str(grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]) for status in statuses.values())
