"""Record and Link requests as commands of the ledger: what a customer did, outcomes of decisions, names of one person."""

from dataclasses import replace

from engine.api.v1 import decisions_pb2 as pb
from engine.decide.compiled import CompiledBook
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.memory import to_json
from engine.model.event import Event
from engine.model.instant import DAY, Instant
from engine.model.outcome import OutcomeType, nearest_outcome
from engine.rulebook.model.book import Category
from engine.wire.limits import LARGEST_EVENT, LONGEST_NAME, MOST_ALIASES
from engine.wire.parse import Parser
from engine.wire.values import aliases_of, name_of
from engine.wire.violations import EventsNotKept, FieldViolations, InvalidMessage

_OUTCOMES = frozenset(map(str, OutcomeType))


_CLOSE = 0.88
"""How alike a type must be to an outcome's to be taken for its misspelling."""


_CLOSE_OF_DECISION = 0.6
"""The same of a decision's type, which is refused in any case."""


_AHEAD = DAY
"""How far a caller's clock may be ahead of ours."""


def parse_linking(parser: Parser, message: pb.LinkRequest, now: Instant) -> LinkCommand:
    """The link, as of `now` unless the message names its own moment; raises InvalidMessage with every violation."""
    violations = FieldViolations()
    moment = parser.now(message, now, violations)
    if len(message.customer_ids) > MOST_ALIASES + 1:
        violations.add("customer_ids", f"must be at most {MOST_ALIASES + 1}, not {len(message.customer_ids)}")
        violations.raise_any()
    for index, name in enumerate(message.customer_ids):
        name_of(name, f"customer_ids[{index}]", violations, required=True)
    names = tuple(dict.fromkeys(message.customer_ids))
    if len(names) < 2:
        violations.add("customer_ids", f"must be at least two different names, not {len(names)}")
    violations.raise_any()
    return LinkCommand(names, min(moment, now))  # signals that end between the two are held, and joined


def parse_recordings(
    parser: Parser, message: pb.RecordRequest, now: Instant
) -> list[RecordCommand | ReportCommand | Exception]:
    """The events and outcomes, as of `now` unless the message names its own moment.

    An invalid one is an InvalidMessage or EventsNotKept in its position. Raises InvalidMessage for violations of the message
    as a whole.
    """
    violations = FieldViolations()
    moment = parser.now(message, now, violations)
    most = parser.limits.recorded
    if len(message.events) > most:
        violations.add("events", f"must be at most {most}, not {len(message.events)}")
    violations.raise_any()
    commands = [
        _command_or_error(parser, event, f"events[{index}]", moment)
        for index, event in enumerate(message.events)
    ]
    if not message.HasField("now"):
        return commands
    return [
        command if isinstance(command, Exception) else replace(command, clock=now) for command in commands
    ]


def _command_or_error(
    parser: Parser, message: pb.RecordedEvent, path: str, now: Instant
) -> RecordCommand | ReportCommand | Exception:
    is_outcome = bool(message.decision_id) or message.event.type in _OUTCOMES
    parse = _outcome if is_outcome else _event
    try:
        if not is_outcome and (outcome := _meant_outcome(parser, message.event.type)):
            violations = FieldViolations()
            violations.add(
                f"{path}.event.type", f"{message.event.type!r:.60} is no outcome; did you mean {outcome}?"
            )
            violations.raise_any()
        return parse(parser, message, path, now)
    except (InvalidMessage, EventsNotKept) as error:
        return error


def _meant_outcome(parser: Parser, type_: str) -> str | None:
    """The outcome of which the type is a misspelling: kept as an event, it would leave a consent as it is.

    Types that the live book reads or declares are events, whatever they are like.
    """
    known = parser.compiled.derivation.event_types.union(parser.compiled.counted)
    return None if type_ in known or type_ in parser.events.readers else _nearest_outcome(type_, _CLOSE)


def _nearest_outcome(type_: str, cutoff: float) -> str | None:
    """The outcome that a word stands for: by another form of it, by the word of another system, or by its letters."""
    if len(type_) > LONGEST_NAME:
        return None
    return nearest_outcome(type_, cutoff)


def _event(parser: Parser, message: pb.RecordedEvent, path: str, now: Instant) -> RecordCommand:
    compiled = parser.compiled
    if not compiled.book.events.stored:
        raise EventsNotKept("the live book keeps no events: it does not say `events: {stored: true}`")
    violations = FieldViolations()
    customer = name_of(message.customer.id, f"{path}.customer.id", violations, required=True)
    aliases = aliases_of(message.customer, f"{path}.customer", violations)
    event_id = _event_id(message, path, violations)
    for field in ("channel", "campaign", "order"):
        if getattr(message, field):
            violations.add(f"{path}.{field}", "is for outcomes only")
    event = parser.events.parse(message.event, f"{path}.event", violations)
    if not violations.items:
        _check_age(compiled, event, f"{path}.event", now, violations)
        _check_event(event, f"{path}.event", now, violations)
    violations.raise_any()
    return RecordCommand(compiled, customer, event._replace(event_id=event_id), now, aliases)


