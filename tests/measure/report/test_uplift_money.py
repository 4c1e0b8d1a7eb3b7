"""Orders in money: several currencies, rates, the return on what contacts cost, refunds."""

from datetime import timedelta
from fractions import Fraction
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from engine.measure.attribution import Rates
from engine.measure.report.cohort_sums import ArmSums, DrawStratum, Sums
from engine.measure.report.effects import cost_of_each
from engine.measure.report.figures import Figure
from engine.measure.report.page import page
from engine.measure.report.terminal import show
from tests.measure.report.exports import (
    BEGIN,
    DAY,
    HOUR,
    Export,
    covers,
    figure,
    micros,
    moments,
    names,
    offers,
    orders,
)


def test_currencies_are_never_added(tmp_path: Path) -> None:
    """Value is compared in each currency by itself, and there is no return over both."""
    rng, export, number = np.random.default_rng(10), Export(), 8_000
    persons, time = names("p", number), moments(rng, number)
    treated = rng.random(number) >= 0.2
    offers(export, persons, time, treated)
    bought = rng.random(number) < 0.1
    currency = np.where(np.arange(number) % 2 == 0, "EUR", "SEK").astype(object)
    orders(export, persons[bought], time[bought] + HOUR, currency=currency[bought])
    report = export.report(tmp_path)
    metrics = [row["metric"] for row in report.uplift.rows]
    assert metrics == ["converted", "orders", "value EUR", "value SEK", "credited"]
    back = report.uplift.rows[0]["return"]
    assert isinstance(back, Figure)
    assert back.refused == "orders are in several currencies and are not added: no return"


def test_rates_total_the_orders_at_their_day_or_refuse(tmp_path: Path) -> None:
    """Two orders of 20 EUR and one of 20 SEK at 0.1 are 42 EUR; without the rate of that day there is no total."""
    export = Export()
    time = micros(BEGIN) + np.arange(3) * DAY
    offers(export, names("p", 3), time, np.ones(3, bool))
    orders(export, names("p", 3), time + HOUR, 20.0, currency=np.array(["EUR", "EUR", "SEK"], object))
    day = (BEGIN + timedelta(days=2)).date()
    known = Rates("EUR", {(day, "SEK"): Fraction(1, 10)})
    report = export.report(tmp_path / "known", rates=known)
    (row,) = report.grid("orders_total").rows
    assert [figure(row[name]).value for name in ("gross", "net")] == [42.0, 42.0]
    missing = Rates("EUR", {(BEGIN.date(), "SEK"): Fraction(1, 10)})
    (row,) = export.report(tmp_path / "missing", rates=missing).grid("orders_total").rows
    refused = row["gross"]
    assert isinstance(refused, Figure)
    assert (refused.value, refused.refused) == (None, f"there is no rate of SEK into EUR for {day}")
    assert known.digest != missing.digest


def in_two_currencies(kronor: float) -> tuple[Export, float, float]:
    """Orders of 10 EUR, and from BEGIN + 7 days on of so many SEK; the gain and the cost of a treated person in EUR."""
    rng, export, number = np.random.default_rng(13), Export(), 16_000
    persons, time = names("p", number), moments(rng, number, 0, 14)
    treated = rng.random(number) >= 0.2
    offers(export, persons, time, treated)
    bought = rng.random(number) < 0.1 + 0.05 * treated
    late = time >= micros(BEGIN) + 7 * DAY
    value, currency = np.where(late, kronor, 10.0), np.where(late, "SEK", "EUR").astype(object)
    orders(export, persons[bought], time[bought] + HOUR, value[bought], currency=currency[bought])
    return export, 10 * (bought[treated].mean() - bought[~treated].mean()), 0.1


def rates_of(sek: Fraction, days: int = 30) -> Rates:
    """Rates into EUR for some days from BEGIN on; the krona is worth so much, and a day later the half."""
    return Rates(
        "EUR", {((BEGIN + timedelta(days=day)).date(), "SEK"): sek / 2 ** (day % 2) for day in range(days)}
    )


