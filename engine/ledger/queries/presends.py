"""Reads and writes runs that send to a population, their manifest, and which persons have a history."""

from collections.abc import Sequence

from engine.ledger.store.rows import PresendPieceRow, PresendRunRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.instant import Instant

_RUNS = Select(columns(PresendRunRow._fields), "FROM presend_runs ORDER BY started_at, run")
"""All runs, the oldest first."""


_RUN = Select(columns(PresendRunRow._fields), "FROM presend_runs WHERE run = ?")
"""The row of a run."""


_PIECES = Select(
    columns(PresendPieceRow._fields), "FROM presend_pieces WHERE run = ? ORDER BY run, part, first"
)
"""The manifest of a run."""


_DONE = Select("coalesce(max(first + customers), 0)", "FROM presend_pieces WHERE run = ? AND part = ?")
"""How many customers of a part are committed."""


_COMMITTED = Select("coalesce(sum(customers), 0)", "FROM presend_pieces WHERE run = ? AND part >= 0")
"""How many customers of a run are committed; those of the last pass are among them already."""


_FINISH = "UPDATE presend_runs SET finished_at = ? WHERE run = ?"
"""Says that a run is over."""


_SHARE = "UPDATE presend_runs SET shares = ? WHERE run = ?"
"""Says how what is scarce is shared out."""


_MERGE = "UPDATE presend_pieces SET file = ?, sha256 = ? WHERE run = ? AND part = ?"
"""Says that all pieces of a part are in one file from now on."""


_WITH_HISTORY = Select(
    "given.person",
    "FROM :given(person text) AS given"
    " WHERE EXISTS (SELECT 1 FROM contacts AS c WHERE c.person = given.person AND c.at > ?)"
    " OR EXISTS (SELECT 1 FROM outcomes AS o WHERE o.person = given.person)"
    " OR EXISTS (SELECT 1 FROM consents AS s WHERE s.person = given.person)",
)
"""The persons of whom something is kept that contact pressure or consent may read."""


_LINKED = Select("count(*)", "FROM identities")
"""How many names were linked to another."""


def runs(store: Store) -> list[PresendRunRow]:
    """All runs, the oldest first."""
    return [PresendRunRow(*row) for row in store.select(_RUNS)]


def run_of(store: Store, run: str) -> PresendRunRow | None:
    """The row of the run; None where there is none."""
    rows = store.select(_RUN, run)
    return PresendRunRow(*rows[0]) if rows else None


def pieces(store: Store, run: str) -> list[PresendPieceRow]:
    """The manifest of the run, in order."""
    return [PresendPieceRow(*row) for row in store.select(_PIECES, run)]


def done(store: Store, run: str, part: int) -> int:
    """How many customers of the part are committed: those before that place."""
    return int(store.select(_DONE, run, part)[0][0])


def committed(store: Store, run: str) -> int:
    """How many customers of the run are committed."""
    return int(store.select(_COMMITTED, run)[0][0])


def add_run(store: Store, row: PresendRunRow) -> None:
    """Adds a run."""
    store.insert(PresendRunRow, [row])


def add_piece(store: Store, row: PresendPieceRow) -> None:
    """Adds a piece to the manifest; raises an error of the store where it is there already."""
    store.insert(PresendPieceRow, [row])


def merge(store: Store, run: str, part: int, file: str, sha256: str) -> None:
    """Says that one file holds all pieces of the part."""
    store.change(_MERGE, file, sha256, run, part)


def share(store: Store, run: str, shares: str) -> None:
    """Keeps how the run shares out what is scarce."""
    store.change(_SHARE, shares, run)


def finish(store: Store, run: str, at: Instant) -> None:
    """Says that the run is over."""
    store.change(_FINISH, at, run)


def with_history(store: Store, persons: Sequence[str], since: Instant) -> set[str]:
    """Those of the persons who have contacts later than `since`, outcomes or consents."""
    return {person for (person,) in store.select(_WITH_HISTORY, persons, since)} if persons else set()


def linked(store: Store) -> int:
    """How many names were linked to another person."""
    return int(store.select(_LINKED)[0][0])
