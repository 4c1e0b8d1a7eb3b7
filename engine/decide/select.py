"""Selects the offers of one evaluation: the proposals in rank order that contact pressure lets pass. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.conditions.evaluate import holds
from engine.decide.arbitrate.campaign import CampaignChannel, CompiledCampaign, Creative
from engine.decide.arbitrate.candidates import Candidate, Proposal, gives_way, in_turn
from engine.decide.arbitrate.moments import BlockedProposal, next_any
from engine.decide.arbitrate.variants import (
    DrawnCreative,
    draw,
    draw_learned,
    fitting_creatives,
    kept_creative,
    lacks,
    why_none_fits,
)
from engine.decide.attributes.zones import plausible_zones, zones_text
from engine.decide.evaluate import Evaluation
from engine.decide.experiments.learning import Weights
from engine.decide.experiments.samples import Sample, closed, treated_as_drawn, withheld
from engine.decide.experiments.subjects import DrawSubject
from engine.decide.match import clocks_of
from engine.decide.pressure.caps import counted_value
from engine.decide.pressure.consent import Objection, Withdrawal, objected_since, withdrawn_since
from engine.decide.pressure.counters import NO_QUOTA_COUNTS, QuotaCounts, Taken
from engine.decide.pressure.quotas import QuotaRule
from engine.decide.pressure.registry import CODES, PRESSURE
from engine.decide.pressure.rule import HORIZON, PressureRule, RuleInput, RuleResult, next_allowed
from engine.model.contact import Contact
from engine.model.customer import NOTHING_SAID, CustomerState
from engine.model.decision import CLOSED, WITHHELD, Outcome, Reason, ReasonCode
from engine.model.instant import Instant
from engine.model.outcome import PastOutcome

_NOTHING_FITS = CLOSED | {ReasonCode.NO_VARIANT, ReasonCode.NOT_WORTH_IT}
"""If no other reason is given, no campaign fits."""

_NOT_ELIGIBLE = Reason(ReasonCode.NOT_ELIGIBLE, "")

_CONCLUDED = frozenset(
    (
        *CLOSED,
        *WITHHELD,
        ReasonCode.CHOSEN,
        ReasonCode.OUTRANKED,
        ReasonCode.GROUP_TAKEN,
        ReasonCode.CATEGORY_FULL,
    )
)
"""The results of candidates that are not tried on a further channel."""


class SelectedProposal(NamedTuple):
    """A proposal that passed every rule, and its contact."""

    proposal: Proposal
    contact: Contact
    withheld: Reason | None = None
    """Why an experiment withholds it; then the contact is a shadow, which counts for this person like any other."""


class ChannelResult(NamedTuple):
    """A channel on which a candidate was tried, with the results of its rules."""

    channel: str
    rule_results: Sequence[RuleResult]


class TriedCandidate(NamedTuple):
    """Result for one candidate."""

    candidate: Candidate
    reason: Reason
    """CHOSEN, why it was withheld, what it gave way to (arbitrate/candidates.py), or the first obstacle."""
    obstacles: Sequence[Reason] = ()
    """Every channel that is out of reach or has no fitting creative, and every rule that blocked a proposal, once each."""
    read: Sequence[ChannelResult] = ()
    """The channels whose rules were evaluated."""
    withdrawn: Sequence[ChannelResult] = ()
    """The channels whose consent the customer withdrew, or for which they object to being profiled."""
    kept_at: Instant | None = None
    """When the draw was made that a sticky campaign keeps; None: it is drawn now, or is not sticky."""


@dataclass(slots=True)
class Selection:
    """What is chosen, and why the rest is not."""

    outcome: Outcome = Outcome.NOTHING
    chosen: list[SelectedProposal] = field(default_factory=list)
    tried: list[TriedCandidate] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    next_allowed_at: Instant | None = None
    """Of the best blocked candidate, on its first channel."""
    next_any_at: Instant | None = None
    """Of all blocked candidates on all of their channels."""
    shows_fallback: bool = False
    history: Sequence[Contact] = ()
    """The person's contacts that mattered to some rule; empty where no candidate was tried."""
    outcomes: Sequence[PastOutcome] = ()
    """The outcomes that mattered to some pause."""

    @property
    def offered(self) -> list[SelectedProposal]:
        """What was chosen and is not withheld."""
        return [selected for selected in self.chosen if selected.withheld is None]


