"""Rivals: which campaigns give way to those that were taken before them in one response."""

from collections.abc import Sequence

from engine.arbitrate.plan import Plan
from engine.decision import Reason, ReasonCode
from engine.rulebook.model.book import Placement


def gives_way(plan: Plan, taken: Sequence[Plan], room: int, placement: Placement | None) -> Reason | None:
    """Why the campaign cannot join those taken; None where it can. What more room would not help against goes first."""
    group = plan.campaign.group
    if group:
        for one in taken:
            if one.campaign.group == group:
                return Reason(ReasonCode.GROUP_TAKEN, one.campaign.name)
    if placement is not None and _is_full(plan.offer.category, taken, placement.max_per_category):
        return Reason(ReasonCode.CATEGORY_FULL, plan.offer.category)
    if len(taken) >= room:
        return Reason(ReasonCode.OUTRANKED, taken[-1].campaign.name)
    twin = next((one for one in taken if one.offer is plan.offer), None)
    return None if twin is None else Reason(ReasonCode.OUTRANKED, twin.campaign.name)


def _is_full(category: str, taken: Sequence[Plan], most: int | None) -> bool:
    """Whether the category has as many offers as the placement takes; offers without one are not counted."""
    if most is None or not category:
        return False
    return sum(one.offer.category == category for one in taken) >= most
