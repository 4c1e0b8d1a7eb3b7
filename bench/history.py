"""What a decision costs for a person with 10 contacts and with 10,000: time, and bytes of its row."""

import statistics
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

from bench.books import compiled as compile_dict
from bench.processes import BUILD, CannotMeasure
from bench.ratio import Ratio
from bench.table import Step, silent
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.errors import LedgerError
from engine.ledger.queries.contacts import alike_of
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import ContactRow
from engine.ledger.store.sqlite import SqliteStore
from engine.model.contact import Contact, Facts
from engine.model.instant import SECOND
from engine.model.request import Request

BOOK: dict[str, Any] = {
    "book": {"name": "crowd", "timezone": "UTC"},
    "attributes": {"profile.to": {"type": "text"}},
    "channels": {
        "web": {"kind": "inbound"},
        "sms": {
            "kind": "outbound",
            "address": "profile.to",
            "consent": "not_needed",
            "on_silence": "confirm",
        },
    },
    "placements": {"home": {"channel": "web"}},
    "offers": {
        name: {"name": name, "content": {"default": {"title": name, "text": name}}}
        for name in ("tea", "cake")
    },
    "campaigns": {
        "tea": {"offer": "tea", "placements": ["home"], "channels": ["sms"]},
        "cake": {
            "offer": "cake",
            "placements": ["home"],
            "limits": {"per_customer": {"limit": 2, "per": "rolling 30d"}},
        },
    },
    "pressure": {
        "caps": {
            "weekly": {"limit": 2, "per": "rolling 7d", "count": {"kind": "outbound"}},
            "monthly": {"limit": 5, "per": "rolling 30d", "count": {"kind": "inbound"}},
        }
    },
}
"""Its caps hold everything back, so that no measured decision adds a contact."""
FEW, MANY = 10, 10_000
PERSONS = 16
"""With each number of contacts; all of them are in one group."""
ROUNDS, QUICK_ROUNDS = 60, 10


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Time and bytes of a decision after many contacts against few, as 1.5 / growth."""
    BUILD.mkdir(exist_ok=True)
    compiled = compile_dict(BOOK)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-history-") as name:
        store = open_store(f"sqlite:///{Path(name) / 'tact.db'}")
        if not isinstance(store, SqliteStore):
            raise CannotMeasure("the log is no file")
        try:
            step(f"history: persons with {MANY:,} contacts")
            now = time.time_ns() // 1000
            for number in (FEW, MANY):
                _fill(store, compiled, number, now)
            step("history: decisions")
            costs: dict[int, list[tuple[float, float]]] = {FEW: [], MANY: []}
            for turn in range(QUICK_ROUNDS if quick else ROUNDS):
                for number, of_number in costs.items():
                    of_number.append(_cost(store, compiled, number, now + turn * SECOND))
        finally:
            store.close()
    figures = {
        number: [statistics.median(column) for column in zip(*of_number, strict=True)]
        for number, of_number in costs.items()
    }
    return [
        Ratio(
            f"history: {what} a decision after {MANY:,} contacts against {FEW}, as 1.5 / growth",
            1.5 * few / many,
            1.0,
            f"{many / few:.2f}x: {few:,.0f} and {many:,.0f} {unit}",
        )
        for what, unit, few, many in zip(
            ("time of", "bytes of"), ("µs", "bytes"), figures[FEW], figures[MANY], strict=True
        )
    ]


def _person(number: int, index: int) -> str:
    return f"{number}-{index}"


def _fill(store: SqliteStore, compiled: CompiledBook, number: int, now: int) -> None:
    """Gives each person so many contacts of the last two weeks: of each campaign and channel in turn."""
    facts = [
        campaign_channel.facts
        for compiled_campaign in compiled.compiled_campaigns
        for campaign_channel in compiled_campaign.campaign_channels.values()
    ]
    gap = 14 * 86_400 * SECOND // number
    for index in range(PERSONS):
        contacts = [Contact(now - ago * gap - 1, None, facts[ago % len(facts)]) for ago in range(number)]
        with store.transaction():
            store.insert(ContactRow, [_row(_person(number, index), contact) for contact in contacts])


_numbers = count()


def _row(person: str, contact: Contact) -> ContactRow:
    facts: Facts = contact.facts
    return ContactRow(
        person=person,
        at=contact.at,
        decision_id=f"filled-{next(_numbers)}",
        position=0,
        state="confirmed",
        expires_at=None,
        channel=facts.channel,
        kind=facts.kind,
        campaign=facts.campaign,
        offer=facts.offer,
        category=facts.category,
        tags="[]",
        zones="",
        alike=alike_of(contact),
    )


def _cost(store: SqliteStore, compiled: CompiledBook, number: int, now: int) -> tuple[float, float]:
    """Microseconds and bytes of the row of a decision, of a group of one for each person; all are blocked by their caps."""
    requests = [
        Request(_person(number, index), now, {"profile.to": "1"}, placement="home")
        for index in range(PERSONS)
    ]
    start = time.perf_counter()
    results = commit_group(store, [DecideCommand(evaluate(compiled, request)) for request in requests])
    seconds = time.perf_counter() - start
    errors = [result for result in results if isinstance(result, LedgerError)]
    if errors:
        raise CannotMeasure(f"a decision was not kept: {errors[0]}")
    sizes = store.open().execute(
        "SELECT avg(length(inputs) + length(trace) + length(answer))"
        " FROM (SELECT * FROM decisions ORDER BY rowid DESC LIMIT ?)",
        (PERSONS,),
    )
    return seconds / PERSONS * 1e6, sizes.fetchone()[0]
