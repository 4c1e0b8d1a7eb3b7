"""Events as plain values, with everything that is wrong with them said at once."""

from collections.abc import Sequence

from engine.api.v1 import decisions_pb2 as pb
from engine.model.event import Event
from engine.model.values import Value
from engine.wire.limits import LONGEST_NAME, Most
from engine.wire.values import moment, number, plain, text
from engine.wire.violations import FieldViolations

_TEXTS = ("item", "category", "page", "currency")


def parse_events(
    messages: Sequence[pb.Event], path: str, wrong: FieldViolations, most: Most
) -> tuple[Event, ...]:
    """The events, in the order sent; notes what is wrong under `path`, as in `context.events[2].type`."""
    if len(messages) > most.events:
        wrong.add(path, f"must be at most {most.events}, not {len(messages)}")
        return ()
    return tuple([parse_event(one, f"{path}[{place}]", wrong, most) for place, one in enumerate(messages)])


def parse_event(message: pb.Event, path: str, wrong: FieldViolations, most: Most) -> Event:
    """One event; notes what is wrong under `path`."""
    # Each field is read once and by its name: a website sends many events with every page.
    event_id, kind, at = message.event_id, message.type, 0
    for field, name in (("event_id", event_id), ("type", kind)):
        if len(name) > LONGEST_NAME:
            wrong.add(f"{path}.{field}", f"must have at most {LONGEST_NAME} characters")
    if not kind:
        wrong.add(f"{path}.type", "is required")
    if message.HasField("at"):
        try:
            at = moment(message.at)
        except ValueError as error:
            wrong.add(f"{path}.at", str(error))
    else:
        wrong.add(f"{path}.at", "is required")
    return Event(event_id, kind, at, _fields(message, path, wrong, most))


def _fields(message: pb.Event, path: str, wrong: FieldViolations, most: Most) -> dict[str, Value]:
    fields = _attributes(message, path, wrong, most) if message.attributes else {}
    texts = (message.item, message.category, message.page, message.currency)
    try:
        for name, value in zip(_TEXTS, texts, strict=True):
            if value:
                fields[name] = text(value)
        if message.HasField("value"):
            fields["value"] = number(message.value)
    except ValueError as error:
        wrong.add(path, str(error))
    return fields


def _attributes(message: pb.Event, path: str, wrong: FieldViolations, most: Most) -> dict[str, Value]:
    found: dict[str, Value] = {}
    attributes = message.attributes
    if len(attributes) > most.attributes:
        wrong.add(f"{path}.attributes", f"must be at most {most.attributes}, not {len(attributes)}")
        return found
    for name in attributes:
        try:
            found[name] = plain(attributes[name])
        except ValueError as error:
            wrong.add(f"{path}.attributes[{name:.{LONGEST_NAME}}]", str(error))
    return found
