"""The overview: what is live and since when, the servers, what comes of decisions, and what blocks most."""

import time
from collections import Counter, defaultdict
from typing import Any

import orjson
from starlette.responses import Response

from engine.console.page import READERS, Asked, ConsolePage, ShownPeriod
from engine.console.pages.totals import blocking_rules
from engine.console.texts import _
from engine.ledger.queries.releases import servers
from engine.ledger.queries.rollup import rollup_course, rollup_state, rollup_sums
from engine.ledger.store.store import Store
from engine.measure.rollup import RollupSubject
from engine.model.decision import Outcome
from engine.model.instant import DAY

_HOUR = DAY // 24
_MOST_HOURS = 48
"""Rows of the table; a longer period is summed up by days."""


_MOST_RULES = 10


def _overview(asked: Asked) -> Response:
    period, kept = asked.days(1), asked.reports.kept
    with asked.reading() as store:
        course = _course(store, period)
        versions = _versions(store, period)
        rules = sorted(
            (
                (rule, channel, blocked, read)
                for (rule, channel), (read, blocked) in blocking_rules(store, period).items()
                if blocked
            ),
            key=lambda row: (-row[2], row),
        )
        return asked.page(
            "overview.html",
            period=period,
            lives=asked.shelf.live(store),
            servers=servers(store),
            now=time.time_ns() // 1000,
            outcomes=[*Outcome],
            totals=sum((Counter(counts) for _since, counts in course), Counter()),
            course=course,
            chart=_chart(course),
            problems=kept.problems if kept else [],
            a_minute=_a_minute(store),
            versions=versions,
            rules=rules[:_MOST_RULES],
            state=rollup_state(store),
        )


def _course(store: Store, period: ShownPeriod) -> list[tuple[int, dict[str, int]]]:
    """Decisions by outcome of each hour, or of each day of a long period; those without any are left out."""
    width = _HOUR if period.days * 24 <= _MOST_HOURS else DAY
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for since, outcome, number in rollup_course(store, RollupSubject.OUTCOME, period.since, period.until):
        counts[since // width * width][outcome] += number
    return [(since, dict(counts[since])) for since in sorted(counts, reverse=True)]


def _a_minute(store: Store) -> float | None:
    """Decisions a minute in the last full hour that is counted; None: none is."""
    counted_at = rollup_state(store).counted_at
    if not counted_at:
        return None
    until = counted_at // _HOUR * _HOUR
    course = rollup_course(store, RollupSubject.OUTCOME, until - _HOUR, until)
    return sum(number for _since, _outcome, number in course) / 60


def _versions(store: Store, period: ShownPeriod) -> list[tuple[str, dict[str, int]]]:
    """Decisions by version of the book and outcome, the version with most decisions first."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rollup_sums(store, RollupSubject.OUTCOME, period.since, period.until):
        (version,) = orjson.loads(row.part)
        counts[version][row.name] += row.number
    return sorted(
        ((version, dict(mix)) for version, mix in counts.items()), key=lambda row: -sum(row[1].values())
    )


def _chart(course: list[tuple[int, dict[str, int]]]) -> dict[str, Any]:
    """Decisions by outcome in the course of time, stacked."""
    values = [
        {"since": since // 1000, "outcome": outcome, "decisions": number}
        for since, counts in course
        for outcome, number in counts.items()
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": _("Decisions by outcome"),
        "width": 640,
        "height": 200,
        "data": {"values": values},
        "mark": "bar",
        "encoding": {
            "x": {"field": "since", "type": "temporal", "title": _("Time")},
            "y": {"field": "decisions", "type": "quantitative", "title": _("Decisions")},
            "color": {"field": "outcome", "type": "nominal", "title": _("Outcome")},
        },
    }


PAGES = (ConsolePage("/", "overview", _overview, READERS, nav="Overview"),)
