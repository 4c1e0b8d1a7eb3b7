"""Who the customers of a group are: names become persons, and names that are sent together become one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from engine.decide.evaluate import Evaluation
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.learning import LearnCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import LedgerError
from engine.ledger.queries import decisions, identities, persons
from engine.ledger.store.store import Store
from engine.model.instant import Instant
from engine.model.request import Mode


class LinkCommand(NamedTuple):
    """Names that are to be one person's from now on."""

    names: tuple[str, ...]
    """At least two."""
    now: Instant


Command: TypeAlias = Evaluation | RecordCommand | ReportCommand | LinkCommand | LearnCommand
"""What a group is made of."""


class LinkResult(NamedTuple):
    """That it is so."""

    person: str
    """The name under which the person is kept."""


class Identities:
    """The persons of a group, after everything that the group itself links."""

    def __init__(self, store: Store, asks: Sequence[Command]) -> None:
        self._store = store
        names = sorted(all_names(store, asks))
        self._persons: Mapping[str, str] = persons.resolve(store, names)
        self.refused: dict[int, LedgerError] = {}
        """By place in the group, why names could not be linked."""
        linking = [(place, *one) for place, ask in enumerate(asks) if (one := _to_link(ask)) is not None]
        for place, source, together, now in linking:
            self._link(place, source, together, now)
        if linking:
            self._persons = persons.resolve(store, names)

    def of(self, name: str) -> str:
        """The person who bears the name, one of the group's."""
        return self._persons.get(name, name)

    def all_of(self, ask: Evaluation) -> list[str]:
        """The persons whose contacts count for the request: one, but for a preview of names that nobody has linked."""
        request = ask.request
        if not request.aliases:
            return [self.of(request.customer)]
        return sorted({self.of(name) for name in names_of(ask)})

    def is_of(self, person: str, name: str) -> bool:
        """Whether a person of earlier is the one who bears the name today."""
        return person == self.of(name) or persons.resolve(self._store, [person]).get(person) == self.of(name)

    def _link(self, place: int, source: str, together: Sequence[str], now: Instant) -> None:
        try:
            identities.link(self._store, together, now, source)
        except LedgerError as error:
            self.refused[place] = error


def all_names(store: Store, asks: Sequence[Command]) -> set[str]:
    """All the names in the asks, and those of the persons whose decisions they are about."""
    about = {one.decision_id for one in asks if isinstance(one, ReportCommand) and one.decision_id}
    return decisions.decided_about(store, list(about)).union(name for one in asks for name in names_of(one))


def names_of(ask: Command) -> Iterator[str]:
    """All the names in it."""
    match ask:
        case Evaluation(request=request):
            yield request.customer
            yield from request.aliases
        case (
            RecordCommand(customer=customer, aliases=aliases)
            | ReportCommand(customer=customer, aliases=aliases)
        ):
            if customer:
                yield customer
            yield from aliases
        case LinkCommand(names=names):
            yield from names


def _to_link(ask: Command) -> tuple[str, Sequence[str], Instant] | None:
    """What links, which names, when; a preview links nothing."""
    match ask:
        case Evaluation(request=request) if request.aliases and request.mode is Mode.COMMIT:
            return "decide", tuple(names_of(ask)), request.now
        case RecordCommand(aliases=aliases, now=now) | ReportCommand(aliases=aliases, now=now) if aliases:
            return "record", tuple(names_of(ask)), now
        case LinkCommand(names=names, now=now):
            return "link", names, now
        case _:
            return None
