"""Where companies are drawn, the report compares companies: their number, their spread and their sample ratio."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.measure.attribution import Rates
from engine.measure.report.build import Report
from engine.measure.report.figures import Figure
from tests.measure.report.exports import BEGIN, Export, book_of, micros, offers, orders

HOUR = 3_600_000_000
DAY = 24 * HOUR


def companies(number: int, largest: int, seed: int) -> tuple[Any, ...]:
    """Of each person, sorted by time: id, unit, whether treated, time of the exposure, and whether they buy.

    One company is as large as all others together; members buy together, and treatment has no effect.
    """
    rng = np.random.default_rng(seed)
    sizes = np.append(np.full(number, 10), largest)
    treated = np.append(rng.random(number) >= 0.5, False)
    rate = rng.choice([0.02, 0.3], number + 1)
    company = np.repeat(np.arange(number + 1), sizes)
    time = micros(BEGIN) + DAY + rng.integers(0, 20 * DAY, company.size)
    order = np.argsort(time)
    company, time = company[order], time[order]
    persons = np.array([f"p{index}" for index in range(company.size)], object)
    units = np.array([f"unit {index}" for index in company], object)
    return persons, units, treated[company], time, rng.random(company.size) < rate[company]


def figure(cell: object) -> Figure:
    """The cell, which has to be a figure."""
    assert isinstance(cell, Figure), cell
    return cell


def warnings(report: Report) -> list[str]:
    """What the section on effects warns of."""
    return [warned.text for part in report.sections if part.name == "uplift" for warned in part.warnings]


def width(cell: Figure) -> float:
    """From the lower to the upper limit."""
    assert cell.low is not None, cell
    assert cell.high is not None, cell
    return cell.high - cell.low


def test_arms_sample_ratio_and_spread_are_of_units(tmp_path: Path) -> None:
    """By persons the one large company upsets the sample ratio, and limits are far too narrow; by units neither."""
    persons, units, treated, time, bought = companies(300, 3_000, 5)
    reports = {}
    for name, columns in (("units", {"unit": units}), ("persons", {})):
        export = Export()
        offers(export, persons, time, treated, control=0.5, **columns)
        orders(export, persons[bought], time[bought] + HOUR)
        reports[name] = export.report(tmp_path / name, metric="orders", anyway=True)
    (cohort,) = reports["units"].grid("cohorts").rows
    number = {column: figure(cohort[column]).value for column in ("persons", "treated", "control")}
    assert number["persons"] == 301
    assert number["control"] == 301 - len({*units[treated]})
    assert (figure(cohort["sample ratio p"]).value or 0) > 0.001
    by_persons = reports["persons"].grid("cohorts").rows[0]
    assert (figure(by_persons["sample ratio p"]).value or 0) < 1e-9
    effects = {name: report.figures["cream"] for name, report in reports.items()}
    assert figure(effects["units"].treated).value == figure(effects["persons"].treated).value
    assert figure(effects["units"].treated).value == pytest.approx(bought[treated].sum())
    fixed = effects["units"].fixed
    assert fixed.low is not None
    assert fixed.high is not None
    assert fixed.low <= 0 <= fixed.high
    assert width(fixed) > 10 * width(effects["persons"].fixed)
    said = warnings(reports["units"])
    assert "cream: drawn by unit: its arms, sample ratio and limits are of 301 units of 6,000 persons" in said


def test_a_unit_is_in_the_arm_of_its_first_exposure_and_counts_once(tmp_path: Path) -> None:
    """A member who comes later, under other shares, is no further draw; a unit from before the period is left out whole."""
    start = micros(BEGIN)
    export = Export()
    rows = [
        ("a", "u1", start + DAY, True),
        ("b", "u1", start + 2 * DAY, False),
        ("c", "u2", start + DAY, False),
        ("d", "u2", start + 3 * DAY, False),
        ("e", "u3", start - DAY, True),
        ("f", "u3", start + DAY, True),
        ("g", None, start + DAY, True),
    ]
    for number, (person, unit, time, treated) in enumerate(sorted(rows, key=lambda row: row[2])):
        offers(export, person, np.array([time]), np.array([treated]), number + 1, unit=unit)
    orders(
        export,
        np.array(["a", "b", "c"], object),
        np.array([start + 2 * DAY, start + 4 * DAY, start + 4 * DAY]),
    )
    report = export.report(tmp_path, book_of(), start=BEGIN, metric="orders")
    (cohort,) = report.grid("cohorts").rows
    assert [figure(cohort[name]).value for name in ("persons", "treated", "control")] == [3, 2, 1]
    (warned,) = warnings(report)
    assert warned.endswith("of 2 units of 4 persons and 1 persons without one")
    effect = report.figures["cream"]
    assert (effect.treated.value, effect.control.value) == (2, 1)


def test_weeks_since_exposure_are_those_of_units(tmp_path: Path) -> None:
    """A week of a unit has what its persons did in that week of their own, and is over when it is for all of them."""
    start, number = micros(BEGIN), 40
    firms = np.array([f"u{index}" for index in range(number)], object)
    treated = np.arange(number) % 2 == 0
    export = Export()
    for member, day in enumerate((0, 7)):
        persons = np.array([f"p{index}-{member}" for index in range(number)], object)
        time = start + day * DAY + np.arange(number)
        offers(export, persons, time, treated, member, control=0.5, unit=firms)
        orders(export, persons[:10], time[:10] + 8 * DAY)
        orders(export, persons[:4], time[:4] + 9 * DAY)
    report = export.report(tmp_path, as_of=BEGIN + timedelta(days=22), metric="orders", anyway=True)
    weeks = {row["week"]: row for row in report.grid("uplift_by_weeks_since").rows}
    assert list(weeks) == ["1", "2"]
    assert figure(weeks["2"]["effect"]).persons == number
    assert figure(weeks["2"]["treated"]).value == 2 * 5 + 2 * 2


def test_values_by_rates_are_those_of_units(tmp_path: Path) -> None:
    """The orders of a unit in two currencies are one sum in the report's currency."""
    start, number = micros(BEGIN), 200
    firms = np.array([f"u{index}" for index in range(number)], object)
    treated = np.arange(number) % 2 == 0
    export = Export()
    for member, currency in enumerate(("EUR", "USD")):
        persons = np.array([f"p{index}-{member}" for index in range(number)], object)
        time = start + DAY + np.arange(number)
        offers(export, persons, time, treated, member, control=0.5, unit=firms)
        orders(export, persons, time + HOUR, 10.0, currency=currency)
    known = {(BEGIN.date() + timedelta(days=1), "USD"): Fraction(1, 2)}
    report = export.report(tmp_path, metric="value", anyway=True, rates=Rates("EUR", known))
    row = report.grid("uplift").rows[0]
    assert figure(row["treated"]).value == 100 * 15
    assert figure(row["treated"]).persons == 100


