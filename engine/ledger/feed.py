"""Decisions and outcomes in the order in which they were kept, from a cursor on: each at least once, and none left out.

A cursor names a commit and how much of it was read. Commits are read once none before them is under way, so a reader that goes
on from its last cursor misses nothing, however many servers commit at once. What was deleted from the log is passed over.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from engine.ledger.queries import commits
from engine.ledger.queries.commits import KeptCommit
from engine.ledger.store.rows import DecisionRow, OutcomeRow
from engine.ledger.store.store import Store
from engine.model.instant import Instant
from engine.model.trends import TrendAlert

_ENOUGH = 512
"""Decisions and outcomes after which no further commit is read; a commit has about as many at most."""


_MOST_COMMITS = 256


_LARGEST = 2**63 - 1


_CURSOR = re.compile(r"(\d{1,19})\.(\d{1,9})", re.ASCII)


class Cursor(NamedTuple):
    """How far a log was read."""

    commit_id: int
    read: int
    """Entries of the commit that were read, of those that it has."""

    def __str__(self) -> str:
        return f"{self.commit_id}.{self.read}"


START = Cursor(0, 0)
"""Before all commits."""


class FeedEntry(NamedTuple):
    """What was kept, and the cursor to go on after it."""

    cursor: Cursor
    row: DecisionRow | OutcomeRow | TrendAlert


class FeedPage(NamedTuple):
    """A part of the feed."""

    entries: Sequence[FeedEntry]
    cursor: Cursor
    """To go on after the page, also where it has no entry."""
    is_last: bool
    """Whether there was no more to read."""


def parse_cursor(text: str) -> Cursor:
    """The cursor of a text that `str` made; raises ValueError for any other."""
    match = _CURSOR.fullmatch(text)
    if match is None or (commit_id := int(match[1])) > _LARGEST:
        raise ValueError("is no cursor of a log, such as 4711.3")
    return Cursor(commit_id, int(match[2]))


def read_feed(store: Store, cursor: Cursor) -> FeedPage:
    """The next entries after the cursor, inside a transaction."""
    read: list[KeptCommit] = []
    size = 0
    following = commits.commits_after(store, cursor.commit_id - 1, _MOST_COMMITS)
    for commit in following:
        read.append(commit)
        size += max(0, commit.size - (cursor.read if commit.commit_id == cursor.commit_id else 0))
        if size >= _ENOUGH:
            break
    entries = [entry for entry in _entries(store, read) if entry.cursor > cursor] if size else []
    return FeedPage(entries, max(_after(read), cursor), len(read) == len(following) < _MOST_COMMITS)


def last_entries(store: Store, most: int) -> FeedPage:
    """The last entries, inside a transaction; at most so many."""
    if not most:
        return FeedPage((), end_of_feed(store), is_last=True)
    latest = commits.last_commits(store, most)
    entries = [*_entries(store, latest)][-most:]
    return FeedPage(entries, _after(latest), is_last=True)


def end_of_feed(store: Store) -> Cursor:
    """The cursor after everything that is kept by now."""
    return _after(commits.last_commits(store, 1))


def cursor_since(store: Store, since: Instant) -> Cursor:
    """The cursor before the first commit from about the moment on, by the servers' clocks; the end where there is none."""
    commit_id = commits.first_commit_since(store, since)
    return end_of_feed(store) if commit_id is None else Cursor(commit_id, 0)


def is_ahead(store: Store, cursor: Cursor) -> bool:
    """Whether the log has not got as far as the cursor: it was written by another log, or this one is an older copy of it."""
    return cursor.commit_id > end_of_feed(store).commit_id


def _after(read: Sequence[KeptCommit]) -> Cursor:
    return Cursor(read[-1].commit_id, read[-1].size) if read else START


def _entries(store: Store, read: Sequence[KeptCommit]) -> Iterator[FeedEntry]:
    """What the commits kept, as far as it is still in the log: outcomes before the decisions that saw them."""
    outcomes = commits.outcomes_of(store, [key for commit in read for key in commit.outcomes])
    decisions = commits.decisions_of(store, [name for commit in read for name in commit.decision_ids])
    for commit in read:
        for number, key in enumerate(commit.outcomes, start=1):
            for outcome in outcomes.get(key, ()):
                yield FeedEntry(Cursor(commit.commit_id, number), outcome)
        for number, decision_id in enumerate(commit.decision_ids, start=len(commit.outcomes) + 1):
            if (decision := decisions.get(decision_id)) is not None:
                yield FeedEntry(Cursor(commit.commit_id, number), decision)
        first = len(commit.outcomes) + len(commit.decision_ids) + 1
        for number, alert in enumerate(commit.alerts, start=first):
            yield FeedEntry(Cursor(commit.commit_id, number), alert)
