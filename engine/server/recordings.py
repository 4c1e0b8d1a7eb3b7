"""A RecordRequest as plain values, each event by itself: a bad one gets an error of its own."""

from engine.api.v1 import decisions_pb2 as pb
from engine.attributes.event import Event
from engine.instant import DAY, Instant
from engine.live import LiveBook
from engine.server.events import parse_event
from engine.server.outcomes import is_outcome, parse_outcome
from engine.server.parse import Parser, aliases_of, name_of
from engine.server.recorded import check_event, event_name
from engine.server.violations import EventsNotKept, InvalidRequest, Violations
from engine.settle.recording import Recording
from engine.settle.reporting import Reporting


def parse_recordings(
    parser: Parser, message: pb.RecordRequest, now: Instant
) -> list[Recording | Reporting | Exception]:
    """The events and outcomes, as of `now` unless the message names a moment; an InvalidRequest or EventsNotKept each.

    Raises InvalidRequest for what is wrong with the message as a whole.
    """
    wrong = Violations()
    moment = parser.now(message, now, wrong)
    most = parser.most.recorded
    if len(message.events) > most:
        wrong.add("events", f"must be at most {most}, not {len(message.events)}")
    wrong.raise_any()
    return [_alone(parser, one, f"events[{place}]", moment) for place, one in enumerate(message.events)]


def _alone(
    parser: Parser, message: pb.RecordedEvent, path: str, now: Instant
) -> Recording | Reporting | Exception:
    parse = parse_outcome if is_outcome(message) else _recording
    try:
        return parse(parser, message, path, now)
    except (InvalidRequest, EventsNotKept) as error:
        return error


def _recording(parser: Parser, message: pb.RecordedEvent, path: str, now: Instant) -> Recording:
    live = parser.live
    if not live.book.events.stored:
        raise EventsNotKept("the live book keeps no events: it does not say `events: {stored: true}`")
    wrong = Violations()
    customer = name_of(message.customer.id, f"{path}.customer.id", wrong, required=True)
    aliases = aliases_of(message.customer, f"{path}.customer", wrong)
    name = event_name(message, path, wrong)
    for field in ("channel", "campaign"):
        if getattr(message, field):
            wrong.add(f"{path}.{field}", "is for outcomes only")
    event = parse_event(message.event, f"{path}.event", wrong, parser.most)
    if not wrong.found:
        _check_age(live, event, f"{path}.event", now, wrong)
        check_event(event, f"{path}.event", now, wrong)
    wrong.raise_any()
    return Recording(live, customer, event._replace(event_id=name), now, aliases)


def _check_age(live: LiveBook, event: Event, path: str, now: Instant, wrong: Violations) -> None:
    keep = live.book.events.keep
    if event.at <= now - keep:
        wrong.add(f"{path}.at", f"must be within the {keep / DAY:g} days for which the book keeps events")
