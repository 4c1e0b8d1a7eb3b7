"""What happened: offers, reports and credited orders, by campaign and by what divides it. Says nothing of cause."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from scipy.special import ndtri

from engine.measure.attribution import DayAmount, MissingRate, Rates
from engine.measure.report.figures import Computation, Figure, Grid, GridCell, Section, Unit, Warned
from engine.measure.report.tables import Tables
from engine.measure.statistics.arms import PairedArm, symmetric

_DIVISIONS: Mapping[str, str] = {
    "variant": "variant",
    "channel": "channel",
    "period": "strftime(time AT TIME ZONE 'UTC' AT TIME ZONE (SELECT zone FROM settings), '%Y-%m')",
}

_OFFERED = """
SELECT x.campaign, {division} AS division, count(*) AS decided, count(DISTINCT x.person) AS persons,
    count(*) FILTER (withheld = 'control') AS control, count(*) FILTER (withheld = 'held_out') AS held_out,
    count(*) FILTER (withheld = '') AS sent, count(DISTINCT x.person) FILTER (withheld = '') AS reached,
    count(*) FILTER (r.counts) AS counted, count(*) FILTER (r.delivered) AS delivered,
    count(*) FILTER (r.opened) AS opened, count(*) FILTER (r.clicked) AS clicked,
    sum(CASE WHEN r.counts THEN r.cost ELSE 0 END) AS cost
FROM exposures x LEFT JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position
WHERE x.time >= (SELECT start FROM settings) AND x.time < (SELECT stop FROM settings)
GROUP BY ALL ORDER BY ALL
"""

_CLICKS = """
WITH persons AS (
    SELECT campaign, {division} AS division, person, count(*) AS sent, count(*) FILTER (r.clicked) AS clicked
    FROM exposures x JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position
    WHERE r.counts AND x.time >= (SELECT start FROM settings) AND x.time < (SELECT stop FROM settings)
    GROUP BY ALL
)
SELECT campaign, division, count(*) AS persons, sum(clicked) AS clicked, sum(sent) AS sent,
    sum(clicked * clicked) AS clicked_squares, sum(sent * sent) AS sent_squares, sum(clicked * sent) AS products
FROM persons GROUP BY ALL
"""

_CREDITED = """
SELECT campaign, {division} AS division, coalesce(currency, '') AS currency, how, denominator,
    sum(numerator) AS numerator, count(DISTINCT conversion) AS conversions, count(DISTINCT person) AS persons,
    sum(gross) AS gross, sum(net) AS net
FROM credits WHERE NOT shadow AND campaign <> ''
    AND time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
GROUP BY ALL ORDER BY ALL
"""

_CREDITED_BY_DAY = """
SELECT campaign, time::DATE AS day, coalesce(currency, '') AS currency, sum(gross) AS gross, sum(net) AS net
FROM credits WHERE NOT shadow AND campaign <> '' AND (gross <> 0 OR net <> 0)
    AND time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
GROUP BY ALL ORDER BY ALL
"""

_BLOCKED = """
SELECT campaign, count(*) AS blocked, count(DISTINCT person) AS persons FROM candidates
WHERE code IN ('quiet', 'capped', 'too_soon', 'paused', 'out_of_stock', 'over_capacity')
    AND time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
GROUP BY campaign
"""

_ORDERS = """
SELECT coalesce(currency, '') AS currency, count(*) AS orders, count(DISTINCT person) AS persons,
    count(*) FILTER (reversed) AS reversed, sum(duplicates) AS duplicates, sum(gross) AS gross, sum(net) AS net
FROM conversions WHERE time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
GROUP BY ALL ORDER BY ALL
"""

_PARTS = """
SELECT coalesce(currency, '') AS currency, shadow, denominator, sum(numerator) AS numerator FROM credits
WHERE time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings) GROUP BY ALL
"""

_ORPHANS = """
SELECT orphan, count(*) AS refunds FROM refunds WHERE orphan <> '' AND time >= (SELECT start FROM settings)
    AND time < (SELECT stop FROM settings) GROUP BY orphan ORDER BY orphan
