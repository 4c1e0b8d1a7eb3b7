"""A naive reading of contact pressure, written apart from the engine: policies, contacts, a moment; allowed or not.

It shares nothing with engine/decide/pressure: times are aware datetimes, days are dates on a clock, windows are walked
through.
It looks at one moment and knows nothing of next ones.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays

from engine.model.contact import Contact, Facts
from engine.model.outcome import PastOutcome
from engine.rulebook.model.policies import Calendar, Cap, Gap, Pause, Quiet, Rolling, Selector

Policy = Cap | Gap | Quiet | Pause
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def allowed(
    policies: Sequence[Policy],
    facts: Facts,
    history: Sequence[Contact],
    customer_limits: Mapping[str, float],
    zones: Mapping[str, Sequence[ZoneInfo]],
    now: int,
    outcomes: Sequence[PastOutcome] = (),
) -> bool:
    """Whether a proposal with these facts may go at the moment. zones: by clock, customer and book."""
    return not blockers(policies, facts, history, customer_limits, zones, now, outcomes)


def blockers(
    policies: Sequence[Policy],
    facts: Facts,
    history: Sequence[Contact],
    customer_limits: Mapping[str, float],
    zones: Mapping[str, Sequence[ZoneInfo]],
    now: int,
    outcomes: Sequence[PastOutcome] = (),
) -> set[str]:
    """The names of the policies that hold it back."""
    return {
        policy.name
        for policy in policies
        if concerns(policy, facts)
        and (
            is_paused(policy, facts, outcomes, now)
            if isinstance(policy, Pause)
            else any(_blocks(policy, history, customer_limits, zone, now) for zone in _zones(policy, zones))
        )
    }


def concerns(policy: Policy, facts: Facts) -> bool:
    """Whether the policy is about such a proposal at all."""
    if isinstance(policy, Pause):
        silenced = facts.kind == "outbound" or policy.scope != "customer"
        return silenced and not is_excepted(policy.except_, facts)
    selector = policy.select if isinstance(policy, Quiet) else policy.count
    return matches(selector, facts) and not is_excepted(policy.except_, facts)


def is_excepted(except_: Selector | None, facts: Facts) -> bool:
    """All criteria of the exception fit, whichever way the channel goes."""
    return except_ is not None and matches(
        except_, facts._replace(kind="outbound") if not except_.kind else facts
    )


def matches(selector: Selector, facts: Facts) -> bool:
    """All criteria that are given fit; inbound only where channel or kind is given."""
    if facts.kind == "inbound" and not (selector.channel or selector.kind):
        return False
    for name in ("channel", "kind", "campaign", "offer", "category"):
        wanted = getattr(selector, name)
        if wanted and getattr(facts, name) not in wanted:
            return False
    return not selector.tag or any(tag in facts.tags for tag in selector.tag)


def _zones(policy: Cap | Gap | Quiet, zones: Mapping[str, Sequence[ZoneInfo]]) -> Sequence[ZoneInfo]:
    """On whose clocks the policy is read; one will do where clocks do not matter."""
    if isinstance(policy, Quiet):
        return zones[policy.clock]
    if isinstance(policy, Cap) and isinstance(policy.window, Calendar):
        return zones[policy.window.clock]
    return zones["book"]


def _blocks(
    policy: Cap | Gap | Quiet,
    history: Sequence[Contact],
    customer_limits: Mapping[str, float],
    zone: ZoneInfo,
    now: int,
) -> bool:
    if isinstance(policy, Quiet):
        return is_quiet(policy, _at(now).astimezone(zone))
    counted = [
        contact
        for contact in history
        if matches(policy.count, contact.facts) and (contact.expires_at is None or now < contact.expires_at)
    ]
    if isinstance(policy, Gap):
        return any(now - contact.at < policy.at_least for contact in counted)
    if policy.by is not None:
        value = customer_limits.get(policy.by)
        counted = [
            contact
            for contact in counted
            if contact.counted_by is None or json.loads(contact.counted_by) == value
        ]
    limit: float = policy.limit
    if policy.customer_limit is not None and policy.customer_limit in customer_limits:
        limit = min(limit, max(0.0, customer_limits[policy.customer_limit] // 1))
    window = policy.window
    own = isinstance(window, Calendar) and window.clock == "customer"
    return sum(_counts(window, contact, now, zone, own=own) for contact in counted) >= limit


def _counts(window: Rolling | Calendar, contact: Contact, now: int, zone: ZoneInfo, *, own: bool) -> bool:
    """In the present zone or, on the customer's clock, in one of those in which the contact was decided."""
    past = map(ZoneInfo, filter(None, contact.zones.split(","))) if own else ()
    return any(_in_window(window, contact.at, now, known) for known in (zone, *past))


def _in_window(window: Rolling | Calendar, at: int, now: int, zone: ZoneInfo) -> bool:
    if isinstance(window, Rolling):
        return at > now - window.span
    return _period(window, _at(at).astimezone(zone).date()) >= _period(
        window, _at(now).astimezone(zone).date()
    )


def _period(window: Calendar, day: date) -> date:
    """The first day of its day, week or month, stepping back day by day."""
    while window.period == "week" and day.weekday() != window.week_starts:
        day -= timedelta(days=1)
    while window.period == "month" and day.day != 1:
        day -= timedelta(days=1)
    return day


def is_paused(pause: Pause, facts: Facts, outcomes: Sequence[PastOutcome], now: int) -> bool:
    """Some outcome is younger than the pause, and with it there were enough in the window that ends with it."""
    concerned = [
        outcome for outcome in outcomes if outcome.type in pause.outcomes and _is_about(pause, facts, outcome)
    ]
    for last in concerned:
        window = [
            outcome
            for outcome in concerned
            if outcome.at <= last.at and (pause.within is None or outcome.at > last.at - pause.within)
        ]
        if _messages(window) >= pause.times and now < last.at + pause.span:
            return True
    return False


def _messages(outcomes: Sequence[PastOutcome]) -> int:
    """How many outcomes there are when what is reported twice of one decision counts once."""
    unknown = sum(not outcome.decision_id for outcome in outcomes)
    return unknown + len(
        {(outcome.decision_id, outcome.type, outcome.campaign) for outcome in outcomes if outcome.decision_id}
    )


def _is_about(pause: Pause, facts: Facts, outcome: PastOutcome) -> bool:
    if pause.scope == "channel" and facts.kind == "outbound" and outcome.channel == "":
        return True
    return pause.scope == "customer" or getattr(outcome, pause.scope) == getattr(facts, pause.scope)


def is_quiet(quiet: Quiet, local: datetime) -> bool:
    """What the clock shows is within the hours of one of the days, or of the night that began the day before."""
    today, yesterday = local.date(), local.date() - timedelta(days=1)
    clock = local.time()
    if quiet.hours is None:
        return _is_on(quiet, today)
    since, until = quiet.hours
    if since < until:
        return _is_on(quiet, today) and since <= clock < until
    return (_is_on(quiet, today) and clock >= since) or (_is_on(quiet, yesterday) and clock < until)


def _is_on(quiet: Quiet, day: date) -> bool:
    if not quiet.days and not quiet.dates and quiet.holidays is None:
        return True
    free = quiet.holidays
    known = (
        {}
        if free is None
        else holidays.country_holidays(free.country, subdiv=free.subdivision, years=day.year)
    )
    return day.weekday() in quiet.days or day in quiet.dates or day in known


def _at(instant: int) -> datetime:
    return EPOCH + timedelta(microseconds=instant)
