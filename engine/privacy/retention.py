"""How long what is held is kept, and how older rows are deleted: never what caps, pauses, conditions or replay still need."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from uuid_utils import uuid7

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.ledger.queries.pruning import PRUNABLE, count_old, delete_keys, kept_books, old_keys
from engine.ledger.queries.releases import add_audit
from engine.ledger.store.release_rows import AuditRow
from engine.ledger.store.store import Store
from engine.model.instant import DAY, Instant, Microseconds
from engine.model.texts import span_text
from engine.rulebook.load import load_text
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text import durations

KINDS = ("decisions", "events", "outcomes")
"""What a retention names."""

RETRIES: Microseconds = 31 * DAY
"""For so long a request_id is known, so that a retry gets the same answer."""

FOR_GOOD: Microseconds = 36_600 * DAY
"""Longer than any retention."""

_YEARS = re.compile(r"([1-9][0-9]{0,2})y")


def kept_text(span: Microseconds) -> str:
    """The span as books write it, or `any age`."""
    return "any age" if span >= FOR_GOOD else span_text(span)


class Need(NamedTuple):
    """The shortest time for which something has to be kept, and what for."""

    span: Microseconds
    reason: str


class Kept(NamedTuple):
    """For how long a kind is kept."""

    kind: str
    """decisions, contacts, events or outcomes."""
    wanted: Microseconds
    span: Microseconds
    reason: str
    """Why it is longer than wanted; empty: it is not."""


class PrunePlan(NamedTuple):
    """What is deleted, before it is."""

    kept: Sequence[Kept]
    cut_offs: Mapping[str, Instant]
    """By table, the moment before which rows are old."""
    now: Instant


def parse_retention(text: str) -> dict[str, Microseconds]:
    """Reads `decisions: 400d, events: 90d, outcomes: 2y`, a year being 365 days. Raises ValueError that says what is wrong."""
    spans: dict[str, Microseconds] = {}
    for part in text.strip().removeprefix("{").removesuffix("}").split(","):
        kind, colon, span = (word.strip() for word in part.partition(":"))
        if not colon or kind not in KINDS:
            raise ValueError(
                f"{part.strip()!r}: a retention is such as decisions: 400d, events: 90d, outcomes: 2y"
            )
        if kind in spans:
            raise ValueError(f"{kind} stands there twice")
        spans[kind] = _span(span)
    return spans


def _span(text: str) -> Microseconds:
    if years := _YEARS.fullmatch(text):
        return int(years[1]) * 365 * DAY
    try:
        return durations.parse(text)
    except ParseError as error:
        raise ValueError(f"{text!r}: {error}") from None


def books_of(store: Store) -> Iterator[CompiledBook]:
    """The books of the log that load, compiled: what they count must not be deleted. Inside no transaction."""
    with store.transaction(writes=False):
        rows = kept_books(store)
    for row in rows:
        if (book := load_text(row.text).book) is not None:
            yield compile_book(book, PythonEvaluator)


def plan_of(retention: Mapping[str, Microseconds], books: Iterable[CompiledBook], now: Instant) -> PrunePlan:
    """For how long each kind is kept, and what is therefore old; what the retention does not name is not deleted."""
    needs = _needs(books)
    kept: list[Kept] = []
    cut_offs: dict[str, Instant] = {}
    if "decisions" in retention:
        decisions = _kept("decisions", retention["decisions"], Need(RETRIES, "retries are answered alike"))
        contacts = needs["contacts"]
        reason = (
            f"decisions are made again from those before them, {contacts.reason}" if contacts.span else ""
        )
        kept += [
            decisions,
            Kept("contacts", decisions.wanted, decisions.span + contacts.span, reason),
        ]
        old = now - decisions.span
        cut_offs |= dict.fromkeys(("decisions", "challenges", "requests", "commits"), old)
        if contacts.span < FOR_GOOD:
            cut_offs |= dict.fromkeys(("contacts", "holdings"), old - contacts.span)
    if "events" in retention:
        kept.append(_kept("events", retention["events"], needs["events"]))
        cut_offs |= {"events": now - kept[-1].span, "signals": now}
    if "outcomes" in retention:
        kept.append(_kept("outcomes", retention["outcomes"], needs["outcomes"]))
        if kept[-1].span < FOR_GOOD:
            cut_offs["outcomes"] = now - kept[-1].span
    return PrunePlan(kept, cut_offs, now)


def _kept(kind: str, wanted: Microseconds, need: Need) -> Kept:
    return Kept(kind, wanted, max(wanted, need.span), need.reason if need.span > wanted else "")


def _needs(books: Iterable[CompiledBook]) -> dict[str, Need]:
    needs = {kind: Need(0, "") for kind in ("contacts", "events", "outcomes")}
    for compiled in books:
        pressure, recall = compiled.pressure, compiled.recall
        name = f"{compiled.book.name} {compiled.book.version[:12]}"
        wanted = [
            ("contacts", pressure.lookback or 0, "counts contacts of"),
            ("outcomes", pressure.hindsight, "pauses by outcomes of"),
        ]
        if recall is not None:
            reach = FOR_GOOD if recall.contact_reach is None else recall.contact_reach
            wanted += [
                ("contacts", reach if recall.contacts else 0, "has conditions on contacts of"),
                ("outcomes", reach if recall.outcomes else 0, "has conditions on outcomes of"),
                ("events", (recall.reach or 0) if recall.events else 0, "has conditions on events of"),
            ]
        for kind, span, what in wanted:
            if span > needs[kind].span:
                needs[kind] = Need(span, f"the book {name} {what} {kept_text(span)}")
    return needs


def counts_of(store: Store, plan: PrunePlan) -> dict[str, int]:
    """How many rows would be deleted, by table."""
    with store.transaction(writes=False):
        return {table: count_old(store, table, cut_off, plan.now) for table, cut_off in plan.cut_offs.items()}


def prune(store: Store, plan: PrunePlan, actor: str, advance: Callable[[int], object]) -> dict[str, int]:
    """Deletes what is old, step by step, and notes it in the audit; the rows that were deleted, by table.

    On PostgreSQL whole months go at once. advance: called with the rows of each step. A prune that is ended goes on with the
    next one. Raises LedgerError.
    """
    deleted: dict[str, int] = {}
    for table in PRUNABLE:
        if table in plan.cut_offs:
            deleted[table] = _prune_table(store, table, plan, advance)
    note = ", ".join(f"{table} {number}" for table, number in deleted.items() if number)
    with store.transaction():
        add_audit(store, [AuditRow(str(uuid7()), plan.now, actor, "log", "prune", "", "", "done", note)])
    return deleted


def _prune_table(store: Store, table: str, plan: PrunePlan, advance: Callable[[int], object]) -> int:
    cut_off = plan.cut_offs[table]
    deleted = store.drop_months(table, cut_off, plan.now)
    if deleted:
        advance(deleted)
    after: tuple[object, ...] | None = None
    while True:
        with store.transaction(writes=False):
            keys = old_keys(store, table, cut_off, plan.now, after)
        if not keys:
            return deleted
        with store.transaction():
            delete_keys(store, table, keys)
        after = keys[-1]
        deleted += len(keys)
        advance(len(keys))
