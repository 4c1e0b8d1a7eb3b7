"""What an operator bounds by settings is bounded, and said with its number."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.api.v1.decisions_pb2 import RecordedEvent
from engine.client import Client, InvalidRequest, Overloaded, event
from tests.requests import li_na
from tests.servers import serving


def test_bounds_of_requests_are_settings(book: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower bounds hold at once, with the field and the number in the answer; at the bound there is an answer."""
    for name, value in (("ATTRIBUTES", 2), ("EVENTS", 3), ("BATCHED", 4), ("RECORDED", 5)):
        monkeypatch.setenv(f"TACT_MOST_{name}", str(value))
    monkeypatch.setenv("TACT_MESSAGE_BYTES", "2048")
    seen = event("view", datetime(2026, 3, 10, tzinfo=UTC))
    with serving(book, log) as server, Client(server.target, timeout=60, attempts=1) as client:
        assert client.decide(li_na(profile={"a": 1, "b": 2}, events=[seen] * 3)).decision_id
        assert len(client.decide_batch([li_na("a", profile={})] * 4)) == 4
        for call, field, number in (
            (lambda: client.decide(li_na(profile={"a": 1, "b": 2, "c": 3})), "context.profile.attributes", 2),
            (lambda: client.decide(li_na(events=[seen] * 4, profile={})), "context.events", 3),
            (lambda: client.decide_batch([li_na("a", profile={})] * 5), "requests", 4),
            (lambda: client.record([RecordedEvent(event=seen)] * 6), "events", 5),
        ):
            with pytest.raises(InvalidRequest) as caught:
                call()
            (violation,) = caught.value.violations
            assert (violation.field, str(number) in violation.description) == (field, True)
        with pytest.raises(Overloaded, match="larger than max"):
            client.decide(li_na(profile={"a": "x" * 2048}))
