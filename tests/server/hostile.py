"""Calls by chance: odd Unicode, huge numbers, long lists, every kind in the wrong place, thousands of events."""

import math
from collections.abc import Sequence
from random import Random
from time import time
from typing import cast

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1.values_pb2 import Value

_TEXTS = (
    "",
    "cream",
    "view",
    "add_to_cart",
    "purchase",
    "unsubscribed",
    "delivered",
    "ignored",
    "declined",
    "bounced",
    "clicked",
    "soap",
    "\U0001f9f4",
    "ﷺ" * 40,
    "\u202e",
    "a\0b",
    "'; --",
    "x" * 5000,
)
_SOUND = tuple(text for text in _TEXTS if "\0" not in text)
_NUMBERS = (0.0, -0.0, 1.0, 0.9, 48.8, 1e308, -1e308, 5e-324, math.inf, -math.inf, math.nan)
_INTEGERS = (0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63))
_IDS = ("x" * 300, "", "a\0b")
_NAMES = ("score", "age", "tier", "openid", "", "a.b", "é", "x" * 300)


def hostile_request(rng: Random, number: int) -> pb.DecideRequest:
    """One request; about half of them have something that no server should take."""
    if rng.random() < 0.5:
        return _decent(rng, number)
    message = pb.DecideRequest(customer=pb.Customer(id=f"h-{number % 500}"))
    if rng.random() < 0.3:
        message.request_id = f"h-{rng.randrange(5000)}"
    message.placement = rng.choice(("hero", "hero", "", "no-such"))
    message.max_offers = rng.choice((0, 1, 5, 4_000_000_000))
    message.mode = cast("pb.Mode", rng.choice((0, 1, 2, 77)))
    for _ in range(rng.randrange(6)):
        message.context.profile.attributes[rng.choice(_NAMES)].CopyFrom(_value(rng))
    if rng.random() < 0.5:
        message.context.profile.attributes["score"].number = rng.random()
    message.context.profile.consents.extend(rng.choices(("mail", "", "x" * 300), k=rng.choice((0, 0, 2))))
    message.customer.aliases.extend(
        _other_names(rng, number) + rng.choices(_IDS, k=rng.choice((0, 0, 0, 1, 40)))
    )
    if rng.random() < 0.5:
        message.context.location.latitude = rng.choice(_NUMBERS)
        message.context.location.longitude = rng.choice(_NUMBERS)
    if rng.random() < 0.3:
        message.context.weather.condition = rng.choice(("snow", "frogs"))
        message.context.weather.temperature_c = rng.choice(_NUMBERS)
    events = rng.choice((0, 0, 1, 3, 20)) if rng.random() < 0.998 else rng.choice((2000, 5001))
    message.context.events.extend(_event(rng, _TEXTS if events <= 20 else _TEXTS[:6]) for _ in range(events))
    return message


def hostile_record(rng: Random, number: int) -> pb.RecordedEvent:
    """One event to record; about half of them have something that no server should take."""
    message = pb.RecordedEvent(customer=pb.Customer(id=f"h-{number % 500}"), event_id=f"r-{number}")
    if rng.random() < 0.5:
        message.event.CopyFrom(_event(rng, _TEXTS[1:-1]))
        message.event.ClearField("event_id")
        message.event.at.FromSeconds(int(time()) - rng.randrange(86_400 * 20))
        return message
    message.event.CopyFrom(_event(rng, _TEXTS))
    message.event_id = rng.choice(("", f"r-{rng.randrange(number + 1)}", "x" * 300))
    message.customer.id = rng.choice((*_IDS, f"h-{rng.randrange(500)}"))
    message.decision_id = rng.choice(("", "", "no-such", "\0"))
    return message


def hostile_names(rng: Random) -> list[str]:
    """Names to be linked; some sets are too small, too large or no names."""
    number = rng.randrange(500)
    return [f"h-{number}", *_other_names(rng, number), *rng.choices(_IDS, k=rng.choice((0, 0, 0, 1, 30)))]


def _other_names(rng: Random, number: int) -> list[str]:
    """Up to three more names of the same person: what everybody bore would make one person of all."""
    names = [f"{kind}{number % 500}-{n}" for kind in ("soap", "\U0001f9f4") for n in range(9)]
    return rng.sample(names, k=rng.randrange(4))


def _decent(rng: Random, number: int) -> pb.DecideRequest:
    """A request that can be decided, of values at the edge of what may be sent."""
    message = pb.DecideRequest(customer=pb.Customer(id=f"h-{number % 500}"), placement="hero", max_offers=5)
    if rng.random() < 0.3:
        message.placement = ""
    if rng.random() < 0.05:
        message.customer.aliases.extend(_other_names(rng, number))
    message.context.profile.consents.append("mail")
    for name in ("tier", "mail"):
        message.context.profile.attributes[name].text = rng.choice(_SOUND[1:-1])
    message.context.profile.attributes["wish"].integer = rng.choice((0, 3, 10_000))
    message.context.profile.attributes["score"].number = rng.choice((0.0, 5e-324, 0.79999, 0.8, 1.0))
    message.context.profile.attributes["undeclared"].text = rng.choice(_SOUND[:-1])
    message.context.location.latitude = rng.choice((-90.0, -0.0, 48.8049, 90.0))
    message.context.location.longitude = rng.choice((-180.0, 2.1204, 180.0))
    for _ in range(rng.choice((0, 1, 3, 20, 200))):
        event = message.context.events.add(type=rng.choice(_TEXTS[2:10]), item=rng.choice(_SOUND[:-1]))
        event.at.seconds = rng.choice((0, rng.randrange(2**31), 1_795_000_000))
        event.value = rng.choice((0.0, -0.0, 1e12, -1e12, 5e-324))
    return message


def _value(rng: Random) -> Value:
    kind = rng.randrange(9)
    if kind == 0:
        return Value(text=rng.choice(_TEXTS))
    if kind == 1:
        return Value(integer=rng.choice(_INTEGERS))
    if kind == 2:
        return Value(number=rng.choice(_NUMBERS))
    if kind == 3:
        return Value(boolean=rng.random() < 0.5)
    if kind == 4:
        return Value(date=rng.choice(("2026-02-30", "2026-03-10", "0000-00-00", "x")))
    value = Value()
    if kind == 5:
        value.time.seconds = rng.choice(_INTEGERS)
    elif kind == 6:
        value.texts.values.extend(rng.choices(_TEXTS[:6], k=rng.choice((0, 3, 1200))))
    elif kind == 7:
        value.numbers.values.extend(rng.choices(_NUMBERS, k=rng.choice((0, 3, 1200))))
    return value


def _event(rng: Random, texts: Sequence[str]) -> pb.Event:
    event = pb.Event(type=rng.choice(_TEXTS[:11]), item=rng.choice(texts), category=rng.choice(texts))
    event.at.seconds = rng.choice((1_800_000_000, 0, rng.randrange(2**31), *_INTEGERS[:3]))
    if rng.random() < 0.5:
        event.value = rng.choice(_NUMBERS)
    if rng.random() < 0.3:
        event.event_id = rng.choice(("e1", "e2", "x" * 300))
    if rng.random() < 0.2 and texts is _TEXTS:
        event.attributes[rng.choice(_NAMES)].CopyFrom(_value(rng))
    return event
