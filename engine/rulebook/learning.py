"""How campaigns learn: which of their variants does best, and how likely they are taken."""

from engine.instant import Microseconds
from engine.learning.arms import Reward
from engine.rulebook import percents, spans
from engine.rulebook.model.experiments import Learn
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.experiments import LearnedPropensityShape, LearnedShape, LearnShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.sections import CampaignShape

LEARNED = "learned"
"""In the place of a propensity: that it is learned."""
_FEWEST = 2
"""Variants among which there is something to learn."""


def propensity(campaign: CampaignShape, at: Path, findings: Findings) -> LearnedShape | None:
    """How the campaign's propensity is learned; None where it is not. What is wrong goes to the findings."""
    form = campaign.propensity
    if form == LEARNED:
        return LearnedShape()
    if not isinstance(form, dict):
        return None
    found = shaped(LearnedPropensityShape, form, (*at, "propensity"), findings)
    return LearnedShape() if found is None else found.learned


def read(
    campaign: CampaignShape, propensity: LearnedShape | None, at: Path, findings: Findings
) -> Learn | None:
    """How the campaign learns; None where it does not. What is wrong goes to the findings."""
    if campaign.learn is None:
        return None if propensity is None else _of_propensity(propensity, at, findings)
    found = _of_variants(campaign, at, findings)
    if found is not None and propensity is not None:
        _check_both(found, propensity, at, findings)
    return found


def _of_propensity(shape: LearnedShape, at: Path, findings: Findings) -> Learn:
    path = (*at, "propensity", LEARNED)
    return Learn(Reward(shape.reward), None, *_spans(shape, path, findings))


def _of_variants(campaign: CampaignShape, at: Path, findings: Findings) -> Learn | None:
    path = (*at, "learn")
    shape = shaped(LearnShape, dict(campaign.learn or {}), path, findings)
    if shape is None:
        return None
    _check_variants(campaign, at, findings)
    found = _spans(shape, path, findings)
    return Learn(Reward(shape.reward), _share(shape.explore, (*path, "explore"), findings), *found)


def _check_both(learn: Learn, shape: LearnedShape, at: Path, findings: Findings) -> None:
    """A campaign learns from one thing: what its variants learn from is what its propensity is learned from."""
    path = (*at, "propensity")
    for key in sorted(shape.model_fields_set - {"prior"}):
        message = f"`learn` gives the `{key}` already: leave one of the two out"
        findings.key_error((*path, LEARNED, key), Code.VALUE, message)
    if learn.reward is Reward.VALUE:
        message = "the mean value of a contact is not how likely the offer is taken"
        findings.error(path, Code.VALUE, message, "let `learn` have `reward: converted`, or give a number")


def _check_variants(campaign: CampaignShape, at: Path, findings: Findings) -> None:
    if len(campaign.variants) < _FEWEST and (*at, "variants") not in findings.spoiled:
        message = "there is nothing to learn without at least two `variants`"
        findings.key_error((*at, "learn"), Code.MISSING, message)
    for name, variant in campaign.variants.items():
        if "share" in variant.model_fields_set:
            message = f"{quote(name)} has a `share`, and `learn` gives the shares: leave one of the two out"
            findings.key_error((*at, "variants", name, "share"), Code.VALUE, message)


def _spans(
    shape: LearnShape | LearnedShape, path: Path, findings: Findings
) -> tuple[Microseconds, Microseconds]:
    """Window and delay."""
    window = _span(shape.window, (*path, "window"), findings)
    delay = _span(shape.delay, (*path, "delay"), findings)
    if window is not None and delay is not None and delay >= window:
        findings.error(path, Code.VALUE, "`delay` has to be shorter than `window`: else nothing ever counts")
    return window or 1, delay or 0


def _span(text: str, path: Path, findings: Findings) -> Microseconds | None:
    try:
        return spans.parse(text)
    except ValueError as error:
        findings.error(path, Code.VALUE, f"{quote(text)}: {error}", spans.FORM)
        return None


def _share(text: str, path: Path, findings: Findings) -> float:
    try:
        return percents.parse(text)
    except ValueError as error:
        findings.error(path, Code.VALUE, f"{quote(text)}: {error}", percents.FORM)
        return 0.5
