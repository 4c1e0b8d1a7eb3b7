"""The verdict of contact pressure on one request. Pure: same ask, same history, same verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.arbitrate.plan import Route
from engine.arbitrate.propose import Candidate, Proposal
from engine.arbitrate.rivals import gives_way
from engine.arbitrate.variants import draw, fitting_forms, lacks, why_none_fits
from engine.attributes.zones import plausible_zones
from engine.decision import PRESSURE, Outcome, Reason, ReasonCode
from engine.instant import Instant
from engine.match import clocks_of
from engine.pressure.contact import Contact
from engine.pressure.opening import opening
from engine.pressure.rule import Case, Rule, Standing
from engine.settle.ask import Ask


class Reserved(NamedTuple):
    """A proposal that may go, and the contact that it uses up."""

    proposal: Proposal
    contact: Contact


class Read(NamedTuple):
    """A channel on which a candidate was tried, and how the rules of pressure stood for it."""

    channel: str
    standings: Sequence[Standing]


class Tried(NamedTuple):
    """What became of a candidate."""

    candidate: Candidate
    reason: Reason
    """CHOSEN, what it gave way to (see arbitrate/rivals.py), or the first thing that stood in its way."""
    obstacles: Sequence[Reason] = ()
    """Every channel out of reach or without a form, and every rule that blocked a proposal, once each."""
    read: Sequence[Read] = ()


@dataclass(slots=True)
class Verdict:
    """What may go, and what stood in the way of the rest."""

    outcome: Outcome = Outcome.NOTHING
    chosen: list[Reserved] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    next_allowed_at: Instant | None = None


def judge(ask: Ask, history: Sequence[Contact]) -> Verdict:
    """Tries the proposals in rank order, each campaign's channels before the next campaign.

    history: the customer's contacts that may still count; what is chosen here counts for what is tried after it.
    """
    verdict = Verdict()
    if ask.candidates:
        pressure = _Pressure(ask, history)
        for candidate in ask.candidates:
            verdict.tried.append(_try(ask, candidate, verdict.chosen, pressure))
    _conclude(ask, verdict)
    return verdict


class _Pressure:
    """How the rules stand for one customer, each looked at once until another contact is reserved."""

    __slots__ = ("_case", "_standings")

    def __init__(self, ask: Ask, history: Sequence[Contact]) -> None:
        live, request = ask.live, ask.request
        zones = (
            plausible_zones(request.attributes, live.book.timezone) if live.pressure.by_customer_clock else ()
        )
        self._case = Case(request.now, history, request.attributes, zones)
        self._standings: dict[str, Standing] = {}

    def on(self, route: Route) -> list[Standing]:
        """The rules that a proposal on the route must pass."""
        return [self._standings.get(rule.name) or self._look(rule) for rule in route.rules]

    def reserve(self, route: Route) -> Contact:
        """One more contact: confirmed at once when inbound, else held as the channel says."""
        now = self._case.now
        contact = Contact(now, None if route.held is None else now + route.held, route.facts)
        self._case = self._case._replace(history=[*self._case.history, contact])
        self._standings = {}
        return contact

    def _look(self, rule: Rule) -> Standing:
        found = self._standings[rule.name] = rule.stands(self._case)
        return found


def _try(ask: Ask, candidate: Candidate, chosen: list[Reserved], pressure: _Pressure) -> Tried:
    """Takes the candidate's first proposal that passes every rule, if there is one and room for it."""
    plan, request = candidate.plan, ask.request
    if chosen:
        taken = [one.proposal.plan for one in chosen]
        slot = ask.live.book.placements.get(request.placement)
        if lost := gives_way(plan, taken, request.max_offers, slot):
            return Tried(candidate, lost)
    obstacles = list(candidate.lost)
    read: list[Read] = []
    for channel in candidate.channels:
        route = plan.routes[channel]
        forms = fitting_forms(route.forms, request.attributes, ask.moment)
        if not forms:
            obstacles += why_none_fits(route, request.attributes, ask.moment)
            continue
        standings = pressure.on(route)
        read.append(Read(channel, standings))
        blocking = [Reason(one.rule.code, one.rule.name) for one in standings if one.blocks]
        if not blocking:
            form = draw(forms, ask.live.book.salt, request.customer, plan)
            chosen.append(Reserved(Proposal(plan, route, form, candidate.score), pressure.reserve(route)))
            return Tried(candidate, Reason(ReasonCode.CHOSEN, channel), obstacles, read)
        obstacles += [reason for reason in blocking if reason not in obstacles]
    return Tried(candidate, _held_back(obstacles) if read else obstacles[0], obstacles, read)


def _held_back(obstacles: Sequence[Reason]) -> Reason:
    """The first rule of contact pressure among the obstacles."""
    return next(reason for reason in obstacles if reason.code in PRESSURE)


def _conclude(ask: Ask, verdict: Verdict) -> None:
    """Outcome, reasons and the next moment from what was tried."""
    reasons = verdict.reasons = _reasons(verdict.tried)
    if verdict.chosen:
        verdict.outcome = Outcome.OFFER
        return
    verdict.next_allowed_at = _next_allowed_at(ask, verdict.tried)
    if any(reason.code is not ReasonCode.NO_VARIANT for reason in reasons):
        verdict.outcome = Outcome.BLOCKED
    if not ask.candidates:
        reasons.append(Reason(ReasonCode.NOT_ELIGIBLE, ""))
    if _has_fallback(ask):
        verdict.outcome = Outcome.FALLBACK
        reasons.append(Reason(ReasonCode.FALLBACK, ask.request.placement))


def _reasons(tried: Sequence[Tried]) -> list[Reason]:
    """Every cause once: what stood in the way, and what was chosen."""
    reasons: list[Reason] = []
    for one in tried:
        code = one.reason.code
        if code is ReasonCode.OUTRANKED:
            continue
        reasons += [cause for cause in one.obstacles if cause not in reasons]
        if code is ReasonCode.CHOSEN:
            reasons.append(Reason(code, one.candidate.plan.campaign.name))
    return reasons


def _next_allowed_at(ask: Ask, tried: Sequence[Tried]) -> Instant | None:
    """The earliest moment at which the best blocked proposal passes every rule; None beyond the horizon."""
    for one in tried:
        if one.read:
            return opening(one.read[0].standings, ask.request.now)
    return None


def _has_fallback(ask: Ask) -> bool:
    """Whether the placement asked for has a fallback that runs now and whose content lacks no value."""
    fallback = ask.live.fallbacks[ask.request.placement] if ask.request.placement else None
    if fallback is None or lacks(fallback.form, ask.request.attributes):
        return False
    return not fallback.active or clocks_of(ask.live, ask.request).run(fallback.active)
