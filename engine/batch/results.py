"""What a run says of each customer and each campaign."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from engine.batch.columns import Bools, Codes, ScoreColumn, ValueColumn
from engine.batch.draws import CustomerHashes
from engine.batch.order import ScoredPairs, TieBreaker
from engine.decide.answer import blocked_by, selection_probability
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate
from engine.decide.experiments.learning import NOTHING_LEARNED, Learned
from engine.decide.pressure.counters import NO_QUOTA_COUNTS, QuotaCounts
from engine.decide.select import SelectedProposal, Selection, select
from engine.model.contact import Contact
from engine.model.customer import NOTHING_SAID, CustomerState
from engine.model.decision import WITHHELD, Outcome, Reason, ReasonCode
from engine.model.instant import Instant
from engine.model.request import Request

_OUTRANKED = (ReasonCode.OUTRANKED, ReasonCode.GROUP_TAKEN, ReasonCode.CATEGORY_FULL)


class ChosenForm(NamedTuple):
    """What was chosen for a customer, withheld or not."""

    campaign: str
    channel: str
    variant: str
    score: float
    withheld: Reason | None
    expires_at: Instant | None
    drawn: float
    """The probability with which the variant is drawn."""


class RowDecision(NamedTuple):
    """The decision for one customer, without texts."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    chosen: tuple[ChosenForm, ...] = ()
    selection_probability: float = 1.0
    blocked_by: tuple[str, ...] = ()
    next_allowed_at: Instant | None = None
    next_any_at: Instant | None = None


@dataclass(slots=True)
class CampaignFunnel:
    """How many customers a campaign was for, and where the others went."""

    eligible: int = 0
    offered: int = 0
    withheld: int = 0
    outranked: int = 0
    lost: Counter[Reason] = field(default_factory=Counter)
    """By the first obstacle, of those for whom it was tried."""


@dataclass(slots=True)
class Funnel:
    """The counts of a run."""

    customers: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    campaigns: dict[str, CampaignFunnel] = field(default_factory=dict)
    forms: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Offers by campaign, variant and channel."""
    exact: Counter[str] = field(default_factory=Counter)
    """Customers who were evaluated one by one, by the reason."""
    verified: int = 0
    """Customers who were decided by columns and again by the engine."""
    classes: int = 0
    """Decisions of the engine by which those of the columns were confirmed."""

    def campaign(self, name: str) -> CampaignFunnel:
        """The campaign's counts."""
        count = self.campaigns.get(name)
        if count is None:
            count = self.campaigns[name] = CampaignFunnel()
        return count

    def see(self, decision: RowDecision, customers: int = 1) -> None:
        """Counts customers with the same decision."""
        self.customers += customers
        self.outcomes[decision.outcome] += customers
        for chosen in decision.chosen:
            count = self.campaign(chosen.campaign)
            if chosen.withheld is None:
                count.offered += customers
                self.forms[chosen.campaign, chosen.variant, chosen.channel] += customers
            else:
                count.withheld += customers

    def see_tried(self, selection: Selection) -> None:
        """Counts the candidates of a customer who was evaluated alone; those chosen are counted by `see`."""
        for tried in selection.tried:
            count = self.campaign(tried.candidate.compiled_campaign.campaign.name)
            count.eligible += 1
            code = tried.reason.code
            if code in _OUTRANKED:
                count.outranked += 1
            elif code is not ReasonCode.CHOSEN and code not in WITHHELD:
                count.lost[tried.reason] += 1


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions for the customers of a chunk as columns; that of one customer is made on demand."""

    names: Sequence[str]
    codes: Codes
    """By customer, the place of their decision in `distinct`."""
    scores: ScoreColumn
    """By customer, the score of what was chosen; NaN where nothing or several were."""
    distinct: Sequence[RowDecision]
    """The decisions that differ by more than the score, which is 0 where one campaign was chosen."""

    def row(self, at: int) -> RowDecision:
        """The decision for one customer."""
        decision = self.distinct[int(self.codes[at])]
        if len(decision.chosen) != 1:
            return decision
        return decision._replace(chosen=(decision.chosen[0]._replace(score=float(self.scores[at])),))

    def counted_by(self, funnel: Funnel) -> None:
        """Counts the customers."""
        counts = np.bincount(self.codes, minlength=1)
        for code in np.flatnonzero(counts).tolist():
            funnel.see(self.distinct[code], int(counts[code]))


class TriedPairs(NamedTuple):
    """What the columns know of customers and their eligible campaigns before the engine confirms it."""

    draws: CustomerHashes
    pairs: ScoredPairs
    ties: TieBreaker
    profiles: Codes
    """Of each pair, in `Kernel.profiles`; where it is behind the customer's best, as if that were not there."""
    read: Codes
    """Of each pair the rules that were read for it, in `Kernel.rules_read`."""
    best: Codes
    """By customer, the pair that goes; NO_PAIR where none does."""
    ahead: Codes
    """The pairs ahead of the customers' best, by customer and in rank order."""
    clock: ValueColumn


