"""Notes on campaigns that nothing ends, on stocks that page views of one visitor use up, and on prices of nothing."""

from collections.abc import Iterator

from engine.conditions.model import ALWAYS, attributes_of
from engine.model.contact import Facts
from engine.model.instant import DAY
from engine.rulebook.lint.pressure import contacts_of_campaign
from engine.rulebook.model.book import Book, Campaign, Category, Kind, ScarceKind
from engine.rulebook.model.policies import Cap, Period, Rolling
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings

_CONVERTED = "converted"
_OF_EVENTS = ("pattern.", "signal.", "rfm.")
_WEEK = 7 * DAY


def check_ends(book: Book, findings: Findings) -> None:
    """Note commercial campaigns that write to a customer for ever, also after they have bought.

    Silent where something of the campaign's own bounds them (a limit, a total, a stock, a stop or a pause after
    `converted`), where their condition reads events or signals, which may end them, and where a cap or a gap of a week
    or longer holds for all their messages.
    """
    for name, campaign in book.campaigns.items():
        if campaign.category is not Category.COMMERCIAL or _is_bounded(book, campaign):
            continue
        messages = [facts for facts in contacts_of_campaign(book, campaign) if facts.kind == Kind.OUTBOUND]
        if any(not _stops_at_purchase(book, facts) and not _is_slow(book, facts) for facts in messages):
            message = f"{quote(name)} writes to a customer for ever: it has no limit, and does not stop when they buy"
            hint = "add `limits: {per_customer: {limit: 2, per: rolling 30d}}`, or `stop: {converted: 30d}`"
            findings.remark(("campaigns", name), Code.NO_END, message, hint=hint)


def check_stocks(book: Book, findings: Findings) -> None:
    """Note stocks of offers that a page shows: every page view of a visitor takes one.

    Silent where a limit of the campaign, or a cap of a week or longer, counts what the page shows to a customer.
    """
    for name, campaign in book.campaigns.items():
        if book.offers[campaign.offer].stock is None or (campaign.per_customer and not campaign.channels):
            continue
        shown = [facts for facts in contacts_of_campaign(book, campaign) if facts.kind == Kind.INBOUND]
        if any(not _is_slow(book, facts) for facts in shown):
            message = (
                f"{quote(name)} shows {quote(campaign.offer)} on a page, and every page view of one visitor takes one of "
                "its `stock`"
            )
            hint = "give it to a campaign with `channels`, or count what is shown: a cap with `count: {kind: inbound}`"
            findings.remark(("campaigns", name, "placements"), Code.STOCK_BY_VIEWS, message, hint=hint)


def check_scarce(book: Book, findings: Findings) -> None:
    """Note a book that gives what is scarce by prices and has nothing that could be."""
    shared = (
        *(offer.stock for offer in book.offers.values()),
        *(own for campaign in book.campaigns.values() for own in (campaign.total, campaign.budget)),
        *(
            own
            for channel in book.channels.values()
            for own in (channel.capacity, channel.capacity_each, channel.budget)
        ),
        book.budget,
    )
    if book.scarce is ScarceKind.PRICES and not any(shared):
        message = (
            "nothing is scarce: the book has no stock, total, capacity or budget that could have a price"
        )
        hint = "leave `scarce` out, or give an offer a `stock` or a channel a `capacity`"
        findings.remark(("book", "arbitration", "scarce"), Code.NOTHING_SCARCE, message, hint=hint)


def _is_bounded(book: Book, campaign: Campaign) -> bool:
    """Whether something of its own bounds it, or its condition reads what customers do."""
    return bool(
        campaign.per_customer
        or campaign.total
        or book.offers[campaign.offer].stock
        or any(_CONVERTED in stop.outcomes for stop in campaign.stop)
        or any(
            attribute in book.derived.aggregates
            or attribute in book.derived.contacts
            or attribute.startswith(_OF_EVENTS)
            for attribute in attributes_of(campaign.when)
        )
    )


def _stops_at_purchase(book: Book, facts: Facts) -> bool:
    """Whether a pause after a purchase, of whatever scope, holds such a message back."""
    return any(
        _CONVERTED in pause.outcomes
        and pause.when == ALWAYS
        and not (pause.except_ and pause.except_.fits(facts))
        for pause in book.pressure.pauses.values()
    )


def _is_slow(book: Book, facts: Facts) -> bool:
    """Whether a cap or a gap of a week or longer counts such contacts of every customer, and blocks them."""
    return any(
        cap.when == ALWAYS
        and cap.count.selects(facts)
        and not (cap.except_ and cap.except_.fits(facts))
        and _is_long(cap)
        for cap in _caps(book)
    )


def _caps(book: Book) -> Iterator[Cap]:
    yield from book.pressure.caps.values()
    for name, gap in book.pressure.gaps.items():
        yield Cap(name, 1, Rolling(gap.at_least), gap.count, gap.except_, when=gap.when)


def _is_long(cap: Cap) -> bool:
    window = cap.window
    return (
        window.span >= _WEEK if isinstance(window, Rolling) else window.period in (Period.WEEK, Period.MONTH)
    )
