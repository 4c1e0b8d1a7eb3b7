"""The form of an offer's content for one customer: among the variants whose condition holds, by share."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.conditions.evaluate import holds
from engine.decide.arbitrate.campaign import Form, Plan, Route
from engine.decide.experiments.bucketing import identity, rendezvous_score
from engine.decide.experiments.learning import Weights
from engine.model.decision import Reason, ReasonCode
from engine.model.values import Attributes, Moment


class Chosen(NamedTuple):
    """A form, and the probability with which shares or what was learned choose it among those that fit."""

    form: Form
    probability: float
    learned: Weights | None = None
    """By which it was drawn, in a campaign that learns."""


def fitting_forms(forms: Sequence[Form], attributes: Attributes, moment: Moment) -> Sequence[Form]:
    """The forms whose condition holds and whose content lacks no value."""
    if len(forms) == 1 and forms[0].always:
        return forms
    return [form for form in forms if form.always or _fits(form, attributes, moment)]


def draw(fitting: Sequence[Form], salt: str, person: str, plan: Plan) -> Chosen:
    """One of the forms by share, the same one whenever the same person and campaign draw from them."""
    if len(fitting) == 1:
        return Chosen(fitting[0], 1.0)
    drawn_by = identity(salt, "variant", person) + plan.identity
    best, heaviest, total = fitting[0], -1.0, 0.0
    for form in fitting:
        weight = rendezvous_score(form.share, drawn_by + form.identity)
        total += form.share
        if weight > heaviest:
            best, heaviest = form, weight
    return Chosen(best, best.share / total)


def draw_learned(
    fitting: Sequence[Form], weights: Weights, salt: str, person: str, plan: Plan, moment: Moment
) -> Chosen:
    """One of the forms by what was learned: for a person and campaign the same one all day, as long as the weights are."""
    shares = weights.by_arm
    drawn_by = identity(salt, "learn", person, moment.today.isoformat()) + plan.identity
    best = max(fitting, key=lambda form: rendezvous_score(shares[form.variant], drawn_by + form.identity))
    return Chosen(best, shares[best.variant], weights)


def why_none_fits(route: Route, attributes: Attributes, moment: Moment) -> list[Reason]:
    """NO_VARIANT for each value that a form lacks whose condition holds; for the channel where no condition does."""
    lacking = dict.fromkeys(
        name
        for form in route.forms
        if holds(form.when, attributes, moment)
        for name in sorted(lacks(form, attributes))
    )
    return [Reason(ReasonCode.NO_VARIANT, name) for name in lacking or (route.channel,)]


def lacks(form: Form, attributes: Attributes) -> frozenset[str]:
    """The values without which the form cannot be filled in for the customer."""
    return form.texts_in(attributes.get("profile.language")).needs - attributes.keys()


def _fits(form: Form, attributes: Attributes, moment: Moment) -> bool:
    texts = form.texts_in(attributes.get("profile.language")) if form.spoken else form.texts
    return bool(texts) and attributes.keys() >= texts.needs and holds(form.when, attributes, moment)
