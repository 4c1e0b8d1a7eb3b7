"""A RecordRequest as plain values, each event by itself: a bad one gets an error of its own."""

from engine.api.v1 import decisions_pb2 as pb
from engine.attributes.event import Event
from engine.instant import DAY, Instant
from engine.live import LiveBook
from engine.memory import to_json
from engine.server.events import parse_event
from engine.server.limits import LARGEST_EVENT
from engine.server.parse import Parser, aliases_of, name_of
from engine.server.violations import EventsNotKept, InvalidRequest, Unsupported, Violations
from engine.settle.recording import Recording

OUTCOMES = frozenset(
    (
        "delivered",
        "bounced",
        "not_sent",
        "cancelled",
        "impression",
        "opened",
        "clicked",
        "converted",
        "complained",
        "unsubscribed",
    )
)
"""Types of events that say what became of a decision."""

_AHEAD = DAY
"""How far a caller's clock may be ahead of ours."""


def parse_recordings(parser: Parser, message: pb.RecordRequest, now: Instant) -> list[Recording | Exception]:
    """The events, as of `now` unless the message names a moment; an InvalidRequest, Unsupported or EventsNotKept each.

    Raises InvalidRequest for what is wrong with the message as a whole.
    """
    wrong = Violations()
    moment = parser.now(message, now, wrong)
    most = parser.most.recorded
    if len(message.events) > most:
        wrong.add("events", f"must be at most {most}, not {len(message.events)}")
    wrong.raise_any()
    return [_alone(parser, one, f"events[{place}]", moment) for place, one in enumerate(message.events)]


def _alone(parser: Parser, message: pb.RecordedEvent, path: str, now: Instant) -> Recording | Exception:
    try:
        return _recording(parser, message, path, now)
    except (InvalidRequest, Unsupported, EventsNotKept) as error:
        return error


def _recording(parser: Parser, message: pb.RecordedEvent, path: str, now: Instant) -> Recording:
    live = parser.live
    if message.decision_id or message.event.type in OUTCOMES:
        raise Unsupported("outcomes of decisions are not recorded in this version")
    if not live.book.events.stored:
        raise EventsNotKept("the live book keeps no events: it does not say `events: {stored: true}`")
    wrong = Violations()
    customer = name_of(message.customer.id, f"{path}.customer.id", wrong, required=True)
    aliases = aliases_of(message.customer, f"{path}.customer", wrong)
    name = message.event_id or message.event.event_id
    name_of(name, f"{path}.event_id", wrong, required=True)
    if message.event.event_id not in ("", name):
        wrong.add(f"{path}.event.event_id", "is another name than event_id")
    if not message.HasField("event"):
        wrong.add(f"{path}.event", "is required")
        wrong.raise_any()
    event = parse_event(message.event, f"{path}.event", wrong, parser.most)
    if not wrong.found:
        _check_bounds(live, event, f"{path}.event", now, wrong)
    wrong.raise_any()
    return Recording(live, customer, event._replace(event_id=name), now, aliases)


def _check_bounds(live: LiveBook, event: Event, path: str, now: Instant, wrong: Violations) -> None:
    keep = live.book.events.keep
    if event.at > now + _AHEAD:
        wrong.add(f"{path}.at", "must be at most a day ahead of the server's clock")
    elif event.at <= now - keep:
        wrong.add(f"{path}.at", f"must be within the {keep / DAY:g} days for which the book keeps events")
    if len(to_json(event.fields).encode()) > LARGEST_EVENT:
        wrong.add(path, f"must have fields of at most {LARGEST_EVENT} bytes")