def select(
    evaluation: Evaluation,
    history: Sequence[Contact],
    person: str,
    customer_state: CustomerState = NOTHING_SAID,
    counts: QuotaCounts = NO_QUOTA_COUNTS,
) -> Selection:
    """Tries the proposals in rank order, each campaign's channels before the next campaign.

    history: the person's contacts that may still count, shadows among them; what is chosen here counts for what is tried
    after it. person: the id under which the customer is stored, also the hashing key for experiments. customer_state: the
    customer's consents and past outcomes. counts: the counters that all customers share.
    """
    selection = Selection()
    if evaluation.candidates:
        subject = evaluation.subject(person, customer_state.kept)
        pressure = _Pressure(evaluation, history, customer_state, counts, subject)
        selection.history, selection.outcomes = pressure.history, pressure.outcomes
        if any(candidate.turns for candidate in evaluation.candidates):
            selection.tried = _tried_in_turn(evaluation, selection.chosen, pressure, subject)
        else:
            for candidate in evaluation.candidates:
                selection.tried.append(_try(evaluation, candidate, selection.chosen, pressure, subject))
    _conclude(evaluation, selection)
    return selection


class _Pressure:
    """Evaluates rules for one customer, each once until another contact is reserved."""

    __slots__ = (
        "_applies",
        "_consents",
        "_reserved",
        "_rule_input",
        "_rule_results",
        "_subject",
        "_zones",
        "history",
        "outcomes",
    )

    def __init__(
        self,
        evaluation: Evaluation,
        history: Sequence[Contact],
        customer_state: CustomerState,
        counts: QuotaCounts,
        subject: DrawSubject,
    ) -> None:
        compiled, request = evaluation.compiled, evaluation.request
        zones = (
            plausible_zones(request.attributes, compiled.book.timezone)
            if compiled.pressure.by_customer_clock
            else ()
        )
        self.history: Sequence[Contact] = ()
        self.outcomes: Sequence[PastOutcome] = ()
        if customer_state.outcomes:
            self.outcomes = compiled.pressure.mattering_outcomes(customer_state.outcomes, request.now)
        self._rule_input = RuleInput(
            request.now, history, request.attributes, zones, counts, outcomes=self.outcomes
        )
        if history:
            self.history = compiled.pressure.mattering(self._rule_input)
            self._rule_input = self._rule_input._replace(history=self.history)
        self._reserved: list[tuple[Contact, Sequence[QuotaRule]]] = []
        """Contacts that the input does not count yet, each with the rules over all customers of which it takes."""
        self._rule_results: dict[PressureRule, RuleResult] = {}
        self._applies = {
            name: holds(when, request.attributes, evaluation.moment)
            for name, when in compiled.pressure.conditions.items()
        }
        """Of the rules for some customers only, whether they hold for this one."""
        self._consents = customer_state.consents
        self._subject = subject
        self._zones = (
            zones_text(request.attributes, compiled.book.timezone) if compiled.pressure.keeps_zones else ""
        )

    def withdrawn(self, campaign_channel: CampaignChannel) -> ChannelResult | None:
        """The result of what the customer withdrew from, or objects to, on the channel; None: nothing of the kind."""
        if not self._consents:
            return None
        for purpose in campaign_channel.purposes:
            since = withdrawn_since(self._consents, purpose)
            if since is not None:
                withdrawal = Withdrawal(purpose, since)
                return ChannelResult(campaign_channel.channel, [withdrawal.evaluate(self._rule_input)])
        if objected := objected_since(self._consents, campaign_channel.objections):
            objection = Objection(*objected)
            return ChannelResult(campaign_channel.channel, [objection.evaluate(self._rule_input)])
        return None

    def on(self, campaign_channel: CampaignChannel) -> list[RuleResult]:
        """The results of the rules that a proposal on the channel must pass; rules for other customers are left out."""
        trials, rules, applies = campaign_channel.trials, campaign_channel.rules, self._applies
        if applies:
            rules = tuple(rule for rule in rules if applies.get(rule.name, True))
        return [
            self._rule_results.get(rule) or self._evaluate(rule, trials.get(rule.name) if trials else None)
            for rule in rules
        ]

    def reserve(self, campaign_channel: CampaignChannel, *, shadow: bool) -> Contact:
        """Counts one more contact: confirmed at once if inbound or a shadow, else reserved for as long as the channel says."""
        rule_input, now = self._rule_input, self._rule_input.now
        expires_at = None if campaign_channel.held is None or shadow else now + campaign_channel.held
        by = campaign_channel.counted_by
        value = None if by is None else counted_value(rule_input.attributes.get(by))
        contact = Contact(now, expires_at, campaign_channel.facts, self._zones, value)
        self._reserved.append((contact, () if shadow else campaign_channel.quotas))
        self._rule_results = {}
        return contact

    def _count_reserved(self) -> None:
        """Counts what was reserved: only before another rule is evaluated, which mostly none is."""
        rule_input, now = self._rule_input, self._rule_input.now
        drawn = dict(rule_input.drawn)
        for contact, quotas in self._reserved:
            taken = {rule.key(now): Taken(contact.expires_at, rule.amount) for rule in quotas}
            drawn |= {key: (*drawn.get(key, ()), amount) for key, amount in taken.items()}
        contacts = (contact for contact, _ in self._reserved)
        self._rule_input = rule_input._replace(history=[*rule_input.history, *contacts], drawn=drawn)
        self._reserved.clear()

    def _evaluate(self, rule: PressureRule, trial: Sample | None) -> RuleResult:
        if self._reserved:
            self._count_reserved()
        rule_result = rule.evaluate(self._rule_input)
        if trial is not None and rule_result.blocks and trial.has(self._subject, self._rule_input.now):
            rule_result = rule_result.lift(self._rule_input.now)
        self._rule_results[rule] = rule_result
        return rule_result


