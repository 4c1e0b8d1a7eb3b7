"""What a log must be whatever happened to its workers, counted apart from the code."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from engine.api.v1.decisions_pb2 import DecideResponse
from tests.replays import assert_replays

WEEKLY = 2
"""The cap of the spring book; no test takes a week."""


def audit(log: Path, answers: Sequence[DecideResponse]) -> Counter[str]:
    """Every acknowledged decision is logged once, whole, and replays, and no cap is broken; how many each customer has."""
    with closing(sqlite3.connect(log)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        decisions = connection.execute(
            "select request_id, decision_id, person, outcome from decisions"
        ).fetchall()
        contacts = connection.execute(
            "select decision_id, person from contacts where kind = 'outbound'"
        ).fetchall()
    logged = {request: decision for request, decision, _, _ in decisions}
    assert len(logged) == len(decisions), "a request was decided twice"
    answered = {answer.request_id: answer.decision_id for answer in answers}
    assert answered.items() <= logged.items(), "an answer was lost"
    offers = Counter(decision for _, decision, _, outcome in decisions if outcome == "offer")
    assert offers == Counter(decision for decision, _ in contacts), "a contact without its offer, or twice"
    assert assert_replays(f"sqlite:///{log}") == len(decisions)
    given = Counter(person for _, person in contacts)
    assert max(given.values(), default=0) <= WEEKLY, "a cap was broken"
    return Counter(person for _, _, person, _ in decisions)
