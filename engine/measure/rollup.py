"""Counts what comes of decisions by hours and days, so that totals of any period are read and not computed.

It follows the log by its feed, which leaves nothing out and repeats nothing; cells and cursor are kept in one transaction,
so that every decision and outcome is counted once, however many count and whenever they are ended.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import orjson

from engine.ledger.feed import Cursor, FeedEntry, read_feed
from engine.ledger.queries.rollup import ROLLUP, RollupKey, RollupState, add_to_rollup, rollup_state
from engine.ledger.store.rows import DecisionRow, OutcomeRow
from engine.ledger.store.store import Store
from engine.model.instant import DAY

_HOUR = DAY // 24


_ENOUGH = 4096
"""Decisions and outcomes that are counted before they are added up in the log."""


class RollupSubject(StrEnum):
    """What is counted; in brackets the parts of a cell."""

    OUTCOME = "outcome"
    """By hour: decisions by outcome [version of the book]."""
    STAGE = "stage"
    """By day: candidates by campaign [reason, the rule or campaign or channel that it names]. Up to 50 of a decision."""
    OFFER = "offer"
    """By day: offers by campaign [variant, channel]."""
    RULE = "rule"
    """By day: decisions in which a rule was read [channel, whether it blocked]."""
    DRAW = "draw"
    """By day: draws by campaign [purpose, name, whether the person is in it]."""
    REPORTED = "reported"
    """By day: reported outcomes by campaign [type, variant, channel]."""


def roll_up(store: Store, longest: float = 60.0) -> bool:
    """Counts what the log has got since the last time; whether all is counted now. It takes about so many seconds at most.

    store: one that may write. Who counts at the same time is waited for, and what they counted is not counted again.
    """
    ends = time.monotonic() + longest
    while time.monotonic() < ends:
        with store.transaction(writes=False):
            before = rollup_state(store)
            cells, cursor, is_last = _read(store, before.cursor)
        if cursor > before.cursor:
            with store.transaction((ROLLUP,)):
                if rollup_state(store).cursor == before.cursor:
                    add_to_rollup(store, cells, RollupState(cursor, time.time_ns() // 1000))
        if is_last:
            return True
    return False


def _read(store: Store, cursor: Cursor) -> tuple[Counter[RollupKey], Cursor, bool]:
    """The cells of what follows the cursor, the cursor after it, and whether there was no more."""
    cells: Counter[RollupKey] = Counter()
    read, is_last = 0, False
    while read < _ENOUGH and not is_last:
        page = read_feed(store, cursor)
        cells.update(_cells(page.entries))
        read += max(1, len(page.entries))
        cursor, is_last = page.cursor, page.is_last
    return cells, cursor, is_last


def _cells(entries: Iterable[FeedEntry]) -> Iterable[RollupKey]:
    for entry in entries:
        match entry.row:
            case DecisionRow():
                yield from _of_decision(entry.row)
            case OutcomeRow() as row if row.campaign:
                yield _key(
                    RollupSubject.REPORTED,
                    row.campaign,
                    row.at // DAY * DAY,
                    (row.type, row.variant, row.channel),
                )


def _of_decision(row: DecisionRow) -> Iterable[RollupKey]:
    day = row.at // DAY * DAY
    trace, answer = orjson.loads(row.trace), orjson.loads(row.answer)
    yield _key(RollupSubject.OUTCOME, row.outcome, row.at // _HOUR * _HOUR, (row.book_version,))
    for campaign, _score, code, name, *_rest in trace["candidates"]:
        yield _key(RollupSubject.STAGE, campaign, day, (code, name))
    for campaign, _offer, variant, channel, *_rest in answer[_OFFERS]:
        yield _key(RollupSubject.OFFER, campaign, day, (variant, channel))
    rules: dict[tuple[str, str], bool] = {}
    for rule, _counted, _limit, blocks, _next, _campaign, channel, *_rest in trace["counters"]:
        rules[rule, channel] = blocks or rules.get((rule, channel), False)
    for (rule, channel), blocks in rules.items():
        yield _key(RollupSubject.RULE, rule, day, (channel, blocks))
    for campaign, purpose, name, _salt, _low, _high, inside, *_rest in trace.get("experiments", ()):
        yield _key(RollupSubject.DRAW, campaign, day, (purpose, name, inside))


_OFFERS = 5
"""Index of the offers in an answer."""


def _key(subject: RollupSubject, name: str, since: int, part: Sequence[Any]) -> RollupKey:
    return subject, name, since, orjson.dumps(part).decode()