def _outcome(parser: Parser, message: pb.RecordedEvent, path: str, now: Instant) -> ReportCommand:
    violations = FieldViolations()
    decision_id = name_of(message.decision_id, f"{path}.decision_id", violations)
    customer = name_of(message.customer.id, f"{path}.customer.id", violations, required=not decision_id)
    aliases = aliases_of(message.customer, f"{path}.customer", violations)
    if aliases and not customer:
        violations.add(f"{path}.customer.id", "is required beside aliases")
    event_id = _event_id(message, path, violations)
    event = parser.events.parse(message.event, f"{path}.event", violations, is_outcome=True)
    _check_outcome_type(event, f"{path}.event.type", violations)
    _check_refund(event, f"{path}.event.value", violations)
    if event.type == OutcomeType.CONTACTED:
        _check_contacted(parser, message, event, path, violations)
    if not violations.items:
        _check_event(event, f"{path}.event", now, violations)
    channel = _channel(parser, message, f"{path}.channel", violations)
    campaign = name_of(message.campaign, f"{path}.campaign", violations)
    order = name_of(message.order, f"{path}.order", violations)
    violations.raise_any()
    event = event._replace(event_id=event_id)
    return ReportCommand(
        *(parser.compiled, customer, decision_id, event, now, channel, campaign, aliases), order=order
    )


def _event_id(message: pb.RecordedEvent, path: str, violations: FieldViolations) -> str:
    """The event's id, which may be given in either of two fields; raises InvalidMessage where there is no event."""
    event_id = message.event_id or message.event.event_id
    name_of(event_id, f"{path}.event_id", violations, required=True)
    if message.event.event_id not in ("", event_id):
        violations.add(f"{path}.event.event_id", "differs from event_id")
    if not message.HasField("event"):
        violations.add(f"{path}.event", "is required")
        violations.raise_any()
    return event_id


def _check_event(event: Event, path: str, now: Instant, violations: FieldViolations) -> None:
    """Report an event that is too far ahead, or too large."""
    if event.at > now + _AHEAD:
        violations.add(f"{path}.at", "must be at most a day ahead of the server's clock")
    if len(to_json(event.fields).encode()) > LARGEST_EVENT:
        violations.add(path, f"must have fields of at most {LARGEST_EVENT} bytes")


def _check_age(
    compiled: CompiledBook, event: Event, path: str, now: Instant, violations: FieldViolations
) -> None:
    keep = compiled.book.events.keep
    if event.at <= now - keep:
        violations.add(
            f"{path}.at", f"must be within the {keep / DAY:g} days for which the book keeps events"
        )


def _check_outcome_type(event: Event, path: str, violations: FieldViolations) -> None:
    if event.type and event.type not in _OUTCOMES:
        meant = _nearest_outcome(event.type, _CLOSE_OF_DECISION)
        hint = f"did you mean {meant}?" if meant else f"outcomes are {', '.join(sorted(_OUTCOMES))}"
        violations.add(path, f"{event.type!r:.60} is not an outcome of a decision; {hint}")


def _check_refund(event: Event, path: str, violations: FieldViolations) -> None:
    """Report a refund without an amount: it would reduce nothing."""
    value = event.fields.get("value")
    if event.type == OutcomeType.REFUNDED and not (isinstance(value, float) and value > 0):
        violations.add(path, "must be the amount that was refunded, above 0")


def _check_contacted(
    parser: Parser, message: pb.RecordedEvent, event: Event, path: str, violations: FieldViolations
) -> None:
    """Report a contact made elsewhere of which rules could not tell what it was."""
    if message.decision_id:
        violations.add(
            f"{path}.decision_id", "must be empty for `contacted`: what was decided is a contact already"
        )
    if not message.channel:
        violations.add(f"{path}.channel", "is required for `contacted`")
    campaigns = parser.compiled.book.campaigns
    if message.campaign and message.campaign not in campaigns:
        violations.add_unknown(f"{path}.campaign", message.campaign, "a campaign of the live book", campaigns)
    category, tags = event.fields.get("category", ""), event.fields.get("tags", ())
    categories = tuple(map(str, Category))
    if category and category not in categories:
        known = f"a category of campaigns ({', '.join(categories)})"
        violations.add_unknown(f"{path}.event.category", str(category), known, categories)
    if not isinstance(tags, tuple) or not all(isinstance(tag, str) for tag in tags):
        violations.add(f"{path}.event.attributes.tags", "must be a list of texts")


def _channel(parser: Parser, message: pb.RecordedEvent, path: str, violations: FieldViolations) -> str:
    channel = name_of(message.channel, path, violations)
    if channel and channel not in parser.compiled.book.channels:
        violations.add_unknown(path, channel, "a channel of the live book", parser.compiled.book.channels)
    return channel