def test_effects_and_return_convert_at_the_day_of_the_order(tmp_path: Path) -> None:
    """What is worth 10 EUR at its day is worth as much as 10 EUR, in the effect, by week, and in the return."""
    export, gain, cost = in_two_currencies(100.0)
    flat = Rates("EUR", dict.fromkeys(rates_of(Fraction(1)).known, Fraction(1, 10)))
    report = export.report(tmp_path, metric="value", rates=flat)
    (row,) = (row for row in report.uplift.rows if str(row["metric"]).startswith("value"))
    assert row["metric"] == "value EUR"
    assert figure(row["effect"]).value == pytest.approx(gain)
    assert figure(row["return"]).value == pytest.approx(gain / cost)
    weeks = [figure(week["treated"]).value or 0 for week in report.grid("uplift_by_week").rows]
    assert sum(weeks) == pytest.approx(figure(row["treated"]).value)
    (total,) = report.grid("happened_total").rows
    (orders_total,) = report.grid("orders_total").rows
    assert 0 < (figure(total["net"]).value or 0) < (figure(orders_total["net"]).value or 0)
    assert figure(total["margin"]).value == pytest.approx(
        (figure(total["net"]).value or 0) - (figure(total["cost"]).value or 0)
    )
    halved = export.report(tmp_path / "halved", metric="value", rates=rates_of(Fraction(1, 10)))
    assert (halved.figures["cream"].treated.value or 0) < 0.9 * (figure(row["treated"]).value or 0)


def test_one_missing_rate_refuses_effect_and_return(tmp_path: Path) -> None:
    """The sentence names currency and day, and no sum is printed; without rates no slice adds two currencies either."""
    export, _, _ = in_two_currencies(100.0)
    report = export.report(tmp_path, metric="value", by=("channel",), rates=rates_of(Fraction(1, 10), 10))
    day = (BEGIN + timedelta(days=10)).date()
    sentence = f"there is no rate of SEK into EUR for {day}"
    effect = report.figures["cream"]
    assert (effect.metric, effect.uplift.refused, effect.treated.refused) == ("value EUR", sentence, sentence)
    assert (effect.treated.value, effect.p) == (None, None)
    converted = report_row = export.report(
        tmp_path / "shares", rates=rates_of(Fraction(1, 10), 10)
    ).uplift.rows[0]
    back = report_row["return"]
    assert isinstance(back, Figure)
    assert back.refused == f"{sentence}: no return"
    assert figure(converted["effect"]).value is not None
    (total,) = report.grid("happened_total").rows
    assert isinstance(total["margin"], Figure)
    assert (total["margin"].value, total["margin"].refused) == (None, sentence)
    plain = export.report(tmp_path / "plain", metric="value", by=("channel",))
    for name in ("uplift_by_week", "uplift_by_weeks_since", "uplift_by_channel"):
        for grids, refused in (
            (report, sentence),
            (plain, "orders are in several currencies and are not added"),
        ):
            cells = [cell for _, _, cell in grids.grid(name).cells()]
            assert cells
            assert {cell.refused for cell in cells if cell.refused or cell.value is not None} == {refused}, (
                name
            )
            treated = grids.grid(name).rows[0]["treated"]
            assert isinstance(treated, Figure)
            assert treated.value is None
    margins = [row["margin"] for row in plain.grid("happened").rows]
    assert [isinstance(margin, Figure) and "no margin" in margin.refused for margin in margins] == [
        True,
        True,
    ]


