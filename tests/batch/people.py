"""Invented customers for any book: values that its conditions mention, values beside them, and missing ones."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from random import Random
from typing import Any

from engine.conditions.model import Condition, tests_of
from engine.decide.compiled import CompiledBook
from engine.model.instant import DAY, Instant
from engine.model.request import Request
from engine.model.values import Value
from engine.rulebook.model.book import Attribute, AttributeType

PLACES: dict[str, Sequence[Any]] = {
    "profile.time_zone": ("Europe/Paris", "America/New_York", "Asia/Tokyo", "Nowhere"),
    "location.time_zone": ("Europe/Berlin", "Asia/Shanghai"),
    "location.country": ("FR", "US", "CN", "xx"),
    "location.latitude": (48.85, 31.2, 95.0),
    "location.longitude": (2.35, 121.5),
    "profile.language": ("de", "de-CH", "fr", "en-GB", "zh"),
    "profile.languages": (("fr", "en"), ("zh-TW",)),
    "profile.accept_language": ("de;q=0.5, fr",),
}


def conditions_of(compiled: CompiledBook) -> Iterator[Condition]:
    """The conditions of campaigns, boosts, variants and rules."""
    yield from compiled.book.pressure.conditions.values()
    for campaign in compiled.book.campaigns.values():
        yield campaign.when
        yield from (boost.when for boost in campaign.boosts)
        yield from (variant.when for variant in campaign.variants)


def requests_for(compiled: CompiledBook, now: Instant, number: int, seed: int = 0) -> list[Request]:
    """Customers, of whom everybody can be asked what the book refers to."""
    random, pools = Random(seed), dict(_pools(compiled, now))
    consents = [own.consent for own in compiled.book.channels.values() if own.consent]
    outbound = list(compiled.outbound)
    requests = []
    for customer in range(number):
        given = {name: random.choice(pool) for name, pool in pools.items() if random.random() < 0.8}
        agreed = frozenset(purpose for purpose in consents if random.random() < 0.8)
        preferred = tuple(random.sample(outbound, 1)) if outbound and random.random() < 0.1 else ()
        requests.append(
            Request(f"customer-{customer}", now, given, consents=agreed, preferred_channels=preferred)
        )
    return requests


def _pools(compiled: CompiledBook, now: Instant) -> Iterator[tuple[str, Sequence[Value]]]:
    mentioned: dict[str, list[Any]] = {}
    for condition in conditions_of(compiled):
        for test in tests_of(condition):
            operand = test.operand if isinstance(test.operand, tuple) else (test.operand,)
            mentioned.setdefault(test.attribute, []).extend(operand)
    for name in sorted(compiled.referenced):
        declared = compiled.book.attributes.get(name)
        if name in PLACES:
            yield name, PLACES[name]
        elif declared is not None:
            yield name, list(_values(declared, mentioned.get(name, ()), now))


def _values(declared: Attribute, mentioned: Iterable[Any], now: Instant) -> Iterator[Value]:
    kind = declared.type
    texts = [own for own in mentioned if type(own) is str]
    numbers = [own for own in mentioned if type(own) in (int, float)]
    if kind in (AttributeType.TEXT, AttributeType.VERSION, AttributeType.IP):
        yield from (*texts, "other", "Li", " ")
    elif kind is AttributeType.INTEGER:
        yield from (int(own) + step for own in (*numbers, 0) for step in (-1, 0, 1))
    elif kind is AttributeType.NUMBER:
        yield from (own + step for own in (*numbers, 0.5) for step in (-0.25, 0.0, 0.25))
    elif kind is AttributeType.BOOLEAN:
        yield from (True, False)
    elif kind is AttributeType.DATE:
        yield from (date(2026, 3, 10), date(1990, 3, 12), date(2024, 2, 29), date(2025, 11, 1))
    elif kind is AttributeType.TIME:
        yield from (now - 1, now - 3 * DAY, now - 60 * DAY, now + DAY)
    elif kind is AttributeType.TEXTS:
        yield from ((), tuple(texts[:1]), tuple(texts), ("other",))
    else:
        yield from ((), (1, 2))
