"""Variant against variant, for clicks and conversions: by fixed shares, or within states where a campaign learns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.conditions.model import ALWAYS
from engine.measure.report.figures import Computation, Figure, Grid, GridCell, Section, Unit, Warned
from engine.measure.report.tables import Tables
from engine.measure.statistics.arms import Arm, Interval
from engine.measure.statistics.compare import compare
from engine.measure.statistics.learned import LearnedComparison, compare_learned
from engine.measure.statistics.multiplicity import benjamini_hochberg
from engine.rulebook.model.book import Book, Campaign

_SHOWN = """
CREATE OR REPLACE TABLE shown AS
WITH first AS (
    SELECT x.campaign, x.person, x.variant, x.time, c.window_length, x.decision_id, coalesce(x.unit, x.person) AS cluster
    FROM exposures x JOIN campaigns c ON c.name = x.campaign WHERE x.withheld = '' AND NOT c.learns
        AND x.campaign IN (SELECT campaign FROM exposures WHERE variant <> '')
    QUALIFY row_number() OVER (PARTITION BY x.campaign, x.person ORDER BY x.time, x.decision_id, x.position) = 1
), kept AS (
    SELECT * FROM first WHERE time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
        AND time + window_length <= (SELECT as_of FROM settings)
), clicks AS (
    SELECT DISTINCT k.campaign, k.person FROM kept k JOIN exposures x ON x.campaign = k.campaign AND x.person = k.person
        AND x.time >= k.time AND x.time < k.time + k.window_length
    JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position WHERE r.clicked
), buyers AS (
    SELECT DISTINCT k.campaign, k.person FROM kept k JOIN conversions v ON v.person = k.person AND v.time >= k.time
        AND v.time < k.time + k.window_length
)
SELECT campaign, variant, count(*) AS persons, count(*) FILTER (clicked) AS clicked, count(*) FILTER (converted) AS converted
FROM (
    SELECT k.campaign, arg_min(k.variant, (k.time, k.decision_id)) AS variant, bool_or(c.person IS NOT NULL) AS clicked,
        bool_or(b.person IS NOT NULL) AS converted
    FROM kept k LEFT JOIN clicks c ON c.campaign = k.campaign AND c.person = k.person
    LEFT JOIN buyers b ON b.campaign = k.campaign AND b.person = k.person GROUP BY k.campaign, k.cluster
) GROUP BY ALL
"""

_ROWS = """
SELECT dense_rank() OVER (ORDER BY coalesce(x.unit, x.person)) AS person, x.variant, x.p_variant,
    coalesce(epoch_us(x.learned_since), -1) AS state, r.clicked::BIGINT AS clicked
FROM exposures x JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position
WHERE x.campaign = ? AND x.time >= (SELECT start FROM settings) AND x.time < (SELECT stop FROM settings)
    AND x.p_variant IS NOT NULL
