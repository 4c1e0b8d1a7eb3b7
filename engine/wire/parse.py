"""Requests and events as values of the model, parsed once and with every violation reported."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1.values_pb2 import Value as ValueMessage
from engine.decide.compiled import CompiledBook
from engine.model.customer import NO_MEMORY
from engine.model.event import Event
from engine.model.instant import SECOND, Instant
from engine.model.request import Mode, Request
from engine.model.values import Value
from engine.rulebook.sections.attributes import BUILTIN
from engine.wire.attributes import ReadField, ReadValue, attributes_of, field_reader, reader
from engine.wire.events import EventParser
from engine.wire.limits import CONTRACT, RequestLimits
from engine.wire.values import (
    aliases_of,
    moment,
    name_of,
    names_of,
    plain,
    sound,
)
from engine.wire.violations import FieldViolations

_MOST_OFFERS = 20
_LATEST_NOW = 250_246_627_200 * SECOND
"""9900-01-01T00:00Z: a century before the calendar ends, so that all that follows a decision (windows and holds of at most
3660 days) is in it."""


class _ContextField(NamedTuple):
    """A typed field of the context, which is a builtin attribute."""

    read: ReadField
    wanted: str
    """The attribute's name, if the live book refers to it; else empty."""
    path: str
    """The field's, in the request."""


