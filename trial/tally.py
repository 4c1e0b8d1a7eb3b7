"""Compares the answers that callers got with the log: nothing that was acknowledged may be missing."""

from collections import Counter

from engine.api.v1 import decisions_pb2 as pb
from engine.client import DeadlineExceeded, TactError, Unavailable
from tests.logs import Log
from trial.result import TrialResult


def compare(result: TrialResult, log: Log, answers: list[pb.DecideResponse]) -> None:
    """Checks that every answer with a decision_id is in the log, with its contact, and that the log is whole."""
    kept = dict(log.rows("select decision_id, outcome from decisions"))
    for answer in answers:
        result.check(
            not answer.decision_id or answer.decision_id in kept,
            f"{answer.decision_id} was answered and is not in the log",
        )
    offers = log.rows("select count(*) from decisions where outcome = 'offer'")
    contacts = log.rows("select count(distinct decision_id) from contacts")
    result.expect(offers == contacts, f"{offers[0][0]} offers and contacts of {contacts[0][0]}")
    if log.url.startswith("sqlite:"):  # PostgreSQL checks its own pages
        result.expect(log.rows("pragma integrity_check") == [("ok",)], "the file of the log is not whole")


def refusals(result: TrialResult, failures: list[TactError]) -> str:
    """The calls that got no answer, by their errors; errors that do not invite another try are failures of the trial."""
    for failure in failures:
        result.check(isinstance(failure, Unavailable | DeadlineExceeded), f"a call ended with {failure}")
    return ", ".join(
        f"{count:,} {name}"
        for name, count in Counter(type(failure).__name__ for failure in failures).most_common()
    )


def degraded(answers: list[pb.DecideResponse]) -> int:
    """Number of answers that are fallbacks instead of decisions."""
    return sum(answer.degraded for answer in answers)
