"""What a decision costs for a person with 10 contacts, or outcomes, and with 10,000: time, and bytes of its row."""

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
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
from engine.ledger.queries import outcomes
from engine.ledger.queries.contacts import alike_of
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import ContactRow, OutcomeRow
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
        },
        "pauses": {
            "tired": {
                "outcome": ["ignored", "clicked"],
                "times": 2,
                "within": "7d",
                "for": "30d",
                "scope": "campaign",
            }
        },
    },
}
"""Its caps, or its pause, hold everything back, so that no measured decision adds a contact."""
FEW, MANY = 10, 10_000
PERSONS = 16
"""With each number of contacts, or of outcomes; all of them are in one group."""
ROUNDS, QUICK_ROUNDS = 60, 10


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Time and bytes of a decision after many contacts, and outcomes, against few, as 1.5 / growth."""
    BUILD.mkdir(exist_ok=True)
    compiled = compile_dict(BOOK)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-history-") as name:
        store = open_store(f"sqlite:///{Path(name) / 'tact.db'}")
        if not isinstance(store, SqliteStore):
            raise CannotMeasure("the log is no file")
        try:
            step(f"history: persons with {MANY:,} contacts or outcomes")
            now = time.time_ns() // 1000
            costs: dict[tuple[str, int], list[tuple[float, float]]] = {}
            for number in (FEW, MANY):
                _fill(store, compiled, number, now)
                _fill_outcomes(store, number, now)
                costs |= {("contacts", number): [], ("outcomes", number): []}
            step("history: decisions")
            for turn in range(QUICK_ROUNDS if quick else ROUNDS):
                for (what, number), measured in costs.items():
                    measured.append(_cost(store, compiled, what, number, now + turn * SECOND))
        finally:
            store.close()
    return [ratio for what in ("contacts", "outcomes") for ratio in _ratios(what, costs)]


def _ratios(what: str, costs: Mapping[tuple[str, int], Sequence[tuple[float, float]]]) -> list[Ratio]:
    """What the medians say."""
    few, many = (
        [statistics.median(column) for column in zip(*costs[what, number], strict=True)]
        for number in (FEW, MANY)
    )
    return [
        Ratio(
            f"history: {figure} a decision after {MANY:,} {what} against {FEW}, as 1.5 / growth",
            1.5 * of_few / of_many,
            1.0,
            f"{of_many / of_few:.2f}x: {of_few:,.0f} and {of_many:,.0f} {unit}",
        )
        for figure, unit, of_few, of_many in zip(
            ("time of", "bytes of"), ("µs", "bytes"), few, many, strict=True
        )
    ]


def _person(what: str, number: int, index: int) -> str:
    return f"{what}-{number}-{index}"


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
            store.insert(
                ContactRow, [_row(_person("contacts", number, index), contact) for contact in contacts]
            )


def _fill_outcomes(store: SqliteStore, number: int, now: int) -> None:
    """Gives each person so many outcomes of the last two weeks: of each campaign in turn, each of its own decision."""
    gap = 14 * 86_400 * SECOND // number
    for index in range(PERSONS):
        rows = [
            _outcome_row(_person("outcomes", number, index), now - ago * gap - 1, ("tea", "cake")[ago % 2])
            for ago in range(number)
        ]
        with store.transaction():
            outcomes.keep(store, rows)


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


def _outcome_row(person: str, at: int, campaign: str) -> OutcomeRow:
    number = next(_numbers)
    return OutcomeRow(
        person=person,
        type="ignored",
        at=at,
        event_id=f"filled-{number}",
        decision_id=f"filled-{number}",
        decided_at=None,
        recorded_at=at,
        channel="sms",
        campaign=campaign,
        offer=campaign,
        variant="",
        value=None,
        currency=None,
        fields="{}",
    )


def _cost(
    store: SqliteStore, compiled: CompiledBook, what: str, number: int, now: int
) -> tuple[float, float]:
    """Microseconds and bytes of the row of a decision, of a group of one for each person; all of them are blocked."""
    requests = [
        Request(_person(what, number, index), now, {"profile.to": "1"}, placement="home")
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
