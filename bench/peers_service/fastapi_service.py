"""FastAPI, SQLModel and growthbook's conditions in a loop: one transaction a request.

`python -m bench.peers_service.fastapi_service RULES LOG` serves on a free port of loopback.
"""

import json
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from growthbook.core import evalCondition
from pydantic import BaseModel
from sqlalchemy import event
from sqlmodel import Field, Session, SQLModel, create_engine, select

from bench.peers_service.rules import Customer, MadeContact, Rules


class DecisionRecord(SQLModel, table=True):
    __tablename__ = "decisions"
    decision_id: str = Field(primary_key=True)
    request_id: str = Field(unique=True)
    person: str
    at: float
    outcome: str
    campaign: str
    inputs: str
    answer: str


class ContactRecord(SQLModel, table=True):
    __tablename__ = "contacts"
    decision_id: str = Field(primary_key=True)
    person: str = Field(index=True)
    channel: str
    at: float
    expires_at: float


class CustomerBody(BaseModel):
    id: str


class ProfileBody(BaseModel):
    consents: list[str] = []
    attributes: dict[str, bool | int | float | str | list[str]] = {}


class LocationBody(BaseModel):
    city: str | None = None


class WeatherBody(BaseModel):
    temperature_c: float | None = None


class ContextBody(BaseModel):
    profile: ProfileBody = ProfileBody()
    location: LocationBody = LocationBody()
    weather: WeatherBody = WeatherBody()


class DecideBody(BaseModel):
    request_id: str
    customer: CustomerBody
    context: ContextBody = ContextBody()


def database(log: Path) -> Any:
    """SQLite as SQLAlchemy's page on it says: transactions begin at once, and writing is synced."""
    engine = create_engine(
        f"sqlite:///{log}",
        connect_args={"check_same_thread": False, "timeout": 60},
        pool_size=40,
        max_overflow=0,
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    SQLModel.metadata.create_all(engine)
    return engine


def application(rules: Rules, log: Path) -> FastAPI:
    app, engine = FastAPI(), database(log)
    turn = threading.Lock()  # SQLite has one writer: without it threads would sleep and try again
    conditions = [
        {
            "city": campaign["city"],
            "temperature": {"$gte": campaign["temperature"]},
            "segment": campaign["segment"],
        }
        for campaign in rules.campaigns
    ]

    @app.post("/v1/decide")
    def decide(body: DecideBody) -> dict[str, Any]:
        context = body.context
        customer = Customer(
            body.customer.id,
            context.profile.attributes,
            context.profile.consents,
            context.location.city,
            context.weather.temperature_c,
        )
        facts = customer.facts
        matching = [number for number, condition in enumerate(conditions) if evalCondition(facts, condition)]
        with turn, Session(engine) as session, session.begin():
            return _committed(session, rules, body, customer, matching)

    return app


def _committed(
    session: Session, rules: Rules, body: DecideBody, customer: Customer, matching: list[int]
) -> dict[str, Any]:
    past = session.exec(select(DecisionRecord).where(DecisionRecord.request_id == body.request_id)).first()
    if past is not None:
        earlier: dict[str, Any] = json.loads(past.answer)
        return earlier
    now = time.time()
    rows = session.exec(
        select(ContactRecord).where(
            ContactRecord.person == customer.name, ContactRecord.at > now - rules.window
        )
    )
    contacts = [MadeContact(row.channel, row.at, row.expires_at) for row in rows]
    chosen = rules.decide(customer, matching, contacts, now)
    answer: dict[str, Any] = {
        "decision_id": chosen.decision_id,
        "request_id": body.request_id,
        "outcome": chosen.outcome,
        "offers": [],
    }
    if chosen.outcome == "offer":
        names = ("campaign", "offer", "variant", "channel", "content")
        answer["offers"] = [{name: getattr(chosen, name) for name in names}]
        session.add(
            ContactRecord(
                decision_id=chosen.decision_id,
                person=customer.name,
                channel=chosen.channel,
                at=now,
                expires_at=now + rules.hold,
            )
        )
    session.add(
        DecisionRecord(
            decision_id=chosen.decision_id,
            request_id=body.request_id,
            person=customer.name,
            at=now,
            outcome=chosen.outcome,
            campaign=chosen.campaign,
            inputs=body.model_dump_json(),
            answer=json.dumps(answer),
        )
    )
    return answer


def main(rules: Path, log: Path) -> None:
    app = application(Rules(rules), log)
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(f"listening on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
