"""A RecordedEvent that says what happened to a decision, as plain values."""

from difflib import get_close_matches

from engine.api.v1 import decisions_pb2 as pb
from engine.attributes.event import Event
from engine.instant import Instant
from engine.outcome import OutcomeType
from engine.server.events import parse_event
from engine.server.parse import Parser, aliases_of, name_of
from engine.server.recorded import check_event, event_name
from engine.server.violations import Violations
from engine.settle.reporting import Reporting

_TYPES = frozenset(map(str, OutcomeType))


def is_outcome(message: pb.RecordedEvent) -> bool:
    """Whether it is an outcome, and no event of the customer's."""
    return bool(message.decision_id) or message.event.type in _TYPES


def parse_outcome(parser: Parser, message: pb.RecordedEvent, path: str, now: Instant) -> Reporting:
    """The outcome; raises InvalidRequest with everything that is wrong with it."""
    wrong = Violations()
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
    return Reporting(parser.live, customer, decision_id, event, now, channel, campaign, aliases)


def _check_type(event: Event, path: str, wrong: Violations) -> None:
    if event.type and event.type not in _TYPES:
        close = get_close_matches(event.type, _TYPES, 1)
        hint = f"did you mean {close[0]}?" if close else f"outcomes are {', '.join(sorted(_TYPES))}"
        wrong.add(path, f"{event.type!r:.60} is not an outcome of a decision; {hint}")


def _channel(parser: Parser, message: pb.RecordedEvent, path: str, wrong: Violations) -> str:
    channel = name_of(message.channel, path, wrong)
    if channel and channel not in parser.live.book.channels:
        wrong.add(path, f"{channel!r:.60} is not a channel of the live book")
    return channel
