"""Requests and events as values of the model, parsed once and with every violation reported."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from engine.api.v1 import decisions_pb2 as pb
from engine.decide.compiled import CompiledBook
from engine.model.event import Event
from engine.model.instant import SECOND, Instant
from engine.model.request import Mode, Request
from engine.model.values import Value
from engine.rulebook.sections.attributes import BUILTIN
from engine.wire.limits import CONTRACT, LARGEST_VALUE, LONGEST_NAME, RequestLimits
from engine.wire.values import (
    ReadField,
    aliases_of,
    attributes_of,
    field_reader,
    moment,
    name_of,
    names_of,
    number,
    reader,
    sound,
    text,
)
from engine.wire.violations import FieldViolations

_MOST_OFFERS = 20
_LATEST_NOW = 250_246_627_200 * SECOND
"""9900-01-01T00:00Z: a century before the calendar ends, so that all that follows a decision (windows and holds of at most
3660 days) is in it."""


class _ContextField(NamedTuple):
    """A typed field of the context, which is a builtin attribute."""

    attribute: str
    path: str
    """The field's, in the request."""
    read: ReadField
    wanted: bool
    """Whether the live book refers to the attribute."""


class Parser:
    """Parses and checks requests against one live book.

    may_simulate: called when a request names its own `now`; whether its caller may do so. limits: how much a request may
    hold.
    """

    def __init__(
        self,
        compiled: CompiledBook,
        *,
        may_simulate: Callable[[], bool] = lambda: False,
        limits: RequestLimits = CONTRACT,
    ) -> None:
        self.compiled = compiled
        self.limits = limits
        self._may_simulate = may_simulate
        self._fields = {
            name: _ContextField(name, f"context.{name}", field_reader(declared), name in compiled.referenced)
            for name, declared in BUILTIN.items()
        }
        self._location, self._weather, self._tomorrow = map(
            self._by_field, ("location.", "weather.", "weather.tomorrow.")
        )
        profile = {
            name.removeprefix("profile."): declared
            for name, declared in compiled.book.attributes.items()
            if name.startswith("profile.") and name not in compiled.book.derived.anniversaries
        }
        self._readers = {short: reader(declared) for short, declared in profile.items()}
        self.event_readers = {
            name: {key: reader(declared) for key, declared in (event_type.fields or {}).items()}
            for name, event_type in compiled.book.event_types.items()
        }
        """By declared type of events, how its further fields are read; empty: events may be of any type."""
        self._wanted = {
            short: declared.name
            for short, declared in profile.items()
            if declared.name in compiled.referenced
        }

    def parse(self, message: pb.DecideRequest, now: Instant) -> Request:
        """The request, to be decided as of `now` unless it names its own moment; raises InvalidMessage."""
        violations = FieldViolations()
        context = message.context
        profile = context.profile
        ignored: list[str] = []
        request = Request(
            customer=name_of(message.customer.id, "customer.id", violations, required=True),
            now=self.now(message, now, violations),
            attributes=self._attributes(context, profile, ignored, violations),
            consents=frozenset(names_of(profile.consents, "context.profile.consents", violations)),
            preferred_channels=names_of(
                profile.preferred_channels, "context.profile.preferred_channels", violations
            ),
            channels=self._channels(message, violations),
            placement=self._placement(message, violations),
            max_offers=self._max_offers(message, violations),
            mode=_mode(message, violations),
            request_id=name_of(message.request_id, "request_id", violations),
            events=self._events(context, violations),
            aliases=aliases_of(message.customer, "customer", violations),
            ignored=tuple(ignored),
            clock=now if message.HasField("now") else None,
        )
        violations.raise_any()
        return request

    def now(
        self,
        message: pb.DecideRequest | pb.RecordRequest | pb.LinkRequest,
        now: Instant,
        violations: FieldViolations,
    ) -> Instant:
        """The moment that the message names, if its caller may; else `now`."""
        if not message.HasField("now"):
            return now
        if not self._may_simulate():
            violations.add("now", "is accepted only from callers with the role simulate")
        try:
            simulated = moment(message.now)
        except ValueError:
            simulated = -1
        if not 0 <= simulated < _LATEST_NOW:
            violations.add("now", "must be a moment between the years 1970 and 9899")
            return now
        return simulated

    def _by_field(self, group: str) -> dict[str, _ContextField]:
        """The builtin attributes whose names begin with `group`, by their field's name."""
        return {name[len(group) :]: field for name, field in self._fields.items() if name.startswith(group)}

    def _attributes(
        self, context: pb.Context, profile: pb.Profile, ignored: list[str], violations: FieldViolations
    ) -> dict[str, Value]:
        """The attributes that the live book refers to, by their full names; all that are sent are checked.

        ignored: is given the names that the book does not declare. What it declares without referring to it is no mistake.
        """
        values: dict[str, Value] = {}
        weather = context.weather
        for fields, message in (
            (self._location, context.location),
            (self._weather, weather),
            (self._tomorrow, weather.tomorrow),
        ):
            for descriptor, value in message.ListFields():
                if (field := fields.get(descriptor.name)) is not None:  # `tomorrow` is a message of its own
                    _take(field, value, values, violations)
        if profile.language:
            _take(self._fields["profile.language"], profile.language, values, violations)
        if profile.time_zone:
            _take(self._fields["profile.time_zone"], profile.time_zone, values, violations)
        if profile.attributes:
            path, most, wanted = "context.profile.attributes", self.limits.attributes, self._wanted
            sent = attributes_of(profile.attributes, self._readers, path, most, violations)
            for short, value in sent.items():
                if short in wanted:
                    values[wanted[short]] = value
                elif short not in self._readers:
                    ignored.append(short)
        return values

    def _events(self, context: pb.Context, violations: FieldViolations) -> tuple[Event, ...]:
        """The events, all of them checked; none where the live book derives nothing from events."""
        if not context.events:
            return ()
        events = parse_events(context.events, "context.events", violations, self)
        return events if self.compiled.derivation.uses_events else ()

    def _channels(self, message: pb.DecideRequest, violations: FieldViolations) -> tuple[str, ...]:
        if not message.channels:
            return ()
        names = tuple(dict.fromkeys(names_of(message.channels, "channels", violations)))
        for name in names:
            if name not in self.compiled.book.channels:
                known = self.compiled.book.channels
                violations.add_unknown("channels", name, "a channel of the live book", known)
        return names

    def _placement(self, message: pb.DecideRequest, violations: FieldViolations) -> str:
        name = message.placement
        if not name:
            return ""
        placement = self.compiled.book.placements.get(name)
        if placement is None:
            known = self.compiled.book.placements
            violations.add_unknown("placement", name, "a placement of the live book", known)
        elif message.channels and placement.channel not in message.channels:
            violations.add(
                "placement", f"{name!r} is on the channel {placement.channel!r}, which `channels` leaves out"
            )
        return name

    def _max_offers(self, message: pb.DecideRequest, violations: FieldViolations) -> int:
        requested = message.max_offers or 1
        if requested > _MOST_OFFERS:
            violations.add("max_offers", f"must be at most {_MOST_OFFERS}, not {requested}")
        placement = self.compiled.book.placements.get(message.placement)
        return min(requested, placement.max_offers if placement else 1)


