"""What erased persons had forbidden: kept under a keyed hash of each of their names, until they come again.

A table that holds no name: who has the log's key can ask whether a given name is in it, and nobody can list the names.
"""

import hmac
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from engine.ledger.queries import consents, persons
from engine.ledger.store.rows import SuppressionRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.customer import Consent, Consents
from engine.model.instant import DAY, Instant

NO_PURPOSE = ""
"""Of the row that says that the person was erased."""

_UNDER_WAY = DAY
"""For how long after an erasure calls may still be under way: far longer than any may take."""

_ERASED = re.compile(r"erased~[0-9a-f]{32}")

_KEPT_OF = Select(
    columns(SuppressionRow._fields), "FROM suppressions WHERE name_hash IN :given(name_hash text)"
)
"""What is kept of names."""

_LATER = """
    ON CONFLICT (name_hash, purpose) DO UPDATE SET
      since = CASE WHEN suppressions.since < excluded.since THEN excluded.since ELSE suppressions.since END"""
"""Of a name that was erased twice the later moment is kept."""

_LIFT = "DELETE FROM suppressions WHERE purpose <> '' AND name_hash IN :given(name_hash text)"
"""Deletes what names had forbidden, once it is in force again."""

_FORGET = "DELETE FROM suppressions WHERE purpose = '' AND since < ?"
"""Deletes the marks of erasures of before an instant."""


class Suppressed(dict[str, dict[str, Instant]]):
    """By name, since when what is suppressed: by purpose, of the erasure itself by NO_PURPOSE."""

    def forbidden(self, names: Collection[str]) -> dict[str, Consent]:
        """What those who bore the names had forbidden, as consents."""
        latest: dict[str, Instant] = {}
        for name in names:
            for purpose, since in self.get(name, {}).items():
                if purpose != NO_PURPOSE:
                    latest[purpose] = max(since, latest.get(purpose, since))
        return {purpose: Consent(withdrawn_at=since) for purpose, since in latest.items()}

    def forbidding(self) -> set[str]:
        """The names whose bearers had forbidden something."""
        return {name for name, own in self.items() if own.keys() - {NO_PURPOSE}}

    def erased_since(self, names: Collection[str], arrived: Instant) -> bool:
        """Whether one of the names was erased at the moment or later."""
        return any(self.get(name, {}).get(NO_PURPOSE, arrived - 1) >= arrived for name in names)


def new_pseudonym() -> str:
    """A random name, which stands for one that was erased."""
    return f"erased~{secrets.token_hex(16)}"


def is_erased(name: str) -> bool:
    """Whether the name stands for one that was erased."""
    return _ERASED.fullmatch(name) is not None


def hashed_id(key: bytes, kind: str, text: str) -> str:
    """An id of the caller's as it stands where its person was erased: the same for the same id. kind: event, order or unit."""
    return text if is_erased(text) else f"erased~{_hmac(key, kind, text)[:32]}"


def suppressed(store: Store, names: Collection[str], key: bytes) -> Suppressed:
    """What is kept of those of the names that were erased."""
    by_hash = {_hmac(key, "name", name): name for name in names}
    known = Suppressed()
    for name_hash, purpose, since in store.select(_KEPT_OF, list(by_hash)):
        known.setdefault(by_hash[name_hash], {})[purpose] = since
    return known


def said_by(store: Store, names: Collection[str]) -> dict[str, Consents]:
    """By name, what its person agreed to, withdrew and objects to, and what they had forbidden if they were erased since.

    Of names of whom nothing is known there is no entry.
    """
    linked, key = persons.resolve_with_key(store, sorted(names))
    said = consents.consents_of(store, sorted({linked.get(name, name) for name in names}))
    erased = Suppressed() if key is None else suppressed(store, names, key)
    by_name: dict[str, Consents] = {}
    for name in names:
        own, forbidden = said.get(linked.get(name, name), {}), erased.forbidden([name])
        if own or forbidden:
            again = {purpose: latest(own.get(purpose), consent) for purpose, consent in forbidden.items()}
            by_name[name] = {**own, **again}
    return by_name


def suppress(
    store: Store, names: Sequence[str], forbidden: Mapping[str, Instant], key: bytes, now: Instant
) -> None:
    """Keeps what is forbidden under each of the names, and that they were erased; forgets erasures of long ago."""
    store.change(_FORGET, now - _UNDER_WAY)
    rows = [
        SuppressionRow(_hmac(key, "name", name), purpose, since)
        for name in names
        for purpose, since in ((NO_PURPOSE, now), *forbidden.items())
    ]
    store.insert(SuppressionRow, rows, _LATER)


def lift(store: Store, names: Collection[str], key: bytes) -> None:
    """Deletes what the names had forbidden."""
    store.change(_LIFT, [_hmac(key, "name", name) for name in names])


def restore(store: Store, by_person: Mapping[str, Consents]) -> None:
    """Has what erased persons had forbidden hold again, beside what the persons said since."""
    before = consents.consents_of(store, list(by_person))
    after: dict[str, Consents] = {}
    for person, forbidden in by_person.items():
        said = before.get(person, {})
        after[person] = {
            **said,
            **{purpose: latest(said.get(purpose), own) for purpose, own in forbidden.items()},
        }
    consents.keep(store, after)


def latest(said: Consent | None, forbidden: Consent) -> Consent:
    """The later withdrawal of both, with what was given."""
    if said is None:
        return forbidden
    moments = [moment for moment in (said.withdrawn_at, forbidden.withdrawn_at) if moment is not None]
    return Consent(max(moments, default=None), said.given_at)


def _hmac(key: bytes, kind: str, text: str) -> str:
    return hmac.new(key, f"{kind}\0{text}".encode(), sha256).hexdigest()
