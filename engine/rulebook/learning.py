"""How campaigns learn which of their variants does best."""

from engine.instant import Microseconds
from engine.learning.arms import Reward
from engine.rulebook import percents, spans
from engine.rulebook.diagnostics import Code, quote
from engine.rulebook.experiment_shapes import LearnShape
from engine.rulebook.experiments import Learn
from engine.rulebook.faults import shaped
from engine.rulebook.findings import Findings, Path
from engine.rulebook.shapes import CampaignShape

_FEWEST = 2
"""Variants among which there is something to learn."""


def read(campaign: CampaignShape, at: Path, findings: Findings) -> Learn | None:
    """How the campaign learns; None where it does not. What is wrong goes to the findings."""
    path = (*at, "learn")
    shape = None if campaign.learn is None else shaped(LearnShape, dict(campaign.learn), path, findings)
    if shape is None:
        return None
    _check_variants(campaign, at, findings)
    window = _span(shape.window, (*path, "window"), findings)
    delay = _span(shape.delay, (*path, "delay"), findings)
    if window is not None and delay is not None and delay >= window:
        findings.error(path, Code.VALUE, "`delay` has to be shorter than `window`: else nothing ever counts")
    explore = _share(shape.explore, (*path, "explore"), findings)
    return Learn(Reward(shape.reward), explore, window or 1, delay or 0)


def _check_variants(campaign: CampaignShape, at: Path, findings: Findings) -> None:
    if len(campaign.variants) < _FEWEST and (*at, "variants") not in findings.spoiled:
        message = "there is nothing to learn without at least two `variants`"
        findings.key_error((*at, "learn"), Code.MISSING, message)
    for name, variant in campaign.variants.items():
        if "share" in variant.model_fields_set:
            message = f"{quote(name)} has a `share`, and `learn` gives the shares: leave one of the two out"
            findings.key_error((*at, "variants", name, "share"), Code.VALUE, message)


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