def _take(field: _ContextField, value: Any, values: dict[str, Value], violations: FieldViolations) -> None:
    try:
        read = field.read(value)
    except ValueError as error:
        violations.add(field.path, str(error))
    else:
        if field.wanted:
            values[field.attribute] = read


def _mode(message: pb.DecideRequest, violations: FieldViolations) -> Mode:
    if message.mode not in (pb.MODE_UNSPECIFIED, pb.MODE_COMMIT, pb.MODE_PREVIEW):
        violations.add("mode", f"{message.mode} is not a mode")
    return Mode.PREVIEW if message.mode == pb.MODE_PREVIEW else Mode.COMMIT


def parse_events(
    messages: Sequence[pb.Event], path: str, violations: FieldViolations, parser: Parser
) -> tuple[Event, ...]:
    """The events, in the order sent; reports violations under `path`, as in `context.events[2].type`."""
    if len(messages) > parser.limits.events:
        violations.add(path, f"must be at most {parser.limits.events}, not {len(messages)}")
        return ()
    return tuple(
        [
            parse_event(message, f"{path}[{index}]", violations, parser)
            for index, message in enumerate(messages)
        ]
    )


def parse_event(
    message: pb.Event, path: str, violations: FieldViolations, parser: Parser, *, is_outcome: bool = False
) -> Event:
    """One event; reports violations under `path`. is_outcome: whether it is of a decision, and of no type of the book's."""
    # Each field is read once and by its name: a website sends many events with every page.
    event_id, kind, at = message.event_id, message.type, 0
    for field, name in (("event_id", event_id), ("type", kind)):
        if len(name) > LONGEST_NAME:
            violations.add(f"{path}.{field}", f"must have at most {LONGEST_NAME} characters")
        try:
            sound(name)
        except ValueError as error:
            violations.add(f"{path}.{field}", str(error))
    if not kind:
        violations.add(f"{path}.type", "is required")
    elif parser.event_readers and kind not in parser.event_readers and not is_outcome:
        known = parser.event_readers
        violations.add_unknown(f"{path}.type", kind, "a type of events of the live book", known)
    if message.HasField("at"):
        try:
            at = moment(message.at)
        except ValueError as error:
            violations.add(f"{path}.at", str(error))
    else:
        violations.add(f"{path}.at", "is required")
    return Event(event_id, kind, at, _event_fields(message, path, violations, parser))


_TEXTS = ("item", "category", "page", "currency")


def _event_fields(
    message: pb.Event, path: str, violations: FieldViolations, parser: Parser
) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    if message.attributes:
        readers, most = parser.event_readers.get(message.type, {}), parser.limits.attributes
        fields = attributes_of(message.attributes, readers, f"{path}.attributes", most, violations)
    texts = (message.item, message.category, message.page, message.currency)
    try:
        for name, value in zip(_TEXTS, texts, strict=True):
            if value:
                fields[name] = text(value)
    except ValueError as error:
        violations.add(path, str(error))
    if message.HasField("value"):
        try:
            fields["value"] = number(message.value, LARGEST_VALUE)
        except ValueError as error:
            violations.add(f"{path}.value", str(error))
    return fields
