"""Counts the persons of whom the log has decisions, and those whom each campaign reached."""

from collections.abc import Mapping

from engine.ledger.store.statements import Select
from engine.ledger.store.store import Store
from engine.model.instant import Instant

_DECIDED = Select("count(DISTINCT person)", "FROM decisions WHERE at >= ? AND at < ?")
"""Counts the persons with a decision in a period."""


_REACHED = Select(
    "campaign, count(DISTINCT person)",
    "FROM contacts WHERE at >= ? AND at < ? AND state NOT IN ('shadow', 'released') GROUP BY campaign",
)
"""Counts the persons with a contact in a period, by its campaign."""


def count_persons(store: Store, since: Instant, until: Instant) -> int:
    """The persons of whom there is a decision, from `since` until before `until`."""
    ((persons,),) = store.select(_DECIDED, since, until)
    return int(persons)


def reached_by_campaign(store: Store, since: Instant, until: Instant) -> Mapping[str, int]:
    """The persons whom each campaign contacted; withheld and released contacts do not count."""
    return {str(campaign): int(persons) for campaign, persons in store.select(_REACHED, since, until)}