def _tried_in_turn(
    evaluation: Evaluation, chosen: list[SelectedProposal], pressure: _Pressure, subject: DrawSubject
) -> list[TriedCandidate]:
    """The candidates, best first, each tried on its channels by their net scores, among those of the others."""
    candidates = evaluation.candidates
    tried: dict[int, TriedCandidate] = {}
    for index, turn in in_turn(candidates):
        before, candidate = tried.get(index), candidates[index]
        if before is not None and before.reason.code in _CONCLUDED:
            continue
        lost = candidate.lost if before is None else before.obstacles
        of_turn = candidate._replace(score=turn.score, channels=turn.channels, lost=lost)
        result = _try(evaluation, of_turn, chosen, pressure, subject)
        if before is not None:
            result = result._replace(
                obstacles=result.obstacles or before.obstacles,
                read=[*before.read, *result.read],
                withdrawn=[*before.withdrawn, *result.withdrawn],
            )
        if result.reason.code not in PRESSURE and result.reason.code not in _CONCLUDED and result.read:
            result = result._replace(reason=_held_back(result.obstacles))
        went = result.reason.code is ReasonCode.CHOSEN or result.reason.code in WITHHELD
        tried[index] = result if went else result._replace(candidate=candidate)
    return [tried[index] for index in range(len(candidates))]


