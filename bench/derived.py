"""The book and the requests of books.py with twenty derived attributes in use, and twenty events in every request.

Seven aggregates of behaviour, four patterns, two distances, recency, frequency and monetary value, and the four of the
customer's clock: each is used by one campaign in twenty.
"""

import time
from random import Random
from typing import Any

from bench import books
from engine.api.v1.decisions_pb2 import DecideRequest, Event

EVENTS = 20
DAYS = 5
TYPES, WEIGHTS = ("page_view", "product_view", "add_to_cart", "purchase"), (50, 30, 15, 5)
_WINDOW = {"where": {"category": "cream"}, "within": "3d"}
_VIEWS, _PAGES = ({"event": event, **_WINDOW} for event in ("product_view", "page_view"))

CONDITIONS: tuple[dict[str, Any], ...] = (
    {"behaviour": {**_VIEWS, "count": {"gte": 1}}},
    {"behaviour": {**_VIEWS, "sum": {"of": "value", "gte": 50}}},
    {"behaviour": {**_VIEWS, "distinct": {"of": "item", "gte": 2}}},
    {"behaviour": {**_VIEWS, "days_since_last": {"lte": 2}}},
    {"behaviour": {**_PAGES, "count": {"gte": 2}}},
    {"behaviour": {**_PAGES, "distinct": {"of": "item", "gte": 2}}},
    {"behaviour": {**_PAGES, "days_since_last": {"lte": 1}}},
    *({"pattern": f"left-in-cart-{days}"} for days in range(1, 5)),
    {"near": {"place": "store", "within_km": 1000}},
    {"near": {"place": "branch", "within_km": 1000}},
    {"rfm.recency_days": {"lte": 3}},
    {"rfm.frequency": {"gte": 1}},
    {"rfm.monetary": {"gte": 50}},
    {"now.hour": {"between": [0, 22]}},
    {"now.weekday": {"ne": "sun"}},
    {"now.date": {"after": "2026-01-01"}},
    {"now.month": {"ne": 2}},
)


def book(campaigns: int = books.CAMPAIGNS) -> dict[str, Any]:
    """The book of books.py, each campaign with one more condition."""
    base = books.book(campaigns)
    for number, campaign in enumerate(base["campaigns"].values()):
        campaign["when"] |= CONDITIONS[number % len(CONDITIONS)]
    places = {
        "store": {"latitude": 31.2, "longitude": 121.5},
        "branch": {"latitude": 39.9, "longitude": 116.4},
    }
    return base | {
        "places": places,
        "patterns": {f"left-in-cart-{days}": _left_in_cart(days) for days in range(1, 5)},
    }


def _left_in_cart(days: int) -> dict[str, Any]:
    return {
        "first": {"event": "add_to_cart", "within": f"{days}d"},
        "then": [{"event": "page_view", "page": "/checkout", "within": "1h of first"}],
        "not_after": {"event": "purchase", "same": "item"},
        "expose": {"item": "first.item"},
    }


def bodies(count: int) -> list[bytes]:
    """Serialised requests in shuffled order, with coordinates and with events of the last days."""
    now = int(time.time())
    serialised = [_with_events(message, number, now) for number, message in enumerate(books.messages(count))]
    Random(43).shuffle(serialised)
    return serialised


def _with_events(message: DecideRequest, number: int, now: int) -> bytes:
    random = Random(number)
    message.context.location.latitude = random.uniform(20, 45)
    message.context.location.longitude = random.uniform(100, 125)
    for kind in random.choices(TYPES, WEIGHTS, k=EVENTS):
        event = Event(
            event_id=f"{number}-{len(message.context.events)}",
            type=kind,
            item=f"item{random.randrange(20)}",
            page=random.choice(("/", "/checkout", "/cream")),
            category=random.choice(("cream", "soap")),
            value=random.randrange(100),
        )
        event.at.seconds = now - random.randrange(DAYS * 86_400)
        message.context.events.append(event)
    return message.SerializeToString()
