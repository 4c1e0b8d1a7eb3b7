"""What callers were told, beside what is in the log: nothing that was acknowledged may be missing."""

from collections import Counter

from engine.api.v1 import decisions_pb2 as pb
from engine.client import DeadlineExceeded, TactError, Unavailable
from tests.logs import Log
from trial.result import Finding


def compare(finding: Finding, log: Log, answers: list[pb.DecideResponse]) -> None:
    """Every answer with a decision_id is in the log, once, with its contact; and the log is whole."""
    kept = dict(log.rows("select decision_id, outcome from decisions"))
    for one in answers:
        finding.tried(
            not one.decision_id or one.decision_id in kept,
            f"{one.decision_id} was answered and is not in the log",
        )
    offers = log.rows("select count(*) from decisions where outcome = 'offer'")
    contacts = log.rows("select count(distinct decision_id) from contacts")
    finding.expect(offers == contacts, f"{offers[0][0]} offers and contacts of {contacts[0][0]}")
    if log.url.startswith("sqlite:"):  # PostgreSQL checks its own pages
        finding.expect(log.rows("pragma integrity_check") == [("ok",)], "the file of the log is not whole")


def refusals(finding: Finding, failures: list[TactError]) -> str:
    """Counts the calls that got no answer; those that were not told to ask again are failures."""
    for one in failures:
        finding.tried(isinstance(one, Unavailable | DeadlineExceeded), f"a call ended with {one}")
    return ", ".join(
        f"{count:,} {name}" for name, count in Counter(type(one).__name__ for one in failures).most_common()
    )


def degraded(answers: list[pb.DecideResponse]) -> int:
    """How many answers are fallbacks in place of a decision."""
    return sum(one.degraded for one in answers)
