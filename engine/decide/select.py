"""The verdict of contact pressure on one request. Pure: same ask, same history, same verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.decide.arbitrate.campaign import Form, Plan, Route
from engine.decide.arbitrate.candidates import Candidate, Proposal, gives_way
from engine.decide.arbitrate.variants import Chosen, draw, draw_learned, fitting_forms, lacks, why_none_fits
from engine.decide.attributes.zones import plausible_zones
from engine.decide.evaluate import Ask
from engine.decide.experiments.learning import Weights
from engine.decide.experiments.samples import closed, withheld
from engine.decide.match import clocks_of
from engine.decide.pressure.consent import Withdrawal, withdrawn_since
from engine.decide.pressure.counters import NO_COUNTS, Counts
from engine.decide.pressure.rule import Case, Rule, Standing, opening
from engine.model.contact import Contact
from engine.model.customer import NOTHING, Told
from engine.model.decision import CLOSED, PRESSURE, WITHHELD, Outcome, Reason, ReasonCode
from engine.model.instant import Instant

_NOTHING_FITS = CLOSED | {ReasonCode.NO_VARIANT}
"""Where nothing else stood in the way, no campaign fits."""


class Reserved(NamedTuple):
    """A proposal that may go, and the contact that it uses up."""

    proposal: Proposal
    contact: Contact
    withheld: Reason | None = None
    """Why it does not go all the same: then the contact is a shadow, which counts for this person like any other."""


class Read(NamedTuple):
    """A channel on which a candidate was tried, and how the rules of pressure stood for it."""

    channel: str
    standings: Sequence[Standing]


class Tried(NamedTuple):
    """What became of a candidate."""

    candidate: Candidate
    reason: Reason
    """CHOSEN, why it was withheld, what it gave way to (arbitrate/rivals.py), or what first stood in its way."""
    obstacles: Sequence[Reason] = ()
    """Every channel out of reach or without a form, and every rule that blocked a proposal, once each."""
    read: Sequence[Read] = ()
    withdrawn: Sequence[Read] = ()
    """The channels on which the customer does not want to hear from us any more."""


@dataclass(slots=True)
class Verdict:
    """What may go, and what stood in the way of the rest."""

    outcome: Outcome = Outcome.NOTHING
    chosen: list[Reserved] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    next_allowed_at: Instant | None = None
    shows_fallback: bool = False

    @property
    def offered(self) -> list[Reserved]:
        """What was chosen and is not withheld."""
        return [one for one in self.chosen if one.withheld is None]


def judge(
    ask: Ask, history: Sequence[Contact], person: str, told: Told = NOTHING, counts: Counts = NO_COUNTS
) -> Verdict:
    """Tries the proposals in rank order, each campaign's channels before the next campaign.

    history: the person's contacts that may still count, shadows among them; what is chosen here counts for what is tried
    after it. person: the name under which the customer is kept, by which chance knows him. told: what the customer said of
    being contacted. counts: what all customers share.
    """
    verdict = Verdict()
    if ask.candidates:
        pressure = _Pressure(ask, history, told, counts)
        for candidate in ask.candidates:
            verdict.tried.append(_try(ask, candidate, verdict.chosen, pressure, person))
    _conclude(ask, verdict)
    return verdict


class _Pressure:
    """How the rules stand for one customer, each looked at once until another contact is reserved."""

    __slots__ = ("_case", "_consents", "_standings")

    def __init__(self, ask: Ask, history: Sequence[Contact], told: Told, counts: Counts) -> None:
        live, request = ask.live, ask.request
        zones = (
            plausible_zones(request.attributes, live.book.timezone) if live.pressure.by_customer_clock else ()
        )
        self._case = Case(request.now, history, request.attributes, zones, counts, outcomes=told.outcomes)
        self._standings: dict[Rule, Standing] = {}
        self._consents = told.consents

    def withdrawn(self, route: Route) -> Read | None:
        """That the customer wants no more of what the route is for; None: nothing is known of that."""
        if not self._consents or not route.purpose:
            return None
        since = withdrawn_since(self._consents, route.purpose)
        if since is None:
            return None
        return Read(route.channel, [Withdrawal(route.purpose, since).stands(self._case)])

    def on(self, route: Route) -> list[Standing]:
        """The rules that a proposal on the route must pass."""
        return [self._standings.get(rule) or self._look(rule) for rule in route.rules]

    def reserve(self, route: Route, *, shadow: bool) -> Contact:
        """One more contact: confirmed at once when inbound or a shadow, else held as the channel says."""
        case, now = self._case, self._case.now
        expires_at = None if route.held is None or shadow else now + route.held
        contact = Contact(now, expires_at, route.facts)
        self._case = case._replace(history=[*case.history, contact])
        if route.quotas and not shadow:
            keys = [rule.key(now) for rule in route.quotas]
            self._case = self._case._replace(
                drawn={**case.drawn, **{key: case.drawn.get(key, 0) + 1 for key in keys}}
            )
        self._standings = {}
        return contact

    def _look(self, rule: Rule) -> Standing:
        found = self._standings[rule] = rule.stands(self._case)
        return found


def _try(ask: Ask, candidate: Candidate, chosen: list[Reserved], pressure: _Pressure, person: str) -> Tried:
    """Takes the candidate's first proposal that passes every rule, if there is one and room for it."""
    plan, request = candidate.plan, ask.request
    if chosen:
        taken = [one.proposal.plan for one in chosen]
        slot = ask.live.book.placements.get(request.placement)
        if lost := gives_way(plan, taken, request.max_offers, slot):
            return Tried(candidate, lost)
    if plan.gates and (shut := closed(plan.gates, person, request.now, ask.conversions)):
        return Tried(candidate, shut, (shut,))
    obstacles = list(candidate.lost)
    read: list[Read] = []
    withdrawn: list[Read] = []
    for channel in candidate.channels:
        route = plan.routes[channel]
        if unwanted := pressure.withdrawn(route):
            obstacles.append(Reason(ReasonCode.NO_CONSENT, channel))
            withdrawn.append(unwanted)
            continue
        forms = fitting_forms(route.forms, request.attributes, ask.moment)
        if not forms:
            obstacles += why_none_fits(route, request.attributes, ask.moment)
            continue
        standings = pressure.on(route)
        read.append(Read(channel, standings))
        blocking = [Reason(one.rule.code, one.rule.name) for one in standings if one.blocks]
        if not blocking:
            form = _drawn(ask, plan, forms, person)
            proposal = Proposal(plan, route, form, candidate.score)
            why = withheld(route.withholding, person, request.now) if route.withholding else None
            contact = pressure.reserve(route, shadow=why is not None)
            chosen.append(Reserved(proposal, contact, why))
            return Tried(candidate, why or Reason(ReasonCode.CHOSEN, channel), obstacles, read, withdrawn)
        obstacles += [reason for reason in blocking if reason not in obstacles]
    return Tried(candidate, _held_back(obstacles) if read else obstacles[0], obstacles, read, withdrawn)


