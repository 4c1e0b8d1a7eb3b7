"""Finds the candidates that the log does not list, beyond the first 50 of a decision, by making the decision again."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from engine.decide.compiled import CompiledBook
from engine.ledger.commit.replay import logged_state_of
from engine.ledger.store.rows import DecisionRow
from engine.measure.export.source import LogSource
from engine.measure.report.replays import (
    GONE,
    MOST,
    NO_BOOK,
    OTHERWISE,
    UNREAD,
    books_of,
    campaign_name,
    decided,
    decision_rows,
    reads_more,
)
from engine.measure.report.tables import Tables

_CUT = """
SELECT decision_id::TEXT AS decision_id FROM decisions WHERE more_candidates > 0
    AND time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
"""
_ADD = """
INSERT INTO candidates (decision_id, person, time, campaign, tier, score, code, name)
SELECT d.decision_id, d.person, d.time, u.campaign, u.tier, u.score, u.code, u.name
FROM (SELECT unnest(?)::UUID AS decision_id, unnest(?) AS campaign, unnest(?)::BIGINT AS tier, unnest(?)::DOUBLE AS score,
    unnest(?) AS code, unnest(?) AS name) u
JOIN decisions d ON d.decision_id = u.decision_id
"""
_BATCH = 20_000


class _Unlisted(NamedTuple):
    """A candidate, as a row of an export has it."""

    decision_id: str
    campaign: str
    tier: int
    score: float
    code: str
    name: str


@dataclass(slots=True)
class BeyondListed:
    """What came of the decisions of the period that had more candidates than the log lists."""

    decisions: int = 0
    replayed: int = 0
    """Those that were made again, and whose candidates are now all in the table `candidates`."""
    unknown: Counter[str] = field(default_factory=Counter)
    """Why others could not be made again."""
    untried: str = ""
    """Why none was made again; empty: they were."""

    @property
    def sentence(self) -> str:
        """For people, what is in the funnel and what is missing there; empty where nothing is beyond the list."""
        if not self.decisions:
            return ""
        cut = f"{self.decisions:,} decisions had more candidates than the log lists"
        if self.untried:
            return f"{cut}; those are missing here ({self.untried})."
        if self.replayed == self.decisions:
            return f"{cut}: they are here, found by making the decisions again."
        reasons = [f"{number:,}: {reason}" for reason, number in sorted(self.unknown.items())]
        if beyond := self.decisions - self.replayed - self.unknown.total():
            reasons.append(f"{beyond:,}: beyond a sample of {MOST:,}")
        return (
            f"{cut}: of {self.replayed:,} they are here, found by making the decisions again; the others are missing"
            f" ({'; '.join(reasons)})."
        )


def count_unlisted(tables: Tables, untried: str = "") -> BeyondListed:
    """The number of such decisions, none of which is made again. untried: the reason."""
    (decisions,) = tables.row(f"SELECT count(*) FROM ({_CUT})")  # noqa: S608 - a constant
    return BeyondListed(decisions, untried=untried)


def add_unlisted(url: str, tables: Tables, progress: Callable[[int, int], None]) -> BeyondListed:
    """Adds the candidates beyond the listed ones to `candidates`, of at most MOST decisions: the ids with the lowest MD5.

    url: the log, which is read and not written. Raises LedgerUnavailable.
    """
    beyond = count_unlisted(tables)
    query = f"{_CUT} ORDER BY md5(decision_id::TEXT), decision_id LIMIT {MOST}"
    chosen = sorted(row["decision_id"] for row in tables.rows(query))
    if not chosen:
        return beyond
    compiled_of, rows = books_of(tables), list[_Unlisted]()
    with LogSource(url) as log:
        for done, (decision_id, row) in enumerate(decision_rows(log, chosen), 1):
            unlisted = _unlisted(row, compiled_of)
            if isinstance(unlisted, str):
                beyond.unknown[unlisted] += 1
            else:
                beyond.replayed += 1
                rows += (_Unlisted(decision_id, *candidate) for candidate in unlisted)
            if rows and (len(rows) >= _BATCH or done == len(chosen)):
                tables.connection.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])
                rows.clear()
                progress(done, len(chosen))
    return beyond


def _unlisted(
    row: DecisionRow | None, compiled_of: Callable[[str], CompiledBook | None]
) -> list[tuple[str, int, float, str, str]] | str:
    """The candidates that the row does not list: campaign, tier, score, code and name; or why they are not known."""
    if row is None:
        return GONE
    compiled = compiled_of(row.book_version)
    if compiled is None:
        return NO_BOOK
    try:
        logged, trace = logged_state_of(row, compiled), orjson.loads(row.trace)
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError):
        return OTHERWISE
    if logged.lacking or compiled.values_read().intersection(logged.masked):
        return logged.lacking or OTHERWISE
    selection = decided(compiled, logged)[1]
    candidates = [
        (
            campaign_name(tried),
            tried.candidate.compiled_campaign.campaign.tier,
            tried.candidate.score,
            str(tried.reason.code),
            tried.reason.name,
        )
        for tried in selection.tried
    ]
    listed = trace["candidates"]
    outcomes = [(campaign, code) for campaign, _, _, code, _ in candidates]
    is_same = outcomes[: len(listed)] == [(campaign, code) for campaign, _, code, *_ in listed]
    if not is_same or len(candidates) != len(listed) + trace["more_candidates"]:
        return OTHERWISE
    return UNREAD if reads_more(selection, row) else candidates[len(listed) :]
