"""What outcomes make of contacts: all that was ever reported of a decision says how its contacts stand."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.instant import Instant
from engine.ledger import decisions, outcomes
from engine.ledger.rows import ContactRow
from engine.ledger.store import Store
from engine.pressure.life import Change, ContactState, Evidence, Life, change


class Changed(NamedTuple):
    """A contact that stands otherwise than before."""

    contact: ContactRow
    """As it is now."""
    change: Change


def change_contacts(
    store: Store, made: Sequence[tuple[str, Instant, str]], now: Instant
) -> Sequence[Changed]:
    """Writes how the contacts of decisions stand at the moment; those that changed.

    made: person of today, moment and decision_id of each decision.
    """
    evidence = outcomes.of_decisions(store, [decision_id for *_, decision_id in made])
    changed = []
    for row in decisions.contacts_made(store, made):
        before = Life(ContactState(row.state), row.expires_at)
        about = (
            Evidence(one.type, one.at)
            for one in evidence[row.decision_id]
            if one.campaign in ("", row.campaign)
        )
        found = change(before, about, now)
        if found.life != before:
            changed.append(
                Changed(row._replace(state=found.life.state, expires_at=found.life.expires_at), found)
            )
    decisions.change(store, [one.contact for one in changed])
    return changed
