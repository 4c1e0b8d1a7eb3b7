"""Previews a send: decides the people of a file by columns, at one moment and without history; nothing is kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from engine.batch.columns import Codes
from engine.batch.kernel import Kernel
from engine.batch.lanes import ColumnPlan
from engine.batch.results import Funnel
from engine.batch.scarce import ScarceWay
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bid_prices import NO_BID_PRICES, BidPrices
from engine.decide.experiments.learning import Learned
from engine.decide.pressure.consent import stricter
from engine.decide.pressure.counters import QuotaKey
from engine.measure.population.columns import ColumnFile, PeopleChunk
from engine.measure.population.files import Fault
from engine.measure.population.people import Person
from engine.measure.population.scarcity import PairSpool, left_of
from engine.measure.population.simulate import OnVisits, PeopleRefused
from engine.model.customer import Consents, CustomerState
from engine.model.decision import Outcome
from engine.model.instant import Instant, to_datetime
from engine.model.request import Request
from engine.wire.parse import Parser


class Preview(NamedTuple):
    """What a send would do."""

    funnel: Funnel
    ignored: Mapping[str, str]
    """Columns that were not read, with what was probably meant."""
    scarce: Mapping[str, Any] | None = None
    """How counters that all customers share were shared out; None where that was not requested."""
    said: int | None = None
    """People of whom the log says what they agreed to, withdrew or object to; None: there was no log."""


SaidOfNames: TypeAlias = Callable[[Sequence[str]], Mapping[str, Consents]]
"""By name, what the persons who bear the names said, of whom anything is known."""


class KnownOfLog(NamedTuple):
    """What a preview goes by of a log."""

    counted: Mapping[QuotaKey, int]
    """What the counters have counted that are shared out."""
    prices: BidPrices
    """By which a book with `scarce: prices` decides."""
    said: SaidOfNames | None = None
    """What persons agreed to, withdrew and object to; None: no log is there to say it."""


NOTHING_KNOWN = KnownOfLog({}, NO_BID_PRICES)


def preview(
    path: Path,
    compiled: CompiledBook,
    plan: ColumnPlan,
    advance: OnVisits = lambda _: None,
    *,
    way: ScarceWay | None = None,
    known: KnownOfLog = NOTHING_KNOWN,
) -> Preview:
    """Decides everybody in the file; by `way`, what all customers share is then shared out among them.

    known: what of a log it goes by.

    Raises PeopleRefused if the file does not fit, Disagreement if columns and engine differ, and what opening it raises.
    """
    file, parser = ColumnFile(path, compiled, plan.now, plan.channels), Parser(compiled)
    names, heeded = _Names(), 0
    with ExitStack() as stack:
        spool = None if way is None else stack.enter_context(PairSpool(compiled, plan.now))
        learned = Learned(known.prices)
        kernel = Kernel(compiled, plan, learned=learned, on_going=None if spool is None else spool.add)
        for chunk in file.chunks():
            names.add(chunk)
            if not file.faults.count:
                said = {} if known.said is None else _said(chunk, known.said)
                heeded += len(said)
                _decide(kernel, chunk, parser, said)
            advance(chunk.people.rows + len(chunk.persons))
        for fault in names.doubled():
            file.faults.add(fault)
        if not kernel.funnel.customers and not file.faults.count:
            file.faults.add(Fault(0, "", "there are no people"))
        if file.faults.count:
            raise PeopleRefused(file.faults)
        left = left_of(compiled.pressure.counters, known.counted, plan.now)
        shared_out = None if spool is None or way is None else spool.share_out(way, left)
    return Preview(kernel.funnel, file.ignored, shared_out, None if known.said is None else heeded)


def _said(chunk: PeopleChunk, said: SaidOfNames) -> dict[str, CustomerState]:
    """By customer, what they said under any of their names; where names are not linked yet, the stricter holds."""
    people = chunk.people
    names: dict[str, tuple[str, ...]] = {name: (name,) for name in people.names}
    names |= {people.names[row]: (people.names[row], *people.aliases(row)) for row in people.with_aliases()}
    names |= {
        person.message.customer.id: (person.message.customer.id, *person.message.customer.aliases)
        for person in chunk.persons
    }
    known = said(list({name for own in names.values() for name in own}))
    return {
        customer: CustomerState(stricter([known[name] for name in own if name in known]))
        for customer, own in names.items()
        if any(name in known for name in own)
    }


def _decide(kernel: Kernel, chunk: PeopleChunk, parser: Parser, said: Mapping[str, CustomerState]) -> None:
    """Decides the people of a chunk, in the order of the file where some of them were read one by one."""
    people = chunk.people
    if not chunk.persons:
        if people.rows:
            people.histories = kernel.histories(people.names, said)
            kernel.decide_people(people)
        return
    now = people.moment.now
    requests = {number: people.request(row) for row, number in enumerate(chunk.rows.tolist())}
    requests |= {person.row: _request(person, parser, now) for person in chunk.persons}
    for _ in kernel.decide([requests[number] for number in sorted(requests)], said):
        pass


def _request(person: Person, parser: Parser, now: Instant) -> Request:
    """The person's request at the moment; events are read anew, as what is recent depends on it."""
    if person.message.context.events:
        return parser.parse(person.message, now)
    return person.request._replace(now=now)


