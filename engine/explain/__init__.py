"""Explanations: why a request is answered as it is, campaign by campaign, and what would change it."""

from engine.explain.explain import explain
from engine.explain.model import (
    CampaignExplained,
    Change,
    ChangeKind,
    Explained,
    Flip,
    FormExplained,
    Rival,
    SignalExplained,
)
from engine.explain.replay import NoSuchDecision, explain_past

__all__ = [
    "CampaignExplained",
    "Change",
    "ChangeKind",
    "Explained",
    "Flip",
    "FormExplained",
    "NoSuchDecision",
    "Rival",
    "SignalExplained",
    "explain",
    "explain_past",
]