def _try(
    evaluation: Evaluation,
    candidate: Candidate,
    chosen: list[SelectedProposal],
    pressure: _Pressure,
    subject: DrawSubject,
) -> TriedCandidate:
    """Takes the candidate's first proposal that passes every rule, if there is one and room for it."""
    compiled_campaign, request = candidate.compiled_campaign, evaluation.request
    if chosen:
        taken = [selected.proposal.compiled_campaign for selected in chosen]
        slot = evaluation.compiled.book.placements.get(request.placement)
        if lost := gives_way(compiled_campaign, taken, request.max_offers, slot):
            return TriedCandidate(candidate, lost)
    if compiled_campaign.gates and (
        shut := closed(compiled_campaign.gates, subject, request.now, evaluation.conversions)
    ):
        return TriedCandidate(candidate, shut, (shut,))
    obstacles = list(candidate.lost)
    read: list[ChannelResult] = []
    withdrawn: list[ChannelResult] = []
    for channel in candidate.channels:
        campaign_channel = compiled_campaign.campaign_channels[channel].at(request.attributes)
        if unwanted := pressure.withdrawn(campaign_channel):
            obstacles.append(Reason(CODES[unwanted.rule_results[0].rule.kind], channel))
            withdrawn.append(unwanted)
            continue
        creatives = fitting_creatives(campaign_channel.creatives, request.attributes, evaluation.moment)
        if not creatives:
            obstacles += why_none_fits(campaign_channel, request.attributes, evaluation.moment)
            continue
        rule_results = pressure.on(campaign_channel)
        read.append(ChannelResult(channel, rule_results))
        blocking = [
            Reason(CODES[rule_result.rule.kind], rule_result.rule.name)
            for rule_result in rule_results
            if rule_result.blocks
        ]
        if not blocking:
            creative = _drawn(evaluation, compiled_campaign, creatives, subject)
            withholding, treated = campaign_channel.withholding, campaign_channel.treated
            if compiled_campaign.campaign.sticky and subject.kept:
                treated = treated_as_drawn(withholding, subject, request.now)
            proposal = Proposal(compiled_campaign, campaign_channel, creative, candidate.score, treated)
            reason = withheld(withholding, subject, request.now) if withholding else None
            contact = pressure.reserve(campaign_channel, shadow=reason is not None)
            chosen.append(SelectedProposal(proposal, contact, reason))
            kept_at = _kept_at(evaluation, compiled_campaign, withholding, subject) if subject.kept else None
            chosen_reason = reason or Reason(ReasonCode.CHOSEN, channel)
            return TriedCandidate(candidate, chosen_reason, obstacles, read, withdrawn, kept_at)
        obstacles += [reason for reason in blocking if reason not in obstacles]
    return TriedCandidate(
        candidate, _held_back(obstacles) if read else obstacles[0], obstacles, read, withdrawn
    )


def _kept_at(
    evaluation: Evaluation,
    compiled_campaign: CompiledCampaign,
    withholding: Sequence[Sample],
    subject: DrawSubject,
) -> Instant | None:
    """When a draw was made that holds for the campaign and is kept; None if there is none."""
    campaign = compiled_campaign.campaign
    if not campaign.sticky or not subject.kept:
        return None
    salts = {sample.salts.at(evaluation.request.now) for sample in withholding if sample.sticky}
    salts.add(evaluation.compiled.book.salt)
    draws = (draw for draw in subject.kept if draw.campaign == campaign.name and draw.salt in salts)
    return next((draw.at for draw in draws), None)


def known_weights(
    evaluation: Evaluation, compiled_campaign: CompiledCampaign, creatives: Sequence[Creative]
) -> Weights | None:
    """The learned weights of the creatives that fit; None where the campaign learns none, or there is only one."""
    learn = compiled_campaign.campaign.learn
    if learn is None or learn.explore is None or len(creatives) < 2:
        return None
    names = tuple(creative.variant for creative in creatives)
    return evaluation.learned.weights(
        compiled_campaign.campaign.name, names, evaluation.request.now, learn.reward, learn.explore
    )


