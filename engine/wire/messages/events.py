"""Events from plain Python values."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from engine.api.v1.decisions_pb2 import Customer, Event, RecordedEvent
from engine.wire.messages.values import Plain, aware, known_name, moment_of, texts, value_of

_TEXTS = ("event_id", "item", "category", "page", "currency")


_NEEDED = ("type", "at")


_KEYS = ("type", "at", "value", "attributes", *_TEXTS)


def event(
    kind: str,
    at: datetime,
    *,
    attributes: Mapping[str, Plain | None] | None = None,
    **fields: str | float | None,
) -> Event:
    """An event: what a customer did, at a datetime with a time zone.

    fields: event_id, item, category, page, currency, value; None is as good as not given. Raises TypeError or ValueError
    naming what cannot be sent.
    """
    return event_of("event", {"type": kind, "at": at, "attributes": attributes or {}, **fields})


def recorded(
    customer_id: str,
    kind: str,
    at: datetime,
    *,
    aliases: Iterable[str] | None = None,
    attributes: Mapping[str, Plain | None] | None = None,
    **fields: str | float | None,
) -> RecordedEvent:
    """An event to record, made as by `event`; without an event_id the client assigns one."""
    message = event(kind, at, attributes=attributes, **fields)
    customer = Customer(id=customer_id, aliases=texts("aliases", aliases))
    return RecordedEvent(event_id=message.event_id, customer=customer, event=message)


def outcome(  # noqa: PLR0913 -- a parameter for each part of an outcome
    decision_id: str | None,
    kind: str,
    at: datetime,
    *,
    customer_id: str | None = None,
    channel: str | None = None,
    campaign: str | None = None,
    order: str | None = None,
    attributes: Mapping[str, Plain | None] | None = None,
    **fields: str | float | None,
) -> RecordedEvent:
    """The outcome of a decision (delivered, bounced, clicked …) to record; attributes and fields as of `event`.

    order: the id of the order that was placed or refunded. Without a decision_id a customer_id is needed. Without an
    event_id the client assigns one.
    """
    message = event(kind, at, attributes=attributes, **fields)
    return RecordedEvent(
        event_id=message.event_id,
        decision_id=decision_id,
        customer=Customer(id=customer_id),
        event=message,
        channel=channel,
        campaign=campaign,
        order=order,
    )


def event_of(where: str, values: Mapping[str, object]) -> Event:
    """The event that a mapping describes; raises TypeError or ValueError, whose message begins with `where`."""
    message = Event()
    for key, value in values.items():
        name = f"{where}.{known_name(where, key, _KEYS)}"
        if value is None and key not in _NEEDED:
            continue
        if key == "at":
            message.at.FromDatetime(aware(name, moment_of(name, value)))
        elif key == "attributes":
            _put_attributes(message, name, value)
        elif key == "value":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name}: is a number, not {value!r}")
            message.value = value
        elif isinstance(value, str):
            setattr(message, key, value)
        else:
            raise TypeError(f"{name}: is a text, not {value!r}")
    return message


def _put_attributes(message: Event, where: str, values: object) -> None:
    if not isinstance(values, Mapping):
        raise TypeError(f"{where}: is a mapping of names to values, not {values!r}")
    for name, value in values.items():
        if value is None:
            continue
        message.attributes[str(name)].CopyFrom(value_of(f"{where}.{name}", value))
