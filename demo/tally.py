"""Counts of the demo: over the answers of a round, and over the decision log's file."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from demo.households import City, Household, cities, city_of
from engine.api.v1.decisions_pb2 import OUTCOME_BLOCKED, DecideResponse, Outcome

# How many outbound messages a customer had had, in the seven days up to a commercial one and with it, at most.
_MOST_IN_A_WEEK = """
    SELECT max(n) FROM (
        SELECT count(*) AS n FROM contacts AS contact JOIN contacts AS earlier
            ON earlier.person = contact.person AND earlier.kind = 'outbound'
            AND earlier.at <= contact.at AND earlier.at > contact.at - 7 * 86400000000
        WHERE contact.kind = 'outbound' AND contact.category = 'commercial'
        GROUP BY contact.person, contact.at, contact.decision_id)
"""


@dataclass(frozen=True, slots=True)
class Logged:
    """Counts of the log's rows."""

    file: str
    decisions: int
    outcomes: dict[str, int]
    offers: dict[str, int]
    contacts: int
    most_in_a_week: int


def read_log(file: Path) -> Logged:
    """Count the rows of the file, which is opened read-only."""
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as log:
        return Logged(
            str(file),
            _number(log, "SELECT count(*) FROM decisions"),
            _groups(log, "SELECT outcome, count(*) FROM decisions GROUP BY 1 ORDER BY 2 DESC"),
            _groups(
                log,
                "SELECT offer, count(*) FROM decisions WHERE offer IS NOT NULL GROUP BY 1 ORDER BY 2 DESC",
            ),
            _number(log, "SELECT count(*) FROM contacts"),
            _number(log, _MOST_IN_A_WEEK),
        )


def _number(log: sqlite3.Connection, query: str) -> int:
    return int(log.execute(query).fetchone()[0] or 0)


def _groups(log: sqlite3.Connection, query: str) -> dict[str, int]:
    return dict(log.execute(query).fetchall())


Answered = tuple[Household, DecideResponse]


OUT_OF_REACH = "no address or no consent"


@dataclass(frozen=True, slots=True)
class Got:
    """The number of customers who got an offer in this variant on this channel."""

    offer: str
    variant: str
    channel: str
    customers: int


@dataclass(frozen=True, slots=True)
class CityTally:
    """What the customers of one city got."""

    city: str
    temperature_c: float
    humidity_pct: float
    customers: int
    offers: dict[str, int]
    variants: dict[str, int]
    """By `offer/variant`."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over the answers for every household at one time."""

    now: str
    decided: int
    seconds: float
    outcomes: dict[str, int]
    got: list[Got]
    cities: list[CityTally]
    blocked_by: dict[str, int]
    """Customers by the rule that held their message back; a customer may count for several."""


def tally(now: datetime, seconds: float, answered: Sequence[Answered]) -> Tally:
    """The counts over the answers of one round."""
    got = Counter(
        (offer.offer, offer.variant, offer.channel) for _, answer in answered for offer in answer.offers
    )
    return Tally(
        now.isoformat(),
        len(answered),
        round(seconds, 3),
        most(outcome_of(answer) for _, answer in answered),
        [Got(*offer_form, customers) for offer_form, customers in got.most_common()],
        [_city(city, answered) for city in cities()],
        most(rule for _, answer in answered for rule in blocking(answer)),
    )


def outcome_of(answer: DecideResponse) -> str:
    """The outcome in lower case."""
    return Outcome.Name(answer.outcome).removeprefix("OUTCOME_").lower()


def blocking(answer: DecideResponse) -> list[str]:
    """The pressure rules that held the message back, or OUT_OF_REACH if no channel could be used."""
    if answer.outcome != OUTCOME_BLOCKED:
        return []
    return list(answer.blocked_by) or [OUT_OF_REACH]


def next_allowed_at(answer: DecideResponse, like: datetime) -> str | None:
    """When the message may go, in the time zone of `like`."""
    if not answer.HasField("next_allowed_at"):
        return None
    return answer.next_allowed_at.ToDatetime(UTC).astimezone(like.tzinfo).isoformat()


def most(names: Iterable[str]) -> dict[str, int]:
    """The number of times that each name occurs, the most frequent first."""
    return dict(Counter(names).most_common())


def _city(city: City, answered: Sequence[Answered]) -> CityTally:
    here = [answer for household, answer in answered if city_of(household) == city]
    offers = [offer for answer in here for offer in answer.offers]
    return CityTally(
        city.name,
        city.temperature_c,
        city.humidity_pct,
        len(here),
        most(offer.offer for offer in offers),
        most(f"{offer.offer}/{offer.variant}" for offer in offers),
    )
