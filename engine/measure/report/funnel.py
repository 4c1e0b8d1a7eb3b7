"""The funnel of each campaign: where decisions are lost, to whom, and the smallest change that would win some back."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

from engine.measure.report.figures import Chart, Computation, Figure, Grid, GridCell, Section, Unit, Warned
from engine.measure.report.replays import (
    MOST,
    Supposal,
    Supposed,
    Supposition,
    ValueTimes,
    above,
    is_pressure,
)
from engine.measure.report.tables import Tables

_STAGES = ("eligible", "open", "reachable", "first in rank", "passed pressure", "sent")
"""Stages before the contact; a candidate ends with one code, so it is lost at one of them."""

_REACHED = """
WITH staged AS (
    SELECT campaign, person, decision_id, code, CASE
        WHEN code IN ('other_slot', 'ramping') THEN 1
        WHEN code IN ('no_variant', 'not_worth_it', 'unreachable', 'no_consent', 'objected') THEN 2
        WHEN code IN ('not_requested', 'not_active', 'not_eligible') THEN 2
        WHEN code IN ('outranked', 'group_taken', 'category_full') THEN 3
        WHEN code IN ('quiet', 'capped', 'too_soon', 'paused', 'out_of_stock', 'over_capacity') THEN 4
        WHEN code IN ('control', 'held_out') THEN 5 ELSE 6 END AS lost_at
    FROM candidates WHERE time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
), masks AS (
    SELECT campaign, furthest, mask, count(*) AS persons FROM (
        SELECT campaign, person, max(lost_at) AS furthest, bit_or(1 << lost_at) AS mask FROM staged GROUP BY ALL
    ) GROUP BY ALL
), counts AS (
    SELECT campaign, lost_at, count(*) AS decisions FROM staged GROUP BY ALL
), stages AS (
    SELECT DISTINCT campaign, stage FROM counts CROSS JOIN range(0, 6) numbers(stage)
)
SELECT campaign, stage,
    (SELECT coalesce(sum(decisions), 0) FROM counts c WHERE c.campaign = s.campaign AND lost_at > stage)::BIGINT AS decisions,
    (SELECT coalesce(sum(decisions), 0) FROM counts c WHERE c.campaign = s.campaign AND lost_at = stage)::BIGINT AS lost,
    (SELECT coalesce(sum(persons), 0) FROM masks m WHERE m.campaign = s.campaign AND furthest > stage)::BIGINT AS persons
FROM stages s ORDER BY campaign, stage
"""

_LATER = """
WITH ordered AS (
    SELECT DISTINCT decision_id, campaign FROM credits WHERE NOT shadow
)
SELECT x.campaign, count(*) FILTER (r.delivered) AS delivered,
    count(DISTINCT x.person) FILTER (r.delivered) AS delivered_persons,
    count(*) FILTER (r.clicked) AS clicked, count(DISTINCT x.person) FILTER (r.clicked) AS clicked_persons,
    count(*) FILTER (o.decision_id IS NOT NULL) AS converted,
    count(DISTINCT x.person) FILTER (o.decision_id IS NOT NULL) AS converted_persons
FROM exposures x JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position
LEFT JOIN ordered o ON o.decision_id = x.decision_id AND o.campaign = x.campaign
WHERE x.time >= (SELECT start FROM settings) AND x.time < (SELECT stop FROM settings) GROUP BY x.campaign
"""

_LOSSES = """
SELECT campaign, code, coalesce(name, '') AS name, count(*) AS decisions, count(DISTINCT person) AS persons
FROM candidates
WHERE code <> 'chosen' AND time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
GROUP BY ALL ORDER BY campaign, decisions DESC, code, name
"""

_RIVALS = """
CREATE OR REPLACE TABLE rivals AS
SELECT l.campaign, l.person, l.decision_id, l.name AS winner, l.tier, w.tier AS winner_tier,
    CASE WHEN l.score > 0 THEN w.score / l.score END AS factor
FROM candidates l JOIN candidates w ON w.decision_id = l.decision_id AND w.campaign = l.name
WHERE l.code = 'outranked' AND l.time >= (SELECT start FROM settings) AND l.time < (SELECT stop FROM settings)
"""

_WINNERS = """
SELECT campaign, winner, winner_tier, coalesce(winner_tier > tier, false) AS above, count(*) AS decisions,
    count(DISTINCT person) AS persons, quantile_disc(factor, 0.5) AS factor, count(*) FILTER (tier IS NULL) AS unknown
