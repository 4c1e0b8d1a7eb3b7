"""The signals that a group's conclusions leave behind, the later ones over the earlier."""

from engine.instant import Instant
from engine.ledger import persons
from engine.ledger.rows import SignalRow
from engine.ledger.store import Store
from engine.memory import to_json
from engine.signals.infer import Conclusions


class Remembered:
    """What is to be written of the persons of a group, or deleted."""

    def __init__(self) -> None:
        self._signals: dict[tuple[str, str], SignalRow] = {}
        """By person and name."""
        self._gone: dict[tuple[str, str], Instant] = {}
        """The same, with the end that was known: one that another process has renewed since then stays."""

    def add(self, person: str, concluded: Conclusions) -> None:
        """What one request or recording concluded."""
        for name, _, expires_at, _ in concluded.forget:
            self._signals.pop((person, name), None)
            if expires_at is not None:
                self._gone[person, name] = expires_at
        for name, since, expires_at, fields in concluded.remember:
            if expires_at is not None:
                before = self._signals.get((person, name))
                first = since if before is None else min(since, before.since)
                self._signals[person, name] = SignalRow(person, name, first, expires_at, to_json(fields))

    def write(self, store: Store) -> None:
        """Writes all of it."""
        if self._gone:
            persons.forget(store, [(*key, expires_at) for key, expires_at in self._gone.items()])
        if self._signals:
            persons.remember(store, list(self._signals.values()))
