"""What narrows, divides and qualifies an effect: families of comparisons, covariates, weeks, and warnings."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from engine.measure.report.build import Report
from engine.measure.report.figures import Figure
from tests.measure.report.exports import (
    BEGIN,
    BOOK,
    DAY,
    HOUR,
    WEEK,
    Export,
    book_of,
    covers,
    figure,
    micros,
    moments,
    names,
    offers,
    orders,
)


def test_headlines_are_one_family_and_slices_another(tmp_path: Path) -> None:
    """Holm over campaigns; slices by an attribute with Benjamini and Hochberg, masked values apart."""
    rng, export, number = np.random.default_rng(11), Export(), 20_000
    book = book_of(
        BOOK.replace(
            "oil: {offer: oil, channels: [mail]}", "oil: {offer: oil, channels: [mail], control: 20%}"
        )
    )
    for index, (campaign, lift) in enumerate((("cream", 0.03), ("oil", 0.0))):
        persons, time = names(campaign, number), moments(rng, number)
        treated = rng.random(number) >= 0.2
        offers(export, persons, time, treated, index, campaign=campaign)
        bought = rng.random(number) < 0.05 + lift * treated
        orders(export, persons[bought], time[bought] + HOUR)
        rows = export.rows["decisions"][-1]
        gender = np.where(
            np.arange(number) % 2 == 0, '{"profile.gender": "female"}', '{"profile.gender": "male"}'
        )
        export.rows["decisions"][-1] = {**rows, "attributes": gender.astype(object)}
    report = export.report(tmp_path, book, by=("profile.gender",))
    cream, oil = report.figures["cream"], report.figures["oil"]
    assert cream.adjusted == pytest.approx(2 * (cream.p or 0))
    assert oil.adjusted == oil.p
    slices = report.grid("uplift_by_profile.gender")
    values = [(row["campaign"], row["profile.gender"]) for row in slices.rows]
    assert values == [("cream", "female"), ("cream", "male"), ("oil", "female"), ("oil", "male")]
    assert [row["look into"] for row in slices.rows][:2] == ["yes", "yes"]


def test_what_was_ordered_before_narrows_the_limits(tmp_path: Path) -> None:
    """Persons differ in what they spend; adjusted by their orders before, the effect of 3 a person has narrower limits."""
    rng, export, number = np.random.default_rng(15), Export(), 8_000
    persons, time = names("p", number), moments(rng, number, 28, 7)
    treated, habit = rng.random(number) >= 0.5, rng.gamma(2, 20, number)
    orders(export, persons, time - 3 * DAY, habit.round(2))
    offers(export, persons, time, treated, control=0.5)
    orders(export, persons, time + HOUR, (habit + rng.normal(20, 5, number).clip(0) + 3 * treated).round(2))
    row = export.report(tmp_path, metric="value").uplift.rows[0]
    adjusted, plain = figure(row["adjusted"]), figure(row["single look"])
    assert covers(adjusted, 3.0)
    assert (adjusted.high or 0) - (adjusted.low or 0) < 0.3 * ((plain.high or 0) - (plain.low or 0))
    assert (figure(row["variance ratio"]).value or 1) < 0.1


def test_a_covariate_that_says_nothing_is_dropped(tmp_path: Path) -> None:
    """Orders before that have nothing to do with those after do not adjust them."""
    rng, export, number = np.random.default_rng(16), Export(), 4_000
    persons, time = names("p", number), moments(rng, number, 28, 7)
    treated = rng.random(number) >= 0.5
    orders(export, persons, time - 3 * DAY, rng.gamma(2, 20, number).round(2))
    offers(export, persons, time, treated, control=0.5)
    bought = rng.random(number) < 0.2
    orders(export, persons[bought], time[bought] + HOUR)
    adjusted = export.report(tmp_path).uplift.rows[0]["adjusted"]
    assert isinstance(adjusted, Figure)
    assert adjusted.refused == "the covariate saves less than 2 % of the variance: unadjusted"


def test_an_effect_that_wears_off_is_seen_by_week(tmp_path: Path) -> None:
    """4 points more in the first week after exposure, none in the second and third, 2 less in the fourth: brought forward."""
    rng, export, number = np.random.default_rng(19), Export(), 30_000
    persons, time = names("p", number), moments(rng, number, 0, 14)
    treated = rng.random(number) >= 0.5
    offers(export, persons, time, treated, control=0.5)
    for week, lift in enumerate((0.04, 0.0, 0.0, -0.02)):
        bought = rng.random(number) < 0.05 + lift * treated
        orders(export, persons[bought], time[bought] + week * WEEK + DAY)
    report = export.report(tmp_path, as_of=BEGIN + timedelta(days=38))
    weeks = {row["week"]: row for row in report.grid("uplift_by_weeks_since").rows}
    assert list(weeks) == ["1", "2", "3", "4"]
    for since, lift in (("1", 0.04), ("2", 0.0), ("3", 0.0), ("4", -0.02)):
        assert covers(figure(weeks[since]["effect"]), lift), since
    over = int((time + 4 * WEEK <= micros(BEGIN + timedelta(days=38))).sum())
    assert (figure(weeks["3"]["effect"]).persons, figure(weeks["4"]["effect"]).persons) == (number, over)
    tests = {row["between"]: figure(row["p"]).value for row in report.grid("uplift_changes").rows}
    assert (tests["weeks since exposure"] or 0) < 0.001
    assert (tests["weeks of exposure"] or 0) > 0.05
    (section,) = (part for part in report.sections if part.name == "uplift")
    changed = [warned.text for warned in section.warnings if "Cochran" in warned.text]
    assert len(changed) == 1
    assert changed[0].startswith("cream: the effect differs between weeks since exposure (Cochran's Q = ")
    assert changed[0].endswith("; no cause is assumed")
    days = report.grid("sequence").rows
    (chart,) = (chart for chart in section.charts if chart.kind == "sequence")
    assert [point.day for point in chart.points] == [row["day"] for row in days]
    assert figure(days[-1]["effect"]) == report.figures["cream"].uplift


def warnings_of(report: Report) -> list[str]:
    """What the page says before the effects."""
    (section,) = (part for part in report.sections if part.name == "uplift")
    return [warned.text for warned in section.warnings]


def test_stock_that_binds_is_said_to_overstate(tmp_path: Path) -> None:
    """In 6 of 100 decisions the stock was gone: what the control leaves goes to others. In 5 of 100 nothing is said."""
    for gone, is_said in ((6, True), (5, False)):
        export, persons = Export(), names("p", 100)
        time = micros(BEGIN) + np.arange(100) * HOUR
        decisions = np.array(offers(export, persons, time, np.arange(100) % 2 == 0, control=0.5), object)
        code = np.where(np.arange(100) < gone, "out_of_stock", "chosen").astype(object)
        export.add(
            "candidates", decision_id=decisions, person=persons, time=time, campaign="cream", code=code
        )
        texts = warnings_of(export.report(tmp_path / str(gone)))
        sentence = (
            "cream: stock, total or capacity bound in 6.0% of its decisions; control frees stock for others"
        )
        assert (f"{sentence}: effect overstated" in texts) == is_said


def test_arms_that_differed_before_are_noticed(tmp_path: Path) -> None:
    """The draw was said to be random, and the treated had ordered more before it: the page warns."""
    rng, export, number = np.random.default_rng(20), Export(), 4_000
    persons, time = names("p", number), moments(rng, number, 28, 7)
    treated = np.arange(number) % 2 == 0
    orders(export, persons, time - 3 * DAY, (rng.gamma(2, 20, number) * (1 + 0.2 * treated)).round(2))
    offers(export, persons, time, treated, control=0.5)
    bought = rng.random(number) < 0.2
    orders(export, persons[bought], time[bought] + HOUR)
    (text,) = warnings_of(export.report(tmp_path))
    assert text.startswith("cream: the arms differed in the covariate before exposure (p = ")


def test_who_was_not_reached_stays_treated(tmp_path: Path) -> None:
    """Pitfall: a control cannot abort as the treated do. Half of the contacts came to nothing; all treated are compared."""
    export, number = Export(), 2_000
    persons, time = names("p", number), micros(BEGIN) + np.arange(number) * 60_000_000
    treated = np.arange(number) % 2 == 0
    decisions = np.array(offers(export, persons, time, treated, control=0.5), object)
    lost = treated & (np.arange(number) % 4 == 0)
    for type_, those in (
        ("bounced", lost & (np.arange(number) < 1_000)),
        ("cancelled", lost & (np.arange(number) >= 1_000)),
    ):
        export.add(
            "outcomes", event_id=names(type_, int(those.sum())), person=persons[those], type=type_, time=time[those] + 60,
            recorded_at=time[those] + 60, decision_id=decisions[those], campaign="cream",
        )  # fmt: skip
    bought = treated & ~lost & (np.arange(number) < 800) | ~treated & (np.arange(number) < 200)
    orders(export, persons[bought], time[bought] + HOUR)
    effect = export.report(tmp_path).figures["cream"]
    assert (effect.treated_rate.value, effect.control_rate.value) == (200 / 1_000, 100 / 1_000)
    assert effect.uplift.persons == number
