"""Searches for single changes that would bring a campaign further; each one reported was tried by evaluating again.

Bounded by a number of campaigns, those that were ranked first, and a number of changes. Campaigns beyond the bounds are not
searched, which the explanation says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import TypeAlias

from engine.decide.evaluate import Evaluation
from engine.decide.pressure.registry import PRESSURE
from engine.explain.counterfactuals.candidates import CandidateChanges
from engine.explain.counterfactuals.changes import evaluate_with
from engine.explain.model import (
    FELL_EARLY,
    GAVE_WAY,
    CampaignExplained,
    Change,
    ChangeKind,
    Counterfactual,
    Rival,
)
from engine.model.decision import WITHHELD, Decision, Reason, ReasonCode
from engine.model.instant import Instant
from engine.model.request import Request

MOST_SEARCHED = 100
"""Campaigns in one explanation."""


MOST_EVALUATED = 400
"""Changes in one explanation."""


MOST_OF_CAMPAIGN = 24
"""Changes of one campaign."""


MOST_REPORTED = 3
"""Counterfactuals of one campaign."""


_TAKEN = WITHHELD | {ReasonCode.CHOSEN}
"""Reasons of campaigns that nothing but an experiment withholds: no change would bring them further."""


_KINDS = tuple(ChangeKind)


PreviewAll: TypeAlias = Callable[[Sequence[Evaluation]], Awaitable[Sequence[Decision]]]
"""Decides the evaluations, and stores nothing."""


class CounterfactualSearch:
    """One search, for the campaigns of one explanation."""

    def __init__(
        self,
        preview_all: PreviewAll,
        request: Request,
        evaluation: Evaluation,
        campaigns: Sequence[CampaignExplained],
        rivals: Mapping[str, Rival],
    ) -> None:
        self._preview_all, self._request, self._evaluation = preview_all, request, evaluation
        self._candidates = CandidateChanges(request, evaluation, rivals)
        lost = [campaign for campaign in campaigns if campaign.reason.code not in _TAKEN]
        self._campaigns = sorted(lost, key=lambda campaign: campaign.score is None)

    async def counterfactuals(
        self, untried: frozenset[ChangeKind] = frozenset()
    ) -> dict[str, tuple[Counterfactual, ...]]:
        """The counterfactuals by campaign, the best first; campaigns that were not searched are missing."""
        moments = await self._moments()
        tries: list[tuple[CampaignExplained, Change, Evaluation]] = []
        verified: dict[str, list[Counterfactual]] = {}
        room = MOST_EVALUATED
        for campaign in self._campaigns[:MOST_SEARCHED]:
            if room <= 0:
                break
            await asyncio.sleep(0)  # lets other requests run
            name = campaign.campaign
            verified[name] = []
            candidates = self._candidates.changes(campaign, moments.get(name))
            changes = (change for change in candidates if change.kind not in untried)
            for change in islice(changes, min(room, MOST_OF_CAMPAIGN)):
                room -= 1
                changed = evaluate_with(change, self._evaluation, self._request, name)
                if any(candidate.compiled_campaign.campaign.name == name for candidate in changed.candidates):
                    tries.append((campaign, change, changed))
        decisions = await self._preview_all([changed for _, _, changed in tries])
        for (campaign, change, _), decision in zip(tries, decisions, strict=True):
            then = _reason(decision, campaign.campaign)
            if then is not None and _is_further(campaign.reason, then):
                verified[campaign.campaign].append(Counterfactual(change, then))
        return {name: tuple(_best(counterfactuals)) for name, counterfactuals in verified.items()}

    async def _moments(self) -> dict[str, Instant]:
        """When pressure would let each campaign pass that it holds back, if it were the only one."""
        held = [
            campaign
            for campaign in self._campaigns
            if campaign.score is not None and campaign.reason.code not in GAVE_WAY
        ]
        by_name = {
            candidate.compiled_campaign.campaign.name: candidate for candidate in self._evaluation.candidates
        }
        alone = [
            self._evaluation._replace(candidates=[by_name[campaign.campaign]])
            for campaign in held[:MOST_SEARCHED]
        ]
        decisions = await self._preview_all(alone)
        return {
            campaign.campaign: decision.next_allowed_at
            for campaign, decision in zip(held, decisions, strict=False)
            if decision.next_allowed_at is not None
        }


def _reason(decision: Decision, campaign: str) -> Reason | None:
    outcomes = decision.candidate_outcomes
    return next((outcome.reason for outcome in outcomes if outcome.campaign == campaign), None)


def _is_further(before: Reason, then: Reason) -> bool:
    """Whether it falls at a later stage: it fits, can be reached, pressure lets it pass, it is chosen."""
    return _stage(then.code) > _stage(before.code)


def _stage(code: ReasonCode) -> int:
    if code in FELL_EARLY:
        return 0
    if code in PRESSURE:
        return 2
    if code in GAVE_WAY:
        return 3
    return 4 if code in _TAKEN else 1


def _best(counterfactuals: Sequence[Counterfactual]) -> Sequence[Counterfactual]:
    """The best, one for each attribute, purpose, channel, placement, moment, tier or value that is changed."""
    best: dict[tuple[ChangeKind, str], Counterfactual] = {}
    for counterfactual in sorted(counterfactuals, key=_order):
        best.setdefault((counterfactual.change.kind, counterfactual.change.name), counterfactual)
    return [*best.values()][:MOST_REPORTED]


def _order(counterfactual: Counterfactual) -> tuple[bool, float, int, str]:
    return (
        not counterfactual.wins,
        counterfactual.change.size,
        _KINDS.index(counterfactual.change.kind),
        counterfactual.change.name,
    )
