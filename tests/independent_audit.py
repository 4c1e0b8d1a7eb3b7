"""What all customers share, counted from the log as a stranger would: from its decisions, contacts and outcomes alone.

It shares nothing with the engine: it walks through the log from its beginning, and before each contact counts from anew.
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
    "complained",
    "unsubscribed",
}
RELEASES = {"bounced", "not_sent", "cancelled"}


class Word(NamedTuple):
    """What was heard of a decision's contact."""

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

    def covers(self, one: "Contact", now: int) -> bool:
        """Whether the contact is of the kind, and of the period that it is."""
        same = self.period is None or one.at // self.period == now // self.period
        return same and self.counts(one)


@dataclass
class Contact:
    """A row of `contacts`, with what is known of it by now."""

    decision_id: str
    at: int
    expires_at: int | None
    channel: str
    campaign: str
    offer: str
    heard: list[tuple[int, bool]] = field(default_factory=list)

    def stands(self, now: int) -> bool:
        """Whether it counts: by the latest word, or without any until its hold is over."""
        if self.heard:
            return max(self.heard)[1]
        return self.expires_at is None or now < self.expires_at


def overruns(log: Log, rules: Sequence[Shared]) -> list[str]:
    """Where a contact was made though as many counted as there may be; none in a log that is as it should be.

    For decisions of one offer. A hold that has ended for one decision has ended for all after it. Of a decision and an
    outcome of the same microsecond nobody can tell which came first: the outcome is taken to.
    """
    made: dict[str, Contact] = {}
    unheard = _outcomes(log)
    found, now = [], 0
    for one in _contacts(log):
        now = max(now, one.at)
        for word in [each for each in unheard if each.recorded_at <= now and each.decision_id in made]:
            made[word.decision_id].heard.append((word.at, word.type in CONFIRMS))
            unheard.remove(word)
        for rule in rules:
            if rule.counts(one):
                counted = sum(rule.covers(each, now) and each.stands(now) for each in made.values())
                if counted >= rule.limit:
                    found.append(f"{rule.name}: {counted + 1} of {rule.limit} with {one.decision_id}")
        made[one.decision_id] = one
    return found


def _contacts(log: Log) -> list[Contact]:
    """Those that went out, in the order of their decisions, which say how long each was held at first."""
    rows = log.rows(
        "select c.decision_id, c.at, d.expires_at, c.channel, c.campaign, c.offer from contacts c"
        " join decisions d on d.decision_id = c.decision_id where c.state <> 'shadow' order by c.decision_id"
    )
    return [Contact(*row) for row in rows]


def _outcomes(log: Log) -> list[Word]:
    """What was heard of contacts, in the order in which it was recorded."""
    rows = log.rows("select recorded_at, decision_id, at, type from outcomes where decision_id is not null")
    return sorted(Word(*row) for row in rows if row[3] in CONFIRMS | RELEASES)
