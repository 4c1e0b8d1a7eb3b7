"""A DecideRequest as plain values: converted once, at the door, with everything that is wrong with it said at once."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from zoneinfo import available_timezones

from engine.api.v1 import decisions_pb2 as pb
from engine.decide.compiled import CompiledBook
from engine.model.event import Event
from engine.model.instant import Instant
from engine.model.request import Mode, Request
from engine.model.values import Value
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.sections.attributes import BUILTIN
from engine.wire.events import parse_events
from engine.wire.limits import CONTRACT, LONGEST_NAME, MOST_ALIASES, MOST_NAMES, Most
from engine.wire.values import checker, moment, number, plain, reader, text
from engine.wire.violations import FieldViolations

_ZONES = frozenset(available_timezones())


_MOST_OFFERS = 20


_UNDECLARED = ("", plain)
"""How to read an attribute that the book does not know: no more is done with its value."""


class _Given(NamedTuple):
    """A typed field of the contract that is an attribute."""

    name: str
    """The attribute's."""
    path: str
    """The field's, in the request."""
    check: Callable[[Any], object]
    """Raises ValueError that says what is wrong with a value."""
    wanted: bool
    """Whether the live book refers to it."""


def _check_of(declared: Attribute) -> Callable[[Any], object]:
    if declared.name.endswith(".time_zone"):
        return _zone
    if declared.type is AttributeType.NUMBER:
        within = checker(declared)
        return lambda value: within(number(value))
    if declared.type is AttributeType.TEXT:
        return text if declared.one_of is None else checker(declared)
    return bool


def _zone(value: str) -> None:
    if value not in _ZONES:
        raise ValueError(f"must be an IANA time zone, not {value!r:.60}")


class Parser:
    """Checks requests against one live book.

    may_simulate: asked when a request names a moment of its own, whether its caller may. most: how much it may bring.
    """

    def __init__(
        self,
        compiled: CompiledBook,
        *,
        may_simulate: Callable[[], bool] = lambda: False,
        most: Most = CONTRACT,
    ) -> None:
        self.compiled = compiled
        self.most = most
        self._may_simulate = may_simulate
        self._given = {
            name: _Given(name, f"context.{name}", _check_of(declared), name in compiled.referenced)
            for name, declared in BUILTIN.items()
        }
        self._location, self._weather, self._tomorrow = map(
            self._by_field, ("location.", "weather.", "weather.tomorrow.")
        )
        self._profile = {
            name.removeprefix("profile."): (name if name in compiled.referenced else "", reader(declared))
            for name, declared in compiled.book.attributes.items()
            if name.startswith("profile.")
        }

    def parse(self, message: pb.DecideRequest, now: Instant) -> Request:
        """The request, decided as of `now` unless it names a moment itself.

        Raises InvalidRequest with every violation.
        """
        wrong = FieldViolations()
        context = message.context
        profile = context.profile
        request = Request(
            customer=name_of(message.customer.id, "customer.id", wrong, required=True),
            now=self.now(message, now, wrong),
            attributes=self._attributes(context, profile, wrong),
            consents=frozenset(_names(profile.consents, "context.profile.consents", wrong)),
            preferred_channels=_names(
                profile.preferred_channels, "context.profile.preferred_channels", wrong
            ),
            channels=self._channels(message, wrong),
            placement=self._placement(message, wrong),
            max_offers=self._max_offers(message, wrong),
            mode=_mode(message, wrong),
            request_id=name_of(message.request_id, "request_id", wrong),
            events=self._events(context, wrong),
            aliases=aliases_of(message.customer, "customer", wrong),
        )
        wrong.raise_any()
        return request

    def _attributes(
        self, context: pb.Context, profile: pb.Profile, wrong: FieldViolations
    ) -> dict[str, Value]:
        values: dict[str, Value] = {}
        weather = context.weather
        for known, message in (
            (self._location, context.location),
            (self._weather, weather),
            (self._tomorrow, weather.tomorrow),
        ):
            for field, value in message.ListFields():
                if (given := known.get(field.name)) is not None:  # but for `tomorrow` itself
                    self._take(given, value, values, wrong)
        self._take_profile(profile, values, wrong)
        return values

    def _take_profile(self, profile: pb.Profile, values: dict[str, Value], wrong: FieldViolations) -> None:
        if profile.language:
            self._take(self._given["profile.language"], profile.language, values, wrong)
        if profile.time_zone:
            self._take(self._given["profile.time_zone"], profile.time_zone, values, wrong)
        attributes = profile.attributes
        if len(attributes) > self.most.attributes:
            wrong.add(
                "context.profile.attributes", f"must be at most {self.most.attributes}, not {len(attributes)}"
            )
            return
        known = self._profile
        for short in attributes:
            name, read = known.get(short, _UNDECLARED)
            try:
                value = read(attributes[short])
            except ValueError as error:
                wrong.add(f"context.profile.attributes[{short:.{LONGEST_NAME}}]", str(error))
            else:
                if name:
                    values[name] = value

    def _events(self, context: pb.Context, wrong: FieldViolations) -> tuple[Event, ...]:
        """The events, all of them checked; none where the live book derives nothing from events."""
        if not context.events:
            return ()
        found = parse_events(context.events, "context.events", wrong, self.most)
        return found if self.compiled.derivation.uses_events else ()

    def _by_field(self, group: str) -> dict[str, _Given]:
        """The attributes of a group by their field's name."""
        return {name[len(group) :]: given for name, given in self._given.items() if name.startswith(group)}

    def _take(self, given: _Given, value: Any, values: dict[str, Value], wrong: FieldViolations) -> None:
        try:
            given.check(value)
        except ValueError as error:
            wrong.add(given.path, str(error))
        else:
            if given.wanted:
                values[given.name] = value

    def now(
        self,
        message: pb.DecideRequest | pb.RecordRequest | pb.LinkRequest,
        now: Instant,
        wrong: FieldViolations,
    ) -> Instant:
        """The moment that the message names, if it may; else `now`."""
        if not message.HasField("now"):
            return now
        if not self._may_simulate():
            wrong.add("now", "is accepted only from callers with the role simulate")
        try:
            given = moment(message.now)
        except ValueError:
            given = -1
        if given < 0:
            wrong.add("now", "must be a moment between the years 1970 and 9999")
            return now
        return given

    def _channels(self, message: pb.DecideRequest, wrong: FieldViolations) -> tuple[str, ...]:
        if not message.channels:
            return ()
        names = tuple(dict.fromkeys(_names(message.channels, "channels", wrong)))
        for name in names:
            if name not in self.compiled.book.channels:
                wrong.add("channels", f"{name!r} is not a channel of the live book")
        return names

    def _placement(self, message: pb.DecideRequest, wrong: FieldViolations) -> str:
        name = message.placement
        if not name:
            return ""
        placement = self.compiled.book.placements.get(name)
        if placement is None:
            wrong.add("placement", f"{name!r:.60} is not a placement of the live book")
        elif message.channels and placement.channel not in message.channels:
            wrong.add(
                "placement", f"{name!r} is on the channel {placement.channel!r}, which `channels` leaves out"
            )
        return name

    def _max_offers(self, message: pb.DecideRequest, wrong: FieldViolations) -> int:
        wanted = message.max_offers or 1
        if wanted > _MOST_OFFERS:
            wrong.add("max_offers", f"must be at most {_MOST_OFFERS}, not {wanted}")
        placement = self.compiled.book.placements.get(message.placement)
        return min(wanted, placement.max_offers if placement else 1)