def preview_document(compiled: CompiledBook, plan: ColumnPlan, made: Preview) -> dict[str, Any]:
    """The preview as JSON; shares are of the people."""
    funnel = made.funnel
    exact = sum(funnel.exact.values())
    return {
        "schema": 1,
        "book": compiled.book.name,
        "book_version": compiled.book.version,
        "now": to_datetime(plan.now).isoformat(),
        "channels": list(plan.channels),
        "people": funnel.customers,
        "outcomes": {outcome.value: funnel.outcomes[outcome] for outcome in Outcome},
        "campaigns": [
            {
                "campaign": name,
                "eligible": count.eligible,
                "offered": count.offered,
                "withheld": count.withheld,
                "outranked": count.outranked,
                "lost": [
                    {"reason": reason.code.value, "name": reason.name, "people": number}
                    for reason, number in sorted(count.lost.items(), key=lambda entry: (-entry[1], entry[0]))
                ],
            }
            for name, count in ((name, funnel.campaign(name)) for name in compiled.book.campaigns)
        ],
        "forms": [
            {"campaign": campaign, "variant": variant, "channel": channel, "offers": number}
            for (campaign, variant, channel), number in sorted(funnel.forms.items())
        ],
        "shared": _shared(compiled, funnel),
        "scarce": made.scarce,
        "consents_of_log": made.said,
        "lanes": {
            "columns": funnel.customers - exact,
            "exact": exact,
            "why_exact": [
                {"reason": reason, "people": number}
                for reason, number in sorted(funnel.exact.items(), key=lambda entry: (-entry[1], entry[0]))
            ],
            "classes": funnel.classes,
            "verified": funnel.verified,
        },
        "ignored_columns": dict(sorted(made.ignored.items())),
    }


def _shared(compiled: CompiledBook, funnel: Funnel) -> list[dict[str, Any]]:
    """Of each counter that all customers share, how many offers would take from it, and how many it allows."""
    demand = dict.fromkeys(compiled.pressure.shared, 0)
    by_name = {own.campaign.name: own for own in compiled.compiled_campaigns}
    for (campaign, _, channel), number in funnel.forms.items():
        for rule in by_name[campaign].campaign_channels[channel].quotas:
            demand[rule] = demand.get(rule, 0) + number
    return [
        {"counter": rule.counter, "demand": number, "limit": rule.limit} for rule, number in demand.items()
    ]


class _Names:
    """Hashes of the customers' ids, of this process, 16 bytes a customer with the row, to find those who are there twice."""

    def __init__(self) -> None:
        self._hashes: list[Codes] = []
        self._rows: list[Codes] = []

    def add(self, chunk: PeopleChunk) -> None:
        """Adds the people of a chunk."""
        names = [*chunk.people.names, *(person.message.customer.id for person in chunk.persons)]
        self._hashes.append(np.fromiter(map(hash, names), np.int64, len(names)))
        self._rows.append(np.array([*chunk.rows, *(person.row for person in chunk.persons)], np.int64))

    def doubled(self) -> Iterator[Fault]:
        """A fault for each further row of a customer, in order."""
        if not self._hashes:
            return
        hashes, rows = np.concatenate(self._hashes), np.concatenate(self._rows)
        order = np.lexsort((rows, hashes))
        again = np.flatnonzero(np.diff(hashes[order]) == 0)
        firsts = np.searchsorted(hashes[order], hashes[order][again])
        faults = sorted(zip(rows[order][again + 1].tolist(), rows[order][firsts].tolist(), strict=True))
        for row, first in faults:
            yield Fault(row, "customer", f"is in row {first:,} already")