ORDER BY x.time, x.decision_id, x.position
"""


_COMPUTATIONS = (
    Computation(
        "difference, fixed shares",
        "Wilson's limits an arm, difference by Newcombe's method 10",
        "persons at the first contact of the campaign, window over; clicks on any of its contacts within the window",
        "withheld contacts",
    ),
    Computation(
        "difference, learned shares",
        "Σ w_b·d_b / Σ w_b over states of learning, w_b = √(n_b·p_A·p_B/(p_A + p_B)) (Zhang"
        " et al. 2020), errors by person; levels"
        " Σ(y/p)/Σ(1/p) (Hájek)",
        "contacts of the period",
        "states in which one of the two was never shown",
    ),
    Computation("p (BH)", "Benjamini–Hochberg over the table: differences to look into"),
)


def variants(tables: Tables, book: Book, campaigns: Sequence[str], level: float) -> Section:
    """Every variant of a campaign against the first in the book, by clicks and conversions."""
    tables.connection.execute(_SHOWN)
    counted: dict[str, dict[str, dict[str, Any]]] = {}
    for row in tables.rows("SELECT * FROM shown ORDER BY ALL"):
        counted.setdefault(row["campaign"], {})[row["variant"]] = row
    rows: list[dict[str, GridCell]] = []
    refusals = []
    for campaign in book.campaigns.values():
        if len(campaign.variants) < 2 or (campaigns and campaign.name not in campaigns):
            continue
        if any(variant.when != ALWAYS for variant in campaign.variants):
            refusals.append(
                f"{campaign.name}: its variants have conditions, so they were shown to different persons and are not compared"
            )
        elif campaign.learn is not None and campaign.learn.explore is not None:
            rows += _learned(tables, campaign, level)
        else:
            rows += _fixed(campaign, counted.get(campaign.name, {}), level)
    refusals += [
        f"{row['campaign']}: {figure.refused}"
        for row in rows
        if isinstance(figure := row["difference"], Figure) and figure.refused
    ]
    return Section(
        "variants",
        "Variant against variant",
        "Which variant of a campaign does better, among persons to whom it was shown?",
        "effect",
        (
            Grid(
                "variants",
                "Variants",
                ("campaign", "variant", "against", "metric"),
                ("rate", "other rate", "difference", "p (BH)", "as shown", "other as shown"),
                tuple(_corrected(rows)),
                "Clicks and opens have no control: they compare variants, and say nothing of what the campaign caused.",
                compact=("rate", "other rate", "difference", "p (BH)"),
            ),
        ),
        warnings=(
            Warned("Pooled means of variants that learn are biased; they are printed only as `as shown`."),
        )
        if any("as shown" in row for row in rows)
        else (),
        refusals=tuple(dict.fromkeys(refusals)),
        computations=_COMPUTATIONS,
    )


def _fixed(
    campaign: Campaign, counted: Mapping[str, Mapping[str, Any]], level: float
) -> Iterator[dict[str, GridCell]]:
    names = [variant.name for variant in campaign.variants if variant.name in counted]
    for name, other in _pairs(names):
        for metric in ("clicked", "converted"):
            arms = [
                Arm(counted[key]["persons"], counted[key][metric], counted[key][metric])
                for key in (name, other)
            ]
            result = compare(arms[0], arms[1], "proportion", level).guarded()
            events, persons = int(arms[0].total + arms[1].total), arms[0].persons + arms[1].persons
            yield {
                "campaign": campaign.name,
                "variant": name,
                "against": other,
                "metric": metric,
                "rate": _figure(
                    result.treated, "Wilson", events, arms[0].persons, Unit.SHARE, result.refused
                ),
                "other rate": _figure(
                    result.control, "Wilson", events, arms[1].persons, Unit.SHARE, result.refused
                ),
                "difference": _figure(
                    result.difference, result.method, events, persons, Unit.POINTS, result.refused
                ),
                **_p(result.p, persons),
            }


def _learned(tables: Tables, campaign: Campaign, level: float) -> Iterator[dict[str, GridCell]]:
    columns = tables.connection.execute(_ROWS, [campaign.name]).fetchnumpy()
    shown = np.asarray(columns["variant"], object).astype(str)
    names = [variant.name for variant in campaign.variants if (shown == variant.name).any()]
    for name, other in _pairs(names):
        result = _compared(columns, shown, (name, other), level)
        events = int(np.asarray(columns["clicked"])[(shown == name) | (shown == other)].sum())
        levels = result.levels or (None, None)
        rates = [
            _figure(
                None if known is None else Interval(known.value, known.low, known.high),
                "Hájek",
                events,
                result.persons,
                Unit.SHARE,
                result.refused,
            )
            for known in levels
        ]
        row: dict[str, GridCell] = {
            "campaign": campaign.name,
            "variant": name,
            "against": other,
            "metric": "clicked a contact",
            "rate": rates[0],
            "other rate": rates[1],
            "difference": _figure(
                result.difference,
                f"within {result.states} states of learning",
                events,
                result.persons,
                Unit.POINTS,
                result.refused,
            ),
            **_p(result.p, result.persons),
        }
        if result.shown is not None:
            for column, mean in zip(("as shown", "other as shown"), result.shown, strict=True):
                row[column] = Figure(
                    mean, method="pooled mean, biased", persons=result.persons, unit=Unit.SHARE
                )
        yield row


def _compared(
    columns: Mapping[str, NDArray[Any]], shown: NDArray[np.str_], names: tuple[str, str], level: float
) -> LearnedComparison:
    """Compares two variants within states; the share of a variant in a state is read from the rows that show it.

    A state of NULL is that before anything was learned, as long as the shares in it stay the same; else it was not logged.
    """
    states = np.asarray(columns["state"], np.int64)
    shares = np.asarray(columns["p_variant"], float)
    chances = []
    unlogged = False
    for name in names:
        rows = shown == name
        by_state: dict[int, float] = {}
        for state, share in zip(states[rows].tolist(), shares[rows].tolist(), strict=True):
            unlogged |= state == -1 and abs(by_state.get(state, share) - share) > 1e-9
            by_state[state] = share
        chances.append(np.array([by_state.get(state, 0.0) for state in states.tolist()]))
    return compare_learned(
        np.asarray(columns["clicked"], float),
        shown == names[0],
        shown == names[1],
        (chances[0], chances[1]),
        [None if unlogged and state == -1 else state for state in states.tolist()],
        columns["person"],
        level,
    )


def _pairs(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every variant against the first of the book."""
    return ((name, names[0]) for name in names[1:])


def _figure(
    limits: Interval | None, method: str, events: int, persons: int, unit: Unit, refused: str
) -> Figure:
    if limits is None:
        return Figure(
            None, method=method, n=events, persons=persons, unit=unit, refused=refused or "not computed"
        )
    return Figure(*limits, method, events, persons, unit)


def _p(p: float | None, persons: int) -> dict[str, GridCell]:
    return {} if p is None else {"p": Figure(p, persons=persons, unit=Unit.PROBABILITY)}


def _corrected(rows: Sequence[dict[str, GridCell]]) -> Iterator[dict[str, GridCell]]:
    """The rows, with p after Benjamini and Hochberg in place of p."""
    known = [row["p"] for row in rows if isinstance(row.get("p"), Figure)]
    corrected = iter(
        benjamini_hochberg([figure.value or 0.0 for figure in known if isinstance(figure, Figure)])
    )
    for row in rows:
        cells = {name: cell for name, cell in row.items() if name != "p"}
        if "p" in row:
            figure = row["p"]
            cells["p (BH)"] = Figure(
                next(corrected),
                method="Benjamini–Hochberg",
                persons=figure.persons if isinstance(figure, Figure) else None,
                unit=Unit.PROBABILITY,
            )
        yield cells
