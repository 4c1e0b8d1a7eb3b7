"""A RecordedEvent that says what happened to a decision, as plain values."""

from difflib import get_close_matches

from engine.api.v1 import decisions_pb2 as pb
from engine.decide.compiled import CompiledBook
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.memory import to_json
from engine.model.event import Event
from engine.model.instant import DAY, Instant
from engine.model.outcome import OutcomeType
from engine.wire.events import parse_event
from engine.wire.limits import LARGEST_EVENT, MOST_ALIASES
from engine.wire.parse import Parser, aliases_of, name_of
from engine.wire.violations import EventsNotKept, FieldViolations, InvalidMessage

_TYPES = frozenset(map(str, OutcomeType))


def is_outcome(message: pb.RecordedEvent) -> bool:
    """Whether it is an outcome, and no event of the customer's."""
    return bool(message.decision_id) or message.event.type in _TYPES


def parse_outcome(parser: Parser, message: pb.RecordedEvent, path: str, now: Instant) -> ReportCommand:
    """The outcome; raises InvalidRequest with everything that is wrong with it."""
    wrong = FieldViolations()
    decision_id = name_of(message.decision_id, f"{path}.decision_id", wrong)
    customer = name_of(message.customer.id, f"{path}.customer.id", wrong, required=not decision_id)
    aliases = aliases_of(message.customer, f"{path}.customer", wrong)
    if aliases and not customer:
        wrong.add(f"{path}.customer.id", "is required beside aliases")
    name = event_name(message, path, wrong)
    event = parse_event(message.event, f"{path}.event", wrong, parser.most)
    _check_type(event, f"{path}.event.type", wrong)
    if not wrong.found:
        check_event(event, f"{path}.event", now, wrong)
    channel = _channel(parser, message, f"{path}.channel", wrong)
    campaign = name_of(message.campaign, f"{path}.campaign", wrong)
    wrong.raise_any()
    event = event._replace(event_id=name)
    return ReportCommand(parser.compiled, customer, decision_id, event, now, channel, campaign, aliases)


def _check_type(event: Event, path: str, wrong: FieldViolations) -> None:
    if event.type and event.type not in _TYPES:
        close = get_close_matches(event.type, _TYPES, 1)
        hint = f"did you mean {close[0]}?" if close else f"outcomes are {', '.join(sorted(_TYPES))}"
        wrong.add(path, f"{event.type!r:.60} is not an outcome of a decision; {hint}")


def _channel(parser: Parser, message: pb.RecordedEvent, path: str, wrong: FieldViolations) -> str:
    channel = name_of(message.channel, path, wrong)
    if channel and channel not in parser.compiled.book.channels:
        wrong.add(path, f"{channel!r:.60} is not a channel of the live book")
    return channel


_AHEAD = DAY
"""How far a caller's clock may be ahead of ours."""


def event_name(message: pb.RecordedEvent, path: str, wrong: FieldViolations) -> str:
    """The event's name, from wherever it stands; notes where there is none, or no event."""
    name = message.event_id or message.event.event_id
    name_of(name, f"{path}.event_id", wrong, required=True)
    if message.event.event_id not in ("", name):
        wrong.add(f"{path}.event.event_id", "is another name than event_id")
    if not message.HasField("event"):
        wrong.add(f"{path}.event", "is required")
        wrong.raise_any()
    return name


def check_event(event: Event, path: str, now: Instant, wrong: FieldViolations) -> None:
    """Notes an event that is too far ahead, or too large."""
    if event.at > now + _AHEAD:
        wrong.add(f"{path}.at", "must be at most a day ahead of the server's clock")
    if len(to_json(event.fields).encode()) > LARGEST_EVENT:
        wrong.add(path, f"must have fields of at most {LARGEST_EVENT} bytes")


def parse_linking(parser: Parser, message: pb.LinkRequest, now: Instant) -> LinkCommand:
    """The names, as of `now` unless the message names a moment; raises InvalidRequest with every violation."""
    wrong = FieldViolations()
    moment = parser.now(message, now, wrong)
    if len(message.customer_ids) > MOST_ALIASES + 1:
        wrong.add("customer_ids", f"must be at most {MOST_ALIASES + 1}, not {len(message.customer_ids)}")
        wrong.raise_any()
    for place, name in enumerate(message.customer_ids):
        name_of(name, f"customer_ids[{place}]", wrong, required=True)
    names = tuple(dict.fromkeys(message.customer_ids))
    if len(names) < 2:
        wrong.add("customer_ids", f"must be at least two different names, not {len(names)}")
    wrong.raise_any()
    return LinkCommand(names, moment)


def parse_recordings(
    parser: Parser, message: pb.RecordRequest, now: Instant
) -> list[RecordCommand | ReportCommand | Exception]:
    """The events and outcomes, as of `now` unless the message names a moment; an InvalidRequest or EventsNotKept each.

    Raises InvalidRequest for what is wrong with the message as a whole.
    """
    wrong = FieldViolations()
    moment = parser.now(message, now, wrong)
    most = parser.most.recorded
    if len(message.events) > most:
        wrong.add("events", f"must be at most {most}, not {len(message.events)}")
    wrong.raise_any()
    return [_alone(parser, one, f"events[{place}]", moment) for place, one in enumerate(message.events)]


def _alone(
    parser: Parser, message: pb.RecordedEvent, path: str, now: Instant
) -> RecordCommand | ReportCommand | Exception:
    parse = parse_outcome if is_outcome(message) else _recording
    try:
        return parse(parser, message, path, now)
    except (InvalidMessage, EventsNotKept) as error:
        return error


def _recording(parser: Parser, message: pb.RecordedEvent, path: str, now: Instant) -> RecordCommand:
    compiled = parser.compiled
    if not compiled.book.events.stored:
        raise EventsNotKept("the live book keeps no events: it does not say `events: {stored: true}`")
    wrong = FieldViolations()
    customer = name_of(message.customer.id, f"{path}.customer.id", wrong, required=True)
    aliases = aliases_of(message.customer, f"{path}.customer", wrong)
    name = event_name(message, path, wrong)
    for field in ("channel", "campaign"):
        if getattr(message, field):
            wrong.add(f"{path}.{field}", "is for outcomes only")
    event = parse_event(message.event, f"{path}.event", wrong, parser.most)
    if not wrong.found:
        _check_age(compiled, event, f"{path}.event", now, wrong)
        check_event(event, f"{path}.event", now, wrong)
    wrong.raise_any()
    return RecordCommand(compiled, customer, event._replace(event_id=name), now, aliases)


def _check_age(compiled: CompiledBook, event: Event, path: str, now: Instant, wrong: FieldViolations) -> None:
    keep = compiled.book.events.keep
    if event.at <= now - keep:
        wrong.add(f"{path}.at", f"must be within the {keep / DAY:g} days for which the book keeps events")