FROM rivals GROUP BY ALL ORDER BY campaign, above, decisions DESC, winner, winner_tier
"""

_SAME_TIER = """
SELECT campaign, count(*) AS lost, count(DISTINCT person) AS persons, count(factor) AS comparable FROM rivals
WHERE tier = winner_tier GROUP BY campaign ORDER BY campaign
"""

_FACTOR = """
SELECT factor FROM rivals WHERE campaign = ? AND tier = winner_tier AND factor IS NOT NULL
ORDER BY factor LIMIT 1 OFFSET ?
"""

_TO_TRY = """
SELECT decision_id::TEXT AS decision_id FROM rivals WHERE campaign = ? AND tier = winner_tier AND factor < ?
ORDER BY md5(decision_id::TEXT), decision_id LIMIT ?
"""
_BELOW = "SELECT count(*) FROM rivals WHERE campaign = ? AND tier = winner_tier AND factor < ?"

_WHOLE = """
SELECT count(*), count(DISTINCT person) FROM decisions
WHERE time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
"""


class SmallestChange(NamedTuple):
    """The factor on a campaign's value that wins some of the decisions which it lost within its tier."""

    campaign: str
    lost: int
    persons: int
    wins: int
    factor: float

    @property
    def supposed(self) -> ValueTimes:
        """What is tried: a little more than the factor, which alone would be a tie."""
        return ValueTimes(self.campaign, above(self.factor))


def smallest_changes(tables: Tables, campaigns: Sequence[str], win: float) -> list[SmallestChange]:
    """The changes that win this part of the lost decisions, by campaign."""
    tables.connection.execute(_RIVALS)
    changes = []
    for row in tables.rows(_SAME_TIER):
        if (campaigns and row["campaign"] not in campaigns) or not row["comparable"]:
            continue
        wins = min(row["comparable"], max(1, ceil(win * row["lost"])))
        (factor,) = tables.row(_FACTOR, [row["campaign"], wins - 1])
        changes.append(SmallestChange(row["campaign"], row["lost"], row["persons"], wins, factor))
    return changes


def suppositions(tables: Tables, changes: Sequence[SmallestChange], most: int) -> list[Supposition]:
    """What is to be tried: each change on the decisions that it should win, at most so many."""
    return [
        Supposition(
            change.supposed,
            [row["decision_id"] for row in tables.rows(_TO_TRY, [*change.supposed, most])],
            *tables.row(_BELOW, [*change.supposed]),
        )
        for change in changes
    ]


def funnel(
    tables: Tables,
    campaigns: Sequence[str],
    changes: Sequence[SmallestChange],
    supposals: Mapping[Supposed, Supposal],
    untried: str,
    unlisted: str = "",
) -> Section:
    """Stages, losses, rivals and the smallest changes.

    untried: why nothing was tried; empty where it was. unlisted: what became of candidates that the log does not list.
    """
    decisions, persons = tables.row(_WHOLE)
    rivals, unknown = _rivals(tables, campaigns)
    notes = []
    if unlisted:
        notes.append(Warned(unlisted))
    if unknown:
        notes.append(
            Warned(
                f"{unknown:,} losses are of a version that did not log tiers: they are in no smallest change."
            )
        )
    return Section(
        "funnel",
        "Where campaigns are lost",
        "At which stage does a campaign lose decisions, to whom, and what would win some back?",
        "",
        (
            _stages(tables, campaigns, decisions, persons),
            _losses(tables, campaigns),
            rivals,
            _changes(changes, supposals),
            _blocked_then(changes, supposals),
        ),
        (
            Chart(
                "funnel",
                "From eligible to converted",
                "For each campaign a bar a stage, as long as the number of decisions that came so far",
                "funnel",
                "decisions",
            ),
        ),
        tuple(notes),
        (
            f"the smallest change is computed from the logged scores and was not tried ({untried}): after it,"
            " pressure and later decisions may go"
            " otherwise",
        )
        if untried
        else (),
        _computations(decisions, persons),
    )


def _computations(decisions: int, persons: int) -> tuple[Computation, ...]:
    return (
        Computation(
            "decisions",
            "candidates of decisions by the code with which they ended; converted: decisions with a credit by attribution",
            f"{decisions:,} decisions of {persons:,} persons",
            "withheld contacts after `passed pressure`",
        ),
        Computation(
            "smallest change",
            "f = score of the winner ÷ own score of each decision lost to a campaign of the same"
            " tier; the x-th smallest f wins x",
            "decisions lost by rank within the tier",
            "losses to a higher tier, which no score changes; losses by group, category or pressure",
        ),
        Computation(
            "won, tried",
            "each decision that f should win is made again by its own book, at its logged history, with"
            " the campaign's value × the next factor of three digits above f",
            f"at most {MOST:,} decisions a campaign, those whose ids have the lowest MD5",
            "decisions that do not come out as logged before anything is changed",
        ),
    )


def _stages(tables: Tables, campaigns: Sequence[str], decisions: int, persons: int) -> Grid:
    later = {row["campaign"]: row for row in tables.rows(_LATER)}
    rows: list[dict[str, GridCell]] = []
    for row in tables.rows(_REACHED):
        name = row["campaign"]
        if campaigns and name not in campaigns:
            continue
        if row["stage"] == 0:
            rows.append(_stage(name, "decisions", decisions, persons, None))
        rows.append(_stage(name, _STAGES[row["stage"]], row["decisions"], row["persons"], row["lost"]))
        if row["stage"] == len(_STAGES) - 1 and name in later:
            rows += [
                _stage(name, stage, later[name][stage], later[name][f"{stage}_persons"], None)
                for stage in ("delivered", "clicked", "converted")
            ]
    return Grid("funnel", "Stages", ("campaign", "stage"), ("decisions", "persons", "lost here"), tuple(rows))


