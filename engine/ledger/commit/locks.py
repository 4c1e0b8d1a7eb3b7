"""Opens a group's transaction and locks its persons, request ids and event ids."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from engine.ledger.commit.commands import AnyCommand, names_of
from engine.ledger.queries import persons
from engine.ledger.store.store import Store


@contextmanager
def transaction(store: Store, commands: Sequence[AnyCommand]) -> Iterator[None]:
    """The transaction in which the commands are applied; no other transaction reads or writes what they lock meanwhile.

    Who bears a name is known for sure only once the person is locked. So the names are locked first; where some of them
    are linked, it begins again with their persons locked as well, until those still bear the names. The persons of
    decisions that commands read are found and locked in the same way.
    """
    others = {lock for command in commands for lock in command.locks()}
    locked: set[str] = set().union(*(command.customers() for command in commands))
    while True:
        with store.transaction(others.union(f"person {name}" for name in locked)):
            names = names_of(store, commands)
            required = names.union(persons.resolve(store, list(names)).values())
            if locked.issuperset(required):
                yield
                return
        locked = required
