"""When a server is ready, and what is said of what the log loses: by times that are given, and on a full disk."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from structlog.testing import capture_logs

from engine.client import Client, TactError
from engine.ledger.ledger import Losses
from engine.server.readiness import LossReport, Readiness
from tests.requests import li_na
from tests.server.log_trouble import limit
from tests.servers import serving
from tests.telemetry.shown import free_port, page, value
from tests.waiting import until

FULL = "the log did not take the write: database or disk is full"
NOTHING = Losses()


def looked(readiness: Readiness, *looks: tuple[float, str | None, int]) -> list[bool]:
    """Whether it is ready after each look: the time, the trouble, and the groups that were lost by then."""
    states = []
    for now, trouble, groups in looks:
        readiness.look(now, trouble, Losses(groups))
        states.append(readiness.ready)
    return states


def test_it_is_ready_after_the_first_proof() -> None:
    """A server starts without waiting; not one whose log is away."""
    readiness = Readiness()
    assert not readiness.ready
    assert looked(readiness, (0, None, 0)) == [True]
    assert looked(Readiness(), (0, FULL, 0), (1, None, 0)) == [False, False]


def test_a_failed_proof_makes_it_unready_until_five_were_taken() -> None:
    """At once; a proof that is taken between two that are not begins the count anew."""
    looks = [(0.0, None, 0), (1.0, FULL, 0), (2.0, None, 0), (3.0, FULL, 0)]
    looks += [(4.0 + number, None, 0) for number in range(5)]
    assert looked(Readiness(), *looks) == [True, *[False] * 7, True]


def test_lost_groups_make_it_unready_though_proofs_are_taken() -> None:
    """Three within ten seconds do; two do not, nor three that are further apart."""
    assert looked(Readiness(), (0, None, 0), (1, None, 1), (2, None, 2)) == [True, True, True]
    assert looked(Readiness(), (0, None, 0), (1, None, 1), (2, None, 2), (12, None, 3)) == [True] * 4
    assert looked(Readiness(), (0, None, 0), (1, None, 1), (2, None, 2), (10, None, 3))[-1] is False
    assert looked(Readiness(), (0, None, 0), (1, None, 3)) == [True, False]


def test_a_lost_group_begins_the_count_anew() -> None:
    """Ready only when no group was lost while the proofs were taken; and one more soon after is enough."""
    readiness = Readiness()
    looked(readiness, (0, FULL, 0))
    states = looked(readiness, *((1.0 + number, None, int(number >= 3)) for number in range(9)))
    assert states == [False] * 8 + [True]
    assert looked(readiness, (10, None, 3)) == [False]


def test_a_proof_is_as_large_as_what_was_lost() -> None:
    """One decision while all is well; 64, or the largest group that was lost, from the first loss on."""
    readiness = Readiness()
    readiness.look(0, None, NOTHING)
    assert (readiness.proof(NOTHING, 0), readiness.needs_proof(NOTHING)) == (1, False)
    assert (readiness.proof(Losses(1), 3), readiness.needs_proof(Losses(1))) == (64, True)
    readiness.look(1, None, Losses(1))
    assert readiness.proof(Losses(1), 300) == 300
    readiness.look(11, None, Losses(1))
    assert readiness.proof(Losses(1), 300) == 1
    readiness.look(12, FULL, Losses(1))
    assert readiness.proof(Losses(1), 0) == 64


def test_the_trouble_says_what_is_needed() -> None:
    """The cause, and the proofs in a row; None when it is ready."""
    readiness = Readiness()
    readiness.look(0, FULL, NOTHING)
    assert readiness.trouble == f"{FULL}; ready after 5 proofs in a row"
    readiness.look(1, None, NOTHING)
    assert readiness.trouble == f"{FULL}; ready after 4 proofs in a row"
    readiness = Readiness()
    readiness.look(0, None, NOTHING)
    assert readiness.trouble is None


def reported(*looks: tuple[float, str | None, Losses]) -> list[dict[str, Any]]:
    """What is said at these looks: the time, why the server is not ready, and all losses by then."""
    report = LossReport()
    with capture_logs() as messages:
        for look in looks:
            report.look(*look)
    return [{key: value for key, value in message.items() if key != "log_level"} for message in messages]


def test_a_long_outage_is_said_once_a_minute() -> None:
    """The beginning, each minute with what was lost in it, and the end with all of it."""
    looks: list[tuple[float, str | None, Losses]] = [(0.0, None, NOTHING)]
    looks += [(float(second), FULL, Losses(second * 2, second * 10, second)) for second in range(1, 150)]
    looks += [(float(second), None, Losses(298, 1490, 149)) for second in range(150, 400)]
    assert reported(*looks) == [
        {"event": "the log does not answer", "error": FULL, "groups": 2, "decisions": 10, "others": 1},
        {"event": "the log still loses groups", "error": FULL, "groups": 120, "decisions": 600, "others": 60},
        {"event": "the log still loses groups", "error": FULL, "groups": 120, "decisions": 600, "others": 60},
        {
            "event": "the log answers again",
            "seconds": 149.0,
            "groups": 298,
            "decisions": 1490,
            "others": 149,
        },
    ]


def test_groups_that_are_lost_now_and_then_are_said_too() -> None:
    """At once, then once a minute while more are lost; a minute without a loss ends it."""
    lost = {0: 0, 10: 1, 30: 2, 80: 3, 120: 3}
    looks: list[tuple[float, str | None, Losses]] = []
    for second in range(300):
        groups = max(count for since, count in lost.items() if since <= second)
        looks.append((float(second), None, Losses(groups, groups)))
    assert [(message["event"], message["groups"]) for message in reported(*looks)] == [
        ("the log lost groups", 1),
        ("the log still loses groups", 1),
        ("the log still loses groups", 1),
        ("the log answers again", 3),
    ]


def test_nothing_is_said_of_a_log_that_is_well() -> None:
    """No message without a loss."""
    assert reported(*((float(second), None, NOTHING) for second in range(300))) == []


@pytest.mark.parametrize("room", [0, 60_000])
def test_a_full_disk_never_looks_ready(book: Path, log: Path, room: int) -> None:
    """Whether nothing fits any more or still a page: once it is unready, no interface says that it is ready."""
    port = free_port()
    with (
        serving(book, log, "--metrics-port", str(port)) as server,
        Client(server.target, timeout=60, attempts=1) as client,
        grpc.insecure_channel(server.target) as channel,
    ):
        until(lambda: page(port, "/ready")[0] == 200)
        watch = HealthStub(channel).Watch(HealthCheckRequest(service="tact.v1.Decisions"))
        limit("prlimit", server, str(Path(f"{log}-wal").stat().st_size + room))
        number = 0

        def unready() -> bool:
            nonlocal number
            number += 1
            return not decided(client, f"c-{number}") and not client.health()

        until(unready)
        for poll in range(60):
            decided(client, f"d-{poll}")
            states = {
                client.health(),
                client.health("tact.v1.Decisions"),
                page(port, "/ready")[0] == 200,
                value(port, "tact_ready") == 1,
            }
            assert states == {False}
        status, document = page(port, "/ready")
        assert status == 503
        assert "ready after 5 proofs in a row" in document["trouble"]  # type: ignore[index]
        limit("prlimit", server, "unlimited")
        until(client.health)
        assert decided(client, "afterwards")
        statuses = [next(watch).status for _ in range(3)]
        assert statuses == [
            HealthCheckResponse.SERVING,
            HealthCheckResponse.NOT_SERVING,
            HealthCheckResponse.SERVING,
        ]
        watch.cancel()
        assert server.stop() == 0
    logged = "".join(server.errors)
    assert logged.count("the log does not answer") == 1
    assert logged.count("the log answers again") == 1


def test_a_log_whose_file_is_deleted_is_not_ready(book: Path, log: Path) -> None:
    """No decision is answered that would be lost with the process; a file that is moved back is served at once."""
    port, moved = free_port(), log.with_name("moved.db")
    with (
        serving(book, log, "--metrics-port", str(port)) as server,
        Client(server.target, timeout=60, attempts=1) as client,
    ):
        assert decided(client, "before")
        log.rename(moved)
        assert not decided(client, "meanwhile")
        until(lambda: page(port, "/ready")[0] == 503, server)
        assert "deleted or replaced" in page(port, "/ready")[1]["trouble"]  # type: ignore[index]
        moved.rename(log)
        until(lambda: page(port, "/ready")[0] == 200, server)
        assert decided(client, "afterwards")
        assert server.stop() == 0


def decided(client: Client, customer: str) -> bool:
    """Whether a decision is kept."""
    try:
        return bool(client.decide(li_na(customer)).decision_id)
    except TactError:
        return False
