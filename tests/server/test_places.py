"""Capacities of places over the wire: who is blocked, why, in which words, and another table while the server serves."""

import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, request
from tests.books import write_book
from tests.ledger.commit.test_capacity_each import BOOK
from tests.logs import sqlite_log
from tests.server.reloads import said
from tests.servers import serving
from tests.waiting import HANGS

NOW = datetime(2026, 3, 10, 10, tzinfo=UTC)
TABLE = "name,latitude,longitude,calls\nLyon,45.7,4.9,1000000000\nParis,48.9,2.3,{}\n"
PARIS = {"latitude": 49.0, "longitude": 2.3}
SEEN = "talk fits, but no place takes a contact with the customer now: phone/capacity_each"


def test_places_over_the_wire(tmp_path: Path) -> None:
    """Paris makes one call, then two by another table; Lyon has the largest number there is; nobody calls from nowhere."""
    folder = tmp_path / "book"
    folder.mkdir()
    (folder / "dealers.csv").write_text(TABLE.format(1), encoding="utf-8")
    write_book(folder, BOOK.replace("CONTROL", ""))
    with (
        serving(folder, sqlite_log(tmp_path), "--allow-simulated-now") as server,
        Client(server.target, timeout=HANGS) as tact,
    ):
        assert tact.decide(_asked("ann", PARIS)).outcome == pb.OUTCOME_OFFER
        blocked = tact.decide(_asked("bob", PARIS))
        assert [(own.code, own.name) for own in blocked.reasons] == [
            (pb.REASON_CODE_OVER_CAPACITY, "phone/capacity_each")
        ]
        assert blocked.next_allowed_at.ToDatetime(UTC) == datetime(2026, 3, 11, tzinfo=UTC)
        reading = next(own for own in tact.decide(_asked("cy", PARIS, "preview")).pressure if own.blocks)
        assert (reading.kind, reading.counted, reading.limit) == (pb.PRESSURE_KIND_CAPACITY, 1, 1)
        assert reading.window == "calendar day at Paris"
        words = "Paris has taken 1 of 1 in calendar day in UTC, until 2026-03-11T00:00+00:00"
        for subject in (_asked("cy", PARIS), blocked.decision_id):
            assert tact.explain(subject).campaigns[0].sentence.startswith(f"{SEEN} ({words}).")
        unknown = tact.decide(_asked("dan", {}))
        assert (unknown.outcome, unknown.HasField("next_allowed_at")) == (pb.OUTCOME_BLOCKED, False)
        assert "nearest place is not known" in tact.explain(unknown.decision_id).campaigns[0].sentence
        many = tact.decide(_asked("eve", {"latitude": 45.7, "longitude": 4.9}, "preview"))
        assert [own.limit for own in many.pressure if own.rule == "phone/capacity_each"] == [1_000_000_000]
        (folder / "dealers.csv").write_text(TABLE.format(2), encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        said(server, "book live")
        batch = tact.decide_batch([_asked(name, PARIS) for name in ("fay", "gus")])
        assert [own.outcome for own in batch] == [pb.OUTCOME_OFFER, pb.OUTCOME_BLOCKED]
        assert tact.explain(blocked.decision_id).campaigns[0].sentence == f"{SEEN}.", (
            "as another book logged it"
        )


def _asked(name: str, location: dict[str, Any], mode: str = "commit") -> pb.DecideRequest:
    return request(name, profile={"phone": "1"}, location=location, now=NOW, mode=mode)