class _ProfileAttribute(NamedTuple):
    """An attribute that the live book declares below `profile.`."""

    read: ReadValue
    wanted: str
    """As of a _ContextField."""


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
        self._language, self._time_zone = map(self._context_field, ("profile.language", "profile.time_zone"))
        self._location = self._fields_of(pb.Location.DESCRIPTOR.fields, "location.")
        self._weather = self._fields_of(pb.Weather.DESCRIPTOR.fields, "weather.")
        self._tomorrow = self._fields_of(pb.Forecast.DESCRIPTOR.fields, "weather.tomorrow.")
        profile = {
            name.removeprefix("profile."): declared
            for name, declared in compiled.book.attributes.items()
            if name.startswith("profile.") and name not in compiled.book.derived.anniversaries
        }
        self._profile = {
            short: _ProfileAttribute(reader(declared), self._if_wanted(declared.name))
            for short, declared in profile.items()
        }
        self._profile_readers = {short: attribute.read for short, attribute in self._profile.items()}
        self.events = EventParser(compiled.book, limits)

    def parse(self, message: pb.DecideRequest, now: Instant) -> Request:
        """The request, to be decided as of `now` unless it names its own moment; raises InvalidMessage."""
        violations = FieldViolations()
        context, customer = message.context, message.customer
        profile, has_moment = context.profile, message.HasField("now")
        ignored: list[str] = []
        # by position: naming fifteen arguments costs as much as the rest of making the tuple
        request = Request(
            name_of(customer.id, "customer.id", violations, required=True),
            self.now(message, now, violations) if has_moment else now,
            self._attributes(context, profile, ignored, violations),
            frozenset(names_of(profile.consents, "context.profile.consents", violations)),
            names_of(profile.preferred_channels, "context.profile.preferred_channels", violations),
            self._channels(message, violations) if message.channels else (),
            self._placement(message, violations) if message.placement else "",
            self._max_offers(message, violations) if message.max_offers else 1,
            _mode(message, violations),
            name_of(message.request_id, "request_id", violations),
            self._events(context, violations) if context.events else (),
            aliases_of(customer, "customer", violations) if customer.aliases else (),
            NO_MEMORY,
            tuple(ignored),
            now if has_moment else None,
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

    def _context_field(self, name: str) -> _ContextField:
        return _ContextField(field_reader(BUILTIN[name]), self._if_wanted(name), f"context.{name}")

    def _if_wanted(self, attribute: str) -> str:
        return attribute if attribute in self.compiled.referenced else ""

    def _fields_of(self, fields: Iterable[Any], group: str) -> dict[FieldDescriptor, _ContextField]:
        """Of a message's fields those that are builtin attributes, whose names begin with `group`."""
        return {
            field: self._context_field(f"{group}{field.name}")
            for field in fields
            if field.message_type is None
        }

    def _attributes(
        self, context: pb.Context, profile: pb.Profile, ignored: list[str], violations: FieldViolations
    ) -> dict[str, Value]:
        """The attributes that the live book refers to, by their full names; all that are sent are checked.

        ignored: is given the names that the book does not declare. What it declares without referring to it is no mistake.
        """
        values: dict[str, Value] = {}
        if context.HasField("location"):
            _take_fields(self._location, context.location, values, violations)
        if context.HasField("weather"):
            weather = context.weather
            _take_fields(self._weather, weather, values, violations)
            if weather.HasField("tomorrow"):
                _take_fields(self._tomorrow, weather.tomorrow, values, violations)
        if language := profile.language:
            _take(self._language, language, values, violations)
        if time_zone := profile.time_zone:
            _take(self._time_zone, time_zone, values, violations)
        if sent := profile.attributes:
            self._profile_attributes(sent, values, ignored, violations)
        return values

    def _profile_attributes(
        self,
        sent: Mapping[str, ValueMessage],
        values: dict[str, Value],
        ignored: list[str],
        violations: FieldViolations,
    ) -> None:
        if len(sent) <= self.limits.attributes and self._took(sent, values, ignored):
            return
        ignored.clear()
        path, most = "context.profile.attributes", self.limits.attributes
        for short, value in attributes_of(sent, self._profile_readers, path, most, violations).items():
            declared = self._profile.get(short)
            if declared is None:
                ignored.append(short)
            elif declared.wanted:
                values[declared.wanted] = value

    def _took(self, sent: Mapping[str, ValueMessage], values: dict[str, Value], ignored: list[str]) -> bool:
        """Takes the attributes; False if something is wrong with one of them, or a name may have another form in Unicode."""
        profile = self._profile
        try:
            for short in sent:
                declared = profile.get(short)
                if declared is not None:
                    read, wanted = declared
                    if wanted:
                        values[wanted] = read(sent[short])
                    else:
                        read(sent[short])
                elif short.isascii():
                    plain(sent[short])
                    ignored.append(sound(short))
                else:
                    return False
        except ValueError:
            return False
        return True

    def _events(self, context: pb.Context, violations: FieldViolations) -> tuple[Event, ...]:
        """The events, all of them checked; none where the live book derives nothing from events."""
        events = self.events.parse_all(context.events, "context.events", violations)
        return events if self.compiled.derivation.uses_events else ()

    def _channels(self, message: pb.DecideRequest, violations: FieldViolations) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(names_of(message.channels, "channels", violations)))
        for name in names:
            if name not in self.compiled.book.channels:
                known = self.compiled.book.channels
                violations.add_unknown("channels", name, "a channel of the live book", known)
        return names

    def _placement(self, message: pb.DecideRequest, violations: FieldViolations) -> str:
        name = message.placement
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
        requested = message.max_offers
        if requested > _MOST_OFFERS:
            violations.add("max_offers", f"must be at most {_MOST_OFFERS}, not {requested}")
        placement = self.compiled.book.placements.get(message.placement)
        return min(requested, placement.max_offers if placement else 1)


def _take_fields(
    fields: Mapping[FieldDescriptor, _ContextField],
    message: pb.Location | pb.Weather | pb.Forecast,
    values: dict[str, Value],
    violations: FieldViolations,
) -> None:
    """Takes the fields that are set, but messages."""
    for descriptor, sent in message.ListFields():
        if (field := fields.get(descriptor)) is not None:
            _take(field, sent, values, violations)


def _take(field: _ContextField, sent: Any, values: dict[str, Value], violations: FieldViolations) -> None:
    read, wanted, path = field
    try:
        value = read(sent)
    except ValueError as error:
        violations.add(path, str(error))
    else:
        if wanted:
            values[wanted] = value


_MODES: Mapping[int, Mode] = {
    pb.MODE_UNSPECIFIED: Mode.COMMIT,
    pb.MODE_COMMIT: Mode.COMMIT,
    pb.MODE_PREVIEW: Mode.PREVIEW,
}


def _mode(message: pb.DecideRequest, violations: FieldViolations) -> Mode:
    sent = message.mode
    if (mode := _MODES.get(sent)) is None:
        violations.add("mode", f"{sent} is not a mode")
        return Mode.COMMIT
    return mode
