"""Compares what the challenger would have decided with what was decided, as the log has both.

Each decision is challenged one step ahead: at the history and the state that it was made at.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.ledger.commit.challenges import chosen_of
from engine.ledger.queries.challenges import Challenged, Chosen, challenged_after
from engine.ledger.store.store import Store
from engine.measure.diff import ComparedDecision, DecisionChange
from engine.measure.replay import END, PAGE, in_pages
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
