"""What is kept of consents: of each person and purpose the latest word either way."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from engine.decide.pressure.consent import stricter
from engine.ledger.store.rows import ConsentRow
from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.ledger.store.tables import ConsentTable
from engine.model.customer import Consent, Consents

_OF = Select(
    "person, purpose, withdrawn_at, given_at",
    "FROM consents WHERE person IN :given(person text)",
    packed=True,
)


_LATEST = """
    ON CONFLICT (person, purpose) DO UPDATE SET withdrawn_at = excluded.withdrawn_at, given_at = excluded.given_at"""


_NONE = "DELETE FROM consents WHERE person IN :given(person text)"


def consents_of(store: Store, persons: Sequence[str]) -> dict[str, Consents]:
    """What the persons said, of those who said anything."""
    found: dict[str, dict[str, Consent]] = defaultdict(dict)
    for person, purpose, withdrawn_at, given_at in store.select(_OF, persons):
        found[person][purpose] = Consent(withdrawn_at, given_at)
    return {**found}


def keep(store: Store, consents: Mapping[str, Consents]) -> None:
    """Writes what persons said, by person, in place of what is there of the same purposes."""
    store.insert(
        ConsentTable,
        [
            ConsentRow(person, purpose, *one)
            for person, said in consents.items()
            for purpose, one in said.items()
        ],
        _LATEST,
    )


def join(store: Store, kept: str, others: Sequence[str]) -> None:
    """Makes one person's of what several said: the stricter wins."""
    several = list(consents_of(store, [kept, *others]).values())
    if several:
        store.change(_NONE, others)
        keep(store, {kept: stricter(several)})
