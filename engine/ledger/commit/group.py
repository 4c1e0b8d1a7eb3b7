"""Divides a group, opens a part's transaction, locks its persons, request ids and event ids, and applies its commands."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from engine.ledger.commit.commands import AnyCommand, Command, Identities, UnitOfWork, names_of
from engine.ledger.commit.new_counters import COUNTING
from engine.ledger.errors import LedgerError
from engine.ledger.queries import persons
from engine.ledger.store.store import Store

ResultT = TypeVar("ResultT")


def commit_group(store: Store, commands: Sequence[Command[ResultT]]) -> list[ResultT | LedgerError]:
    """Opens the group's transaction and applies the commands in it. Raises LedgerUnavailable when nothing was kept."""
    with transaction(store, commands):
        return apply_group(store, commands)


@contextmanager
def transaction(store: Store, commands: Sequence[AnyCommand]) -> Iterator[None]:
    """The transaction in which the commands are applied; no other transaction reads or writes what they lock meanwhile.

    Who bears a name is known for sure only once the person is locked. So the names are locked first; where some of them
    are linked, it begins again with their persons locked as well, until those still bear the names. The persons of
    decisions that commands read are found and locked in the same way. Where writers come one by one nothing is locked.
    """
    for indexes in _by_kind(commands, without=()):
        type(commands[indexes[0]]).prepare(store, [commands[index] for index in indexes])
    if store.has_one_writer:
        with store.transaction():
            yield
        return
    others = {lock for command in commands for lock in command.locks()}
    locked: set[str] = set().union(*(command.customers() for command in commands))
    while True:
        with store.transaction([*others, *[f"person {name}" for name in locked]]):
            names = names_of(store, commands)
            required = names.union(persons.resolve(store, list(names)).values())
            if locked.issuperset(required):
                store.share(COUNTING)
                yield
                return
        locked = required


def divided(store: Store, commands: Sequence[AnyCommand]) -> Sequence[Sequence[AnyCommand]]:
    """The commands in parts, in order, each of which takes at most as many locks as the store bears, or is one by itself."""
    if store.most_locks is None and not any(command.is_alone for command in commands):
        return (commands,)
    most = store.most_locks if store.most_locks is not None else sum(map(_most_locks, commands))
    parts: list[list[AnyCommand]] = [[]]
    room = most
    for command in commands:
        number = _most_locks(command)
        is_apart = command.is_alone or (parts[-1] and parts[-1][-1].is_alone)
        if (number > room or is_apart) and parts[-1]:
            parts.append([])
            room = most
        parts[-1].append(command)
        room -= number
    return parts


def _most_locks(command: AnyCommand) -> int:
    """The most locks that `transaction` takes for it: those that it names, its names, and the person who bears each."""
    return len(command.locks()) + 2 * (len(command.customers()) + len(command.decision_ids()))


def apply_group(store: Store, commands: Sequence[Command[ResultT]]) -> list[ResultT | LedgerError]:
    """Applies the commands inside the group's transaction; their results in order, or the error of a single one.

    First come the links, then the kinds in the order of their stages; within a kind, each command sees what the ones before
    it did.
    """
    if not commands:
        return []
    identities = Identities(store, commands)
    unit = UnitOfWork(store, identities)
    results: dict[int, ResultT | LedgerError] = {**identities.refused}
    for indexes in _by_kind(commands, without=results.keys()):
        kind = type(commands[indexes[0]])
        applied = kind.apply(unit, [commands[index] for index in indexes])
        results.update(zip(indexes, applied, strict=True))
    unit.finish()
    return [results[index] for index in range(len(commands))]


def _by_kind(commands: Sequence[Command[object]], without: Collection[int]) -> list[list[int]]:
    """The indexes of the commands of each kind, the kinds in the order of their stages."""
    kinds: dict[type, list[int]] = {}
    for index, command in enumerate(commands):
        if index not in without:
            kinds.setdefault(type(command), []).append(index)
    return sorted(kinds.values(), key=lambda indexes: commands[indexes[0]].stage)
