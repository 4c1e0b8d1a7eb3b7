"""Counts from the log what all customers share: from its decisions, contacts and outcomes alone.

It shares no code with the engine: it goes through the log from the beginning, and counts from zero before each contact.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.logs import Log

CONFIRMS = {
    "delivered",
    "impression",
    "opened",
    "clicked",
    "converted",
    "ignored",
    "declined",
    "complained",
    "unsubscribed",
}
RELEASES = {"bounced", "not_sent", "cancelled"}


class Report(NamedTuple):
    """An outcome that was recorded for a decision's contact."""

    recorded_at: int
    decision_id: str
    at: int
    type: str


@dataclass(frozen=True)
class Shared:
    """At most so many contacts of one kind in a period."""

    name: str
    limit: int
    counts: "Callable[[Contact], bool]"
    period: int | None = None
    """Microseconds, of periods that began with 1970; None: for good."""

    def covers(self, contact: "Contact", now: int) -> bool:
        """Whether the contact is of the kind, and in the current period."""
        same = self.period is None or contact.at // self.period == now // self.period
        return same and self.counts(contact)


@dataclass
class Contact:
    """A row of `contacts`, with the reports so far."""

    decision_id: str
    at: int
    expires_at: int | None
    channel: str
    campaign: str
    offer: str
    reports: list[tuple[int, bool]] = field(default_factory=list)

    def holds(self, now: int) -> bool:
        """Whether it counts: by the latest report, or without any until its hold expires."""
        if self.reports:
            return max(self.reports)[1]
        return self.expires_at is None or now < self.expires_at


def overruns(log: Log, rules: Sequence[Shared]) -> list[str]:
    """Contacts that were made though the limit was reached already; none in a correct log.

    For decisions of one offer. A hold that has expired for one decision has expired for all later ones. Of a decision and an
    outcome of the same microsecond, the outcome is taken to be first.
    """
    made: dict[str, Contact] = {}
    pending = _outcomes(log)
    exceeded, now = [], 0
    for contact in _contacts(log):
        now = max(now, contact.at)
        for report in [
            report for report in pending if report.recorded_at <= now and report.decision_id in made
        ]:
            made[report.decision_id].reports.append((report.at, report.type in CONFIRMS))
            pending.remove(report)
        for rule in rules:
            if rule.counts(contact):
                counted = sum(rule.covers(earlier, now) and earlier.holds(now) for earlier in made.values())
                if counted >= rule.limit:
                    exceeded.append(f"{rule.name}: {counted + 1} of {rule.limit} with {contact.decision_id}")
        made[contact.decision_id] = contact
    return exceeded


def _contacts(log: Log) -> list[Contact]:
    """Those that went out, in the order of their decisions, which say how long each was held at first."""
    rows = log.rows(
        "select c.decision_id, c.at, d.expires_at, c.channel, c.campaign, c.offer from contacts c"
        " join decisions d on d.decision_id = c.decision_id where c.state <> 'shadow' order by c.decision_id"
    )
    return [Contact(*row) for row in rows]


def _outcomes(log: Log) -> list[Report]:
    """Reports on contacts, in the order in which they were recorded."""
    rows = log.rows("select recorded_at, decision_id, at, type from outcomes where decision_id is not null")
    return sorted(Report(*row) for row in rows if row[3] in CONFIRMS | RELEASES)