def _drawn(
    evaluation: Evaluation,
    compiled_campaign: CompiledCampaign,
    creatives: Sequence[Creative],
    subject: DrawSubject,
) -> DrawnCreative:
    salt, campaign = evaluation.compiled.book.salt, compiled_campaign.campaign
    if campaign.sticky and (kept := kept_creative(creatives, salt, subject, compiled_campaign)):
        return kept
    if campaign.learn is None or ((known := known_weights(evaluation, compiled_campaign, creatives)) is None):
        return draw(creatives, salt, subject, compiled_campaign)
    day = evaluation.compiled.local(evaluation.moment.now).date()
    return draw_learned(creatives, known, salt, subject, compiled_campaign, day)


def _held_back(obstacles: Sequence[Reason]) -> Reason:
    """The first rule of contact pressure among the obstacles."""
    return next(reason for reason in obstacles if reason.code in PRESSURE)


def _conclude(evaluation: Evaluation, selection: Selection) -> None:
    """Sets outcome, reasons and the next moments from what was tried."""
    reasons = selection.reasons = _reasons(selection.tried)
    if selection.offered:
        selection.outcome = Outcome.OFFER
        return
    if selection.chosen:
        selection.outcome = Outcome.CONTROL
    else:
        if selection.tried:
            selection.next_allowed_at = _next_allowed_at(evaluation, selection.tried)
            selection.next_any_at = _next_any_at(evaluation, selection.tried)
        if any(reason.code not in _NOTHING_FITS for reason in reasons):
            selection.outcome = Outcome.BLOCKED
        if not evaluation.candidates:
            reasons.append(_NOT_ELIGIBLE)
    if _has_fallback(evaluation):
        selection.shows_fallback = True
        if not selection.chosen:
            selection.outcome = Outcome.FALLBACK
        reasons.append(Reason(ReasonCode.FALLBACK, evaluation.request.placement))


def _reasons(tried: Sequence[TriedCandidate]) -> list[Reason]:
    """Every obstacle once, and what was chosen or withheld."""
    reasons: list[Reason] = []
    for tried_candidate in tried:
        code = tried_candidate.reason.code
        reasons += [obstacle for obstacle in tried_candidate.obstacles if obstacle not in reasons]
        if code is ReasonCode.CHOSEN:
            reasons.append(Reason(code, tried_candidate.candidate.compiled_campaign.campaign.name))
        elif code in WITHHELD and tried_candidate.reason not in reasons:
            reasons.append(tried_candidate.reason)
    return reasons


def _next_allowed_at(evaluation: Evaluation, tried: Sequence[TriedCandidate]) -> Instant | None:
    """When the best blocked candidate passes every rule on its first channel; None beyond the horizon."""
    for tried_candidate in tried:
        if tried_candidate.read:
            now = evaluation.request.now
            return next_allowed(tried_candidate.read[0].rule_results, now, now + HORIZON)
    return None


def _next_any_at(evaluation: Evaluation, tried: Sequence[TriedCandidate]) -> Instant | None:
    """The earliest moment at which any blocked proposal passes every rule while its schedules run; None beyond the horizon."""
    proposals = (
        BlockedProposal(channel_result.rule_results, tried_candidate.candidate.compiled_campaign.active)
        for tried_candidate in tried
        for channel_result in tried_candidate.read
    )
    request = evaluation.request
    return next_any(proposals, request.now, evaluation.compiled.book.timezone, request.attributes)


def _has_fallback(evaluation: Evaluation) -> bool:
    """Whether the requested placement has a fallback that runs now and whose content lacks no value."""
    fallback = (
        evaluation.compiled.fallbacks[evaluation.request.placement] if evaluation.request.placement else None
    )
    if fallback is None or lacks(fallback.creative, evaluation.request.attributes):
        return False
    return not fallback.active or clocks_of(evaluation.compiled, evaluation.request).run(fallback.active)