"""

_OUTCOMES_OF_DECISIONS = """
SELECT outcome, count(*) AS decisions, count(DISTINCT person) AS persons FROM decisions
WHERE time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings) GROUP BY ALL ORDER BY decisions DESC, outcome
"""

_COLUMNS = (
    *("decided", "control", "held out", "sent", "delivered", "opened", "clicked", "click rate", "blocked"),
    *("orders", "by click", "by view", "revenue", "net", "cost", "margin"),
)
_COMPACT = (
    "decided",
    "control",
    "sent",
    "delivered",
    "clicked",
    "click rate",
    "orders",
    "net",
    "cost",
    "margin",
)
_CREDIT = "credit by attribution; not what the contacts caused"


_BY_DAY = """
SELECT time::DATE AS day, coalesce(currency, '') AS currency, count(*) AS orders, sum(gross) AS gross, sum(net) AS net
FROM conversions WHERE time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
    AND (gross <> 0 OR net <> 0)
GROUP BY ALL ORDER BY ALL
"""


def happened(tables: Tables, campaigns: Sequence[str], level: float, rates: Rates | None = None) -> Section:
    """What was decided, sent and reported, and which orders were credited. rates: by which currencies are totalled."""
    grids = [_decisions(tables), _grid(tables, "", campaigns, level), *_converted(tables, campaigns, rates)]
    grids += [_grid(tables, division, campaigns, level) for division in _DIVISIONS]
    orders, warnings = _orders(tables, rates)
    return Section(
        "happened",
        "What happened",
        "What was decided, sent and reported, and which contacts do orders go to?",
        "credit",
        (*grids, orders, *_total(tables, rates)),
        warnings=(
            Warned("Orders here are credited by attribution. They say nothing of what the contacts caused."),
            Warned("Opens are inflated by machine opens: mail programs load pictures before anybody reads."),
            *warnings,
        ),
        computations=(
            Computation(
                "orders, by click, by view, revenue, net",
                "Σ credits of the book's `attribution`; several reports of one order are one"
                " conversion, the earliest; net is gross"
                " less refunds of the order",
                "conversions in the period",
                "contacts that were withheld or released; refunds of unknown orders or in another currency",
            ),
            Computation(
                "click rate",
                "R = Σ clicked / Σ sent, R ± z·se, se² = Σ(y − R·d)² / ((n − 1)·n·d̄²) over persons (delta method)",
                "persons with a contact that counts",
                "contacts that were released or lapsed without a report",
            ),
            Computation(
                "cost, margin",
                "cost = what the contacts that count cost when they were made; margin = net − cost",
                "contacts that count at --as-of",
                "costs of goods: the book does not have them",
            ),
        ),
    )


def _decisions(tables: Tables) -> Grid:
    rows = [
        {
            "outcome": row["outcome"],
            "decisions": Figure(row["decisions"], n=row["decisions"], persons=row["persons"], method="count"),
            "persons": Figure(row["persons"], n=row["decisions"], persons=row["persons"], method="distinct"),
        }
        for row in tables.rows(_OUTCOMES_OF_DECISIONS)
    ]
    return Grid("decisions", "Decisions by outcome", ("outcome",), ("decisions", "persons"), tuple(rows))


def _grid(tables: Tables, division: str, campaigns: Sequence[str], level: float) -> Grid:
    expression = _DIVISIONS.get(division, "''")
    offered = "x.month" if division == "period" else f"x.{expression}" if division else expression
    rates = {(row["campaign"], row["division"]): row for row in tables.rows(_CLICKS.format(division=offered))}
    credited = _credited(tables.rows(_CREDITED.format(division=expression)))
    blocked = {} if division else {row["campaign"]: row for row in tables.rows(_BLOCKED)}
    rows: list[dict[str, GridCell]] = []
    for row in tables.rows(_OFFERED.format(division=offered)):
        if campaigns and row["campaign"] not in campaigns:
            continue
        key = (row["campaign"], row["division"])
        by_currency = credited.get(key) or {"": _NO_CREDIT}
        for currency, credit in by_currency.items():
            rows.append(
                {
                    "campaign": row["campaign"],
                    **({division: row["division"] or ""} if division else {}),
                    "currency": currency,
                    **_counts(row),
                    **_click_rate(rates.get(key), level),
                    **_blocked(blocked.get(row["campaign"])),
                    **_credit(credit, row, currencies=len(by_currency)),
                }
            )
    if division and not any(row[division] for row in rows):
        rows = []  # nothing is divided by it, such as campaigns without variants
    title = f"By campaign and {division}" if division else "By campaign"
    labels = ("campaign", *((division,) if division else ()), "currency")
    columns = _COLUMNS if not division else tuple(name for name in _COLUMNS if name != "blocked")
    return Grid(
        f"happened_by_{division}" if division else "happened",
        title,
        labels,
        columns,
        tuple(rows),
        compact=_COMPACT,
    )


_NO_CREDIT: dict[str, Any] = {
    "orders": Fraction(0),
    "click": Fraction(0),
    "view": Fraction(0),
    "gross": 0,
    "net": 0,
    "conversions": 0,
    "persons": 0,
}


def _credited(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """Credits by campaign and division, then by currency: exact fractions of orders, and money in millionths."""
    credited: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in rows:
        by_currency = credited.setdefault((row["campaign"], row["division"]), {})
        credit = by_currency.setdefault(row["currency"], dict(_NO_CREDIT))
        part = Fraction(int(row["numerator"]), int(row["denominator"]))
        credit["orders"] += part
        if row["how"] in {"click", "view"}:
            credit[row["how"]] += part
        for name in ("gross", "net", "conversions", "persons"):
            credit[name] += int(row[name])
    return credited


def _counts(row: Mapping[str, Any]) -> dict[str, GridCell]:
    def figure(name: str, persons: int) -> Figure:
        return Figure(row[name], method="count", n=row["decided"], persons=persons)

    return {
        "decided": figure("decided", row["persons"]),
        "control": figure("control", row["persons"]),
        "held out": figure("held_out", row["persons"]),
        "sent": figure("sent", row["reached"]),
        "delivered": figure("delivered", row["reached"]),
        "opened": Figure(
            row["opened"], method="count, inflated by machine opens", n=row["sent"], persons=row["reached"]
        ),
        "clicked": figure("clicked", row["reached"]),
    }


def _click_rate(row: Mapping[str, Any] | None, level: float) -> dict[str, GridCell]:
    if row is None or row["persons"] < 2:
        return {}
    sums = ("clicked", "clicked_squares", "sent", "sent_squares", "products")
    arm = PairedArm(row["persons"], *(int(row[name]) for name in sums))
    limits = symmetric(arm.mean, arm.error, float(ndtri((1 + level) / 2)))
    return {
        "click rate": Figure(
            limits.value,
            max(0.0, limits.low),
            min(1.0, limits.high),
            "delta method over persons",
            int(row["sent"]),
            row["persons"],
            Unit.SHARE,
        )
    }


def _blocked(row: Mapping[str, Any] | None) -> dict[str, GridCell]:
    if row is None:
        return {}
    return {"blocked": Figure(row["blocked"], method="count", n=row["blocked"], persons=row["persons"])}


_NO_MARGIN = "orders are in several currencies, and the cost is none of theirs alone: no margin"


def _credit(credit: Mapping[str, Any], row: Mapping[str, Any], currencies: int) -> dict[str, GridCell]:
    cost = int(row["cost"] or 0)

    def figure(value: float, unit: Unit, method: str = _CREDIT) -> Figure:
        return Figure(value, method=method, n=credit["conversions"], persons=credit["persons"], unit=unit)

    return {
        "orders": figure(_plain(credit["orders"]), Unit.COUNT),
        "by click": figure(_plain(credit["click"]), Unit.COUNT),
        "by view": figure(_plain(credit["view"]), Unit.COUNT),
        "revenue": figure(credit["gross"] / 1e6, Unit.MONEY),
        "net": figure(credit["net"] / 1e6, Unit.MONEY),
        "cost": Figure(cost / 1e6, method="sum over contacts that count", n=row["counted"], unit=Unit.MONEY),
        "margin": figure((credit["net"] - cost) / 1e6, Unit.MONEY, "net − cost")
        if currencies < 2
        else Figure(None, method="net − cost", unit=Unit.MONEY, refused=_NO_MARGIN),
    }


def _plain(number: Fraction) -> float:
    return int(number) if number.denominator == 1 else float(number)


def _orders(tables: Tables, rates: Rates | None) -> tuple[Grid, list[Warned]]:
    parts: dict[tuple[str, bool], Fraction] = {}
    for row in tables.rows(_PARTS):
        key = row["currency"], row["shadow"]
        parts[key] = parts.get(key, Fraction()) + Fraction(int(row["numerator"]), int(row["denominator"]))
    rows, duplicates = [], 0
    for row in tables.rows(_ORDERS):
        credited, shadow = (parts.get((row["currency"], withheld), Fraction()) for withheld in (False, True))
        counts = {
            "orders": row["orders"],
            "credited": _plain(credited),
            "to withheld": _plain(shadow),
            "unattributed": _plain(row["orders"] - credited - shadow),
            "reversed": row["reversed"],
        }
        duplicates += int(row["duplicates"])
        rows.append(
            {
                "currency": row["currency"] or "(none)",
                **{
                    name: Figure(count, method="count of orders", n=row["orders"], persons=row["persons"])
                    for name, count in counts.items()
                },
                **{
                    name: Figure(
                        int(row[name]) / 1e6,
                        method="sum",
                        n=row["orders"],
                        persons=row["persons"],
                        unit=Unit.MONEY,
                    )
                    for name in ("gross", "net")
                },
            }
        )
    columns = ("orders", "credited", "to withheld", "unattributed", "reversed", "gross", "net")
    grid = Grid(
        "orders",
        "Orders of the period",
        ("currency",),
        columns,
        tuple(rows),
        "credited + to withheld + unattributed = orders. `to withheld` are those that the same rule"
        " credits to withheld contacts.",
    )
    return grid, _oddities(tables, duplicates, 1 if rates else len(rows))


def _converted(tables: Tables, campaigns: Sequence[str], rates: Rates | None) -> list[Grid]:
    """The credit of each campaign in one currency, at the rate of each order's day (UTC)."""
    if rates is None:
        return []
    by_campaign: dict[str, list[Mapping[str, Any]]] = {}
    for row in tables.rows(_CREDITED_BY_DAY):
        by_campaign.setdefault(row["campaign"], []).append(row)
    rows: list[dict[str, GridCell]] = []
    for row in tables.rows(_OFFERED.format(division="''")):
        if campaigns and row["campaign"] not in campaigns:
            continue
        cost = int(row["cost"] or 0) / 1e6
        cells = _amounts(by_campaign.get(row["campaign"], []), rates)
        net = cells["net"]
        margin = None if net.value is None else net.value - cost
        cells["cost"] = Figure(cost, method="sum over contacts that count", unit=Unit.MONEY)
        cells["margin"] = replace(net, value=margin, method="net − cost")
        rows.append({"campaign": row["campaign"], "currency": rates.into, **cells})
    grid = Grid(
        "happened_total",
        f"By campaign in {rates.into}",
        ("campaign", "currency"),
        ("revenue", "net", "cost", "margin"),
        tuple(rows),
        "Credits converted at the rate of each order's day (UTC); one missing rate refuses the total. Costs are taken to be in"
        f" {rates.into}.",
    )
    return [grid]


