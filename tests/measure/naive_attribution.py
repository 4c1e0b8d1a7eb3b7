"""Attribution once more, as plain loops over Python values, to hold the SQL against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from engine.rulebook.model.experiments import Attribution, CreditModel


class Touch(NamedTuple):
    """A contact; times in microseconds."""

    decision: str
    position: int
    person: str
    at: int
    state: str
    campaign: str


class Report(NamedTuple):
    """An outcome; `decision` and `order` empty: none, `campaign` empty: all of the decision's."""

    event: str
    person: str
    type: str
    at: int
    recorded_at: int
    decision: str = ""
    campaign: str = ""
    value: float = 0.0
    currency: str = "EUR"
    order: str = ""


@dataclass
class Order:
    """What became of one order: shares by (decision, position); position -1: the decision is not known."""

    how: str
    gross: int
    net: int
    duplicates: int
    reversed: bool = False
    shares: Mapping[tuple[str, int], Fraction] = field(default_factory=dict)


Log = tuple[Sequence[Touch], Sequence[Report], Mapping[str, str]]
"""Touches, reports, and the persons to whom names are linked."""


def attributed(
    log: Log, terms: Mapping[str, Attribution], otherwise: Attribution
) -> tuple[dict[str, Order], list[str]]:
    """The orders by event_id of the report that counts, and the event_ids of orphan refunds."""
    _, reports, names = log
    sales: dict[tuple[str, str], list[Report]] = {}
    refunds: list[Report] = []
    for report in reports:
        if report.type == "refunded" or (report.type == "converted" and report.value < 0):
            refunds.append(report)
        elif report.type == "converted":
            person = names.get(report.person, report.person)
            key = ("order", report.order) if report.order else (person, f"event {report.event}")
            sales.setdefault(key, []).append(report)
    orders: dict[str, Order] = {}
    first_of: dict[str, Report] = {}
    for same in sales.values():
        first = min(same, key=lambda report: (report.at, report.recorded_at, report.event))
        how, shares = _credited(first, log, terms, otherwise)
        gross = round(first.value * 1_000_000)
        orders[first.event] = Order(how, gross, gross, len(set(same)) - 1, shares=shares)
        if first.order:
            first_of[first.order] = first
    orphans = []
    for refund in refunds:
        sale = first_of.get(refund.order) if refund.order else None
        if sale is None or sale.currency != refund.currency:
            orphans.append(refund.event)
            continue
        order = orders[sale.event]
        order.net -= round(abs(refund.value) * 1_000_000)
        order.reversed = order.net <= 0
    return orders, sorted(orphans)


def _credited(
    sale: Report, log: Log, terms: Mapping[str, Attribution], otherwise: Attribution
) -> tuple[str, dict[tuple[str, int], Fraction]]:
    touches, reports, names = log
    if sale.decision:
        made = [touch for touch in touches if touch.decision == sale.decision]
        made = [touch for touch in made if sale.campaign in ("", touch.campaign)]
        real = [touch for touch in made if touch.state != "shadow"]
        keys = [(touch.decision, touch.position) for touch in real or made] or [(sale.decision, -1)]
        return "named", {key: Fraction(1, len(keys)) for key in keys}
    person = names.get(sale.person, sale.person)
    clicked, viewed = [], []
    for touch in touches:
        if names.get(touch.person, touch.person) != person or touch.state not in ("confirmed", "shadow"):
            continue
        of_touch = [
            report
            for report in reports
            if report.decision == touch.decision and report.campaign in ("", touch.campaign)
        ]
        delivered = [report.at for report in of_touch if report.type in ("delivered", "impression")]
        moment = min(delivered) if delivered and touch.state != "shadow" else touch.at
        windows = terms.get(touch.campaign, otherwise)
        clicks = [
            report.at
            for report in of_touch
            if report.type == "clicked" and 0 <= sale.at - report.at < windows.click
        ]
        if moment > sale.at:
            continue
        if clicks:
            clicked.append((max(clicks), touch, windows.model))
        if sale.at - moment < windows.window:
            viewed.append((moment, touch, windows.model))
    ranked = sorted(
        clicked or viewed, key=lambda row: (row[0], row[1].decision, -row[1].position), reverse=True
    )
    if not ranked:
        return "none", {}
    sharing = ranked if ranked[0][2] is CreditModel.LINEAR else ranked[:1]
    shares = {(touch.decision, touch.position): Fraction(1, len(sharing)) for _, touch, _ in sharing}
    return "click" if clicked else "view", shares
