"""A contact: what uses up pressure."""

from engine.model.contact import Facts
from engine.rulebook.model.book import Kind
from engine.rulebook.model.policies import Selector


def selects(selector: Selector, facts: Facts) -> bool:
    """Whether the selector is about such a contact.

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
