"""Variants: by fixed shares on persons, by learned shares within states, and refused where neither is possible."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.measure.report.build import Report
from engine.measure.report.figures import Figure
from tests.measure.report.exports import (
    BEGIN,
    BOOK,
    DAY,
    HOUR,
    Export,
    book_of,
    covers,
    figure,
    micros,
    moments,
    names,
    offers,
)
from tests.measure.report.test_pressure import section

_VARIANTS = "variants: {a: {content: {default: {title: A}}}, b: {content: {default: {title: B}}}}"
FIXED = BOOK.replace(
    "cream: {offer: cream, channels: [mail],", f"cream: {{offer: cream, channels: [mail], {_VARIANTS},"
)
LEARNS = FIXED.replace(_VARIANTS, f"learn: {{reward: clicked, window: 7d, delay: 1h}}, {_VARIANTS}")
CONDITIONS = FIXED.replace("a: {content", "a: {when: {profile.gender: female}, content")


def clicks(export: Export, decisions: Any, person: Any, time: Any, clicked: Any) -> None:
    """Clicks on the contacts of decisions."""
    chosen = np.flatnonzero(clicked)
    export.add(
        "outcomes",
        event_id=np.array([f"click-{decisions[index]}" for index in chosen], object),
        person=person[chosen],
        type="clicked",
        time=time[chosen] + HOUR,
        recorded_at=time[chosen] + HOUR,
        decision_id=np.array(decisions, object)[chosen],
        campaign="cream",
    )


def row_of(report: Report) -> dict[str, Any]:
    """The first row of the variants."""
    return dict(report.grid("variants").rows[0])


def test_fixed_shares_are_compared_by_person(tmp_path: Path) -> None:
    """Two points more click on b; clicks on later contacts of the window count for the first."""
    rng, export, number = np.random.default_rng(41), Export(), 30_000
    persons, time = names("p", number), moments(rng, number)
    b = rng.random(number) < 0.5
    variant = np.where(b, "b", "a").astype(object)
    everybody = np.ones(number, bool)
    first = offers(export, persons, time, everybody, 1, variant=variant, p_variant=0.5)
    again = offers(export, persons, np.sort(time + DAY), everybody, 2, variant=variant, p_variant=0.5)
    clicked = rng.random(number) < 0.05 + 0.02 * b
    early = rng.random(number) < 0.5
    clicks(export, first, persons, time, clicked & early)
    clicks(export, again, persons, time + DAY, clicked & ~early)
    row = row_of(export.report(tmp_path, book_of(FIXED)))
    assert (row["variant"], row["against"], row["metric"]) == ("b", "a", "clicked")
    assert covers(figure(row["difference"]), 0.02)
    assert figure(row["rate"]).value == pytest.approx(clicked[b].mean())


def test_learned_shares_are_compared_within_states(tmp_path: Path) -> None:
    """The variants are alike, the base rate rises while a gets more and more: pooled means differ, states do not."""
    rng, export = np.random.default_rng(42), Export()
    pooled: list[tuple[Any, Any]] = []
    for state, (share, base) in enumerate(((0.5, 0.02), (0.7, 0.06), (0.9, 0.12))):
        number = 10_000
        persons, time = names(f"p{state}-", number), moments(rng, number, state, 1)
        a = rng.random(number) < share
        clicked = rng.random(number) < base
        decisions = offers(
            export,
            persons,
            time,
            np.ones(number, bool),
            state,
            variant=np.where(a, "a", "b").astype(object),
            p_variant=np.where(a, share, 1 - share),
            learned_since=micros(BEGIN) + state * DAY,
        )
        clicks(export, decisions, persons, time, clicked)
        pooled.append((a, clicked))
    row = row_of(export.report(tmp_path, book_of(LEARNS)))
    assert covers(figure(row["difference"]), 0.0)
    shown, clicked = (np.concatenate(parts) for parts in zip(*pooled, strict=True))
    naive = clicked[~shown].mean() - clicked[shown].mean()
    assert not covers(figure(row["difference"]), naive)
    assert figure(row["as shown"]).value == pytest.approx(clicked[~shown].mean())


def test_states_that_are_not_logged_are_refused(tmp_path: Path) -> None:
    """Shares that change without a state cannot be divided into states."""
    rng, export = np.random.default_rng(43), Export()
    for part, share in enumerate((0.5, 0.8)):
        persons, time = names(f"p{part}-", 500), moments(rng, 500, part, 1)
        a = rng.random(500) < share
        variant, chances = np.where(a, "a", "b").astype(object), np.where(a, share, 1 - share)
        offers(export, persons, time, np.ones(500, bool), part, variant=variant, p_variant=chances)
    report = export.report(tmp_path, book_of(LEARNS))
    difference = row_of(report)["difference"]
    assert isinstance(difference, Figure)
    assert difference.refused.startswith("the states of learning are not logged")
    assert any("states of learning are not logged" in text for text in section(report, "variants").refusals)


def test_variants_with_conditions_are_not_compared(tmp_path: Path) -> None:
    """They are shown to different persons."""
    rng, export = np.random.default_rng(44), Export()
    offers(export, names("p", 300), moments(rng, 300), np.ones(300, bool), variant="b")
    report = export.report(tmp_path, book_of(CONDITIONS))
    assert report.grid("variants").rows == ()
    (sentence,) = section(report, "variants").refusals
    assert sentence.startswith("cream: its variants have conditions")
