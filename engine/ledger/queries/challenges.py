"""Reads and writes what the challenger would have decided."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.ledger.queries.packed import whole_texts
from engine.ledger.store.packing import Texts
from engine.ledger.store.rows import ChallengeRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.model.instant import Instant

_KEPT = "ON CONFLICT (decision_id) DO NOTHING"
"""The first that was kept of a decision stays."""


class Chosen(NamedTuple):
    """What a row says of what was decided: of `decisions` or of `challenges`, which share these columns."""

    outcome: str
    channel: str | None
    trace: str
    answer: str


class Challenged(NamedTuple):
    """A decision, and what the challenger would have decided in its place."""

    decision_id: str
    person: str
    at: Instant
    live_version: str
    challenger_version: str
    live: Chosen
    challenger: Chosen


_AFTER = Select(
    "d.decision_id, d.person, d.at, d.book_version, c.book_version,"
    f" {', '.join(f'{table}.{column}' for table in 'dc' for column in Chosen._fields)}",
    "FROM challenges AS c JOIN decisions AS d ON d.decision_id = c.decision_id"
    " WHERE c.at >= ? AND c.at < ? AND c.decision_id > ? ORDER BY c.decision_id LIMIT ?",
)
"""The challenged decisions that follow a decision_id, of a period."""


_OF_DECISION = Select(", ".join(ChallengeRow._fields), "FROM challenges WHERE decision_id = ?")
"""What the challenger would have decided in place of one decision."""


_COUNT = Select("count(*)", "FROM challenges WHERE at >= ? AND at < ?")
"""Counts the challenged decisions of a period."""


def challenged_after(
    store: Store, decision_id: str, most: int, since: Instant, until: Instant
) -> list[Challenged]:
    """The challenged decisions behind the decision_id, in order; at most so many, from `since` until before `until`."""
    rows = store.select(_AFTER, since, until, decision_id, most)
    return [
        Challenged(
            decision_id, person, at, live, challenger, _whole(store, Chosen(*chosen[:4])), Chosen(*chosen[4:])
        )
        for decision_id, person, at, live, challenger, *chosen in rows
    ]


def _whole(store: Store, chosen: Chosen) -> Chosen:
    """With the texts unpacked, which only decisions have packed."""
    _, trace, answer = whole_texts(store, Texts("", chosen.trace, chosen.answer))
    return chosen._replace(trace=trace, answer=answer)


def challenge_of(store: Store, decision_id: str) -> ChallengeRow | None:
    """What the challenger would have decided in place of the decision; None where it was not challenged."""
    rows = store.select(_OF_DECISION, decision_id)
    return ChallengeRow(*rows[0]) if rows else None


def count_challenged(store: Store, since: Instant, until: Instant) -> int:
    """The number of challenged decisions of moments from `since` until before `until`."""
    return int(store.select(_COUNT, since, until)[0][0])


def keep(store: Store, rows: Sequence[ChallengeRow]) -> None:
    """Adds what the challenger decided, where nothing is kept of the decision yet."""
    store.insert(ChallengeRow, rows, _KEPT)
