"""Which contacts and proposals a selector fits, and rules that apply by selector."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.decide.pressure.rule import PressureRule, RuleNeeds
from engine.model.contact import Facts
from engine.rulebook.model.book import Campaign, Kind
from engine.rulebook.model.policies import Selector


def selects(selector: Selector, facts: Facts) -> bool:
    """Whether the selector fits such a contact.

    Inbound contacts are selected only where the selector names their channel or their kind: the customer came to us.
    """
    if facts.kind == Kind.INBOUND and not selector.channel and not selector.kind:
        return False
    return fits(selector, facts)


def fits(selector: Selector, facts: Facts) -> bool:
    """Whether all criteria that the selector gives fit, whichever way the channel goes."""
    return (
        (not selector.channel or facts.channel in selector.channel)
        and (not selector.kind or facts.kind in selector.kind)
        and (not selector.campaign or facts.campaign in selector.campaign)
        and (not selector.offer or facts.offer in selector.offer)
        and (not selector.category or facts.category in selector.category)
        and (not selector.tag or not facts.tags.isdisjoint(selector.tag))
    )


def is_excepted(except_: Selector | None, facts: Facts) -> bool:
    """Whether a policy's `except` lets such a proposal pass. What it selects still counts: it was a contact.

    Inbound proposals too: an `except` narrows a policy that names them, and need not name them again.
    """
    return except_ is not None and fits(except_, facts)


@dataclass(frozen=True, slots=True)
class SelectedRules:
    """Rules of policies with a selector and an `except`: those apply that select the proposal and do not except it."""

    rules: Sequence[tuple[Selector, Selector | None, PressureRule]]
    needs: RuleNeeds

    def rules_for(self, campaign: Campaign, facts: Facts) -> Iterator[PressureRule]:  # noqa: ARG002 as CompiledRules
        """In the book's order."""
        for selector, except_, rule in self.rules:
            if selects(selector, facts) and not is_excepted(except_, facts):
                yield rule
