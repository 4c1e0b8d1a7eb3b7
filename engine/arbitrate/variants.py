"""The form of an offer's content for one customer: among the variants whose condition holds, by share."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.arbitrate.plan import Form
from engine.bucketing import rendezvous_score
from engine.conditions.model import ALWAYS, Attributes, Moment
from engine.conditions.reference import holds


class Chosen(NamedTuple):
    """A form, and the probability with which shares choose it among those that fit."""

    form: Form
    probability: float


def choose_form(
    forms: Sequence[Form], attributes: Attributes, moment: Moment, drawn_by: bytes
) -> Chosen | None:
    """The form for the customer and campaign with the identity `drawn_by`; None when none fits.

    A form fits when its condition holds and no value that its content needs is missing.
    """
    fitting = [form for form in forms if _fits(form, attributes, moment)]
    if not fitting:
        return None
    if len(fitting) == 1:
        return Chosen(fitting[0], 1.0)
    best = max(fitting, key=lambda form: rendezvous_score(form.share, drawn_by + form.identity))
    return Chosen(best, best.share / sum(form.share for form in fitting))


def _fits(form: Form, attributes: Attributes, moment: Moment) -> bool:
    texts = form.texts
    if not texts or (texts.needs and not attributes.keys() >= texts.needs):
        return False
    return form.when is ALWAYS or holds(form.when, attributes, moment)
