"""Compares what the challenger would have decided with what was decided, as the log has both; reads what only it read.

Each decision is challenged one step ahead: at the history and the state that it was made at.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from engine.decide.compiled import CompiledBook
from engine.ledger.commit.challenges import chosen_of
from engine.ledger.commit.replay import LoggedDecision, logged_decision_of, logged_state_of
from engine.ledger.queries.challenges import (
    Challenged,
    Chosen,
    challenge_of,
    challenged_after,
    count_challenged,
)
from engine.ledger.store.rows import DecisionRow
from engine.ledger.store.store import Store
from engine.measure.diff import ComparedDecision, DecisionChange
from engine.measure.replay import END, PAGE, Books, in_pages
from engine.model.instant import Instant


@dataclass(slots=True)
class ChallengedBook:
    """The challenged decisions of one version of the live book, by one version of the challenger's."""

    agreed: int = 0
    changes: Counter[DecisionChange] = field(default_factory=Counter)
    persons: set[str] = field(default_factory=set)

    @property
    def decisions(self) -> int:
        """The decisions that were challenged."""
        return self.agreed + self.changes.total()

    def add(self, challenged: Challenged) -> None:
        """Counts one decision."""
        before, after = _decided(challenged.live), _decided(challenged.challenger)
        self.persons.add(challenged.person)
        if before == after:
            self.agreed += 1
        else:
            self.changes[DecisionChange(before, after)] += 1


def _decided(row: Chosen) -> ComparedDecision:
    return ComparedDecision(row.outcome, chosen_of(row))


def read_challenges(
    store: Store, period: tuple[Instant, Instant] = (0, END), advance: Callable[[], object] = lambda: None
) -> dict[tuple[str, str], ChallengedBook]:
    """The challenged decisions of the period, by the versions of the live book and the challenger's. Raises LedgerError."""
    books: dict[tuple[str, str], ChallengedBook] = {}
    for challenged in in_pages(store, lambda last: challenged_after(store, last, PAGE, *period)):
        versions = challenged.live_version, challenged.challenger_version
        books.setdefault(versions, ChallengedBook()).add(challenged)
        advance()
    return books


class ChallengedStates:
    """What the log has of decisions because a challenger read it: attributes, counters and outcomes of its book."""

    def __init__(self, store: Store, books: Books, period: tuple[Instant, Instant]) -> None:
        self._store, self._books = store, books
        with store.transaction(writes=False):
            self._is_empty = not count_challenged(store, *period)

    def of(
        self, row: DecisionRow, deciding: CompiledBook, compiled: CompiledBook
    ) -> tuple[LoggedDecision, CompiledBook, Mapping[str, Any]] | None:
        """The decision with the state that a book may read of it, its challenger's book, and that state's trace.

        deciding: the book that decided; compiled: the one that reads. The state is the challenger's where its book is the one
        that reads; else it is the logged one, with the challenger's attributes and units. None where the decision was not
        challenged.
        """
        if self._is_empty:
            return None
        with self._store.transaction(writes=False):
            challenge = challenge_of(self._store, row.decision_id)
        challenger = None if challenge is None else self._books.of(challenge.book_version)
        if challenge is None or challenger is None:
            return None
        live, trace = orjson.loads(row.trace), orjson.loads(challenge.trace)
        if challenger.book.version == compiled.book.version:
            for key in _BOTH:
                trace[key] = [*trace.get(key, ()), *live.get(key, ())]
            read = row._replace(inputs=challenge.inputs, trace=orjson.dumps(trace).decode())
            logged = logged_decision_of(row, deciding)
            return logged._replace(state=logged_state_of(read, compiled)), challenger, trace
        inputs, more = orjson.loads(row.inputs), orjson.loads(challenge.inputs)
        inputs["attributes"] = {**more["attributes"], **inputs["attributes"]}
        if units := {**more.get("units", {}), **inputs.get("units", {})}:
            inputs["units"] = units
        inputs["masked"] = sorted({*inputs["masked"], *more["masked"]} - inputs["attributes"].keys())
        read = row._replace(inputs=orjson.dumps(inputs).decode())
        return logged_decision_of(read, compiled), challenger, live


_BOTH = ("counters", "learned", "propensities")
"""What a challenger's trace and the live one have for different rules and campaigns."""


def challenges_document(books: dict[tuple[str, str], ChallengedBook]) -> dict[str, Any]:
    """The document of `tact diff --challenger --json`."""
    return {
        "schema": 1,
        "challenges": [
            {
                "live": live,
                "challenger": challenger,
                "decisions": book.decisions,
                "persons": len(book.persons),
                "agreed": book.agreed,
                "changed": book.changes.total(),
                "changes": [
                    {"from": change.before.text, "to": change.after.text, "decisions": decisions}
                    for change, decisions in sorted(
                        book.changes.items(), key=lambda item: (-item[1], item[0])
                    )
                ],
            }
            for (live, challenger), book in books.items()
        ],
    }
