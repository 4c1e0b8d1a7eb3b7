"""Campaigns that never go because of others, and campaigns between which only a hash decides."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from engine.conditions.model import ALWAYS, All
from engine.model.instant import Instant, to_datetime
from engine.rulebook.checks.promises import could_be_unpersonalised
from engine.rulebook.lint.pressure import contacts_of_campaign, may_block
from engine.rulebook.lint.solver import Solver
from engine.rulebook.model.book import (
    Active,
    Book,
    Campaign,
    Category,
    Content,
    Factor,
    Fields,
    Placeholder,
    ScoreKind,
)
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path

_NAMED = 5
"""Campaigns that a message names; it counts the others."""
_MOST_PAIRS = 2_000
"""Pairs of campaigns of equal merit that are compared; further ties of a book are not looked for."""
_FARTHEST = timedelta(hours=24)
"""More than any local time is behind UTC."""

Opening: TypeAlias = tuple[str, str]
"""What campaigns compete for: `placements` or `channels`, and a name."""


def check_shadows(book: Book, solver: Solver, findings: Findings) -> None:
    """Warn of campaigns for everybody that nothing can block, before others that can therefore never go."""
    leaders = _leaders(book, solver)
    if not leaders:
        return
    victims: defaultdict[str, list[str]] = defaultdict(list)
    for campaign in book.campaigns.values():
        before = [leaders.get(opening) for opening in _openings(campaign)]
        first = before[0] if before else None
        if first and all(leader and _outranks(leader, campaign, book) for leader in before):
            victims[first.name].append(campaign.name)
    for name, others in victims.items():
        path: Path = ("campaigns", name)
        if (*path, "tier") in findings.keys:
            path = (*path, "tier")
        message = f"{quote(name)} is for everybody, never blocked, and ranks first: there is never room for {_listed(others)}"
        hint = "give it a lower `tier`, or a `when`; what is shown if nothing else fits is the placement's `fallback`"
        findings.remark(path, Code.SHADOWED, message, Severity.WARNING, hint)


def _leaders(book: Book, solver: Solver) -> dict[Opening, Campaign]:
    """By opening, the campaign that everybody who asks for it can always get; the first in rank of several."""
    leaders: dict[Opening, Campaign] = {}
    for campaign in book.campaigns.values():
        if not _always_open(campaign, book, solver):
            continue
        free = {
            facts.channel
            for facts in contacts_of_campaign(book, campaign)
            if not may_block(book, facts) and _is_worth_it(campaign, facts.channel, book)
        }
        for opening in _openings(campaign):
            section, name = opening
            placement = book.placements[name] if section == "placements" else None
            channel = placement.channel if placement else name
            alone = placement is None or placement.max_offers == 1
            if alone and channel in free and _always_fills(campaign, channel, book, solver):
                leaders[opening] = max(campaign, leaders.get(opening, campaign), key=lambda c: _rank(c, book))
    return leaders


def _rank(campaign: Campaign, book: Book) -> tuple[int, float]:
    score = _score(campaign, book)
    return campaign.tier, -1.0 if score is None else score


def _is_worth_it(campaign: Campaign, channel: str, book: Book) -> bool:
    """Whether it earns more than a contact on the channel costs, for every customer; always where scores are gross."""
    cost = book.channels[channel].cost
    if book.score is ScoreKind.GROSS or not cost or campaign.category is Category.SERVICE:
        return True
    score = _score(campaign, book)
    return score is not None and score > cost


def _openings(campaign: Campaign) -> Iterator[Opening]:
    yield from (("placements", name) for name in campaign.placements)
    yield from (("channels", name) for name in campaign.channels)


def _always_open(campaign: Campaign, book: Book, solver: Solver) -> bool:
    """Whether it is for everybody at any time."""
    limited = (
        campaign.slot or campaign.ramp or any(schedule != Active() for schedule in _schedules(campaign, book))
    )
    return not limited and (campaign.when == ALWAYS or solver.always(campaign.when))


def _always_fills(campaign: Campaign, channel: str, book: Book, solver: Solver) -> bool:
    """Whether it has content for the channel that fits every customer, whatever their language."""
    if not campaign.variants:
        content = book.offers[campaign.offer].content
        return content is not None and _needs_nothing(content, channel)
    return any(
        _needs_nothing(variant.content, channel) and (variant.when == ALWAYS or solver.always(variant.when))
        for variant in campaign.variants
    )


def _needs_nothing(content: Content, channel: str) -> bool:
    texts = content.on(channel)
    in_languages = [content.changes_on(channel, locale) for locale in content.locales]
    return bool(texts) and not any(_has_needs(fields) for fields in (texts, *in_languages))


def _has_needs(fields: Fields) -> bool:
    return any(
        isinstance(part, Placeholder) and part.fallback is None
        for template in fields.values()
        for part in template.parts
    )


def _outranks(leader: Campaign, campaign: Campaign, book: Book) -> bool:
    """Whether it ranks before the campaign for every customer."""
    if leader.tier != campaign.tier:
        return leader.tier > campaign.tier
    high, low = _score(leader, book), _score(campaign, book)
    return high is not None and low is not None and high > low


def _score(campaign: Campaign, book: Book) -> float | None:
    """The score; None if it depends on the customer, or is learned."""
    value, propensity = campaign.value or Factor(book.offers[campaign.offer].value), campaign.propensity
    if value.attribute or propensity.attribute or propensity.learned or campaign.boosts:
        return None
    return value.number * propensity.number


def check_ties(book: Book, solver: Solver, now: Instant, findings: Findings) -> None:
    """Note groups of campaigns whose order is decided by a hash for customers whom several of them fit."""
    equal: defaultdict[tuple[int, float], list[Campaign]] = defaultdict(list)
    for campaign in book.campaigns.values():
        score = _score(campaign, book)
        if score is not None and not any(
            ended(schedule, book, now) for schedule in _schedules(campaign, book)
        ):
            cost = _cost_of_first(campaign, book) if book.score is ScoreKind.NET else 0.0
            equal[campaign.tier, score - cost].append(campaign)
    ties = _Ties(book, solver)
    for campaigns in equal.values():
        rest: Sequence[Campaign] = campaigns
        while len(rest) > 1 and ties.left > 0:
            first, *others = rest
            tied = {other.name: other for other in others if ties.both_fit(first, other)}
            if tied:
                _note_tie([first, *tied.values()], findings)
            rest = [other for other in others if other.name not in tied]


def check_objections(book: Book, findings: Findings) -> None:
    """Note, once, that who objects to being profiled gets nothing: no campaign and no fallback is for everybody alike."""
    if (
        not book.campaigns
        or any(not campaign.personalised for campaign in book.campaigns.values())
        or any(placement.fallback for placement in book.placements.values())
    ):
        return
    fit = [
        name
        for name, campaign in book.campaigns.items()
        if could_be_unpersonalised(campaign, book.offers[campaign.offer])
    ]
    message = "who objects to being profiled gets nothing: every campaign is personalised, and no placement has a fallback"
    hint = (
        f"say `personalised: false` of {_listed(fit)}, which depends on nothing of the customer"
        if len(fit) == 1
        else f"say `personalised: false` of {_listed(fit)}, which depend on nothing of the customer"
        if fit
        else "add a campaign with `personalised: false` that depends on nothing of the customer, or a `fallback`"
    )
    findings.remark(("campaigns",), Code.ONLY_PERSONALISED, message, hint=hint)


def _cost_of_first(campaign: Campaign, book: Book) -> float:
    """What a contact costs on the campaign's first channel, or on that of its placement."""
    names = (*campaign.channels, *(book.placements[name].channel for name in campaign.placements))
    return book.channels[names[0]].cost


