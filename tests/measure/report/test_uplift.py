"""Effects of simulated campaigns whose truth is known: the report finds it where the obvious ways do not."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from engine.measure import Arm, always_valid
from engine.measure.database import open_database
from engine.measure.report import tables
from engine.measure.statistics.sample_ratio import sample_ratio
from tests.measure.report.exports import (
    AS_OF,
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


def test_what_is_recorded_later_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report as of a moment is the same when the log has grown, with one thread or several."""
    rng, export, number = np.random.default_rng(6), Export(), 5_000
    persons, time = names("p", number), moments(rng, number)
    treated = rng.random(number) >= 0.2
    decisions = np.array(offers(export, persons, time, treated), object)
    bought = rng.random(number) < 0.1
    orders(export, persons[bought], time[bought] + HOUR, rng.random(bought.sum()) * 100)
    first = export.report(tmp_path / "first", by=("variant", "week")).json()
    for threads in (1, 5):
        with monkeypatch.context() as patched:
            patched.setattr(tables, "open_database", partial(open_database, threads=threads))
            assert export.report(tmp_path / f"by {threads}", by=("variant", "week")).json() == first
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
