"""Who is in a cohort, how they were drawn, and whether as many came into each arm as were to come."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from engine.measure.report.cohorts import SLICES
from engine.measure.report.tables import Tables
from engine.measure.statistics.sample_ratio import sample_ratio_logged

_ENROLLED = """
SELECT subject, count(*) FILTER (leads) AS persons, count(*) FILTER (leads AND NOT mature) AS maturing,
    count(*) FILTER (leads AND treated) AS treated, quantile_disc(time + window_length, 0.5) AS half_ready,
    max(window_length) AS window_length, count(*) FILTER (leads AND cluster < 0) AS units,
    count(*) FILTER (cluster < 0) AS members
FROM cohort WHERE family = ? GROUP BY subject ORDER BY subject
"""

_DRAWS = """
SELECT subject, {slice} AS slice, salt, share, count(*) AS persons, count(*) FILTER (treated) AS treated
FROM cohort WHERE family = ? AND leads GROUP BY ALL ORDER BY ALL
"""

_CROSSED = """
WITH both_arms AS (
    SELECT campaign, control_salt, person FROM exposures WHERE withheld IN ('', 'control') AND control_salt IS NOT NULL
    GROUP BY ALL HAVING count(DISTINCT withheld) = 2
)
SELECT k.subject, count(*) FILTER (treated) AS treated, count(*) FILTER (NOT treated) AS control
FROM cohort k JOIN both_arms b ON k.family = 'campaign' AND b.campaign = k.subject AND b.control_salt = k.salt
    AND b.person = k.person
GROUP BY k.subject
"""

_LEFT_OUT = """
WITH seen AS (
    SELECT campaign, person, max(time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)) AS inside,
        min(time) AS time
    FROM exposures WHERE control_salt IS NOT NULL GROUP BY ALL
)
SELECT s.campaign AS subject, count(*) FILTER (h.person IS NOT NULL) AS held_out,
    count(*) FILTER (h.person IS NULL AND s.time < (SELECT start FROM settings)) AS before
FROM seen s LEFT JOIN held_out h ON h.person = s.person WHERE s.inside GROUP BY s.campaign
"""


class Enrolled(NamedTuple):
    """Who is in a campaign's cohort, and who is not."""

    persons: int
    maturing: int
    """Their window is not over; they are in no rate."""
    treated: int
    half_ready: datetime
    """When the windows of half the persons are over."""
    window: timedelta
    """Age of the first exposure until which orders count."""
    crossed_treated: int
    crossed_control: int
    held_out: int
    before: int
    """Exposed for the first time before the period."""
    units: int = 0
    """Of those who are counted, how many are units of several persons, such as companies."""
    members: int = 0
    """The persons of these units."""


def enrolled(tables: Tables, family: str) -> dict[str, Enrolled]:
    """Who is in the cohorts, by subject."""
    crossed = {row["subject"]: row for row in tables.rows(_CROSSED)} if family == "campaign" else {}
    left_out = {row["subject"]: row for row in tables.rows(_LEFT_OUT)} if family == "campaign" else {}
    nobody: Mapping[str, int] = {}
    return {
        row["subject"]: Enrolled(
            persons=row["persons"],
            maturing=row["maturing"],
            treated=row["treated"],
            half_ready=row["half_ready"],
            window=row["window_length"],
            crossed_treated=crossed.get(row["subject"], nobody).get("treated", 0),
            crossed_control=crossed.get(row["subject"], nobody).get("control", 0),
            held_out=left_out.get(row["subject"], nobody).get("held_out", 0),
            before=left_out.get(row["subject"], nobody).get("before", 0),
            units=row["units"],
            members=row["members"],
        )
        for row in tables.rows(_ENROLLED, [family])
    }


class Draws(NamedTuple):
    """How many persons or units of a stratum were drawn as treated."""

    persons: int
    treated: int
    share: float
    """Probability of treatment, as logged."""


def draws(tables: Tables, family: str, by: str = "") -> dict[str, dict[str, list[Draws]]]:
    """The draws of all persons in the cohorts, maturing ones too, by subject and by value of `by` (a key of SLICES)."""
    divided: dict[str, dict[str, list[Draws]]] = {}
    for row in tables.rows(_DRAWS.format(slice=SLICES[by]), [family]):
        strata = divided.setdefault(row["subject"], {}).setdefault(row["slice"] or "", [])
        strata.append(Draws(row["persons"], row["treated"], 1.0 - row["share"]))
    return divided


def ratio_p(strata: Iterable[Draws]) -> float:
    """The p of the sample ratio against the logged probabilities: z = (O − Σp)/√Σp(1 − p), two-sided.

    It is the χ² of equal shares where there is one stratum, and holds its level where the share of the control changed.
    """
    known = [stratum for stratum in strata if 0 < stratum.share < 1]
    variance = sum(stratum.persons * stratum.share * (1 - stratum.share) for stratum in known)
    if not variance:
        return 1.0
    expected = sum(stratum.persons * stratum.share for stratum in known)
    treated = sum(stratum.treated for stratum in known)
    persons = sum(stratum.persons for stratum in known)
    return sample_ratio_logged(treated, persons - treated, expected, variance).p
