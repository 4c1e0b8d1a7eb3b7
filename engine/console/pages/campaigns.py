"""Campaigns: how far each got, to whom it lost, what blocked it, and what came of its variants."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.responses import Response

from engine.conditions.trace import text_of
from engine.console.page import READERS, Asked, ConsolePage, Refusal
from engine.console.pages.totals import STEPS, ShownRate, by_parts, funnels, rate_of
from engine.console.reporting import MOST_ROWS
from engine.console.texts import _
from engine.explain.words import code_in_words
from engine.ledger.queries.rollup import rollup_state
from engine.measure.rollup import RollupSubject
from engine.rulebook.model.book import Book, Campaign


class CampaignTotals(NamedTuple):
    """A campaign in the list."""

    name: str
    book: str
    """Empty: no live book has it."""
    tier: int | None
    offer: str
    steps: Mapping[str, int]
    candidates: int


class VariantRow(NamedTuple):
    """A variant on a channel, and what was reported of it."""

    variant: str
    channel: str
    offers: int
    rates: Mapping[str, ShownRate]
    """By type of outcome."""


def _campaigns(asked: Asked) -> Response:
    period = asked.days(30)
    with asked.reading() as store:
        counted = funnels(store, period)
        books = asked.shelf.present(store)
        state = rollup_state(store)
    homes = {name: book for book in books for name in book.campaigns}
    rows = [
        _row(name, homes.get(name), {step: kept.number for step, kept in counted.get(name, {}).items()})
        for name in sorted({*homes, *counted})
    ]
    rows.sort(key=lambda row: (-row.candidates, row.name))
    return asked.page(
        "campaigns.html", period=period, rows=rows, steps=STEPS, words=step_words(), state=state
    )


def _row(name: str, book: Book | None, steps: Mapping[str, int]) -> CampaignTotals:
    campaign = None if book is None else book.campaigns[name]
    return CampaignTotals(
        name,
        "" if book is None else book.name,
        None if campaign is None else campaign.tier,
        "" if campaign is None else campaign.offer,
        steps,
        sum(steps.values()),
    )


def step_words() -> dict[str, str]:
    """The steps of the funnel in the user's language."""
    return {
        "unreachable": _("not reachable"),
        "blocked": _("blocked"),
        "lost": _("lost to others"),
        "other": _("other"),
        "withheld": _("withheld"),
        "chosen": _("chosen"),
    }


def _campaign(asked: Asked) -> Response:
    name, period, kept = asked.path("name"), asked.days(30), asked.reports.kept
    with asked.reading() as store:
        steps = funnels(store, period, name).get(name, {})
        offers = by_parts(store, RollupSubject.OFFER, period, name).get(name, {})
        reported = by_parts(store, RollupSubject.REPORTED, period, name).get(name, {})
        draws = by_parts(store, RollupSubject.DRAW, period, name).get(name, {})
        book = next((book for book in asked.shelf.present(store) if name in book.campaigns), None)
        state = rollup_state(store)
    if book is None and not steps and not offers and not reported:
        raise Refusal(404, _("No live book has such a campaign, and nothing was counted of it."))
    variants, types = _variants(offers, reported)
    campaign = None if book is None else book.campaigns[name]
    return asked.page(
        "campaign.html",
        name=name,
        period=period,
        book=book,
        campaign=campaign,
        facts=[] if campaign is None else _facts(campaign),
        steps=[steps[step] for step in STEPS if step in steps],
        candidates=sum(step.number for step in steps.values()),
        words=step_words(),
        code=code_in_words,
        variants=variants,
        types=types,
        draws=sorted(draws.items()),
        chart=_chart([(step, steps[step].number) for step in STEPS if step in steps]),
        state=state,
        kept=kept,
        section=kept and kept.section("uplift", name),
        most=MOST_ROWS,
    )


def _facts(campaign: Campaign) -> list[tuple[str, str]]:
    """What the book says of the campaign."""
    facts = [
        (_("Offer"), campaign.offer),
        (_("Description"), campaign.description),
        (_("Tier"), str(campaign.tier)),
        (_("For whom"), text_of(campaign.when)),
        (_("Channels"), ", ".join(campaign.channels)),
        (_("Placements"), ", ".join(campaign.placements)),
        (_("Group"), campaign.group),
    ]
    if campaign.control is not None:
        facts.append((_("Control"), f"{100 * campaign.control.share:g} %"))
    if campaign.slot is not None:
        facts.append((_("Slot"), f"{campaign.slot.layer}: {campaign.slot.name}"))
    if campaign.learn is not None:
        facts.append((_("Learns from"), str(campaign.learn.reward)))
    return [(label, text) for label, text in facts if text]


def _variants(
    offers: Mapping[tuple[str | bool, ...], int], reported: Mapping[tuple[str | bool, ...], int]
) -> tuple[list[VariantRow], list[str]]:
    """The variants by channel, and the types of outcomes that were reported."""
    numbers: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for (type_, variant, channel), number in reported.items():
        numbers[str(variant), str(channel)][str(type_)] += number
    types = sorted({type_ for counts in numbers.values() for type_ in counts})
    shown = {(str(variant), str(channel)): number for (variant, channel), number in offers.items()}
    return [
        VariantRow(
            *key,
            shown.get(key, 0),
            {type_: rate_of(numbers[key][type_], shown.get(key, 0)) for type_ in types},
        )
        for key in sorted({*shown, *numbers})
    ], types


def _chart(steps: list[tuple[str, int]]) -> dict[str, Any]:
    """The funnel as bars."""
    words = step_words()
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": _("Candidates by what became of them"),
        "width": 480,
        "data": {"values": [{"step": words[step], "candidates": number} for step, number in steps]},
        "mark": "bar",
        "encoding": {
            "y": {"field": "step", "type": "nominal", "sort": None, "title": None},
            "x": {"field": "candidates", "type": "quantitative", "title": _("Candidates")},
        },
    }


PAGES = (
    ConsolePage("/campaigns", "campaigns", _campaigns, READERS, nav="Campaigns"),
    ConsolePage("/campaigns/{name:path}", "campaign", _campaign, READERS),
)
