"""What a book shows to those who write it: its texts as customers get them, its languages, and when its campaigns run."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from engine.conditions.evaluate import holds
from engine.decide.arbitrate.campaign import CompiledCampaign, Creative
from engine.decide.arbitrate.content import CompiledTexts, render
from engine.decide.arbitrate.schedule import Clocks
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation
from engine.model.instant import Instant, from_datetime, to_datetime
from engine.rulebook.content import sms
from engine.rulebook.model.book import Active, Content, Format

MOST_DAYS = 92
"""Of a calendar."""


_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def texts_document(
    compiled: CompiledBook,
    evaluation: Evaluation,
    campaigns: Sequence[str],
    chosen: Collection[tuple[str, str, str]],
) -> list[dict[str, Any]]:
    """The texts of the campaigns, rendered for the evaluated customer: by channel, variant and language.

    chosen: campaign, variant and channel of what is decided.
    """
    by_name = {named.campaign.name: named for named in compiled.compiled_campaigns}
    return [
        form
        for name in campaigns
        if name in by_name
        for form in _forms(compiled, by_name[name], evaluation, chosen)
    ]


def _forms(
    compiled: CompiledBook,
    compiled_campaign: CompiledCampaign,
    evaluation: Evaluation,
    chosen: Collection[tuple[str, str, str]],
) -> Iterator[dict[str, Any]]:
    name, attributes = compiled_campaign.campaign.name, evaluation.request.attributes
    for channel, campaign_channel in compiled_campaign.campaign_channels.items():
        for creative in campaign_channel.creatives:
            own = creative.texts_for(attributes)
            for tag, texts in _by_tag(creative, compiled.book.locale):
                if texts:
                    yield {
                        "campaign": name,
                        "channel": channel,
                        "variant": creative.variant,
                        "language": tag,
                        "fits": holds(creative.when, attributes, evaluation.moment),
                        "own": texts is own,
                        "chosen": texts is own and (name, creative.variant, channel) in chosen,
                        **_rendered(compiled, channel, texts, evaluation),
                    }


def _by_tag(creative: Creative, locale: str) -> Iterator[tuple[str, CompiledTexts]]:
    if creative.texts not in creative.by_language.values():
        yield locale, creative.texts
    yield from creative.by_language.items()


def _rendered(
    compiled: CompiledBook, channel: str, texts: CompiledTexts, evaluation: Evaluation
) -> dict[str, Any]:
    """The fields, or the attributes without which they cannot be rendered."""
    attributes = evaluation.request.attributes
    if lacking := texts.lacking(attributes):
        return {"lacks": sorted(lacking), "fields": []}
    fields = [
        {"name": name, "text": text, "sms": _length(compiled, channel, name, text)}
        for name, text in sorted(render(texts, attributes).items())
    ]
    return {"lacks": [], "fields": fields}


def _length(compiled: CompiledBook, channel: str, name: str, text: str) -> dict[str, Any] | None:
    """Of a short message; None for other texts."""
    declared = compiled.book.channels[channel]
    if declared.format_of(name) is not Format.SMS:
        return None
    length = sms.length(text)
    most = declared.max_segments
    return {
        "alphabet": str(length.alphabet),
        "units": length.units,
        "segments": length.segments,
        "most": most,
        "too_long": most is not None and length.segments > most,
    }


# ---------------------------------------------------------------- languages


def campaigns_document(compiled: CompiledBook) -> dict[str, Any]:
    """The campaigns with what they offer, and in which languages each of their contents is written."""
    book = compiled.book
    rows = [_campaign(compiled, compiled_campaign) for compiled_campaign in compiled.compiled_campaigns]
    tags = {tag for row in rows for tag in row["languages"]}
    return {"campaigns": rows, "languages": sorted(tags | {book.locale}), "locale": book.locale}


def _campaign(compiled: CompiledBook, compiled_campaign: CompiledCampaign) -> dict[str, Any]:
    campaign, offer = compiled_campaign.campaign, compiled_campaign.offer
    contents = [variant.content for variant in campaign.variants] or [offer.content or Content()]
    channels = list(compiled_campaign.campaign_channels)
    states = [
        (tag, _covered(content, channel, tag))
        for content in contents
        for channel in channels
        for tag in content.locales
    ]
    tags = {tag for tag, _ in states}
    return {
        "name": campaign.name,
        "description": campaign.description,
        "offer": offer.title,
        "tier": campaign.tier,
        "channels": channels,
        "variants": [variant.name for variant in campaign.variants],
        "languages": {
            compiled.book.locale: "whole",
            **{tag: _worst(state for known, state in states if known == tag) for tag in sorted(tags)},
        },
    }


def _covered(content: Content, channel: str, tag: str) -> str:
    """whole, partly or none: how much of the fields on the channel is written in the language."""
    fields, changed = content.on(channel), content.changes_on(channel, tag)
    if fields.keys() <= changed.keys():
        return "whole"
    return "partly" if changed else "none"


def _worst(states: Iterator[str]) -> str:
    known = set(states)
    return "whole" if known == {"whole"} else "none" if known == {"none"} else "partly"


# ---------------------------------------------------------------- calendar


def calendar_document(compiled: CompiledBook, first: date, days: int) -> list[dict[str, Any]]:
    """For each campaign the days on which it runs, from the first on, and its schedules in words."""
    shown = [first + timedelta(days=number) for number in range(min(days, MOST_DAYS))]
    return [
        {
            "campaign": compiled_campaign.campaign.name,
            "runs": [_runs_on(compiled, compiled_campaign.active, day) for day in shown],
            "words": "; ".join(
                _in_words(active, compiled.book.timezone) for active in compiled_campaign.active
            ),
        }
        for compiled_campaign in compiled.compiled_campaigns
    ]


_TIMES = (time(0), time(6), time(12), time(18), time(23, 59, 59))
"""At which it is looked whether a campaign runs on a day; hours of the day are left out of account."""


def _runs_on(compiled: CompiledBook, schedules: Sequence[Active], day: date) -> bool:
    whole_days = [replace(active, hours=None) for active in schedules]
    moments = (datetime.combine(day, at, compiled.book.timezone) for at in _TIMES)
    return any(
        Clocks(from_datetime(moment), compiled.book.timezone, _NOWHERE).run(whole_days) for moment in moments
    )


_NOWHERE: Mapping[str, Any] = {}
"""A customer of whom nothing is known: their clock is the book's."""


def _in_words(active: Active, zone: tzinfo) -> str:
    words = []
    start = active.local_start or active.start
    end = active.local_end or active.end
    if start is not None:
        words.append(f"from {_moment(start, zone)}")
    if end is not None:
        words.append(f"until {_moment(end, zone)}")
    if active.days is not None:
        words.append(", ".join(_DAY_NAMES[day] for day in sorted(active.days)))
    if active.hours is not None:
        words.append(f"{active.hours[0]:%H:%M}–{active.hours[1]:%H:%M}")
    return " ".join(words)


def _moment(at: datetime | Instant, zone: tzinfo) -> str:
    local = at if isinstance(at, datetime) else to_datetime(at).astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M}"
