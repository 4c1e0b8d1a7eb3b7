"""Reads what is remembered of a person: the ledger's JSON as plain values, and back."""

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


def memory_of(recalled: Recalled, now: Instant) -> Memory:
    """What is remembered of a person at the moment: signals that have expired by then are told apart."""
    signals = [
        HeldSignal(name, since, expires_at, values_of(fields))
        for name, since, expires_at, fields in recalled.signals
    ]
    return Memory(
        tuple(
            Event(event_id, kind, at, values_of(fields)) for at, _, event_id, kind, fields in recalled.events
        ),
        _joined(signal for signal in signals if signal.expires_at is not None and signal.expires_at > now),
        tuple(signal for signal in signals if signal.expires_at is not None and signal.expires_at <= now),
        None if recalled.is_known is None else not recalled.is_known,
        tuple(recalled.contacts),
    )


def _joined(signals: Iterable[HeldSignal]) -> dict[str, HeldSignal]:
    """By name. One held under several names of a person lasts from the first start to the last end, as after a link."""
    joined: dict[str, HeldSignal] = {}
    for signal in signals:
        before = joined.get(signal.name)
        if before is None:
            joined[signal.name] = signal
        else:
            longer = max(before, signal, key=lambda held: (held.expires_at or 0, held.since))
            joined[signal.name] = longer._replace(since=min(signal.since, before.since))
    return joined


def to_json(fields: Mapping[str, Value]) -> str:
    """The fields as the ledger keeps them; they come back as they were, but times, which are whole numbers anyway."""
    return orjson.dumps(
        {
            name: {_DATE: value.isoformat()} if isinstance(value, date) else value
            for name, value in fields.items()
        }
    ).decode()


def values_of(fields: Mapping[str, Any]) -> dict[str, Value]:
    """The fields that `to_json` wrote, as they were."""
    return {name: _value(value) for name, value in fields.items()}


def _value(value: Any) -> Value:
    match value:
        case dict():
            return date.fromisoformat(value[_DATE])
        case list():
            return tuple(value)
    plain: Value = value
    return plain
