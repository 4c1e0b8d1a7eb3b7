"""Packs decisions that are older than callers may retry: the same decisions, made again alike, in half of the room."""

from collections.abc import Callable
from importlib.metadata import version
from typing import NamedTuple

from uuid_utils import uuid7

from engine.ledger.queries.packed import (
    TextsOfDecision,
    add_dictionary,
    count_between,
    keep_packed,
    last_texts,
    newest_dictionary,
    next_texts,
)
from engine.ledger.queries.releases import add_audit, servers
from engine.ledger.store.packing import is_packed, pack
from engine.ledger.store.release_rows import AuditRow
from engine.ledger.store.rows import DictionaryRow
from engine.ledger.store.statements import id_from
from engine.ledger.store.store import Store
from engine.model.instant import DAY, Instant, Microseconds
from engine.model.texts import span_text
from engine.privacy.fragments import common_text
from engine.privacy.retention import RETRIES, PrunePlan
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text import durations

_RENEWED: Microseconds = 30 * DAY
"""How old a dictionary becomes: books change, and so does what decisions have in common."""

_SAMPLE = 4_000
"""Decisions that a dictionary is made of."""

_HEARD: Microseconds = 600_000_000
"""Microseconds in which a server that is up has said what it serves."""


class CannotPack(Exception):
    """A server would not be able to read what is packed."""


class PackingResult(NamedTuple):
    """What packing did."""

    decisions: int
    """That are packed now and were not before."""
    bytes_before: int
    """Of their texts."""
    bytes_after: int


def parse_age(text: str) -> Microseconds:
    """Reads the age from which on decisions are packed, such as `40d`. Raises ValueError that says what is wrong."""
    try:
        age = durations.parse(text)
    except ParseError as error:
        raise ValueError(
            f"{text!r}: {error}; say from which age on decisions are packed, such as 40d"
        ) from None
    if age < RETRIES:
        raise ValueError(
            f"decisions are packed from {span_text(RETRIES)} on, not from {text}: until then retries get their answers"
        )
    return age


def with_requests(plan: PrunePlan, age: Microseconds) -> PrunePlan:
    """The plan, by which the request ids of packed decisions go too: nobody asks for them any more."""
    cut_off = max(plan.now - age, plan.cut_offs.get("requests", 0))
    return plan._replace(cut_offs={**plan.cut_offs, "requests": cut_off})


def count_unpacked(store: Store, age: Microseconds, now: Instant) -> int:
    """How many decisions packing would go through."""
    with store.transaction(writes=False):
        dictionary = newest_dictionary(store)
        return count_between(store, dictionary.packed_to if dictionary else "", id_from(now - age))


def pack_decisions(
    store: Store, age: Microseconds, now: Instant, actor: str, advance: Callable[[int], object]
) -> PackingResult:
    """Packs the decisions that are older, step by step and in order, and notes it in the audit.

    advance: called with the decisions of each step. What is ended goes on where it was with the next one. Raises CannotPack
    where a server of another version is up, LedgerError.
    """
    before = id_from(now - age)
    check_servers(store, now)
    dictionary = _dictionary(store, before, now)
    done = PackingResult(0, 0, 0)
    if dictionary is None:
        return done
    after = dictionary.packed_to
    while True:
        with store.transaction(writes=False):
            rows = next_texts(store, after, before)
        if not rows:
            break
        step, packed = _packed(rows, dictionary)
        after = rows[-1].decision_id
        with store.transaction():
            keep_packed(store, packed, dictionary.number, after)
        done = PackingResult(*(sum(pair) for pair in zip(done, step, strict=True)))
        advance(len(rows))
    if done.decisions:
        note = f"decisions {done.decisions}, bytes {done.bytes_before} to {done.bytes_after}"
        with store.transaction():
            add_audit(store, [AuditRow(str(uuid7()), now, actor, "log", "pack", "", "", "done", note)])
    return done


def _packed(
    rows: list[TextsOfDecision], dictionary: DictionaryRow
) -> tuple[PackingResult, list[TextsOfDecision]]:
    """Those of the rows that become shorter, packed, and what that does."""
    packed: list[TextsOfDecision] = []
    bytes_before = bytes_after = 0
    for row in rows:
        if is_packed(row.texts.answer):
            continue
        texts = pack(row.texts, dictionary.number, dictionary.text)
        if texts is not None:
            packed.append(row._replace(texts=texts))
            bytes_before += sum(len(text.encode()) for text in row.texts)
            bytes_after += sum(map(len, texts))
    return PackingResult(len(packed), bytes_before, bytes_after), packed


def _dictionary(store: Store, before: str, now: Instant) -> DictionaryRow | None:
    """The dictionary to pack with, which is made if there is none, or an old one; None: there is nothing to pack."""
    with store.transaction(writes=False):
        newest = newest_dictionary(store)
        after = newest.packed_to if newest else ""
        if not count_between(store, after, before):
            return None
        if newest is not None and newest.made_at > now - _RENEWED:
            return newest
        sample = last_texts(store, after, before, _SAMPLE)
    text = common_text((own.person, "\n".join(own.texts)) for own in sample)
    made = DictionaryRow((newest.number if newest else 0) + 1, now, after, text)
    with store.transaction():
        add_dictionary(store, made)
        return newest_dictionary(store)


def check_servers(store: Store, now: Instant) -> None:
    """Raises CannotPack where a server of another version has said lately that it is up."""
    with store.transaction(writes=False):
        others = [
            row for row in servers(store) if row.seen_at > now - _HEARD and row.engine != version("tact")
        ]
    if others:
        listed = ", ".join(f"{row.server} ({row.engine})" for row in others)
        raise CannotPack(
            f"servers of another version are up, which may not read packed decisions: {listed}; upgrade them first"
        )