class TriedPeople(NamedTuple):
    """The decisions of customers, and what became of their eligible campaigns."""

    decisions: Decisions
    tried: TriedPairs
    unordered: Bools
    """By customer, whether the engine decided alone, of whom the pairs say nothing."""


def without_score(decision: RowDecision) -> tuple[RowDecision, float]:
    """The decision with the score 0 where one campaign was chosen, and its score."""
    if len(decision.chosen) != 1:
        return decision, math.nan
    (form,) = decision.chosen
    return decision._replace(chosen=(form._replace(score=0.0),)), form.score


class EngineDecision:
    """The engine's own decision for one customer: evaluated at once, selected when it is asked for."""

    def __init__(
        self,
        evaluation: Evaluation,
        counts: QuotaCounts,
        contacts: Sequence[Contact] = (),
        state: CustomerState = NOTHING_SAID,
    ) -> None:
        """contacts: those of the customer that may still count; state: what they agreed to, withdrew and object to."""
        self.evaluation, self.contacts, self._counts, self._state = evaluation, contacts, counts, state

    @cached_property
    def selection(self) -> Selection:
        """What is chosen, by the customer's contacts."""
        return self.select(self.evaluation)

    def select(self, evaluation: Evaluation) -> Selection:
        """What is chosen by the same contacts and counters of an evaluation of the customer, say of fewer candidates."""
        return select(evaluation, self.contacts, evaluation.request.customer, self._state, self._counts)

    @cached_property
    def decision(self) -> RowDecision:
        """The decision, as `answer` makes it, without the texts."""
        selection = self.selection
        return RowDecision(
            selection.outcome,
            tuple(selection.reasons),
            forms_of(selection.chosen),
            selection_probability(selection),
            blocked_by(selection),
            selection.next_allowed_at,
            selection.next_any_at,
        )


def decide_by_engine(
    compiled: CompiledBook,
    request: Request,
    counts: QuotaCounts = NO_QUOTA_COUNTS,
    learned: Learned = NOTHING_LEARNED,
    contacts: Sequence[Contact] = (),
    state: CustomerState = NOTHING_SAID,
) -> EngineDecision:
    """Evaluates one customer, as the per-request path does.

    counts: the counters that all customers share. contacts: those of the customer that may still count. state: what they
    agreed to, withdrew and object to.
    """
    return EngineDecision(evaluate(compiled, request, learned), counts, contacts, state)


def forms_of(chosen: Sequence[SelectedProposal]) -> tuple[ChosenForm, ...]:
    """The forms that were chosen."""
    return tuple(
        ChosenForm(
            own.proposal.compiled_campaign.campaign.name,
            own.proposal.campaign_channel.channel,
            own.proposal.chosen.creative.variant,
            own.proposal.score,
            own.withheld,
            own.contact.expires_at,
            own.proposal.chosen.probability,
        )
        for own in chosen
    )
