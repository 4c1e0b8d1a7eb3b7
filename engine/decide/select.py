"""The verdict of contact pressure on one request. Pure: same ask, same history, same verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign, Creative
from engine.decide.arbitrate.candidates import Candidate, Proposal, gives_way
from engine.decide.arbitrate.variants import (
    DrawnCreative,
    draw,
    draw_learned,
    fitting_creatives,
    lacks,
    why_none_fits,
)
from engine.decide.attributes.zones import plausible_zones
from engine.decide.evaluate import Evaluation
from engine.decide.experiments.learning import Weights
from engine.decide.experiments.samples import closed, withheld
from engine.decide.match import clocks_of
from engine.decide.pressure.consent import Withdrawal, withdrawn_since
from engine.decide.pressure.counters import NO_QUOTA_COUNTS, QuotaCounts
from engine.decide.pressure.rule import PressureRule, RuleInput, RuleResult, next_allowed
from engine.model.contact import Contact
from engine.model.customer import NOTHING_SAID, CustomerState
from engine.model.decision import CLOSED, PRESSURE, WITHHELD, Outcome, Reason, ReasonCode
from engine.model.instant import Instant

_NOTHING_FITS = CLOSED | {ReasonCode.NO_VARIANT}
"""Where nothing else stood in the way, no campaign fits."""


class SelectedProposal(NamedTuple):
    """A proposal that may go, and the contact that it uses up."""

    proposal: Proposal
    contact: Contact
    withheld: Reason | None = None
    """Why it does not go all the same: then the contact is a shadow, which counts for this person like any other."""


class ChannelResult(NamedTuple):
    """A channel on which a candidate was tried, and how the rules of pressure stood for it."""

    channel: str
    rule_results: Sequence[RuleResult]


class TriedCandidate(NamedTuple):
    """What became of a candidate."""

    candidate: Candidate
    reason: Reason
    """CHOSEN, why it was withheld, what it gave way to (arbitrate/rivals.py), or what first stood in its way."""
    obstacles: Sequence[Reason] = ()
    """Every channel out of reach or without a form, and every rule that blocked a proposal, once each."""
    read: Sequence[ChannelResult] = ()
    withdrawn: Sequence[ChannelResult] = ()
    """The channels on which the customer does not want to hear from us any more."""


@dataclass(slots=True)
class Selection:
    """What may go, and what stood in the way of the rest."""

    outcome: Outcome = Outcome.NOTHING
    chosen: list[SelectedProposal] = field(default_factory=list)
    tried: list[TriedCandidate] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    next_allowed_at: Instant | None = None
    shows_fallback: bool = False

    @property
    def offered(self) -> list[SelectedProposal]:
        """What was chosen and is not withheld."""
        return [one for one in self.chosen if one.withheld is None]


def select(
    ask: Evaluation,
    history: Sequence[Contact],
    person: str,
    customer_state: CustomerState = NOTHING_SAID,
    counts: QuotaCounts = NO_QUOTA_COUNTS,
) -> Selection:
    """Tries the proposals in rank order, each campaign's channels before the next campaign.

    history: the person's contacts that may still count, shadows among them; what is chosen here counts for what is tried
    after it. person: the name under which the customer is kept, by which chance knows him. told: what the customer said of
    being contacted. counts: what all customers share.
    """
    selection = Selection()
    if ask.candidates:
        pressure = _Pressure(ask, history, customer_state, counts)
        for candidate in ask.candidates:
            selection.tried.append(_try(ask, candidate, selection.chosen, pressure, person))
    _conclude(ask, selection)
    return selection


class _Pressure:
    """How the rules stand for one customer, each looked at once until another contact is reserved."""

    __slots__ = ("_case", "_consents", "_rule_results")

    def __init__(
        self, ask: Evaluation, history: Sequence[Contact], customer_state: CustomerState, counts: QuotaCounts
    ) -> None:
        compiled, request = ask.compiled, ask.request
        zones = (
            plausible_zones(request.attributes, compiled.book.timezone)
            if compiled.pressure.by_customer_clock
            else ()
        )
        self._case = RuleInput(
            request.now, history, request.attributes, zones, counts, outcomes=customer_state.outcomes
        )
        self._rule_results: dict[PressureRule, RuleResult] = {}
        self._consents = customer_state.consents

    def withdrawn(self, campaign_channel: CampaignChannel) -> ChannelResult | None:
        """That the customer wants no more of what the route is for; None: nothing is known of that."""
        if not self._consents or not campaign_channel.purpose:
            return None
        since = withdrawn_since(self._consents, campaign_channel.purpose)
        if since is None:
            return None
        return ChannelResult(
            campaign_channel.channel, [Withdrawal(campaign_channel.purpose, since).evaluate(self._case)]
        )

    def on(self, campaign_channel: CampaignChannel) -> list[RuleResult]:
        """The rules that a proposal on the route must pass."""
        return [self._rule_results.get(rule) or self._look(rule) for rule in campaign_channel.rules]

    def reserve(self, campaign_channel: CampaignChannel, *, shadow: bool) -> Contact:
        """One more contact: confirmed at once when inbound or a shadow, else held as the channel says."""
        case, now = self._case, self._case.now
        expires_at = None if campaign_channel.held is None or shadow else now + campaign_channel.held
        contact = Contact(now, expires_at, campaign_channel.facts)
        self._case = case._replace(history=[*case.history, contact])
        if campaign_channel.quotas and not shadow:
            keys = [rule.key(now) for rule in campaign_channel.quotas]
            self._case = self._case._replace(
                drawn={**case.drawn, **{key: case.drawn.get(key, 0) + 1 for key in keys}}
            )
        self._rule_results = {}
        return contact

    def _look(self, rule: PressureRule) -> RuleResult:
        found = self._rule_results[rule] = rule.evaluate(self._case)
        return found


def _try(
    ask: Evaluation, candidate: Candidate, chosen: list[SelectedProposal], pressure: _Pressure, person: str
) -> TriedCandidate:
    """Takes the candidate's first proposal that passes every rule, if there is one and room for it."""
    compiled_campaign, request = candidate.compiled_campaign, ask.request
    if chosen:
        taken = [one.proposal.compiled_campaign for one in chosen]
        slot = ask.compiled.book.placements.get(request.placement)
        if lost := gives_way(compiled_campaign, taken, request.max_offers, slot):
            return TriedCandidate(candidate, lost)
    if compiled_campaign.gates and (
        shut := closed(compiled_campaign.gates, person, request.now, ask.conversions)
    ):
        return TriedCandidate(candidate, shut, (shut,))
    obstacles = list(candidate.lost)
    read: list[ChannelResult] = []
    withdrawn: list[ChannelResult] = []
    for channel in candidate.channels:
        campaign_channel = compiled_campaign.campaign_channels[channel]
        if unwanted := pressure.withdrawn(campaign_channel):
            obstacles.append(Reason(ReasonCode.NO_CONSENT, channel))
            withdrawn.append(unwanted)
            continue
        creatives = fitting_creatives(campaign_channel.creatives, request.attributes, ask.moment)
        if not creatives:
            obstacles += why_none_fits(campaign_channel, request.attributes, ask.moment)
            continue
        rule_results = pressure.on(campaign_channel)
        read.append(ChannelResult(channel, rule_results))
        blocking = [Reason(one.rule.code, one.rule.name) for one in rule_results if one.blocks]
        if not blocking:
            creative = _drawn(ask, compiled_campaign, creatives, person)
            proposal = Proposal(compiled_campaign, campaign_channel, creative, candidate.score)
            why = (
                withheld(campaign_channel.withholding, person, request.now)
                if campaign_channel.withholding
                else None
            )
            contact = pressure.reserve(campaign_channel, shadow=why is not None)
            chosen.append(SelectedProposal(proposal, contact, why))
            return TriedCandidate(
                candidate, why or Reason(ReasonCode.CHOSEN, channel), obstacles, read, withdrawn
            )
        obstacles += [reason for reason in blocking if reason not in obstacles]
    return TriedCandidate(
        candidate, _held_back(obstacles) if read else obstacles[0], obstacles, read, withdrawn
    )


