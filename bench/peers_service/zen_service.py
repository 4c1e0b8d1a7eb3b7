"""grpc.aio and a decision table of zen-engine, with Tact's group commit lent to it.

`python -m bench.peers_service.zen_service RULES LOG` serves on a free port of loopback.
"""

import gc
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
import zen

from bench.echo import Decide, serve
from bench.peers_service.rules import Answer, Customer, MadeContact, Rules
from engine.api.v1 import decisions_pb2 as pb
from engine.ledger.errors import LedgerError
from engine.ledger.group_commit import HOLD_SECONDS, GroupCommit

SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
    decision_id TEXT PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, person TEXT NOT NULL, at REAL NOT NULL,
    outcome TEXT NOT NULL, campaign TEXT NOT NULL, inputs BLOB NOT NULL, answer BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS contacts (
    decision_id TEXT PRIMARY KEY, person TEXT NOT NULL, channel TEXT NOT NULL, at REAL NOT NULL, expires_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS contacts_by_person ON contacts (person, at);
"""


class Call(NamedTuple):
    request: pb.DecideRequest
    customer: Customer
    matching: Sequence[int]


def decision_table(rules: Rules) -> Callable[[dict[str, Any]], list[int]]:
    """The campaigns that match, by one table in which every row that holds is collected."""
    fields = ("city", "temperature", "segment")
    rows = [
        {
            "_id": str(number),
            "city": json.dumps(campaign["city"]),
            "temperature": f">= {campaign['temperature']}",
            "segment": json.dumps(campaign["segment"]),
            "campaign": str(number),
        }
        for number, campaign in enumerate(rules.campaigns)
    ]
    table = {
        "hitPolicy": "collect",
        "inputs": [{"id": name, "name": name, "field": name} for name in fields],
        "outputs": [{"id": "campaign", "name": "campaign", "field": "campaign"}],
        "rules": rows,
    }
    nodes = [
        {"id": "in", "name": "in", "type": "inputNode"},
        {"id": "table", "name": "table", "type": "decisionTableNode", "content": table},
        {"id": "out", "name": "out", "type": "outputNode"},
    ]
    edges = [
        {"id": "1", "sourceId": "in", "targetId": "table", "type": "edge"},
        {"id": "2", "sourceId": "table", "targetId": "out", "type": "edge"},
    ]
    content = zen.ZenDecisionContent(json.dumps({"nodes": nodes, "edges": edges}))
    decision = zen.ZenEngine().create_decision(content)
    return lambda facts: [row["campaign"] for row in decision.evaluate(facts)["result"]]


class Log:
    """Decisions and contacts in a file, written by groups."""

    def __init__(self, rules: Rules, log: Path) -> None:
        self._rules = rules
        self._connection = sqlite3.connect(log, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self, _calls: Sequence[Call]) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def settle(self, calls: Sequence[Call]) -> list[pb.DecideResponse | LedgerError]:
        """Decides for all calls of a group; a person's contacts within the group count."""
        now, decisions, new = time.time(), [], []
        past = self._past([call.request.request_id for call in calls])
        contacts = self._contacts([call.customer.name for call in calls], now)
        responses: list[pb.DecideResponse | LedgerError] = []
        for request, customer, matching in calls:
            if (earlier := past.get(request.request_id)) is not None:
                responses.append(earlier)
                continue
            own = contacts.setdefault(customer.name, [])
            answer = self._rules.decide(customer, matching, own, now)
            if answer.outcome == "offer":
                own.append(MadeContact(answer.channel, now, now + self._rules.hold))
                new.append((answer.decision_id, customer.name, *own[-1]))
            response = past[request.request_id] = _response(request.request_id, answer)
            responses.append(response)
            decisions.append(
                (
                    answer.decision_id,
                    request.request_id,
                    customer.name,
                    now,
                    answer.outcome,
                    answer.campaign,
                    request.SerializeToString(),
                    response.SerializeToString(),
                )
            )
        self._connection.executemany("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", decisions)
        self._connection.executemany("INSERT INTO contacts VALUES (?, ?, ?, ?, ?)", new)
        return responses

    def _past(self, request_ids: list[str]) -> dict[str, pb.DecideResponse]:
        rows = self._connection.execute(
            "SELECT request_id, answer FROM decisions WHERE request_id IN (SELECT value FROM json_each(?))",
            (json.dumps(request_ids),),
        )
        return {request_id: pb.DecideResponse.FromString(answer) for request_id, answer in rows}

    def _contacts(self, persons: list[str], now: float) -> dict[str, list[MadeContact]]:
        rows = self._connection.execute(
            "SELECT person, channel, at, expires_at FROM contacts"
            " WHERE person IN (SELECT value FROM json_each(?)) AND at > ?",
            (json.dumps(persons), now - self._rules.window),
        )
        contacts: dict[str, list[MadeContact]] = {}
        for person, *contact in rows:
            contacts.setdefault(person, []).append(MadeContact(*contact))
        return contacts


def _response(request_id: str, answer: Answer) -> pb.DecideResponse:
    response = pb.DecideResponse(
        decision_id=answer.decision_id,
        request_id=request_id,
        outcome=pb.Outcome.Value(f"OUTCOME_{answer.outcome.upper()}"),
    )
    if answer.outcome == "offer":
        response.offers.add(
            campaign=answer.campaign,
            offer=answer.offer,
            variant=answer.variant,
            channel=answer.channel,
            content=answer.content,
        )
    return response


def _customer(request: pb.DecideRequest) -> Customer:
    context = request.context
    attributes: dict[str, Any] = {}
    for name, value in context.profile.attributes.items():
        kind = value.WhichOneof("kind")
        attributes[name] = list(value.texts.values) if kind == "texts" else getattr(value, kind or "text")
    return Customer(
        request.customer.id,
        attributes,
        list(context.profile.consents),
        context.location.city or None,
        context.weather.temperature_c if context.weather.HasField("temperature_c") else None,
    )


def deciding(rules: Rules, log: Log) -> Decide:
    match = decision_table(rules)
    queue = GroupCommit[Call, pb.DecideResponse](log.settle, transaction=log.transaction)
    queue.hold = HOLD_SECONDS

    async def decide(request: pb.DecideRequest, context: Any) -> pb.DecideResponse:  # noqa: ARG001
        customer = _customer(request)
        (answer,) = await queue.submit((Call(request, customer, match(customer.facts)),))
        if isinstance(answer, LedgerError):
            raise answer
        return answer

    return decide


def main(file: Path, log: Path) -> None:
    """Serves, with garbage collection and thread switching set as Tact sets them."""
    sys.setswitchinterval(0.001)
    rules = Rules(file)

    async def run() -> None:
        decide = deciding(rules, Log(rules, log))
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        await serve(decide)

    uvloop.run(run())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