def _stage(campaign: str, stage: str, decisions: int, persons: int, lost: int | None) -> dict[str, GridCell]:
    row: dict[str, GridCell] = {
        "campaign": campaign,
        "stage": stage,
        "decisions": Figure(decisions, method="count", n=decisions, persons=persons),
        "persons": Figure(persons, method="distinct", n=decisions, persons=persons),
    }
    if lost is not None:
        row["lost here"] = Figure(lost, method="count", n=lost)
    return row


def _losses(tables: Tables, campaigns: Sequence[str]) -> Grid:
    rows = [
        {
            "campaign": row["campaign"],
            "reason": row["code"],
            "to": row["name"],
            "decisions": Figure(row["decisions"], method="count", n=row["decisions"], persons=row["persons"]),
            "persons": Figure(row["persons"], method="distinct", n=row["decisions"], persons=row["persons"]),
        }
        for row in tables.rows(_LOSSES)
        if not campaigns or row["campaign"] in campaigns
    ]
    return Grid("losses", "Losses", ("campaign", "reason", "to"), ("decisions", "persons"), tuple(rows))


def _rivals(tables: Tables, campaigns: Sequence[str]) -> tuple[Grid, int]:
    rows, unknown = [], 0
    for row in tables.rows(_WINNERS):
        if campaigns and row["campaign"] not in campaigns:
            continue
        unknown += row["unknown"]
        rows.append(
            {
                "campaign": row["campaign"],
                "winner": row["winner"],
                "tier of the winner": _tier(row),
                "decisions": Figure(
                    row["decisions"], method="count", n=row["decisions"], persons=row["persons"]
                ),
                "persons": Figure(
                    row["persons"], method="distinct", n=row["decisions"], persons=row["persons"]
                ),
                "score ratio": Figure(
                    row["factor"],
                    method="median of winner ÷ own",
                    n=row["decisions"],
                    persons=row["persons"],
                    unit=Unit.RATIO,
                    refused="" if row["factor"] is not None else "own score is 0",
                ),
            }
        )
    grid = Grid(
        "rivals",
        "Lost by rank, to whom",
        ("campaign", "winner", "tier of the winner"),
        ("decisions", "persons", "score ratio"),
        tuple(rows),
    )
    return grid, unknown


def _tier(row: Mapping[str, Any]) -> str:
    if row["winner_tier"] is None:
        return "not logged"
    return f"{row['winner_tier']} (higher)" if row["above"] else str(row["winner_tier"])


def _changes(changes: Sequence[SmallestChange], supposals: Mapping[Supposed, Supposal]) -> Grid:
    rows: list[dict[str, GridCell]] = []
    for change in changes:
        supposal = supposals.get(change.supposed)
        row: dict[str, GridCell] = {
            "campaign": change.campaign,
            "lost in the tier": Figure(change.lost, method="count", n=change.lost, persons=change.persons),
            "would win": Figure(
                change.wins, method="x-th smallest factor", n=change.lost, persons=change.persons
            ),
            "value ×": Figure(
                change.factor,
                method="winner's score ÷ own, a little more wins",
                n=change.wins,
                persons=change.persons,
                unit=Unit.RATIO,
            ),
            "tried": "not tried" if supposal is None else _won(supposal),
        }
        if supposal is not None and supposal.tried:
            method = f"replayed with the value × {change.supposed.factor:g}"
            row["decisions tried"] = Figure(supposal.tried, method=method, n=supposal.whole)
            row["won"] = Figure(supposal.won, method=method, n=supposal.tried)
        rows.append(row)
    return Grid(
        "smallest_change",
        "Smallest change that wins lost decisions",
        ("campaign", "tried"),
        ("lost in the tier", "would win", "value ×", "decisions tried", "won"),
        tuple(rows),
        compact=("lost in the tier", "would win", "value ×"),
    )


def _won(supposal: Supposal) -> str:
    """`won 1,790 of 1,800 tried; pressure blocks 10`, with what was not tried."""
    parts = [f"won {supposal.won:,} of {supposal.tried:,} tried"]
    blocked = sum(number for (code, _), number in supposal.lost.items() if is_pressure(code))
    if blocked:
        parts.append(f"pressure blocks {blocked:,}")
    if other := supposal.lost.total() - blocked:
        parts.append(f"{other:,} lost otherwise")
    return "; ".join([*parts, *filter(None, [supposal.sample])])


def _blocked_then(changes: Sequence[SmallestChange], supposals: Mapping[Supposed, Supposal]) -> Grid:
    rows: list[dict[str, GridCell]] = []
    for change in changes:
        supposal = supposals.get(change.supposed)
        if supposal is None:
            continue
        for (code, name), decisions in sorted(supposal.lost.items(), key=lambda item: (-item[1], item[0])):
            rows.append(
                {
                    "campaign": change.campaign,
                    "reason": code,
                    "by": name,
                    "decisions": Figure(decisions, method="replayed", n=supposal.tried),
                }
            )
    return Grid(
        "after_change",
        "What the smallest change does not win, tried",
        ("campaign", "reason", "by"),
        ("decisions",),
        tuple(rows),
    )
