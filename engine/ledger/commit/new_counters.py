"""Adds counters that a book needs and the log does not have yet, with the contacts that were made before.

From then on every decision counts for them, also by books without the rule (`Quotas.follow`), so that a stock, total,
capacity or budget that is taken out and put back has lost none. The counters are added in a transaction of their own, while
no other transaction makes contacts: see docs/adr/0057-counters-in-shards.md.
"""

from collections.abc import Iterable, Iterator, Sequence, Set

from engine.decide.evaluate import Evaluation
from engine.decide.pressure.counters import QuotaKey
from engine.decide.pressure.quotas import CountedContacts, QuotaRule
from engine.ledger.queries import new_counters as queries
from engine.ledger.queries import quotas
from engine.ledger.queries.new_counters import ContactGroup, Span
from engine.ledger.store.store import Store
from engine.model.instant import DAY, Instant

COUNTING = "counters"
"""The lock that transactions share in which contacts are made, and that adding a counter takes for itself."""


_END = 2**62
"""Later than any contact."""


_MOST_KNOWN = 10_000
"""Counters that a store remembers; then it looks again."""


def add_new_counters(store: Store, evaluations: Sequence[Evaluation]) -> None:
    """Adds the counters of the evaluations' books that are not in the log. Raises LedgerUnavailable.

    Of capacities only those of the period of each request. The store remembers which counters are there.
    """
    needed = {key: rule for key, rule in _needed(evaluations, store.counters) if key not in store.counters}
    if not needed:
        return
    until = max(evaluation.request.elapsed for evaluation in evaluations)
    with store.transaction((COUNTING,)):
        missing = needed.keys() - queries.present(store, list(needed))
        missing -= _followed(store, missing, until)
        counts = any(not needed[key].site for key in missing)
        groups = queries.groups(store) if counts else ()
        for key in sorted(missing):
            of_groups = () if needed[key].site else groups
            queries.add(store, key, _counted(needed[key], of_groups), _span(key, needed[key]))
    if len(store.counters) > _MOST_KNOWN:
        store.counters.clear()
    rates = {key.counter for key in needed if key.length}
    store.counters.difference_update([key for key in store.counters if key[0] in rates])
    store.counters.update(needed)


def counts_at(store: Store, rules: Sequence[QuotaRule], now: Instant) -> dict[str, int]:
    """By rule, what counts at the moment, inside a transaction; it adds no counter that is not in the log yet."""
    keys = {rule.key(now): rule for rule in rules}
    present = queries.present(store, list(keys))
    counts = quotas.peek_all(store, sorted(present), now)
    groups = queries.groups(store) if len(present) < len(keys) else ()
    return {
        rule.name: counts[key]
        if key in present
        else queries.count(store, _counted(rule, groups), _span(key, rule), now)
        for key, rule in keys.items()
    }


def place_counts_at(store: Store, rules: Sequence[QuotaRule], now: Instant) -> dict[QuotaKey, int]:
    """By counter of a capacity of places, what counts at the moment; 0 of those that the log does not have."""
    keys = [rule.key(now) for rule in rules]
    counts = quotas.peek_all(store, keys, now)
    return {key: counts.get(key, 0) for key in keys}


def _counted(rule: QuotaRule, groups: Iterable[ContactGroup]) -> list[tuple[ContactGroup, int]]:
    """The groups whose contacts the rule counts, with what each takes."""
    return [
        (group, amount)
        for group in groups
        if _is_counted(rule.counted, group) and (amount := rule.counted.amount(group.channel))
    ]


def _followed(store: Store, keys: Iterable[QuotaKey], until: Instant) -> set[QuotaKey]:
    """The hours and minutes of counters that were in the log before: of their contacts each was counted when it was made.

    Purges the hours and minutes of these counters that began more than a day ago, but for the latest.
    """
    rates = [key for key in keys if key.length and key.period > until - DAY]
    latest = queries.latest(store, [(key.counter, key.period) for key in rates]) if rates else {}
    for key in latest.values():
        queries.purge(store, key.counter, min(key.period, until - DAY))
    return {key for key in rates if (key.counter, key.period) in latest}


def _needed(
    evaluations: Sequence[Evaluation], known: Set[tuple[str, int]]
) -> Iterator[tuple[QuotaKey, QuotaRule]]:
    """The counters of the books; those of a period once for each request, of places that of the customer's.

    Those that count for good, of which a book may have thousands, are left out where all of a book are known.
    """
    pressures = {id(evaluation.compiled.pressure): evaluation.compiled.pressure for evaluation in evaluations}
    for pressure in pressures.values():
        if not pressure.lasting.keys() <= known:
            yield from pressure.lasting.items()
    for evaluation in evaluations:
        for rule in evaluation.compiled.pressure.periodic:
            yield rule.key(evaluation.request.now), rule
        for places in evaluation.compiled.pressure.places.values():
            rule = places.of(evaluation.request.attributes)
            if rule.limit:
                yield rule.key(evaluation.request.now), rule


def _is_counted(counted: CountedContacts, group: ContactGroup) -> bool:
    return (
        counted.offer in ("", group.offer)
        and counted.campaign in ("", group.campaign)
        and counted.channel in ("", group.channel)
    )


def _span(key: QuotaKey, rule: QuotaRule) -> Span:
    """The period of the counter; for good, all time."""
    ends = rule.ends(key.period) if rule.span else None
    since = rule.begins(key.period)
    return Span(-_END if ends is None else since, _END if ends is None else ends, rule.counted.kind)
