"""Commits a group of commands in one transaction."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from engine.ledger.commit.commands import Command, Identities, UnitOfWork
from engine.ledger.commit.locks import transaction
from engine.ledger.errors import LedgerError
from engine.ledger.store.store import Store

ResultT = TypeVar("ResultT")


def commit_group(store: Store, commands: Sequence[Command[ResultT]]) -> list[ResultT | LedgerError]:
    """Opens the group's transaction and applies the commands in it. Raises LedgerUnavailable when nothing was kept."""
    with transaction(store, commands):
        return apply_group(store, commands)


def apply_group(store: Store, commands: Sequence[Command[ResultT]]) -> list[ResultT | LedgerError]:
    """Applies the commands inside the group's transaction; their results in order, or the error of a single one.

    First come the links, then the kinds in the order of their stages; within a kind, each command sees what the ones before
    it did. An empty group proves that the store takes what is written.
    """
    if not commands:
        store.prove()
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
