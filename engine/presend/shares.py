"""Shares out what is scarce before a run decides anybody: what everybody could get is read first, and nothing is written.

Where every counter has enough for all, the run decides at once. Else a cut-off or a price is found for each counter that runs
short; the run's row keeps them, so that all its processes, and who goes on with it, decide by the same ones.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from engine.batch.going import GoingPair, pairs_by_engine
from engine.batch.kernel import Kernel
from engine.batch.lanes import ColumnPlan
from engine.batch.logged import NOTHING_LOGGED, LoggedHistory
from engine.batch.people import ColumnPeople
from engine.batch.scarce import ScarceWay
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation
from engine.decide.select import select
from engine.ledger.commit.assignments import KeptDraws
from engine.ledger.commit.commands import Identities
from engine.ledger.commit.customer_state import CustomerStates, contacts_by_person, persons_of
from engine.ledger.commit.decisions import DecideCommand, conversions_of
from engine.ledger.queries import persons, presends
from engine.ledger.queries.prices import AHEAD, bid_prices_of, write_prices
from engine.ledger.queries.suppressions import suppressed
from engine.ledger.store.rows import PresendRunRow
from engine.ledger.store.store import Store
from engine.measure.population.scarcity import PairSpool, counted_in, left_of
from engine.model.instant import Instant
from engine.model.request import Mode, Request
from engine.presend.histories import logged_of
from engine.presend.parts import Job, PartSender
from engine.presend.rows import SendPlan

ReadDemand = Callable[[PairSpool], object]
"""Puts what everybody could get into a spool."""


def way_of(known: PresendRunRow | None) -> str:
    """How what is scarce is shared out unless a call says so: as the run began, and of a new one by cut-offs."""
    if known is None:
        return ScarceWay.BEST.value
    return str(orjson.loads(known.settings).get("scarce", ScarceWay.ORDER.value))


def shared_out(
    compiled: CompiledBook, store: Store, job: Job, read: ReadDemand, clock: Callable[[], Instant]
) -> SendPlan:
    """The plan with the prices by which the run decides: those in its row, or found and kept there now. Raises LedgerError."""
    plan = job.plan
    if plan.scarce == ScarceWay.ORDER.value:
        return plan
    with store.transaction(writes=False):
        known = presends.run_of(store, plan.run)
    if known is None or known.shares is None:
        made = _shares(compiled, store, job, read, clock())
        shares = _kept(store, plan, made, clock())
    else:
        shares = orjson.loads(known.shares)
    prices = bid_prices_of(shares, 0) if shares["is_short"] else []
    return plan._replace(prices=tuple(price for price in prices if price.tier is not None))


def _shares(compiled: CompiledBook, store: Store, job: Job, read: ReadDemand, at: Instant) -> dict[str, Any]:
    """How what is scarce is shared out, as JSON."""
    plan = job.plan
    left = left_of(
        compiled.pressure.counters, counted_in(store, compiled, plan.now, min(plan.now, at)), plan.now
    )
    if _is_plenty(compiled, left, job.population.people):
        return {"way": plan.scarce, "is_short": False}
    with PairSpool(compiled, plan.now) as spool:
        read(spool)
        made = spool.share_out(ScarceWay(plan.scarce), left)
    return {**made, "is_short": any(own["demand"] > own["left"] for own in made["counters"])}


def _kept(store: Store, plan: SendPlan, made: Mapping[str, Any], at: Instant) -> Mapping[str, Any]:
    """What the run's row keeps: this, or what another process put there before. Servers read the prices in two minutes."""
    with store.transaction((f"presend {plan.run}",)):
        known = presends.run_of(store, plan.run)
        if known is not None and known.shares is not None:
            kept: Mapping[str, Any] = orjson.loads(known.shares)
            return kept
        presends.share(store, plan.run, orjson.dumps(made).decode())
        if made["is_short"]:
            since = max(plan.now, at + AHEAD + AHEAD // 60)
            prices = bid_prices_of(made, since)
            holding = [price for price in prices if price.until is None or price.until > since]
            write_prices(store, holding, run=plan.run, now=at)
    return made


def _is_plenty(compiled: CompiledBook, left: Mapping[str, int], people: int) -> bool:
    """Whether every counter has enough for everybody, whatever each takes of it."""
    most = dict.fromkeys(left, 1)
    for own in compiled.compiled_campaigns:
        for on in own.campaign_channels.values():
            for rule in on.quotas:
                most[rule.counter] = max(most[rule.counter], rule.amount)
    return all(left[counter] >= people * amount for counter, amount in most.items())


class DemandReader:
    """Reads what customers of a run could get, by all rules but those of counters that all share."""

    def __init__(
        self, compiled: CompiledBook, store: Store, job: Job, clock: Callable[[], Instant], spool: PairSpool
    ) -> None:
        free = job._replace(plan=job.plan._replace(prices=()))
        self._compiled, self._store, self._job, self._clock, self._spool = compiled, store, free, clock, spool
        self._worker = PartSender(compiled, store, free, clock)
        self._sender = self._worker.sender
        plan = ColumnPlan(job.plan.now, job.plan.channels, job.verified)
        self._kernel = Kernel(compiled, plan, learned=self._sender.learned, on_going=spool.add)
        self._one_by_one = bool(compiled.sticky or compiled.ramped)
        """Whether the log is read for everybody: draws that are kept, and conversions that a ramp goes by."""

    def read(self, part: int) -> None:
        """Reads the customers of a part. Raises Disagreement, LedgerError."""
        for people in self._worker.people(part, 0):
            alone, logged = self._with_history(people)
            columnar = np.delete(np.arange(people.rows), np.array(sorted(alone), np.int64))
            alike = self._sender.alike.column([logged.get(row, NOTHING_LOGGED) for row in columnar.tolist()])
            alone |= set(columnar[~alike.covered].tolist())
            if alike.covered.any():
                columns = people.taken(columnar[alike.covered])
                columns.histories = alike.taken(np.flatnonzero(alike.covered))
                self._kernel.decide_people(columns)
            if alone:
                self._read_alone([people.request(row) for row in sorted(alone)])

    def _with_history(self, people: ColumnPeople) -> tuple[set[int], dict[int, LoggedHistory]]:
        """The rows of those who are read one by one, and by row what the log holds of others.

        One by one are those with several names, and those who forbade something before they were erased.
        """
        if self._one_by_one:
            return set(range(people.rows)), {}
        names_of = [(name, *people.aliases(row)) for row, name in enumerate(people.names)]
        names = [name for own in names_of for name in own]
        with self._store.transaction(writes=False):
            person_of, key = persons.resolve_with_key(self._store, names)
            forbidding = suppressed(self._store, names, key).forbidding() if key is not None else set()
            resolved = {person_of.get(name, name) for name in names}
            history = presends.with_history(self._store, sorted(resolved), self._sender.since)
            alone = {
                row
                for row, own in enumerate(names_of)
                if any(person_of.get(name, name) != name or name in forbidding for name in own)
                or (len(own) > 1 and not history.isdisjoint(own))
            }
            rows = {own[0]: row for row, own in enumerate(names_of) if row not in alone and own[0] in history}
            since, now = self._sender.since, self._job.plan.now
            logged = logged_of(self._store, list(rows), self._compiled.pressure, now, since) if rows else {}
        return alone, {rows[name]: own for name, own in logged.items()}

    def _read_alone(self, requests: Sequence[Request]) -> None:
        """Evaluates customers with what is stored of them, one by one."""
        evaluations = [self._sender.evaluated(request) for request in requests]
        asked = [
            DecideCommand(own._replace(request=own.request._replace(mode=Mode.PREVIEW)))
            for own in evaluations
        ]
        with self._store.transaction(writes=False):
            identities = Identities(self._store, asked)
            contacts = contacts_by_person(self._store, evaluations, identities)
            states = CustomerStates(self._store, evaluations, identities)
            kept = KeptDraws(self._store, evaluations, identities)
            conversions = conversions_of(self._store, evaluations)
        pairs: list[GoingPair] = []
        for row, evaluation in enumerate(evaluations):
            request = evaluation.request
            own = persons_of(request, identities)
            state = states.of_all(own)
            if evaluation.compiled.sticky:
                state = state._replace(kept=kept.of(evaluation, own))
            history = [contact for person in own for contact in contacts.get(person, ())]
            person = identities.person_of(request.customer)

            def selected(alone: Evaluation) -> Any:
                return select(alone, history, person, state)  # noqa: B023 -- called before the next customer

            pairs += pairs_by_engine(row, evaluation._replace(conversions=conversions), selected)
        self._spool.add([request.customer for request in requests], pairs)
