"""Experiments: holdouts, controls, layers as a map of slots, and ramps, each with the draws that were made."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import Response

from engine.console.page import READERS, Asked, ConsolePage
from engine.console.pages.totals import by_parts
from engine.console.texts import _, moment
from engine.ledger.queries.rollup import rollup_state
from engine.measure.rollup import RollupSubject
from engine.model.instant import Instant
from engine.rulebook.model.book import Book
from engine.rulebook.model.experiments import Layer, Ramp


class ShareRow(NamedTuple):
    """A share that is drawn of all persons, and how decisions came out."""

    kind: str
    name: str
    planned: float
    unit: str
    inside: int
    outside: int


class SlotRow(NamedTuple):
    """A stretch of a layer."""

    name: str
    low: float
    high: float
    campaigns: list[str]


class LayerRows(NamedTuple):
    """A layer as a map: its slots in order, free stretches among them."""

    name: str
    unit: str
    slots: list[SlotRow]


class RampRow(NamedTuple):
    """A campaign that reaches a growing share."""

    campaign: str
    share: float | None
    """Now; None: it grows with conversions."""
    words: str


def _experiments(asked: Asked) -> Response:
    period, now = asked.days(30), time.time_ns() // 1000
    draws: Counter[tuple[str, str, bool]] = Counter()
    with asked.reading() as store:
        for parts in by_parts(store, RollupSubject.DRAW, period).values():
            for (purpose, name, inside), number in parts.items():
                draws[str(purpose), str(name), bool(inside)] += number
        books = asked.shelf.present(store)
        state = rollup_state(store)
    return asked.page(
        "experiments.html",
        period=period,
        shares=[row for book in books for row in _shares(book, draws)],
        layers=[_layer(book, layer) for book in books for layer in book.experiments.layers.values()],
        ramps=[row for book in books for row in _ramps(book, now)],
        state=state,
    )


def _shares(book: Book, draws: Mapping[tuple[str, str, bool], int]) -> list[ShareRow]:
    drawn = [
        *(
            ("holdout", holdout.name, holdout.share, holdout.unit)
            for holdout in book.experiments.holdouts.values()
        ),
        *(("trial", name, trial.share, "") for name, trial in book.experiments.trials.items()),
        *(
            ("control", campaign.name, campaign.control.share, campaign.unit)
            for campaign in book.campaigns.values()
            if campaign.control is not None
        ),
    ]
    return [
        ShareRow(kind, name, share, unit, draws.get((kind, name, True), 0), draws.get((kind, name, False), 0))
        for kind, name, share, unit in drawn
    ]


def _layer(book: Book, layer: Layer) -> LayerRows:
    rows, end = [], 0.0
    for slot in sorted(layer.slots.values(), key=lambda slot: slot.low):
        if slot.low > end:
            rows.append(SlotRow("", end, slot.low, []))
        campaigns = [campaign.name for campaign in book.campaigns.values() if campaign.slot == slot]
        rows.append(SlotRow(slot.name, slot.low, slot.high, campaigns))
        end = slot.high
    if end < 1.0:
        rows.append(SlotRow("", end, 1.0, []))
    return LayerRows(layer.name, layer.unit, rows)


def _ramps(book: Book, now: Instant) -> list[RampRow]:
    rows = []
    for campaign in book.campaigns.values():
        ramp = campaign.ramp
        if isinstance(ramp, Ramp):
            words = _("from %(since)s to everybody at %(full)s") % {
                "since": moment(ramp.since, book.timezone),
                "full": moment(ramp.full, book.timezone),
            }
            rows.append(RampRow(campaign.name, ramp.share(now), words))
        elif ramp is not None:
            words = _("to everybody after %(number)s conversions") % {"number": ramp.full_after}
            rows.append(RampRow(campaign.name, None, words))
    return rows


PAGES = (ConsolePage("/experiments", "experiments", _experiments, READERS, nav="Experiments"),)
