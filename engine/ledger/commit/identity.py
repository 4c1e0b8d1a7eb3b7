"""Links names: several names become one person's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from engine.ledger.commit.commands import Command, NamesToLink, Stage, UnitOfWork
from engine.model.instant import Instant


class LinkResult(NamedTuple):
    """Result of a link: the id under which the person is now stored."""

    person: str


@dataclass(frozen=True, slots=True)
class LinkCommand(Command[LinkResult]):
    """Names that are one person's from now on."""

    names: tuple[str, ...]
    """At least two."""
    now: Instant

    stage = Stage.LINK

    def customers(self) -> tuple[str, ...]:
        """The names."""
        return self.names

    def keeps_since(self) -> Instant | None:
        """When the call arrived, or the moment that it names."""
        return self.now

    def links(self) -> NamesToLink:
        """The names."""
        return NamesToLink(self.names, self.now, "link")

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[LinkResult]:
        """Reads who the persons are: the group has linked the names already."""
        return [LinkResult(unit.identities.person_of(command.names[0])) for command in commands]
