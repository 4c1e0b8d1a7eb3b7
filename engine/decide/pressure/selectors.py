"""Rules that apply to the proposals that a selector covers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.decide.pressure.rule import PressureRule, RuleNeeds
from engine.model.contact import Facts
from engine.rulebook.model.book import Campaign
from engine.rulebook.model.policies import Selector


def is_excepted(except_: Selector | None, facts: Facts) -> bool:
    """Whether a policy's `except` lets such a proposal pass. What it selects still counts: it was a contact.

    Inbound proposals too: an `except` narrows a policy that names them, and need not name them again.
    """
    return except_ is not None and except_.fits(facts)


@dataclass(frozen=True, slots=True)
class SelectedRules:
    """Rules of policies with a selector and an `except`: those apply that select the proposal and do not except it."""

    rules: Sequence[tuple[Selector, Selector | None, PressureRule]]
    needs: RuleNeeds

    def rules_for(self, campaign: Campaign, facts: Facts) -> Iterator[PressureRule]:  # noqa: ARG002 as CompiledRules
        """In the book's order."""
        for selector, except_, rule in self.rules:
            if selector.selects(facts) and not is_excepted(except_, facts):
                yield rule
