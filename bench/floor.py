"""The limit of a durable server: the echo, with a group commit that writes ready-made rows for each call.

It decides nothing. It shows how much of the echo's throughput is left when each answer waits until a decision, a request,
a contact and the person are on disk, by the same queue, store and pragmas as the server's. Its difference from `Decide` is the
cost of deciding, its difference from the echo the cost of durability.

`python -m bench.floor RESPONSE LOG PATTERN` serves on a free port of loopback: the file with the serialised answer, the file
to log to, and a log of the server's from which the rows are taken.
"""

import gc
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from uuid_utils.compat import uuid7

from bench.echo import Decide, DecideBatch, serve
from engine.api.v1 import decisions_pb2 as pb
from engine.ledger.errors import LedgerError
from engine.ledger.group_commit import HOLD_SECONDS, GroupCommit
from engine.ledger.queries.decisions import keep
from engine.ledger.queries.persons import know
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import ContactRow, DecisionRow, PersonRow, RequestRow
from engine.ledger.store.store import Store


class Call(NamedTuple):
    """The fields that differ from call to call."""

    request_id: str
    person: str


class Rows(NamedTuple):
    """The rows of one decision with an offer."""

    decision: DecisionRow
    contact: ContactRow


def rows_of(log: Path) -> Rows:
    """The rows of a decision that the server made."""
    with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as connection:

        def first(table: str, fields: Sequence[str], where: str, *values: Any) -> tuple[Any, ...]:
            sql = f"SELECT {', '.join(fields)} FROM {table} WHERE {where} LIMIT 1"
            row: tuple[Any, ...] = connection.execute(sql, values).fetchone()
            return row

        decision = DecisionRow(*first("decisions", DecisionRow._fields, "outcome = 'offer'"))
        contact = first("contacts", ContactRow._fields, "decision_id = ?", decision.decision_id)
    return Rows(decision, ContactRow(*contact))


def add(store: Store, rows: Rows, calls: Sequence[Call]) -> None:
    """Appends the rows, once for each call, with its ids."""
    decisions, requests, contacts = [], [], []
    for request_id, person in calls:
        decision_id = str(uuid7())
        decisions.append(
            rows.decision._replace(decision_id=decision_id, request_id=request_id, person=person)
        )
        requests.append(RequestRow(request_id, decision_id))
        contacts.append(rows.contact._replace(decision_id=decision_id, person=person))
    know(store, [PersonRow(decision.person, decision.at) for decision in decisions])
    keep(store, decisions, requests, contacts)


def durable(response: pb.DecideResponse, store: Store, rows: Rows) -> tuple[Decide, DecideBatch]:
    """Methods that give the same answer to each request, once its rows are on disk."""

    def settle(calls: Sequence[Call]) -> list[pb.DecideResponse | LedgerError]:
        add(store, rows, calls)
        return [response] * len(calls)

    queue = GroupCommit[Call, pb.DecideResponse](settle, transaction=lambda _: store.transaction())
    queue.hold = HOLD_SECONDS
    if store.begins_at_once:
        queue.at_once = store.at_once

    async def decide(request: pb.DecideRequest, context: Any) -> pb.DecideResponse:  # noqa: ARG001
        (answer,) = await queue.submit((Call(request.request_id, request.customer.id),), brief=True)
        if isinstance(answer, LedgerError):
            raise answer
        return answer

    async def decide_batch(request: pb.DecideBatchRequest, context: Any) -> pb.DecideBatchResponse:  # noqa: ARG001
        calls = [Call(message.request_id, message.customer.id) for message in request.requests]
        answers = await queue.submit(calls)
        if errors := [answer for answer in answers if isinstance(answer, LedgerError)]:
            raise errors[0]
        return pb.DecideBatchResponse(items=[pb.DecideBatchItem(response=answer) for answer in answers])

    return decide, decide_batch


def main(response: Path, log: Path, pattern: Path) -> None:
    """Serves, with garbage collection and thread switching set as the server sets them."""
    sys.setswitchinterval(0.001)
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    store = open_store(f"sqlite:///{log}")
    answer = pb.DecideResponse.FromString(response.read_bytes())

    async def run() -> None:
        await serve(*durable(answer, store, rows_of(pattern)))

    uvloop.run(run())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
