"""What is remembered of a person: as plain values, and as the ledger's JSON."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import orjson

from engine.model.customer import HeldSignal, Memory, Recalled
from engine.model.event import Event
from engine.model.instant import Instant
from engine.model.values import Value

_DATE = "date"
"""The one key of the JSON object that stands for a day."""


def memory(recalled: Recalled, now: Instant) -> Memory:
    """What was read of a person, at the moment."""
    held = [HeldSignal(name, since, end, _fields(of)) for name, since, end, of in recalled.signals]
    return Memory(
        tuple(Event(event_id, kind, at, _fields(of)) for at, _, event_id, kind, of in recalled.events),
        _joined(one for one in held if one.expires_at is not None and one.expires_at > now),
        tuple(one for one in held if one.expires_at is not None and one.expires_at <= now),
        None if recalled.is_known is None else not recalled.is_known,
    )


def _joined(held: Iterable[HeldSignal]) -> dict[str, HeldSignal]:
    """By name. What a person holds under several names is held since the first and until the last, as linking does it."""
    found: dict[str, HeldSignal] = {}
    for one in held:
        before = found.get(one.name)
        if before is None:
            found[one.name] = one
        else:
            longer = max(before, one, key=lambda each: (each.expires_at or 0, each.since))
            found[one.name] = longer._replace(since=min(before.since, one.since))
    return found


def to_json(fields: Mapping[str, Value]) -> str:
    """The fields as the ledger keeps them; they come back as they were, but times, which are whole numbers anyway."""
    return orjson.dumps(
        {
            name: {_DATE: value.isoformat()} if isinstance(value, date) else value
            for name, value in fields.items()
        }
    ).decode()


def _fields(document: Mapping[str, Any]) -> dict[str, Value]:
    return {name: _value(value) for name, value in document.items()}


def _value(value: Any) -> Value:
    match value:
        case dict():
            return date.fromisoformat(value[_DATE])
        case list():
            return tuple(value)
    found: Value = value
    return found
