"""What the tests of memory ask and record, all about one moment."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from google.rpc.status_pb2 import Status

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, Recorded, recorded, request

NOW = datetime(2026, 3, 10, 10, tzinfo=UTC)
ACCEPTED, DUPLICATE = Recorded.ACCEPTED, Recorded.DUPLICATE


def cart(customer: str, ago: timedelta = timedelta(0), **over: object) -> pb.RecordedEvent:
    """A lip balm put into the cart."""
    return recorded(customer, "add_to_cart", NOW - ago, **{"item": "lip balm", **over})  # type: ignore[arg-type]


def later(**span: float) -> datetime:
    """So much later."""
    return NOW + timedelta(**span)


def web(client: Client, customer: str, now: datetime = NOW, **given: object) -> pb.DecideResponse:
    """What the website would show."""
    return client.decide(request(customer, placement="hero", max_offers=5, now=now, **given))  # type: ignore[arg-type]


def email(client: Client, customer: str, now: datetime) -> pb.DecideResponse:
    """What would be sent."""
    profile, consents = {"email": "a@example.org"}, ["email"]
    return client.decide(request(customer, profile=profile, consents=consents, now=now))


def held(answer: pb.DecideResponse) -> dict[str, datetime]:
    """The signals that held, and since when."""
    return {one.name: one.since.ToDatetime(UTC) for one in answer.signals}


def codes(results: list[Recorded | Status]) -> list[object]:
    """What became of each event, errors by their code."""
    names = {code.value[0]: code.name for code in grpc.StatusCode}
    return [names[one.code] if isinstance(one, Status) else one for one in results]


def rows(log: Path, sql: str, *parameters: str) -> list[tuple[object, ...]]:
    """What another program reads from the log."""
    with closing(sqlite3.connect(log)) as connection:
        return connection.execute(sql, parameters).fetchall()