def _mode(message: pb.DecideRequest, wrong: FieldViolations) -> Mode:
    if message.mode not in (pb.MODE_UNSPECIFIED, pb.MODE_COMMIT, pb.MODE_PREVIEW):
        wrong.add("mode", f"{message.mode} is not a mode")
    return Mode.PREVIEW if message.mode == pb.MODE_PREVIEW else Mode.COMMIT


def name_of(value: str, path: str, wrong: FieldViolations, *, required: bool = False) -> str:
    """The name; notes what is wrong with it."""
    if required and not value:
        wrong.add(path, "is required")
    elif len(value) > LONGEST_NAME:
        wrong.add(path, f"must have at most {LONGEST_NAME} characters, not {len(value)}")
    elif "\0" in value:
        wrong.add(path, "must not contain a NUL character")
    return value


def aliases_of(customer: pb.Customer, path: str, wrong: FieldViolations) -> tuple[str, ...]:
    """The customer's further names, each once; notes what is wrong with them."""
    if not customer.aliases:
        return ()
    if len(customer.aliases) > MOST_ALIASES:
        wrong.add(f"{path}.aliases", f"must be at most {MOST_ALIASES}, not {len(customer.aliases)}")
        return ()
    for place, name in enumerate(customer.aliases):
        name_of(name, f"{path}.aliases[{place}]", wrong, required=True)
    return tuple(name for name in dict.fromkeys(customer.aliases) if name != customer.id)


def _names(values: Sequence[str], path: str, wrong: FieldViolations) -> tuple[str, ...]:
    names = tuple(values)
    if len(names) > MOST_NAMES:
        wrong.add(path, f"must be at most {MOST_NAMES}, not {len(names)}")
        return ()
    for name in names:
        name_of(name, path, wrong, required=True)
    return names