def test_the_return_is_of_net_value_and_of_contacts_that_count(tmp_path: Path) -> None:
    """Refunds are subtracted, bounced contacts cost nothing."""
    rng, export, number = np.random.default_rng(12), Export(), 40_000
    persons, time = names("p", number), moments(rng, number)
    treated = rng.random(number) >= 0.2
    decisions = np.array(offers(export, persons, time, treated), object)
    bought = rng.random(number) < 0.05 + 0.05 * treated
    numbers = names("order", number)
    orders(export, persons[bought], time[bought] + HOUR, 10.0, order_id=numbers[bought])
    refunded = bought & (np.arange(number) % 4 == 0)
    orders(
        export,
        persons[refunded],
        time[refunded] + DAY,
        5.0,
        type="refunded",
        order_id=numbers[refunded],
        event_id=names("r", int(refunded.sum())),
    )
    bounced = treated & (np.arange(number) % 10 == 0)
    export.add(
        "outcomes",
        event_id=names("b", int(bounced.sum())),
        person=persons[bounced],
        type="bounced",
        time=time[bounced] + 60,
        recorded_at=time[bounced] + 60,
        decision_id=decisions[bounced],
        campaign="cream",
    )
    report = export.report(tmp_path)
    net = np.where(bought, 10.0, 0.0) - np.where(refunded, 5.0, 0.0)
    gain = net[treated].mean() - net[~treated].mean()
    cost = 0.1 * (treated & ~bounced).sum() / treated.sum()
    assert figure(report.uplift.rows[0]["return"]).value == pytest.approx(gain / cost)
    assert covers(figure(report.uplift.rows[0]["return"]), (0.05 * 8.75) / 0.09)
    price = figure(report.uplift.rows[0]["cost of each"])
    assert price.value == pytest.approx(cost / (bought[treated].mean() - bought[~treated].mean()))
    assert covers(price, 0.09 / 0.05)
    row = report.grid("happened").rows[0]
    assert figure(row["cost"]).value == pytest.approx(0.1 * (treated & ~bounced).sum())
    assert figure(report.grid("orders").rows[0]["net"]).value == pytest.approx(net.sum())


def test_contacts_cost_what_they_did_when_they_were_made(tmp_path: Path) -> None:
    """0.1 by the book where the log does not say it, 0.3 of the later ones, of a channel that the book has no more."""
    rng, export, number = np.random.default_rng(14), Export(), 40_000
    persons, time = names("p", number), moments(rng, number)
    treated, late = rng.random(number) >= 0.2, np.arange(number) >= number // 2
    offers(export, persons[~late], time[~late], treated[~late])
    offers(export, persons[late], time[late], treated[late], 1)
    for table in ("offers", "contacts"):
        export.rows[table][-1] = {**export.rows[table][-1], "channel": "telephone"}
    export.rows["contacts"][-1] = {**export.rows["contacts"][-1], "cost": np.where(treated[late], 300_000, 0)}
    bought = rng.random(number) < 0.05 + 0.05 * treated
    orders(export, persons[bought], time[bought] + HOUR, 10.0)
    report = export.report(tmp_path, by=("channel",))
    spent = 0.1 * (treated & ~late).sum() + 0.3 * (treated & late).sum()
    (row,) = report.grid("happened").rows[:1]
    by_channel = {
        row["channel"]: figure(row["cost"]).value for row in report.grid("happened_by_channel").rows
    }
    assert figure(row["cost"]).value == pytest.approx(spent)
    assert by_channel == pytest.approx(
        {"mail": 0.1 * (treated & ~late).sum(), "telephone": 0.3 * (treated & late).sum()}
    )
    price = figure(report.uplift.rows[0]["cost of each"])
    won = bought[treated].mean() - bought[~treated].mean()
    assert price.value == pytest.approx(spent / treated.sum() / won)
    assert covers(price, 0.2 / 0.05)


