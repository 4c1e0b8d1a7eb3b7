"""Events as values of the model, with every violation reported."""

from collections.abc import Sequence

from engine.api.v1 import decisions_pb2 as pb
from engine.model.event import Event
from engine.model.values import Value
from engine.rulebook.model.book import Book
from engine.wire.attributes import attributes_of, reader
from engine.wire.limits import LARGEST_VALUE, LONGEST_NAME, RequestLimits
from engine.wire.values import LATEST_SECOND, SURELY_SHORT, moment, number, sound, text
from engine.wire.violations import FieldViolations

_TEXTS = ("item", "category", "page", "currency")


class EventParser:
    """Parses and checks events against one book."""

    def __init__(self, book: Book, limits: RequestLimits) -> None:
        self.readers = {
            name: {key: reader(declared) for key, declared in (event_type.fields or {}).items()}
            for name, event_type in book.event_types.items()
        }
        """By declared type of events, how its further fields are read; empty: events may be of any type."""
        self._limits = limits

    def parse_all(
        self, messages: Sequence[pb.Event], path: str, violations: FieldViolations
    ) -> tuple[Event, ...]:
        """The events, in the order sent; reports violations under `path`, as in `context.events[2].type`."""
        if len(messages) > self._limits.events:
            violations.add(path, f"must be at most {self._limits.events}, not {len(messages)}")
            return ()
        # a website sends many events with every page
        return tuple(
            [
                self._taken(message) or self.parse(message, f"{path}[{index}]", violations)
                for index, message in enumerate(messages)
            ]
        )

    def _taken(self, message: pb.Event) -> Event | None:
        """The event, if it is surely right and has no further fields; `parse` would give the same."""
        event_id, kind, sent = message.event_id, message.type, message.at
        item, category, page, currency = message.item, message.category, message.page, message.currency
        texts, seconds, nanos = f"{event_id}{kind}{item}{category}{page}{currency}", sent.seconds, sent.nanos
        is_sound = texts.isascii() and "\0" not in texts and len(texts) <= SURELY_SHORT
        is_named = kind and len(kind) <= LONGEST_NAME and len(event_id) <= LONGEST_NAME
        is_known = not self.readers or kind in self.readers
        if not (is_sound and is_named and is_known) or message.attributes:
            return None
        if not (0 < seconds <= LATEST_SECOND and 0 <= nanos < 1_000_000_000):
            return None
        fields: dict[str, Value] = {}
        if item:
            fields["item"] = item
        if category:
            fields["category"] = category
        if page:
            fields["page"] = page
        if currency:
            fields["currency"] = currency
        if value := message.value:
            if not -LARGEST_VALUE <= value <= LARGEST_VALUE:
                return None
            fields["value"] = value
        elif message.HasField("value"):
            fields["value"] = value
        return Event(event_id, kind, seconds * 1_000_000 + nanos // 1000, fields)

    def parse(
        self, message: pb.Event, path: str, violations: FieldViolations, *, is_outcome: bool = False
    ) -> Event:
        """One event; reports violations under `path`. is_outcome: it is of a decision, and of no type of the book's."""
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
        elif self.readers and kind not in self.readers and not is_outcome:
            violations.add_unknown(f"{path}.type", kind, "a type of events of the live book", self.readers)
        if message.HasField("at"):
            try:
                at = moment(message.at)
            except ValueError as error:
                violations.add(f"{path}.at", str(error))
        else:
            violations.add(f"{path}.at", "is required")
        return Event(event_id, kind, at, self._fields(message, path, violations))

    def _fields(self, message: pb.Event, path: str, violations: FieldViolations) -> dict[str, Value]:
        fields: dict[str, Value] = {}
        if message.attributes:
            readers, most = self.readers.get(message.type, {}), self._limits.attributes
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
