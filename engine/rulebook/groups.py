"""Exclusion groups: a word that campaigns share, of which one response has at most one."""

from collections.abc import Mapping

from engine.rulebook.model.book import Campaign
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings


def check(campaigns: Mapping[str, Campaign], findings: Findings) -> None:
    """Warn of groups with one campaign only: they exclude nothing, and the word may be misspelt."""
    members: dict[str, list[str]] = {}
    for one in campaigns.values():
        if one.group:
            members.setdefault(one.group, []).append(one.name)
    for group, names in members.items():
        if len(names) == 1:
            others = [each for each in members if each != group]
            hint = findings.suggest(group, others)
            message = f"no other campaign is in the group {quote(group)}" + (f"; {hint}" if hint else "")
            findings.remark(("campaigns", names[0], "group"), Code.NO_EFFECT, message, Severity.WARNING)