def test_an_order_counts_once_and_a_lost_refund_nowhere(tmp_path: Path) -> None:
    """Two reports of one order, a refund of it, and one of an order that is not known: all are said."""
    export, time = Export(), micros(BEGIN) + np.arange(2) * HOUR
    offers(export, names("p", 2), time, np.ones(2, bool))
    orders(export, names("p", 2), time + HOUR, 10.0, order_id="first", event_id=np.array(["a", "b"], object))
    orders(export, names("p", 1), time[:1] + DAY, 4.0, order_id="first", type="refunded", event_id="c")
    orders(export, names("p", 1), time[:1] + DAY, 9.0, order_id="second", type="refunded", event_id="d")
    report = export.report(tmp_path)
    (row,) = report.grid("orders").rows
    assert [figure(row[name]).value for name in ("orders", "gross", "net")] == [1, 10.0, 6.0]
    (section,) = (part for part in report.sections if part.name == "happened")
    texts = [warned.text for warned in section.warnings]
    assert "1 reports of orders that were known already are counted as duplicates." in texts
    assert "1 refunds are orphans (unknown order): they are subtracted nowhere." in texts


def test_the_cost_of_each_is_refused_where_nobody_was_won_or_nothing_was_spent() -> None:
    """Without a difference nothing has a price, and free contacts give none."""
    stratum = DrawStratum("s", 0.5)

    def sums_of(converted: int, spent: int) -> Sums:
        treated = ArmSums(
            persons=1000,
            converted=converted,
            spent=1000 * spent,
            spent_squares=1000 * spent**2,
            spent_converted=converted * spent,
        )
        return Sums({stratum: treated}, {stratum: ArmSums(persons=1000, converted=100)})

    won = cost_of_each(sums_of(400, 70_000), 0.95)
    assert won.value == pytest.approx(0.07 / 0.3)
    assert won.low is not None
    assert won.high is not None
    assert won.low < 0.07 / 0.3 < won.high
    for converted in (100, 20):
        assert (
            cost_of_each(sums_of(converted, 70_000), 0.95).refused == "it is not clear that anybody was won"
        )
    assert cost_of_each(sums_of(400, 0), 0.95).refused == "the contacts cost nothing"


def test_every_form_of_the_report_has_the_cost_of_each_beside_complaints(tmp_path: Path) -> None:
    """In one table: text with all columns, the page and JSON."""
    rng, export, number = np.random.default_rng(15), Export(), 20_000
    persons, time = names("p", number), moments(rng, number)
    treated = rng.random(number) >= 0.2
    offers(export, persons, time, treated)
    export.rows["contacts"][-1] = {**export.rows["contacts"][-1], "cost": np.where(treated, 6_500_000, 0)}
    bought = rng.random(number) < 0.05 + 0.1 * treated
    orders(export, persons[bought], time[bought] + HOUR, 10.0)
    for type_, share in (("complained", 0.01), ("unsubscribed", 0.02)):
        who = rng.random(number) < 0.02 + share * treated
        orders(
            *(export, persons[who], time[who] + HOUR, None),
            type=type_,
            event_id=names(type_, int(who.sum())),
            currency="",
        )
    report = export.report(tmp_path)
    by_metric = {row["metric"]: row for row in report.uplift.rows}
    assert {"converted", "complained", "unsubscribed"} <= by_metric.keys()
    price = figure(by_metric["converted"]["cost of each"])
    assert covers(price, 6.5 / 0.1)
    assert covers(figure(by_metric["complained"]["effect"]), 0.01)
    assert covers(figure(by_metric["unsubscribed"]["effect"]), 0.02)
    shown = StringIO()
    show(report, Console(width=400, file=shown, color_system=None), whole=True)
    for text in (shown.getvalue(), page(report).decode(), report.json().decode()):
        assert "cost of each" in text
        assert "complained" in text
        assert "unsubscribed" in text
    for width, column in ((240, True), (120, False)):
        shown = StringIO()
        show(report, Console(width=width, file=shown, color_system=None))
        header = next(line for line in shown.getvalue().splitlines() if line.startswith("campaign  metric"))
        assert ("cost of each" in header) is column
        assert f"{price.value:,.2f} [{price.low:,.2f}, {price.high:,.2f}]" in " ".join(
            shown.getvalue().split()
        )
        assert ("cost of each: cream " in shown.getvalue()) is not column