def known_weights(ask: Ask, plan: Plan, forms: Sequence[Form]) -> Weights | None:
    """What was learned of the forms that fit; None where the campaign does not learn of them, or there is no choice."""
    learn = plan.campaign.learn
    if learn is None or learn.explore is None or len(forms) < 2:
        return None
    names = tuple(form.variant for form in forms)
    return ask.learned.weights(plan.campaign.name, names, ask.request.now, learn.reward, learn.explore)


def _drawn(ask: Ask, plan: Plan, forms: Sequence[Form], person: str) -> Chosen:
    known, salt = known_weights(ask, plan, forms), ask.live.book.salt
    if known is None:
        return draw(forms, salt, person, plan)
    return draw_learned(forms, known, salt, person, plan, ask.moment)


def _held_back(obstacles: Sequence[Reason]) -> Reason:
    """The first rule of contact pressure among the obstacles."""
    return next(reason for reason in obstacles if reason.code in PRESSURE)


def _conclude(ask: Ask, verdict: Verdict) -> None:
    """Outcome, reasons and the next moment from what was tried."""
    reasons = verdict.reasons = _reasons(verdict.tried)
    if verdict.offered:
        verdict.outcome = Outcome.OFFER
        return
    if verdict.chosen:
        verdict.outcome = Outcome.CONTROL
    else:
        verdict.next_allowed_at = _next_allowed_at(ask, verdict.tried)
        if any(reason.code not in _NOTHING_FITS for reason in reasons):
            verdict.outcome = Outcome.BLOCKED
        if not ask.candidates:
            reasons.append(Reason(ReasonCode.NOT_ELIGIBLE, ""))
    if _has_fallback(ask):
        verdict.shows_fallback = True
        if not verdict.chosen:
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
        elif code in WITHHELD and one.reason not in reasons:
            reasons.append(one.reason)
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