@dataclass(slots=True)
class _Ties:
    """Compares campaigns, a limited number of times."""

    book: Book
    solver: Solver
    left: int = _MOST_PAIRS

    def both_fit(self, first: Campaign, second: Campaign) -> bool:
        """Whether it is certain that a request may find both."""
        self.left -= 1
        if self.left < 0 or not set(_openings(first)).intersection(_openings(second)):
            return False
        slots = (first.slot, second.slot)
        if slots[0] and slots[1] and slots[0] != slots[1] and slots[0].layer == slots[1].layer:
            return False
        if not _run_together([*_schedules(first, self.book), *_schedules(second, self.book)]):
            return False
        conditions = [when for when in (first.when, second.when) if when != ALWAYS]
        return len(conditions) < 2 or self.solver.possible(All(tuple(conditions)))


def _schedules(campaign: Campaign, book: Book) -> tuple[Active, Active]:
    """Its own and its offer's, both of which must run."""
    return campaign.active, book.offers[campaign.offer].active


def _run_together(schedules: Iterable[Active]) -> bool:
    """Whether all of the schedules certainly run at some moment; false if that is not easily seen."""
    limited = {schedule for schedule in schedules if schedule != Active()}
    if len(limited) < 2:
        return True
    if any(
        schedule.days or schedule.hours or schedule.local_start or schedule.local_end for schedule in limited
    ):
        return False
    starts = [schedule.start for schedule in limited if schedule.start is not None]
    ends = [schedule.end for schedule in limited if schedule.end is not None]
    return not starts or not ends or max(starts) < min(ends)


def _note_tie(campaigns: Sequence[Campaign], findings: Findings) -> None:
    paths: list[Path] = [("campaigns", campaign.name) for campaign in campaigns]
    names = _listed([campaign.name for campaign in campaigns])
    message = f"{names} have the same tier and score: which of them goes first is decided by a hash of customer and campaign"
    hint = "give them different values of `tier` or `value` if their order matters"
    findings.remark(min(paths, key=findings.key_location), Code.TIE, message, hint=hint)


def _listed(names: Sequence[str]) -> str:
    shown = [quote(name) for name in names[:_NAMED]]
    if len(names) > _NAMED:
        shown.append(f"{len(names) - _NAMED:,} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def ended(active: Active, book: Book, now: Instant) -> str:
    """The last day on which it ran, in any zone; empty if it still runs or will run."""
    if active.end is not None and active.end <= now:
        return (to_datetime(active.end - 1).astimezone(book.timezone)).date().isoformat()
    local = active.local_end
    if local is not None and local + _FARTHEST <= to_datetime(now).replace(tzinfo=None):
        return (local - timedelta(microseconds=1)).date().isoformat()
    return ""