def _amounts(rows: Iterable[Mapping[str, Any]], rates: Rates) -> dict[str, Figure]:
    """Revenue and net of what came in by day and currency, or the sentence for the rate that is missing."""
    cells, method = {}, "sum at the rate of the order's day"
    for name, column in (("revenue", "gross"), ("net", "net")):
        amounts = (DayAmount(row["day"], row["currency"], int(row[column])) for row in rows)
        try:
            cells[name] = Figure(rates.total(amounts) / 1e6, method=method, unit=Unit.MONEY)
        except MissingRate as error:
            cells[name] = Figure(None, method=method, unit=Unit.MONEY, refused=str(error))
    return cells


def _total(tables: Tables, rates: Rates | None) -> list[Grid]:
    """The orders of the period in one currency, at the rate of each order's day (UTC)."""
    if rates is None:
        return []
    rows = tables.rows(_BY_DAY)
    orders = sum(row["orders"] for row in rows)
    amounts = {name: replace(figure, n=orders) for name, figure in _amounts(rows, rates).items()}
    cells = {"gross": amounts["revenue"], "net": amounts["net"]}
    grid = Grid(
        "orders_total",
        f"Orders of the period in {rates.into}",
        ("currency",),
        ("gross", "net"),
        ({"currency": rates.into, **cells},),
        "Converted at the rate of each order's day (UTC); one missing rate refuses the total.",
    )
    return [grid]


def _oddities(tables: Tables, duplicates: int, currencies: int) -> list[Warned]:
    warnings = []
    if duplicates:
        warnings.append(
            Warned(f"{duplicates:,} reports of orders that were known already are counted as duplicates.")
        )
    warnings += [
        Warned(f"{row['refunds']:,} refunds are orphans ({row['orphan']}): they are subtracted nowhere.")
        for row in tables.rows(_ORPHANS)
    ]
    if currencies > 1:
        warnings.append(Warned("Orders are in several currencies; they are never added."))
    return warnings
