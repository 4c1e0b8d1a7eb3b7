"""The score of a campaign: value and propensity, given or learned, and learning among variants."""

from math import prod

from engine.model.instant import Microseconds
from engine.rulebook.model.book import AttributeType, Campaign, Factor
from engine.rulebook.model.experiments import Learn, Reward
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.experiments import LearnedPropensityShape, LearnedShape, LearnShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.sections import AttributeFactor, CampaignShape
from engine.rulebook.symbols import AttributeScope
from engine.rulebook.text import durations, hints, percentages

LEARNED = "learned"
"""Stands for a propensity that is learned."""

_LARGEST_SCORE = 1e300
_LARGEST_ATTRIBUTE = 1e100
"""Of an attribute without a `max`: requests with larger numbers are refused."""

_FEWEST = 2
"""Least number of variants to learn among."""

FactorT = float | str | AttributeFactor


def value(
    form: FactorT, otherwise: float, path: Path, attribute_scope: AttributeScope, findings: Findings
) -> Factor:
    """The value at the path. Customers without the attribute get the default, or else the offer's value."""
    factor = _factor(form, otherwise)
    _check(factor, form, path, attribute_scope, findings)
    return factor


def propensity(form: FactorT, path: Path, attribute_scope: AttributeScope, findings: Findings) -> Factor:
    """The propensity at the path. Customers without the attribute get the default, or else 0."""
    factor = _factor(form, 0.0)
    if factor.number > 1:
        where = (*path, "default") if isinstance(form, AttributeFactor) else path
        hint = f"write {factor.number / 100:.10g} for {factor.number:.10g} %" if factor.number <= 100 else ""
        findings.error(where, Code.VALUE, "a propensity lies between 0 and 1", hint)
    _check(factor, form, path, attribute_scope, findings, highest=1.0)
    return factor


def _factor(form: FactorT, otherwise: float) -> Factor:
    if isinstance(form, AttributeFactor):
        return Factor(form.default, form.attribute)
    return Factor(otherwise, form) if isinstance(form, str) else Factor(form)


def _check(
    factor: Factor,
    form: FactorT,
    path: Path,
    attribute_scope: AttributeScope,
    findings: Findings,
    highest: float | None = None,
) -> None:
    """Report an attribute that cannot be a factor: its declaration must bound it to numbers in the range."""
    if factor.attribute is None:
        return
    where = (*path, "attribute") if isinstance(form, AttributeFactor) else path
    hint = hints.number(factor.attribute)
    if hint:
        findings.error(where, Code.TYPE, f"{quote(factor.attribute)} is a text, and a number is needed", hint)
        return
    attribute = attribute_scope.use(factor.attribute, where, findings)
    if attribute is None:
        return
    name = quote(factor.attribute)
    if attribute.type not in (AttributeType.NUMBER, AttributeType.INTEGER):
        findings.error(where, Code.TYPE, f"a number is needed; {name} is of type {attribute.type}")
        return
    low = attribute.minimum is not None and attribute.minimum >= 0
    high = highest is None or (attribute.maximum is not None and attribute.maximum <= highest)
    if not (low and high):
        bounds = "`min: 0`" if highest is None else "`min: 0, max: 1`"
        findings.error(where, Code.VALUE, f"{name} may be out of range here", f"declare it with {bounds}")


def check_finite(
    campaign: Campaign, offer_value: float, path: Path, attribute_scope: AttributeScope, findings: Findings
) -> None:
    """Report a campaign whose score may exceed any number: an infinite score cannot be ranked, nor written to the log."""
    factor = campaign.value or Factor(offer_value)
    largest = factor.number
    if factor.attribute is not None:
        attribute = attribute_scope.declared.values.get(factor.attribute)
        maximum = None if attribute is None else attribute.maximum
        largest = max(largest, _LARGEST_ATTRIBUTE if maximum is None else float(maximum))
    if not largest * prod(max(1.0, boost.by) for boost in campaign.boosts) <= _LARGEST_SCORE:
        message = f"the score may exceed {_LARGEST_SCORE:g}: `value` times all `boosts` must stay below"
        findings.key_error(path, Code.VALUE, message)


def learned_propensity(campaign: CampaignShape, at: Path, findings: Findings) -> LearnedShape | None:
    """How the propensity of the campaign is learned; None if it is not. Errors go to the findings."""
    form = campaign.propensity
    if form == LEARNED:
        return LearnedShape()
    if not isinstance(form, dict):
        return None
    shape = shaped(LearnedPropensityShape, form, (*at, "propensity"), findings)
    return LearnedShape() if shape is None else shape.learned


def read(
    campaign: CampaignShape, propensity: LearnedShape | None, at: Path, findings: Findings
) -> Learn | None:
    """How the campaign learns; None if it does not. Errors go to the findings."""
    if campaign.learn is None:
        return None if propensity is None else _of_propensity(propensity, at, findings)
    learn = _of_variants(campaign, at, findings)
    if learn is not None and propensity is not None:
        _check_both(learn, propensity, at, findings)
    return learn


def _of_propensity(shape: LearnedShape, at: Path, findings: Findings) -> Learn:
    path = (*at, "propensity", LEARNED)
    return Learn(Reward(shape.reward), None, *_spans(shape, path, findings))


def _of_variants(campaign: CampaignShape, at: Path, findings: Findings) -> Learn | None:
    path = (*at, "learn")
    shape = shaped(LearnShape, dict(campaign.learn or {}), path, findings)
    if shape is None:
        return None
    _check_variants(campaign, at, findings)
    spans = _spans(shape, path, findings)
    return Learn(Reward(shape.reward), percentages.share((*path, "explore"), shape.explore, findings), *spans)


def _check_both(learn: Learn, shape: LearnedShape, at: Path, findings: Findings) -> None:
    """Report keys of a learned propensity that `learn` states already: variants and propensity share one reward."""
    path = (*at, "propensity")
    for key in sorted(shape.model_fields_set - {"prior"}):
        message = f"`learn` gives the `{key}` already: leave one of the two out"
        findings.key_error((*path, LEARNED, key), Code.VALUE, message)
    if learn.reward is Reward.VALUE:
        message = "the mean value of a contact is not how likely the offer is taken"
        findings.error(path, Code.VALUE, message, "let `learn` have `reward: converted`, or give a number")


def _check_variants(campaign: CampaignShape, at: Path, findings: Findings) -> None:
    if len(campaign.variants) < _FEWEST and (*at, "variants") not in findings.poisoned:
        message = "there is nothing to learn without at least two `variants`"
        findings.key_error((*at, "learn"), Code.MISSING, message)
    for name, variant in campaign.variants.items():
        if "share" in variant.model_fields_set:
            message = f"{quote(name)} has a `share`, and `learn` gives the shares: leave one of the two out"
            findings.key_error((*at, "variants", name, "share"), Code.VALUE, message)


def _spans(
    shape: LearnShape | LearnedShape, path: Path, findings: Findings
) -> tuple[Microseconds, Microseconds]:
    """Window and delay, in microseconds."""
    window = findings.parse((*path, "window"), shape.window, durations.parse)
    delay = findings.parse((*path, "delay"), shape.delay, durations.parse)
    if window is not None and delay is not None and delay >= window:
        findings.error(path, Code.VALUE, "`delay` has to be shorter than `window`: else nothing ever counts")
    return window or 1, delay or 0
