"""The demo's customers: real households; a hash of its number gives each a city, addresses and consents."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from importlib.resources import files

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.client import Plain, request

WITH_WECHAT = 0.8


WITH_PHONE = 0.6


CONSENTING = 0.9


WITH_POINTS = 0.06


WITH_LATE_POINTS = 0.06
"""Shares of the households: with a WeChat account, with a phone, with consent to a channel, with points about to lapse, and
with more points from POINTS_RUN on."""


POINTS_RUN = datetime.fromisoformat("2026-03-14T00:00+08:00")
"""From this time on the club knows of more customers whose points are about to lapse."""


@dataclass(frozen=True, slots=True)
class City:
    """A city and its weather on a typical March day."""

    name: str
    region: str
    latitude: float
    longitude: float
    time_zone: str
    temperature_c: float
    humidity_pct: float


@dataclass(frozen=True, slots=True)
class Household:
    """What a grocer knew about a household after a year; None: unknown."""

    number: int
    age_band: str | None
    income_band: str | None
    household_size: int | None
    """5 stands for five or more."""
    purchases: int
    spend: float
    """US dollars."""
    favourite_department: str | None

    @property
    def customer(self) -> str:
        """The customer id in requests."""
        return f"household-{self.number}"


@cache
def cities() -> tuple[City, ...]:
    """The cities, from north to south."""
    return tuple(
        City(
            row["city"],
            row["region"],
            float(row["latitude"]),
            float(row["longitude"]),
            row["time_zone"],
            float(row["temperature_c"]),
            float(row["humidity_pct"]),
        )
        for row in _rows("cities.csv")
    )


@cache
def households() -> tuple[Household, ...]:
    """All 2,469, by number."""
    return tuple(
        Household(
            int(row["household"]),
            row["age_band"] or None,
            row["income_band"] or None,
            int(row["household_size"].rstrip("+")) if row["household_size"] else None,
            int(row["baskets"]),
            float(row["spend"]),
            row["favourite_department"] or None,
        )
        for row in _rows("households.csv")
    )


def city_of(household: Household) -> City:
    """The city that the demo assigns to the household."""
    return cities()[int(draw(household, "city") * len(cities()))]


def request_of(household: Household, now: datetime, *, placement: str = "") -> DecideRequest:
    """The request that a messaging system, or with a placement the website, would send for the household."""
    city = city_of(household)
    return request(
        household.customer,
        profile=_profile(household, now),
        consents=[
            channel for channel in ("wechat", "sms") if draw(household, f"consent {channel}") < CONSENTING
        ],
        location={
            "country": "CN",
            "region": city.region,
            "city": city.name,
            "latitude": city.latitude,
            "longitude": city.longitude,
            "time_zone": city.time_zone,
        },
        weather={"temperature_c": city.temperature_c, "humidity_pct": city.humidity_pct},
        placement=placement,
        now=now,
    )


_GROUPS = {
    "Under 15K": "low",
    "15-24K": "low",
    "25-34K": "lower-middle",
    "35-49K": "middle",
    "50-74K": "upper-middle",
    "75-99K": "upper-middle",
    "100-124K": "high",
    "125-149K": "high",
    "150-174K": "high",
    "175-199K": "high",
    "200-249K": "high",
    "250K+": "high",
}
"""The book's group for each band of the data, which are from the United States and in thousands of dollars."""


def _profile(household: Household, now: datetime) -> dict[str, Plain]:
    known: dict[str, Plain | None] = {
        "age_band": household.age_band,
        "income_band": _GROUPS[household.income_band] if household.income_band else None,
        "household_size": household.household_size,
        "purchases": household.purchases,
        "spend": household.spend,
        "favourite_department": household.favourite_department,
        **_invented(household, now),
    }
    return {name: value for name, value in known.items() if value is not None}


def _invented(household: Household, now: datetime) -> dict[str, Plain | None]:
    number = household.number
    having_points = WITH_POINTS + (WITH_LATE_POINTS if now >= POINTS_RUN else 0)
    return {
        "wechat_openid": f"demo-openid-{number:04}" if draw(household, "wechat") < WITH_WECHAT else None,
        "phone": f"+86 555 0000 {number:04}" if draw(household, "phone") < WITH_PHONE else None,
        "points_expiring": 1 + round(household.spend / 10)
        if draw(household, "points") < having_points
        else None,
    }


def draw(household: Household, purpose: str) -> float:
    """A number in [0, 1) that depends only on the household and the purpose."""
    digest = blake2b(f"{purpose}:{household.number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _rows(name: str) -> Iterator[dict[str, str]]:
    with files("demo").joinpath(name).open(encoding="utf-8") as lines:
        yield from csv.DictReader(lines)
