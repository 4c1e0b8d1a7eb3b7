"""What a challenger, a second book beside the live one, would have decided: how often both agree, and what it changes."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.measure.report.figures import Computation, Figure, Grid, GridCell, Section, Unit
from engine.measure.report.tables import Tables

_BOTH = """
CREATE OR REPLACE TABLE challenged AS
SELECT l.person, d.book_version AS live, c.book_version AS challenger,
    concat_ws(' ', d.outcome || ':', d.campaign, nullif(d.variant, ''), 'on ' || nullif(d.channel, '')) AS before,
    concat_ws(' ', c.outcome || ':', c.campaign, nullif(c.variant, ''), 'on ' || nullif(c.channel, '')) AS after
FROM all_challenges c JOIN decisions l ON l.decision_id = c.decision_id::UUID
JOIN all_decisions d ON d.decision_id = c.decision_id
WHERE l.time >= (SELECT start FROM settings) AND l.time < (SELECT stop FROM settings)
"""
_PAIRS = """
SELECT live[1:12] AS live, challenger[1:12] AS challenger, count(*) AS decisions, count(DISTINCT person) AS persons,
    count(*) FILTER (before = after) AS agreed
FROM challenged GROUP BY ALL ORDER BY ALL
"""
_CHANGES = """
SELECT live[1:12] AS live, challenger[1:12] AS challenger, rtrim(before, ' :') AS before, rtrim(after, ' :') AS after,
    count(*) AS decisions, count(DISTINCT person) AS persons
FROM challenged WHERE before <> after GROUP BY ALL
ORDER BY decisions DESC, live, challenger, before, after
"""


def challenger(tables: Tables) -> list[Section]:
    """The section, where decisions of the period were challenged."""
    (challenges,) = tables.row("SELECT count(*) FROM all_challenges")
    if challenges:
        tables.connection.execute(_BOTH)
    pairs = tables.rows(_PAIRS) if challenges else []
    if not pairs:
        return []
    return [
        Section(
            "challenger",
            "What the challenger would have decided",
            "How often do the live book and the one that is tried beside it agree, and what would change?",
            "",
            (_agreement(pairs), _changes(tables.rows(_CHANGES))),
            computations=(
                Computation(
                    "agreement",
                    "decisions with the same outcome, and the same campaign, variant and channel of the first offer ÷"
                    " challenged decisions. One step ahead: what customers would do after other contacts is not in it",
                    f"{sum(row['decisions'] for row in pairs):,} challenged decisions",
                    "decisions that the challenger was too busy for; further offers of a page",
                ),
            ),
        )
    ]


def _agreement(pairs: Sequence[Mapping[str, Any]]) -> Grid:
    rows = [
        {
            **_versions(row),
            "decisions": _count(row, "decisions"),
            "persons": _count(row, "persons"),
            "agreed": _count(row, "agreed"),
            "agreement": Figure(
                row["agreed"] / row["decisions"],
                method="share of the challenged decisions",
                n=row["decisions"],
                persons=row["persons"],
                unit=Unit.SHARE,
            ),
        }
        for row in pairs
    ]
    columns = ("decisions", "persons", "agreed", "agreement")
    title = "Agreement of the challenger with the live book"
    return Grid("challenger", title, ("live", "challenger"), columns, tuple(rows))


def _changes(changes: Sequence[Mapping[str, Any]]) -> Grid:
    rows = [
        {
            **_versions(row),
            "from": row["before"],
            "to": row["after"],
            "decisions": _count(row, "decisions"),
            "persons": _count(row, "persons"),
        }
        for row in changes
    ]
    labels = ("live", "challenger", "from", "to")
    return Grid("challenger_changes", "What changes", labels, ("decisions", "persons"), tuple(rows))


def _versions(row: Mapping[str, Any]) -> dict[str, GridCell]:
    return {"live": row["live"], "challenger": row["challenger"]}


def _count(row: Mapping[str, Any], name: str) -> Figure:
    return Figure(row[name], method="count", n=row["decisions"], persons=row["persons"])
