"""Caps, gaps and limits that never block because stricter ones do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.conditions.model import ALWAYS
from engine.model.contact import Facts
from engine.model.instant import DAY, Microseconds
from engine.rulebook.lint.located import line_of
from engine.rulebook.model.book import Book, Campaign, Kind
from engine.rulebook.model.policies import Cap, Period, Rolling, Scope, Selector, Window
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path

_LONGEST: Mapping[Period, Microseconds] = {Period.DAY: 3 * DAY, Period.WEEK: 9 * DAY, Period.MONTH: 33 * DAY}
"""Spans that no period exceeds, with time to spare for changes of clocks and for customers of several plausible zones."""
_CONTAINS = frozenset(((Period.DAY, Period.WEEK), (Period.DAY, Period.MONTH)))


@dataclass(frozen=True, slots=True)
class CountedRule:
    """A cap, a gap (a cap of one contact) or a campaign's limit for one customer, as written."""

    label: str
    cap: Cap
    path: Path


def check_caps(book: Book, findings: Findings) -> None:
    """Warn of the rules that can never block, because another one blocks whenever they would."""
    contacts = list(contacts_of(book))
    general = [*_general(book)]
    for rule in general:
        _check(rule, [other for other in general if other is not rule], contacts, book, findings)
    for rule in _limits(book):
        own = contacts_of_campaign(book, book.campaigns[str(rule.path[1])])
        _check(rule, general, list(own), book, findings)


def contacts_of(book: Book) -> Iterator[Facts]:
    """What the rules see of every contact that the book's campaigns can make."""
    for campaign in book.campaigns.values():
        yield from contacts_of_campaign(book, campaign)


def contacts_of_campaign(book: Book, campaign: Campaign) -> Iterator[Facts]:
    """What the rules see of the campaign's contacts, on its channels and those of its placements."""
    offer = book.offers[campaign.offer]
    names = (*campaign.channels, *(book.placements[name].channel for name in campaign.placements))
    for name in dict.fromkeys(names):
        kind = book.channels[name].kind
        yield Facts(name, kind, campaign.name, offer.name, campaign.category, offer.tags)


def may_block(book: Book, facts: Facts) -> bool:
    """Whether anything of the book might hold such a contact back, or withhold the offer from somebody."""
    campaign, offer = book.campaigns[facts.campaign], book.offers[facts.offer]
    policies = book.pressure
    counts = [cap.count for cap in policies.caps.values()] + [gap.count for gap in policies.gaps.values()]
    return bool(
        campaign.per_customer
        or campaign.total
        or campaign.stop
        or offer.stock
        or book.channels[facts.channel].capacity
        or book.channels[facts.channel].capacity_each
        or any((book.channels[facts.channel].budget, campaign.budget, book.budget))
        or campaign.control
        or book.experiments.holdouts
        or any(count.selects(facts) for count in counts)
        or any(facts.channel in quiet.select.channel for quiet in policies.quiet.values())
        or any(pause.scope is not Scope.CUSTOMER for pause in policies.pauses.values())
        or facts.kind == Kind.OUTBOUND
    )


def _general(book: Book) -> Iterator[CountedRule]:
    for name, cap in book.pressure.caps.items():
        yield CountedRule(f"the cap {quote(name)}", cap, ("pressure", "caps", name))
    for name, gap in book.pressure.gaps.items():
        cap = Cap(name, 1, Rolling(gap.at_least), gap.count, gap.except_, when=gap.when)
        yield CountedRule(f"the gap {quote(name)}", cap, ("pressure", "gaps", name))


def _limits(book: Book) -> Iterator[CountedRule]:
    for name, campaign in book.campaigns.items():
        if campaign.per_customer:
            path = ("campaigns", name, "limits", "per_customer")
            yield CountedRule(f"the limit of {quote(name)} for one customer", campaign.per_customer, path)


def _check(
    rule: CountedRule,
    others: Sequence[CountedRule],
    contacts: Sequence[Facts],
    book: Book,
    findings: Findings,
) -> None:
    stricter = next((other for other in others if dominates(other, rule, contacts, book)), None)
    if stricter is None:
        return
    if dominates(rule, stricter, contacts, book) and rule.path < stricter.path:
        return  # the two are equal: the other one is reported
    where = line_of(stricter.path, rule.path, findings)
    message = f"{rule.label} never blocks: {stricter.label} ({where}) blocks whenever it would"
    hint = "delete it, or make it stricter: a lower limit or a longer window"
    findings.remark(rule.path, Code.DOMINATED, message, Severity.WARNING, hint)


def dominates(strict: CountedRule, loose: CountedRule, contacts: Sequence[Facts], book: Book) -> bool:
    """Whether the strict rule blocks whenever the loose one does: it counts all that the other does, to a limit no higher.

    A rule with a trial does not: for the persons in it the loose rule is the one that blocks. Nor does a rule for some
    customers only, unless the loose one is for the same.
    """
    by, of = strict.cap, loose.cap
    return (
        by.name not in book.experiments.trials
        and by.when in (ALWAYS, of.when)
        and by.by in (None, of.by)
        and by.limit <= of.limit
        and of.customer_limit in (None, by.customer_limit)
        and _contains(by.window, of.window)
        and _covers(by.count, of.count, book)
        and all(_blocked(by, facts) for facts in contacts if _may_be_blocked(of, facts))
    )


def _may_be_blocked(cap: Cap, facts: Facts) -> bool:
    return cap.count.selects(facts) and not (cap.except_ and cap.except_.selects(facts))


def _blocked(cap: Cap, facts: Facts) -> bool:
    return cap.count.selects(facts) and not (cap.except_ and cap.except_.fits(facts))


def _contains(wide: Window, narrow: Window) -> bool:
    """Whether every contact in the narrow window is in the wide one, at any moment and on any clock."""
    if isinstance(wide, Rolling):
        span = narrow.span if isinstance(narrow, Rolling) else _LONGEST[narrow.period]
        return span <= wide.span
    if isinstance(narrow, Rolling) or narrow.clock is not wide.clock:
        return False
    return narrow == wide or (narrow.period, wide.period) in _CONTAINS


def _covers(wide: Selector, narrow: Selector, book: Book) -> bool:
    """Whether the wide selector counts every contact that the narrow one does, also those of campaigns that are gone."""
    outbound = frozenset((Kind.OUTBOUND.value,))
    of_kind = wide.kind or (frozenset() if wide.channel else outbound)
    kinds = (book.channels[name].kind.value for name in narrow.channel)
    given = narrow.kind or frozenset(kinds) or outbound
    pairs = (
        (wide.channel, narrow.channel),
        (of_kind, given),
        (wide.campaign, narrow.campaign),
        (wide.offer, narrow.offer),
        (wide.category, narrow.category),
        (wide.tag, narrow.tag),
    )
    return all(not criteria or (narrower and narrower <= criteria) for criteria, narrower in pairs)
