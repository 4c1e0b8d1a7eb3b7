"""Why a message is refused; a request is refused once, with all of its violations."""

from collections.abc import Collection
from dataclasses import dataclass, field
from difflib import get_close_matches


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


_MOST_HINTS = 3
"""Names of one message for which the nearest known name is searched: a search costs as much as there are known names."""


_LONGEST_HINTED = 100
"""Characters of a name for which the nearest is searched."""


def nearest(name: str, known: Collection[str]) -> str:
    """The known name most like this one; empty if none is like it."""
    if len(name) > _LONGEST_HINTED:
        return ""
    if name in known:
        return name
    close = get_close_matches(name, known, n=1) or [other for other in known if other.lower() == name.lower()]
    return close[0] if close else ""


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A clause that names the known name most like this one, to be put behind a message; empty if none is like it."""
    meant = nearest(name, known)
    return f"; did you mean {meant!r}?" if meant else ""


@dataclass(slots=True)
class FieldViolations:
    """Collects the violations of one message while it is parsed."""

    items: list[FieldViolation] = field(default_factory=list)

    def add_unknown(self, path: str, name: str, what: str, known: Collection[str]) -> None:
        """Add the violation of a name that is not `what` (`a channel of the live book`), with the name that was meant."""
        hint = did_you_mean(name, known) if len(self.items) < _MOST_HINTS else ""
        self.add(path, f"{name!r:.60} is not {what}{hint}")

    def add(self, path: str, description: str) -> None:
        """Add a violation."""
        self.items.append(FieldViolation(path, description))

    def raise_any(self) -> None:
        """Raise InvalidMessage if there is any violation."""
        if self.items:
            raise InvalidMessage(self.items)
