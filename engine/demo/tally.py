"""Counts: who got what, and what was held back by which rule."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.api.v1.decisions_pb2 import OUTCOME_BLOCKED, DecideResponse, Outcome
from engine.demo.households import City, Household, cities, city_of

Answered = tuple[Household, DecideResponse]

OUT_OF_REACH = "no address or no consent"


@dataclass(frozen=True, slots=True)
class Got:
    """How many customers got an offer in this form on this channel."""

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
    """What came of asking for every customer at one moment."""

    now: str
    decided: int
    seconds: float
    outcomes: dict[str, int]
    got: list[Got]
    cities: list[CityTally]
    blocked_by: dict[str, int]
    """Customers by the rule that held their message back; a customer may count for several rules."""


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
        [Got(*what, customers) for what, customers in got.most_common()],
        [_city(city, answered) for city in cities()],
        most(rule for _, answer in answered for rule in blocking(answer)),
    )


def outcome_of(answer: DecideResponse) -> str:
    """The outcome in lower case."""
    return Outcome.Name(answer.outcome).removeprefix("OUTCOME_").lower()


def blocking(answer: DecideResponse) -> list[str]:
    """What held the message back: the pressure rules, or that no channel could be used at all."""
    if answer.outcome != OUTCOME_BLOCKED:
        return []
    return list(answer.blocked_by) or [OUT_OF_REACH]


def next_allowed_at(answer: DecideResponse, like: datetime) -> str | None:
    """When the message may go, in the time zone of `like`."""
    if not answer.HasField("next_allowed_at"):
        return None
    return answer.next_allowed_at.ToDatetime(UTC).astimezone(like.tzinfo).isoformat()


def most(names: Iterable[str]) -> dict[str, int]:
    """How often each name comes, the most frequent first."""
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
