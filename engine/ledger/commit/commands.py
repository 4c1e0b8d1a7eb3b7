"""What a group is made of: commands of any kind, and the unit of work that they share in one transaction.

Commands are applied kind by kind, so that a kind reads and writes with one statement a table however many of it there are.
What the commands link is linked before any of them is applied.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from engine.ledger.commit.quotas import Quotas
from engine.ledger.commit.trends import NewCounts
from engine.ledger.errors import LedgerError, PersonErased
from engine.ledger.queries import commits, decisions, identities, persons, suppressions
from engine.ledger.queries.suppressions import Suppressed
from engine.ledger.store.store import Store
from engine.model.customer import Consents
from engine.model.instant import Instant
from engine.model.trends import TrendAlert

ResultT_co = TypeVar("ResultT_co", covariant=True)


class Stage(IntEnum):
    """When a kind of command is applied in its group."""

    LINK = 0
    REPORT = 1
    """Before the decisions, which see the reported outcomes."""
    DECIDE = 2
    RECORD = 3
    """After the decisions, which do not see the events of their own group."""
    LEARN = 4
    """After everything that is counted."""
    PROVE = 5
    """By itself: see GroupCommit."""


class NamesToLink(NamedTuple):
    """Names that are one person's from now on."""

    names: tuple[str, ...]
    at: Instant
    """Signals that have ended by then are not joined; not beyond the server's clock."""
    source: str
    """What links them, for the log: link, decide or record."""


class Command(ABC, Generic[ResultT_co]):
    """One thing to be committed; a frozen dataclass of what it takes. Its kind is its class.

    A new kind needs nothing but such a class, and a caller that commits it by the Ledger.
    """

    __slots__ = ()

    stage: ClassVar[Stage]
    """When commands of this kind are applied."""

    is_alone: ClassVar[bool] = False
    """Whether it needs a transaction of its own."""

    def customers(self) -> tuple[str, ...]:
        """The customers that it reads or writes, by any of their names; the persons are locked."""
        return ()

    def decision_ids(self) -> tuple[str, ...]:
        """Logged decisions that it reads; the persons they are about are locked."""
        return ()

    def locks(self) -> tuple[str, ...]:
        """What else no other transaction may read or write meanwhile, such as `event e-1`."""
        return ()

    def links(self) -> NamesToLink | None:
        """The names that it links, if any."""
        return None

    def keeps_since(self) -> Instant | None:
        """When it arrived, if it keeps something of its customers; None: it keeps nothing of those who sent it."""
        return None

    @classmethod
    def prepare(cls, store: Store, commands: Sequence[Self]) -> None:
        """Does what has to be done before the group's transaction, in one of its own; nothing unless a kind says so."""

    @classmethod
    @abstractmethod
    def apply(cls, unit: "UnitOfWork", commands: Sequence[Self]) -> Sequence[ResultT_co | LedgerError]:
        """Applies all commands of this kind in a group, in order; the result of each, or the error that is its own."""


AnyCommand = Command[Any]


class Identities:
    """The persons of a group, after everything that the group itself links."""

    def __init__(self, store: Store, commands: Sequence[AnyCommand]) -> None:
        self._store = store
        names = sorted(names_of(store, commands))
        self._persons: Mapping[str, str]
        self._persons, key = persons.resolve_with_key(store, names)
        self.refused: dict[int, LedgerError] = {}
        """By index of the command, why it is not applied: its names could not be linked, or their person was erased."""
        self._suppressed = Suppressed()
        if key is not None:
            self._suppressed = suppressions.suppressed(store, names, key)
            if self._suppressed:
                self._restore(commands, key)
        linking = [
            (index, link)
            for index, command in enumerate(commands)
            if index not in self.refused and (link := command.links()) is not None
        ]
        for index, link in linking:
            self._link(index, link)
        if linking:
            self._persons = persons.resolve(store, names)

    def person_of(self, name: str) -> str:
        """The person who bears the name, one of the group's."""
        return self._persons.get(name, name)

    def persons_of(self, names: Iterable[str]) -> list[str]:
        """The persons who bear the names, in order: several where a preview brings names that are not linked."""
        return sorted({self.person_of(name) for name in names})

    def forbidden(self, person: str) -> Consents:
        """What the person had forbidden before they were erased, and which is not among their consents yet."""
        if not self._suppressed:
            return {}
        return self._suppressed.forbidden(
            [name for name in self._suppressed if self.person_of(name) == person]
        )

    def is_same(self, person: str, name: str) -> bool:
        """Whether a person, as logged earlier, is the one who bears the name today."""
        today = self.person_of(name)
        return person == today or persons.resolve(self._store, [person]).get(person) == today

    def _restore(self, commands: Sequence[AnyCommand], key: bytes) -> None:
        """Refuses what arrived before its person was erased; what the others had forbidden is among their consents again."""
        keeping: dict[str, list[str]] = {}
        for index, command in enumerate(commands):
            arrived, own = command.keeps_since(), command.customers()
            if arrived is None:
                continue
            if self._suppressed.erased_since(own, arrived):
                self.refused[index] = PersonErased(
                    "the person was erased while this call was under way, and nothing of it is kept"
                )
                continue
            for name in own:
                if name in self._suppressed:
                    keeping.setdefault(self.person_of(name), []).append(name)
        forbidden = {person: self._suppressed.forbidden(own) for person, own in keeping.items()}
        if any(forbidden.values()):
            suppressions.restore(self._store, forbidden)
            suppressions.lift(self._store, [name for own in keeping.values() for name in own], key)

    def _link(self, index: int, link: NamesToLink) -> None:
        try:
            identities.link(self._store, link.names, link.at, link.source)
        except LedgerError as error:
            self.refused[index] = error


def names_of(store: Store, commands: Sequence[AnyCommand]) -> set[str]:
    """All names of the commands, and the persons of the decisions that they read."""
    decision_ids = list({decision_id for command in commands for decision_id in command.decision_ids()})
    persons_of_decisions = decisions.decided_about(store, decision_ids)
    return persons_of_decisions.union(*(command.customers() for command in commands))


class UnitOfWork:
    """What the commands of one group share inside its transaction."""

    def __init__(self, store: Store, identities: Identities) -> None:
        self.store = store
        self.identities = identities
        self.quotas = Quotas(store)
        self.trends = NewCounts(store)
        self.decision_ids: list[str] = []
        """Decisions that are kept."""
        self.alerts: list[TrendAlert] = []
        """Trends that began."""
        self.outcomes: list[commits.OutcomeKey] = []
        """Outcomes that are kept."""

    def finish(self) -> None:
        """Writes what the commands left to be written together."""
        self.quotas.write()
        self.trends.write()
        if self.decision_ids or self.outcomes or self.alerts:
            commits.add(self.store, self.decision_ids, self.outcomes, self.alerts)
