"""Consents: what customers withdraw or give again is kept with the outcome that says so, for every later decision."""

from collections.abc import Sequence

from engine.consent import EVERYTHING, said
from engine.ledger import consents
from engine.ledger.rows import OutcomeRow
from engine.ledger.store import Store
from engine.live import LiveBook
from engine.outcome import OutcomeType
from engine.pressure.told import purpose_of

_AGREES = {OutcomeType.UNSUBSCRIBED: False, OutcomeType.SUBSCRIBED: True}


def keep_consents(store: Store, reported: Sequence[tuple[LiveBook, OutcomeRow]]) -> None:
    """Writes the consents of those who said something of them, in any order."""
    about = [(live, row) for live, row in reported if row.type in _AGREES and row.person]
    if not about:
        return
    kept = consents.consents_of(store, list({row.person for _, row in about}))
    for live, row in about:
        agrees = _AGREES[OutcomeType(row.type)]
        kept[row.person] = said(kept.get(row.person, {}), _purpose(live, row.channel), row.at, agrees=agrees)
    consents.keep(store, kept)


def _purpose(live: LiveBook, channel: str) -> str:
    """What it is about: the channel's purpose; everything that we send where it is no channel that we send on."""
    found = live.book.channels.get(channel)
    return (purpose_of(found) if found else "") or EVERYTHING