def known_weights(
    ask: Evaluation, compiled_campaign: CompiledCampaign, creatives: Sequence[Creative]
) -> Weights | None:
    """What was learned of the forms that fit; None where the campaign does not learn of them, or there is no choice."""
    learn = compiled_campaign.campaign.learn
    if learn is None or learn.explore is None or len(creatives) < 2:
        return None
    names = tuple(creative.variant for creative in creatives)
    return ask.learned.weights(
        compiled_campaign.campaign.name, names, ask.request.now, learn.reward, learn.explore
    )


def _drawn(
    ask: Evaluation, compiled_campaign: CompiledCampaign, creatives: Sequence[Creative], person: str
) -> DrawnCreative:
    known, salt = known_weights(ask, compiled_campaign, creatives), ask.compiled.book.salt
    if known is None:
        return draw(creatives, salt, person, compiled_campaign)
    return draw_learned(creatives, known, salt, person, compiled_campaign, ask.moment)


def _held_back(obstacles: Sequence[Reason]) -> Reason:
    """The first rule of contact pressure among the obstacles."""
    return next(reason for reason in obstacles if reason.code in PRESSURE)


def _conclude(ask: Evaluation, selection: Selection) -> None:
    """Outcome, reasons and the next moment from what was tried."""
    reasons = selection.reasons = _reasons(selection.tried)
    if selection.offered:
        selection.outcome = Outcome.OFFER
        return
    if selection.chosen:
        selection.outcome = Outcome.CONTROL
    else:
        selection.next_allowed_at = _next_allowed_at(ask, selection.tried)
        if any(reason.code not in _NOTHING_FITS for reason in reasons):
            selection.outcome = Outcome.BLOCKED
        if not ask.candidates:
            reasons.append(Reason(ReasonCode.NOT_ELIGIBLE, ""))
    if _has_fallback(ask):
        selection.shows_fallback = True
        if not selection.chosen:
            selection.outcome = Outcome.FALLBACK
        reasons.append(Reason(ReasonCode.FALLBACK, ask.request.placement))


def _reasons(tried: Sequence[TriedCandidate]) -> list[Reason]:
    """Every cause once: what stood in the way, and what was chosen."""
    reasons: list[Reason] = []
    for one in tried:
        code = one.reason.code
        if code is ReasonCode.OUTRANKED:
            continue
        reasons += [cause for cause in one.obstacles if cause not in reasons]
        if code is ReasonCode.CHOSEN:
            reasons.append(Reason(code, one.candidate.compiled_campaign.campaign.name))
        elif code in WITHHELD and one.reason not in reasons:
            reasons.append(one.reason)
    return reasons


def _next_allowed_at(ask: Evaluation, tried: Sequence[TriedCandidate]) -> Instant | None:
    """The earliest moment at which the best blocked proposal passes every rule; None beyond the horizon."""
    for one in tried:
        if one.read:
            return next_allowed(one.read[0].rule_results, ask.request.now)
    return None


def _has_fallback(ask: Evaluation) -> bool:
    """Whether the placement asked for has a fallback that runs now and whose content lacks no value."""
    fallback = ask.compiled.fallbacks[ask.request.placement] if ask.request.placement else None
    if fallback is None or lacks(fallback.creative, ask.request.attributes):
        return False
    return not fallback.active or clocks_of(ask.compiled, ask.request).run(fallback.active)
