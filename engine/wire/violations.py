"""Why a message is refused; a request is refused once, with all of its violations."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of a message that is invalid, and why."""

    field: str
    """Its path in the message, such as `context.profile.attributes[age]`."""
    description: str


class InvalidMessage(Exception):
    """The message cannot be processed; names every field that is invalid."""

    def __init__(self, violations: list[FieldViolation]) -> None:
        super().__init__("; ".join(f"{violation.field}: {violation.description}" for violation in violations))
        self.violations = tuple(violations)


class Unsupported(Exception):
    """The request needs something that this version does not do."""


class EventsNotKept(Exception):
    """The live book keeps no events, so none can be recorded."""


@dataclass(slots=True)
class FieldViolations:
    """Collects the violations of one message while it is parsed."""

    items: list[FieldViolation] = field(default_factory=list)

    def add(self, path: str, description: str) -> None:
        """Add a violation."""
        self.items.append(FieldViolation(path, description))

    def raise_any(self) -> None:
        """Raise InvalidMessage if there is any violation."""
        if self.items:
            raise InvalidMessage(self.items)
