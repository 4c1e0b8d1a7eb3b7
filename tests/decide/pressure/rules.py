"""Rules for tests: one policy, compiled as a book would compile it, and how it stands."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from engine.decide.pressure.policies import Pressure
from engine.decide.pressure.rule import HORIZON, PressureRule, RuleInput, RuleResult, next_allowed
from engine.decide.pressure.windows import ZoneSet
from engine.model.contact import Contact, Facts
from engine.model.values import Attributes
from engine.rulebook.model.book import Book, Campaign
from engine.rulebook.model.policies import Cap, Gap, Pause, Policies, Quiet

UTC = ZoneInfo("UTC")
SMS = Facts("sms", "outbound", "a", "x", "commercial", frozenset())
CAMPAIGN = Campaign("a", "x")


def policies(*all_: Cap | Gap | Quiet | Pause) -> Policies:
    """The section `pressure` with these."""
    return Policies(
        {policy.name: policy for policy in all_ if isinstance(policy, Cap)},
        {policy.name: policy for policy in all_ if isinstance(policy, Gap)},
        {policy.name: policy for policy in all_ if isinstance(policy, Quiet)},
        {policy.name: policy for policy in all_ if isinstance(policy, Pause)},
    )


def pressure(*all_: Cap | Gap | Quiet | Pause, zone: ZoneInfo = UTC) -> Pressure:
    """The pressure of a book with these policies, in the zone."""
    return Pressure(Book("b", "v", zone, pressure=policies(*all_)))


def rules(
    *all_: Cap | Gap | Quiet | Pause, facts: Facts = SMS, zone: ZoneInfo = UTC
) -> tuple[PressureRule, ...]:
    """Those of the policies that a proposal with these facts has to pass."""
    return pressure(*all_, zone=zone).rules_for(CAMPAIGN, facts)


def look(
    rule: PressureRule,
    now: int,
    history: Sequence[Contact] = (),
    attributes: Attributes | None = None,
    zones: ZoneSet = (UTC,),
) -> RuleResult:
    """How the rule stands."""
    return rule.evaluate(RuleInput(now, history, attributes or {}, zones))


def opens(
    compiled: Sequence[PressureRule],
    now: int,
    history: Sequence[Contact] = (),
    attributes: Attributes | None = None,
    zones: ZoneSet = (UTC,),
) -> int | None:
    """When all of them let a proposal pass."""
    return next_allowed(
        [look(rule, now, history, attributes, zones) for rule in compiled], now, now + HORIZON
    )