def test_variants_are_compared_by_units(tmp_path: Path) -> None:
    """Of a campaign without control: how many units were shown each variant, and how many of them converted."""
    book = book_of("""
book: {name: trial, timezone: UTC}
attributes: {profile.email: {type: text}, profile.firm: {type: text}}
channels: {mail: {kind: outbound, address: profile.email, consent: not_needed}}
offers: {cream: {name: Cream}}
campaigns:
  cream:
    offer: cream
    channels: [mail]
    unit: profile.firm
    variants: {calm: {content: {default: {title: Calm}}}, bold: {content: {default: {title: Bold}}}}
""")
    rng, export = np.random.default_rng(3), Export()
    firm = np.arange(2_000) % 200
    time = micros(BEGIN) + DAY + np.sort(rng.integers(0, 10 * DAY, 2_000))
    variant = np.where(firm % 2 == 0, "calm", "bold")
    persons = np.array([f"p{index}" for index in range(2_000)], object)
    units = np.array([f"u{index}" for index in firm], object)
    offers(export, persons, time, np.ones(2_000, bool), control=None, variant=variant, unit=units)
    bought = firm % 4 == 0
    orders(export, persons[bought], time[bought] + HOUR)
    rows = export.report(tmp_path, book).grid("variants").rows
    (converted,) = [row for row in rows if row["metric"] == "converted"]
    assert (converted["variant"], converted["against"]) == ("calm", "bold")
    assert figure(converted["rate"]).persons == 100
    assert figure(converted["rate"]).value == pytest.approx(0.5)
