"""Note rules that count contacts for longer than contacts of which nothing is reported last."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from engine.model.contact import Facts
from engine.model.instant import DAY, Microseconds
from engine.model.texts import span_text
from engine.rulebook.model.book import Book, Channel, Confirm, Kind, OnSilence
from engine.rulebook.model.policies import Period, Rolling, Selector, Window
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path

_LENGTHS = {Period.DAY: DAY, Period.WEEK: 7 * DAY, Period.MONTH: 31 * DAY}


class _Counter(NamedTuple):
    """A rule over the contacts of one customer."""

    noun: str
    name: str
    length: Microseconds
    selector: Selector
    path: Path
    """Of the key that says how long it counts."""


def note_lapses(book: Book, findings: Findings) -> None:
    """Note each cap, gap and limit of a campaign that counts contacts which lapse before they have left its window."""
    lapsing = {name: channel for name, channel in book.channels.items() if _lapses(channel)}
    if not lapsing:
        return
    contacts = list(_contacts(lapsing, book))
    for counter in _counters(book):
        short = {
            facts.channel
            for facts in contacts
            if lapsing[facts.channel].hold < counter.length and counter.selector.selects(facts)
        }
        if short:
            _note(counter, [lapsing[name] for name in sorted(short)], findings)


def _note(counter: _Counter, channels: list[Channel], findings: Findings) -> None:
    ends = [f"on {quote(channel.name)} after {span_text(channel.hold)}" for channel in channels]
    message = (
        f"a contact of which nothing is reported lapses {', '.join(ends)}, before it leaves the window of the "
        f"{counter.noun} {quote(counter.name)}"
    )
    hint = "report what becomes of each message, or take out `on_silence: release`"
    if all(channel.kind is Kind.INBOUND for channel in channels):
        hint = "report impressions, or write `on_silence: confirm`"
    location = findings.keys.get(counter.path) or findings.location(counter.path)
    findings.report(location, Code.LAPSES, message, hint, severity=Severity.NOTE)


def _lapses(channel: Channel) -> bool:
    """Whether contacts on it lapse when nothing is reported."""
    reported = channel.kind is Kind.OUTBOUND or channel.confirm is Confirm.ON_IMPRESSION
    return reported and channel.on_silence is OnSilence.RELEASE


def _contacts(channels: Mapping[str, Channel], book: Book) -> Iterator[Facts]:
    """The contacts that the campaigns can make on the channels."""
    for campaign in book.campaigns.values():
        offer = book.offers[campaign.offer]
        placed = (book.placements[name].channel for name in campaign.placements)
        for name in dict.fromkeys((*campaign.channels, *placed)):
            if channel := channels.get(name):
                yield Facts(name, channel.kind, campaign.name, offer.name, campaign.category, offer.tags)


def _counters(book: Book) -> Iterator[_Counter]:
    caps, gaps = book.pressure.caps.values(), book.pressure.gaps.values()
    for cap in caps:
        yield _Counter("cap", cap.name, _length(cap.window), cap.count, ("pressure", "caps", cap.name, "per"))
    for gap in gaps:
        path: Path = ("pressure", "gaps", gap.name, "at_least")
        yield _Counter("gap", gap.name, gap.at_least, gap.count, path)
    for campaign in book.campaigns.values():
        if limit := campaign.per_customer:
            path = ("campaigns", campaign.name, "limits", "per_customer", "per")
            yield _Counter("limit", limit.name, _length(limit.window), limit.count, path)


def _length(window: Window) -> Microseconds:
    """How long a contact can be in the window, without changes of clocks."""
    return window.span if isinstance(window, Rolling) else _LENGTHS[window.period]
