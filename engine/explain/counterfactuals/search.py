"""The search for single changes that would bring a campaign further; each that is told was tried by deciding again.

Bounded: so many campaigns, those that got furthest first, and so many changes. Campaigns for which there was no more room
are not searched, which the explanation says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import TypeAlias

from engine.decide.evaluate import Evaluation
from engine.decide.pressure.registry import PRESSURE
from engine.explain.counterfactuals.candidates import CandidateChanges
from engine.explain.counterfactuals.changes import asked_with
from engine.explain.model import CampaignExplained, Change, ChangeKind, Counterfactual, Rival
from engine.model.decision import WITHHELD, Decision, Reason, ReasonCode
from engine.model.instant import Instant
from engine.model.request import Request

MOST_SEARCHED = 100
"""Campaigns in one explanation."""


MOST_ASKED = 400
"""Changes in one explanation."""


MOST_OF_ONE = 24
"""Changes of one campaign."""


MOST_TOLD = 3
"""Flips of one campaign."""


_ENDS = (ReasonCode.OUTRANKED, ReasonCode.GROUP_TAKEN, ReasonCode.CATEGORY_FULL)
"""Where a campaign falls that nothing but a better one holds back."""


_EARLY = (ReasonCode.NOT_ACTIVE, ReasonCode.NOT_ELIGIBLE, ReasonCode.NOT_REQUESTED)


_TAKEN = WITHHELD | {ReasonCode.CHOSEN}
"""What nothing but chance may withhold: no change would bring it further."""


_KINDS = tuple(ChangeKind)


PreviewAll: TypeAlias = Callable[[Sequence[Evaluation]], Awaitable[Sequence[Decision]]]
"""Decides what was asked, and keeps nothing."""


class CounterfactualSearch:
    """One search, for the campaigns of one explanation."""

    def __init__(
        self,
        settle: PreviewAll,
        request: Request,
        asked: Evaluation,
        campaigns: Sequence[CampaignExplained],
        rivals: Mapping[str, Rival],
    ) -> None:
        self._settle, self._request, self._asked = settle, request, asked
        self._thinkable = CandidateChanges(asked.compiled, request, asked, rivals)
        lost = [one for one in campaigns if one.reason.code not in _TAKEN]
        self._campaigns = sorted(lost, key=lambda one: one.score is None)

    async def counterfactuals(
        self, but: frozenset[ChangeKind] = frozenset()
    ) -> dict[str, tuple[Counterfactual, ...]]:
        """The flips by campaign, the best first; campaigns that were not searched are missing. Without those `but` names."""
        moments = await self._moments()
        tries: list[tuple[CampaignExplained, Change, Evaluation]] = []
        found: dict[str, list[Counterfactual]] = {}
        room = MOST_ASKED
        for one in self._campaigns[:MOST_SEARCHED]:
            if room <= 0:
                break
            await asyncio.sleep(0)  # others are answered meanwhile
            found[one.campaign] = []
            thought = self._thinkable.changes(one, moments.get(one.campaign))
            changes = (each for each in thought if each.kind not in but)
            for change in islice(changes, min(room, MOST_OF_ONE)):
                room -= 1
                asked = asked_with(change, self._asked, self._request, one.campaign)
                if any(each.compiled_campaign.campaign.name == one.campaign for each in asked.candidates):
                    tries.append((one, change, asked))
        decisions = await self._settle([asked for _, _, asked in tries])
        for (one, change, _), decision in zip(tries, decisions, strict=True):
            then = _candidate_outcome(decision, one.campaign)
            if then is not None and _is_further(one.reason, then):
                found[one.campaign].append(Counterfactual(change, then))
        return {name: tuple(_told(counterfactuals)) for name, counterfactuals in found.items()}

    async def _moments(self) -> dict[str, Instant]:
        """When each campaign that pressure holds back might go, were it alone."""
        held = [one for one in self._campaigns if one.score is not None and one.reason.code not in _ENDS]
        by_name = {each.compiled_campaign.campaign.name: each for each in self._asked.candidates}
        alone = [self._asked._replace(candidates=[by_name[one.campaign]]) for one in held[:MOST_SEARCHED]]
        decisions = await self._settle(alone)
        return {
            one.campaign: decision.next_allowed_at
            for one, decision in zip(held, decisions, strict=False)
            if decision.next_allowed_at is not None
        }


def _candidate_outcome(decision: Decision, campaign: str) -> Reason | None:
    return next((one.reason for one in decision.candidate_outcomes if one.campaign == campaign), None)


def _is_further(before: Reason, then: Reason) -> bool:
    """Whether it falls at a later stage: it fits, can be reached, pressure lets it pass, it is chosen."""
    return _stage(then.code) > _stage(before.code)


def _stage(code: ReasonCode) -> int:
    if code in _EARLY:
        return 0
    if code in PRESSURE:
        return 2
    if code in _ENDS:
        return 3
    return 4 if code in _TAKEN else 1


def _told(counterfactuals: Sequence[Counterfactual]) -> Sequence[Counterfactual]:
    """The best flips, one of each thing that would be otherwise."""
    best: dict[tuple[ChangeKind, str], Counterfactual] = {}
    for one in sorted(counterfactuals, key=_order):
        best.setdefault((one.change.kind, one.change.name), one)
    return [*best.values()][:MOST_TOLD]


def _order(counterfactual: Counterfactual) -> tuple[bool, float, int, str]:
    return (
        not counterfactual.wins,
        counterfactual.change.size,
        _KINDS.index(counterfactual.change.kind),
        counterfactual.change.name,
    )
