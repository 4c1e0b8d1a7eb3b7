"""Explanations: why a request is decided as it is, campaign by campaign, and what would change that."""

from engine.explain.explain import explain
from engine.explain.model import (
    CampaignExplained,
    Change,
    ChangeKind,
    Counterfactual,
    CreativeExplained,
    Explained,
    Rival,
    SignalExplained,
)
from engine.explain.replay import NoSuchDecision, explain_found, explain_logged

__all__ = [
    "CampaignExplained",
    "Change",
    "ChangeKind",
    "Counterfactual",
    "CreativeExplained",
    "Explained",
    "NoSuchDecision",
    "Rival",
    "SignalExplained",
    "explain",
    "explain_found",
    "explain_logged",
]
