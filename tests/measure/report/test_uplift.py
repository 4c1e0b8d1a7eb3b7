"""Effects of simulated campaigns whose truth is known: the report finds it where the obvious ways do not."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from engine.measure import Arm, always_valid
from engine.measure.attribution import Rates
from engine.measure.report.build import Report
from engine.measure.report.cohorts import ArmSums, DrawStratum, Sums
from engine.measure.report.effects import cost_of_each
from engine.measure.report.figures import Figure
from engine.measure.statistics.sample_ratio import sample_ratio
from tests.measure.report.exports import AS_OF, BEGIN, BOOK, Export, book_of, micros, offers, orders

HOUR = 3_600_000_000
DAY = 24 * HOUR
WEEK = 7 * DAY


def names(prefix: str, number: int) -> np.ndarray:
    """Ids of persons."""
    return np.array([f"{prefix}{index}" for index in range(number)], object)


def moments(rng: np.random.Generator, number: int, day: int = 0, days: int = 28) -> np.ndarray:
    """Times from a day after BEGIN on, in order."""
    return np.sort(micros(BEGIN) + day * DAY + rng.integers(0, days * DAY, number))


def figure(cell: object) -> Figure:
    """The cell, which has to be a figure with limits."""
    assert isinstance(cell, Figure), cell
    assert cell.value is not None, cell.refused
    return cell


def covers(cell: Figure, truth: float) -> bool:
    """Whether the truth lies within the limits."""
    assert cell.low is not None, cell
    assert cell.high is not None, cell
    return cell.low <= truth <= cell.high


def test_ghost_exposure_finds_what_the_wrong_ways_miss(tmp_path: Path) -> None:
    """Of those whom the offer reaches 2 points more buy, so 1.8 of those for whom it was chosen: neither 2.4 nor 3.

    Delivered persons are more active, and so are persons for whom the campaign is chosen.
    """
    rng, export, number = np.random.default_rng(14), Export(), 150_000
    persons, time = names("p", number), moments(rng, number)
    treated, active = rng.random(number) >= 0.2, rng.random(number) < 0.5
    reached = rng.random(number) < np.where(active, 0.98, 0.82)
    base = np.where(active, 0.06, 0.03)
    bought = rng.random(number) < base + 0.02 * (treated & reached)
    decisions = np.array(offers(export, persons, time, treated), object)
    sent = treated & reached
    export.add(
        "outcomes",
        event_id=np.char.add("d", np.arange(number)[sent].astype(str)).astype(object),
        person=persons[sent],
        type="delivered",
        time=time[sent] + HOUR,
        recorded_at=time[sent] + HOUR,
        decision_id=decisions[sent],
        channel="mail",
        campaign="cream",
    )
    orders(export, persons[bought], time[bought] + 2 * HOUR)
    report = export.report(tmp_path)
    effect = report.figures["cream"]
    truth = 0.02 * reached.mean()
    assert covers(figure(effect.uplift), truth)
    assert covers(figure(effect.fixed), truth)
    delivered_against_control = bought[sent].mean() - bought[~treated].mean()
    others = (
        rng.random(number) < 0.02
    )  # persons for whom it was not chosen, because they are less likely to buy
    delivered_against_others = bought[sent].mean() - others.mean()
    assert not covers(figure(effect.fixed), delivered_against_others)
    assert delivered_against_others > delivered_against_control > truth + 0.002
    row = report.uplift.rows[0]
    assert covers(figure(row["of credited orders"]), 1 - bought[~treated].mean() / bought[treated].mean())
    assert figure(row["on reached"]).value == pytest.approx(
        (effect.uplift.value or 0) / reached[treated].mean()
    )
    assert covers(figure(row["on reached"]), 0.02)


def test_only_the_first_exposure_ever_counts(tmp_path: Path) -> None:
    """Persons who bought after an earlier contact are not chosen again: those who are would show a false loss."""
    rng, export, number = np.random.default_rng(7), Export(), 60_000
    old, new = names("old", number), names("new", number)
    treated = rng.random(number) >= 0.2
    buyer = rng.random(number) < 0.10
    early = moments(rng, number, 0, 7)
    offers(export, old, early, treated, 1)
    again = ~(
        buyer & treated
    )  # treated buyers bought at once and are gone; the others would buy later, contact or not
    second = moments(rng, number, 28, 7)
    offers(export, old[again], second[again], treated[again], 2)
    late = again & buyer
    orders(export, old[late], second[late] + HOUR)
    fresh = rng.random(number) >= 0.2
    time = moments(rng, number, 28, 7)
    offers(export, new, time, fresh, 3)
    bought = rng.random(number) < 0.05  # no effect
    orders(export, new[bought], time[bought] + HOUR)
    report = export.report(tmp_path, start=BEGIN + timedelta(days=28))
    assert covers(figure(report.figures["cream"].fixed), 0.0)
    (cohort,) = report.grid("cohorts").rows
    assert figure(cohort["persons"]).value == number
    assert figure(cohort["exposed before"]).value == again.sum()
    whole = np.concatenate([bought[fresh], late[again & treated]]).mean()
    assert whole - np.concatenate([bought[~fresh], late[again & ~treated]]).mean() < -0.01


def test_the_control_is_the_campaigns_own_and_not_a_holdout(tmp_path: Path) -> None:
    """Persons in a holdout got no other campaign either, and buy less: with them the effect would be overstated."""
    rng, export, number = np.random.default_rng(3), Export(), 100_000
    persons, time = names("p", number), moments(rng, number)
    held = rng.random(number) < 0.2
    treated = (rng.random(number) >= 0.2) & ~held
    bought = rng.random(number) < np.where(held, 0.02, 0.05) + 0.01 * treated
    withheld = np.where(held, "held_out", np.where(treated, "", "control"))
    decisions = offers(export, persons, time, treated, withheld=withheld)
    for low, high, inside, purpose in ((0.0, 0.2, held, "holdout"),):
        export.add(
            "experiments",
            decision_id=np.array(decisions, object),
            person=persons,
            time=time,
            campaign="cream",
            purpose=purpose,
            name="nobody",
            salt="h",
            low=low,
            high=high,
            inside=inside,
        )
    orders(export, persons[bought], time[bought] + HOUR)
    report = export.report(tmp_path)
    assert covers(figure(report.figures["cream"].uplift), 0.01)
    assert figure(report.grid("cohorts").rows[0]["held out"]).value == held.sum()
    naive = bought[treated].mean() - bought[~treated].mean()
    assert not covers(figure(report.figures["cream"].fixed), naive)
    programme = report.grid("programme").rows[0]
    assert programme["holdout"] == "nobody"
    assert covers(figure(programme["effect"]), 0.03 + 0.01 * treated[~held].mean())


def test_a_changed_share_of_the_control_neither_alarms_nor_biases(tmp_path: Path) -> None:
    """5 % control while few buy, then 20 % while many do: within strata the effect is right, and the draws are as logged."""
    rng, export, number = np.random.default_rng(5), Export(), 60_000
    whole_treated, whole_bought = [], []
    for index, (share, base) in enumerate(((0.05, 0.03), (0.2, 0.09))):
        persons, time = names(f"p{index}-", number), moments(rng, number, 7 * index, 7)
        treated = rng.random(number) >= share
        bought = rng.random(number) < base + 0.01 * treated
        offers(export, persons, time, treated, index, control=share)
        orders(export, persons[bought], time[bought] + HOUR)
        whole_treated.append(treated)
        whole_bought.append(bought)
    report = export.report(tmp_path)
    treated, bought = np.concatenate(whole_treated), np.concatenate(whole_bought)
    effect = report.figures["cream"]
    assert covers(figure(effect.fixed), 0.01)
    assert covers(figure(effect.uplift), 0.01)
    assert not covers(figure(effect.fixed), bought[treated].mean() - bought[~treated].mean())
    assert (figure(report.grid("cohorts").rows[0]["sample ratio p"]).value or 0) > 0.001
    assert sample_ratio([int(treated.sum()), int((~treated).sum())], [0.8, 0.2]).p < 0.001


def test_a_plan_of_the_book_says_where_the_limits_are_tightest(tmp_path: Path) -> None:
    """Limits with the `planned` of the control are those of the statistics with that plan; a single look does not change."""
    rng, export, number = np.random.default_rng(6), Export(), 20_000
    persons, time = names("p", number), moments(rng, number)
    treated = rng.random(number) >= 0.2
    bought = rng.random(number) < 0.05 + 0.02 * treated
    offers(export, persons, time, treated, control=0.2)
    orders(export, persons[bought], time[bought] + HOUR)
    planned = BOOK.replace("control: 20%", "control: {share: 20%, planned: 20000}")
    default, report = export.report(tmp_path / "a"), export.report(tmp_path / "b", book_of(planned))
    arms = [
        Arm(int(arm.sum()), float(bought[arm].sum()), float(bought[arm].sum())) for arm in (treated, ~treated)
    ]
    widths = []
    for made, plan in ((default, 5_000), (report, 20_000)):
        effect, expected = made.figures["cream"], always_valid(arms[0], arms[1], planned=plan).difference
        assert expected is not None
        uplift = figure(effect.uplift)
        assert (uplift.low, uplift.high) == pytest.approx((expected.low, expected.high))
        widths.append((uplift.high or 0) - (uplift.low or 0))
    assert widths[1] < widths[0]
    assert report.figures["cream"].fixed == default.figures["cream"].fixed
    said = [computation.formula for part in report.sections for computation in part.computations]
    assert any("N* = 5,000; 20,000 of cream" in text for text in said)


def test_a_sample_ratio_mismatch_refuses_the_effect(tmp_path: Path) -> None:
    """Control persons of one channel are lost on the way: no effect, a table of causes, and a problem."""
    rng, export, number = np.random.default_rng(9), Export(), 20_000
    persons, time = names("p", number), moments(rng, number)
    treated, app = rng.random(number) >= 0.2, rng.random(number) < 0.3
    kept = treated | ~app | (rng.random(number) < 0.5)
    channel = np.where(app, "app", "mail").astype(object)
    offers(export, persons[kept], time[kept], treated[kept], channel=channel[kept])
    bought = kept & (rng.random(number) < 0.06)
    orders(export, persons[bought], time[bought] + HOUR)
    report = export.report(tmp_path)
    effect = report.figures["cream"]
    assert effect.uplift.value is None
    assert effect.uplift.refused.startswith("sample ratio mismatch (p = ")
    assert figure(effect.treated).value == bought[treated].sum(), "counts stay"
    assert report.problem
    worst = report.grid("sample_ratio_causes").rows[0]
    assert (worst["by"], worst["value"]) == ("channel", "app")
    shown = export.report(tmp_path, anyway=True)
    assert shown.figures["cream"].uplift.value is not None
    assert shown.problem


@pytest.mark.parametrize("named", [True, False])
def test_a_control_whose_conversions_are_not_reported_is_refused(tmp_path: Path, *, named: bool) -> None:
    """Conversions that come only with the decision_id of an offer show an effect that is none."""
    rng, export, number = np.random.default_rng(2), Export(), 20_000
    persons, time = names("p", number), moments(rng, number)
    treated = rng.random(number) >= 0.2
    decisions = np.array(offers(export, persons, time, treated), object)
    bought = treated & (rng.random(number) < 0.05)
    if named:  # the control has some too, all with the id of another campaign's offer
        other = names("p", number)[~treated]
        elsewhere = offers(
            export, other, time[~treated], np.ones(len(other), bool), 1, campaign="oil", control=None
        )
        odd = np.arange(len(other)) % 30 == 0
        orders(export, other[odd], time[~treated][odd] + HOUR, decision_id=np.array(elsewhere, object)[odd])
    orders(export, persons[bought], time[bought] + HOUR, decision_id=decisions[bought])
    refused = export.report(tmp_path).figures["cream"].uplift.refused
    assert "control's conversions are not reported" in refused
    assert ("decision_id" in refused) == named


def test_open_windows_are_counted_apart(tmp_path: Path) -> None:
    """While more than half of the windows are open there are counts and a date; later only the closed ones are compared."""
    rng, export, number = np.random.default_rng(4), Export(), 20_000
    persons, time = names("p", number), moments(rng, number, 0, 10)
    treated = rng.random(number) >= 0.2
    offers(export, persons, time, treated)
    bought = rng.random(number) < 0.06
    orders(export, persons[bought], time[bought] + HOUR)
    early = export.report(tmp_path, as_of=BEGIN + timedelta(days=10))
    assert "the window is not over for more than half" in early.figures["cream"].uplift.refused
    half = np.datetime64(int(time[number // 2 - 1] + WEEK), "us").astype("datetime64[D]")
    assert early.figures["cream"].uplift.refused.endswith(f"ready on {half}")
    later = export.report(tmp_path, as_of=BEGIN + timedelta(days=14))
    maturing = int((time + WEEK > micros(BEGIN + timedelta(days=14))).sum())
    assert figure(later.grid("cohorts").rows[0]["maturing"]).value == maturing
    assert figure(later.figures["cream"].uplift).persons == number - maturing


def test_few_events_are_counts_only(tmp_path: Path) -> None:
    """19 events in the control give no rate."""
    export = Export()
    persons, time = names("p", 2_000), micros(BEGIN) + np.arange(2_000) * 60_000_000
    treated = np.arange(2_000) % 2 == 0
    offers(export, persons, time, treated, control=0.5)
    bought = np.isin(np.arange(2_000), [*range(0, 200, 2), *range(1, 39, 2)])
    orders(export, persons[bought], time[bought] + HOUR)
    effect = export.report(tmp_path).figures["cream"]
    assert effect.uplift.refused == "fewer than 20 events in an arm: counts only"
    assert (effect.treated.value, effect.control.value) == (100, 19)


def test_a_campaign_without_control_has_credit_only(tmp_path: Path) -> None:
    """Its effect is not known, and the page says so."""
    rng, export = np.random.default_rng(1), Export()
    persons, time = names("p", 3_000), moments(rng, 3_000)
    offers(export, persons, time, np.ones(3_000, bool), campaign="oil", control=None)
    orders(export, persons[:300], time[:300] + HOUR)
    report = export.report(tmp_path)
    assert report.figures == {}
    (uplift,) = (part for part in report.sections if part.name == "uplift")
    assert uplift.refusals == ("oil: it has no control, so what it caused is not known; it has credit only",)
    assert figure(report.grid("happened").rows[0]["orders"]).value == 300


def test_linked_names_are_one_person_in_the_arm_of_the_first_draw(tmp_path: Path) -> None:
    """Orders count under every name; who was drawn for both arms is counted, not left out."""
    rng, export, number = np.random.default_rng(8), Export(), 4_000
    first, second, time = names("a", number), names("b", number), moments(rng, number, 0, 7)
    treated = rng.random(number) >= 0.2
    offers(export, first, time, treated, 1)
    crossing = np.arange(number) < 50
    offers(export, second[crossing], np.sort(time[crossing] + 2 * DAY), ~treated[crossing], 2)
    bought = rng.random(number) < 0.2
    orders(export, second[bought], time[bought] + 3 * DAY)
    export.add("identities", name=second, person=first, linked_at=time + DAY)
    report = export.report(tmp_path)
    effect, (cohort,) = report.figures["cream"], report.grid("cohorts").rows
    assert figure(cohort["persons"]).value == number
    assert figure(cohort["crossed, treated"]).value == treated[crossing].sum()
    assert figure(cohort["crossed, control"]).value == (~treated[crossing]).sum()
    assert (effect.treated.value, effect.control.value) == (bought[treated].sum(), bought[~treated].sum())


def test_what_is_recorded_later_changes_no_byte(tmp_path: Path) -> None:
    """A report as of a moment is the same when the log has grown, with one thread or several."""
    rng, export, number = np.random.default_rng(6), Export(), 5_000
    persons, time = names("p", number), moments(rng, number)
    treated = rng.random(number) >= 0.2
    decisions = np.array(offers(export, persons, time, treated), object)
    bought = rng.random(number) < 0.1
    orders(export, persons[bought], time[bought] + HOUR, rng.random(bought.sum()) * 100)
    first = export.report(tmp_path / "first", by=("variant", "week")).json()
    assert export.report(tmp_path / "again", by=("variant", "week")).json() == first
    later = micros(AS_OF) + HOUR
    orders(export, persons[:100], time[:100] + HOUR, recorded_at=later)
    export.add(
        "outcomes",
        event_id=names("late", 100),
        person=persons[:100],
        type="bounced",
        time=time[:100] + HOUR,
        recorded_at=later,
        decision_id=decisions[:100],
        campaign="cream",
    )
    offers(export, names("new", 10), later + np.arange(10), np.ones(10, bool), 3)
    assert export.report(tmp_path / "grown", by=("variant", "week")).json() == first


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
    each = figure(report.uplift.rows[0]["cost of each"])
    assert each.value == pytest.approx(cost / (bought[treated].mean() - bought[~treated].mean()))
    assert covers(each, 0.09 / 0.05)
    row = report.grid("happened").rows[0]
    assert figure(row["cost"]).value == pytest.approx(0.1 * (treated & ~bounced).sum())
    assert figure(report.grid("orders").rows[0]["net"]).value == pytest.approx(net.sum())


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
    assert won.low is not None and won.high is not None and won.low < 0.07 / 0.3 < won.high
    for converted in (100, 20):
        assert cost_of_each(sums_of(converted, 70_000), 0.95).refused == "it is not clear that anybody was won"
    assert cost_of_each(sums_of(400, 0), 0.95).refused == "the contacts cost nothing in the book"
