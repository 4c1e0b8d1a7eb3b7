"""Outcomes: what callers report of a decision after it was made."""

from collections.abc import Sequence
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple

from engine.model.instant import Instant


class OutcomeType(StrEnum):
    """The types that callers report."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    NOT_SENT = "not_sent"
    CANCELLED = "cancelled"
    IMPRESSION = "impression"
    """It was shown."""
    OPENED = "opened"
    CLICKED = "clicked"
    CONVERTED = "converted"
    REFUNDED = "refunded"
    """Some or all of a conversion's value was given back."""
    IGNORED = "ignored"
    """It reached the customer, who did nothing."""
    DECLINED = "declined"
    """It reached the customer, who said no to the offer."""
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    SUBSCRIBED = "subscribed"
    """The customer gives consent again."""
    CONTACTED = "contacted"
    """The customer was contacted without a decision, by somebody else; it makes a contact of its own."""


RELEASING = frozenset((OutcomeType.BOUNCED, OutcomeType.NOT_SENT, OutcomeType.CANCELLED))
"""The contact did not reach the customer, so it does not count."""


CONFIRMING = (
    frozenset(OutcomeType) - RELEASING - {OutcomeType.SUBSCRIBED, OutcomeType.REFUNDED, OutcomeType.CONTACTED}
)
"""The contact reached the customer; complaints are among them, since nobody complains of what did not come."""


RESPONSES = frozenset(
    (
        OutcomeType.OPENED,
        OutcomeType.CLICKED,
        OutcomeType.CONVERTED,
        OutcomeType.DECLINED,
        OutcomeType.COMPLAINED,
        OutcomeType.UNSUBSCRIBED,
    )
)
"""The customer did something about the contact, which is therefore not ignored."""


OF_THE_PERSON = frozenset((OutcomeType.COMPLAINED, OutcomeType.UNSUBSCRIBED, OutcomeType.SUBSCRIBED))
"""They change what may be sent later, so a report has to identify the person."""


WITHOUT_OFFER = OF_THE_PERSON | {OutcomeType.CONVERTED, OutcomeType.REFUNDED}
"""They can happen although the decision offered nothing: customers of control groups convert and object, too."""


_NAMES = frozenset(map(str, OutcomeType))
_SYNONYMS = {
    "bounce": "bounced",
    "hard_bounce": "bounced",
    "soft_bounce": "bounced",
    "complaint": "complained",
    "complain": "complained",
    "spam": "complained",
    "spam_complaint": "complained",
    "click": "clicked",
    "open": "opened",
    "convert": "converted",
    "conversion": "converted",
    "deliver": "delivered",
    "delivery": "delivered",
    "undelivered": "bounced",
    "refused": "declined",
    "cancel": "cancelled",
    "cancellation": "cancelled",
    "unsub": "unsubscribed",
    "unsubscription": "unsubscribed",
    "optout": "unsubscribed",
    "opt_out": "unsubscribed",
    "optin": "subscribed",
    "opt_in": "subscribed",
    "resubscribe": "subscribed",
    "resubscribed": "subscribed",
    "re_subscribe": "subscribed",
    "re_subscribed": "subscribed",
    "resubscription": "subscribed",
}
"""Words of other systems for outcomes."""
_NO_FORM = "contact"
"""What a customer does who contacts the company: no form of `contacted`."""


class PastOutcome(NamedTuple):
    """One reported outcome; channel, campaign and offer are empty where unknown, or where it concerns several."""

    type: str
    at: Instant
    channel: str
    campaign: str
    offer: str
    decision_id: str = ""
    """Empty: of none in particular."""


class PastOutcomes(NamedTuple):
    """The newest outcomes of a person: of one kind, or all that there are."""

    person: str
    outcomes: Sequence[PastOutcome]
    since: Instant
    """All that are later are among them."""


def meant_outcome(word: str) -> OutcomeType | None:
    """The outcome that a word stands for: by another form of it, by another system's word, or with two letters swapped."""
    written = _normal(word)
    singular = f"{written.removesuffix('ies')}y" if written.endswith("ies") else written.removesuffix("s")
    for form in (written, singular):
        for candidate in (form, f"{form}ed", f"{form}d"):
            if candidate in _NAMES and form != _NO_FORM:
                return OutcomeType(candidate)
        if form in _SYNONYMS:
            return OutcomeType(_SYNONYMS[form])
    return next((outcome for outcome in OutcomeType if _is_swapped(written, outcome)), None)


def nearest_outcome(word: str, cutoff: float) -> str | None:
    """What the word stands for, or the outcome whose letters are most like it. cutoff: how much, from 0 to 1."""
    return meant_outcome(word) or next(iter(get_close_matches(_normal(word), _NAMES, 1, cutoff)), None)


def _normal(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")


def _is_swapped(word: str, outcome: str) -> bool:
    """Whether the word is the outcome with two neighbouring letters in each other's place."""
    if len(word) != len(outcome):
        return False
    differing = [
        index for index, letters in enumerate(zip(word, outcome, strict=True)) if len(set(letters)) > 1
    ]
    if len(differing) != 2 or differing[1] != differing[0] + 1:
        return False
    first, second = differing
    return word[first] == outcome[second] and word[second] == outcome[first]
