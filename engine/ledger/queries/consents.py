"""Reads and writes consents: of each person and purpose, when it was last given and last withdrawn."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from engine.decide.pressure.consent import stricter
from engine.ledger.store.rows import ConsentRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store
from engine.model.customer import Consent, Consents

_CONSENTS = Select(
    columns(ConsentRow._fields),
    "FROM consents WHERE person IN :given(person text)",
    packed=True,
)
"""The consents of persons."""


_REPLACE = """
    ON CONFLICT (person, purpose) DO UPDATE SET withdrawn_at = excluded.withdrawn_at, given_at = excluded.given_at"""
"""Added consents replace those of the same person and purpose."""


_WITHDRAWN = Select(
    "purpose, count(*)",
    "FROM consents WHERE withdrawn_at IS NOT NULL AND (given_at IS NULL OR given_at <= withdrawn_at)"
    " GROUP BY purpose ORDER BY purpose",
)
"""The purposes that are withdrawn, and of how many persons."""


_DELETE = "DELETE FROM consents WHERE person IN :given(person text)"
"""Deletes the consents of persons."""


def consents_of(store: Store, persons: Sequence[str]) -> dict[str, Consents]:
    """The consents by person, of persons who gave or withdrew any."""
    by_person: dict[str, dict[str, Consent]] = defaultdict(dict)
    for person, purpose, withdrawn_at, given_at in store.select(_CONSENTS, persons):
        by_person[person][purpose] = Consent(withdrawn_at, given_at)
    return {**by_person}


def withdrawn_purposes(store: Store) -> dict[str, int]:
    """The purposes that are withdrawn, and of how many persons; reads all consents."""
    return {purpose: int(number) for purpose, number in store.select(_WITHDRAWN)}


def keep(store: Store, consents: Mapping[str, Consents]) -> None:
    """Writes the consents by person, in place of those of the same purposes."""
    rows = [
        ConsentRow(person, purpose, *consent)
        for person, of_person in consents.items()
        for purpose, consent in of_person.items()
    ]
    store.insert(ConsentRow, rows, _REPLACE)


def join(store: Store, kept: str, others: Sequence[str]) -> None:
    """Moves the consents of others to the person who is kept; of each purpose the stricter holds."""
    several = list(consents_of(store, [kept, *others]).values())
    if several:
        store.change(_DELETE, others)
        keep(store, {kept: stricter(several)})
