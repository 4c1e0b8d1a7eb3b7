"""Opens a group's transaction and locks its persons, request ids and event ids."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from engine.ledger.commit.commands import AnyCommand, names_of
from engine.ledger.queries import persons
from engine.ledger.store.store import Store


@contextmanager
def transaction(store: Store, commands: Sequence[AnyCommand]) -> Iterator[None]:
    """The transaction in which the commands are applied; no other transaction touches what they need meanwhile.

    Who bears a name is known for sure only once the person is locked. So the names are locked first; where some of them
    are linked, it begins again with their persons locked as well, until those still bear the names. The persons of
    decisions that commands need are found and locked in the same way.
    """
    needs = [command.needs() for command in commands]
    others = {lock for need in needs for lock in need.locks}
    locked = {name for need in needs for name in need.names}
    while True:
        with store.transaction(others.union(f"person {name}" for name in locked)):
            names = names_of(store, needs)
            required = names.union(persons.resolve(store, list(names)).values())
            if locked.issuperset(required):
                yield
                return
        locked = required
