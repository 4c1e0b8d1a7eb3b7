"""What is wrong with a request, all of it at once."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that is wrong."""

    field: str
    """Its path in the request, as in `context.profile.attributes[age]`."""
    description: str


class InvalidMessage(Exception):
    """The request cannot be decided as it stands."""

    def __init__(self, violations: list[FieldViolation]) -> None:
        super().__init__("; ".join(f"{one.field}: {one.description}" for one in violations))
        self.violations = tuple(violations)


class Unsupported(Exception):
    """The request asks for something that this version does not do."""


@dataclass(slots=True)
class FieldViolations:
    """Collects violations."""

    found: list[FieldViolation] = field(default_factory=list)

    def add(self, path: str, description: str) -> None:
        """Notes one."""
        self.found.append(FieldViolation(path, description))

    def raise_any(self) -> None:
        """Raises InvalidRequest if anything was noted."""
        if self.found:
            raise InvalidMessage(self.found)


class EventsNotKept(Exception):
    """The live book keeps no events."""
