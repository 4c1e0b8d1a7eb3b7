"""Alone with a group's persons: nobody else settles for them, or for the same request and event ids, meanwhile."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from engine.decide.evaluate import Evaluation
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.identity import Command, all_names, names_of
from engine.ledger.commit.learning import LearnCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.queries import persons
from engine.ledger.store.store import Store


@contextmanager
def transaction(store: Store, asks: Sequence[Command]) -> Iterator[None]:
    """The transaction that settles the asks.

    Who bears a name is known for sure only when the person is locked. So the names are locked first; where some of them
    were linked, it begins again with their persons locked as well, until those are the ones who still bear the names. The
    persons of decisions to which something happened are found and locked in the same way.
    """
    if store.within:
        yield
        return
    locked = {name for one in asks for name in names_of(one)}
    while True:
        with store.transaction(_about(asks, locked)):
            names = all_names(store, asks)
            wanted = names.union(persons.resolve(store, list(names)).values())
            if locked.issuperset(wanted):
                yield
                return
        locked = wanted


def _about(asks: Sequence[Command], locked: set[str]) -> set[str]:
    about = {f"person {name}" for name in locked}
    for one in asks:
        if isinstance(one, LearnCommand):
            about.add("learning")
        if isinstance(one, RecordCommand | ReportCommand):
            about.add(f"event {one.event.event_id}")
        elif isinstance(one, Evaluation) and one.is_named:
            about.add(f"request {one.request.request_id}")
    return about
