"""Pressure and funnel, on small exports that can be counted by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.measure.report.build import Report
from engine.measure.report.figures import Figure, Section
from tests.measure.report.exports import (
    BEGIN,
    DAY,
    HOUR,
    Export,
    covers,
    figure,
    ids,
    micros,
    moments,
    names,
    offers,
    orders,
)


def section(report: Report, name: str) -> Section:
    """The section of the name."""
    return next(part for part in report.sections if part.name == name)


def values(report: Report, grid: str, *columns: str) -> list[tuple[object, ...]]:
    """The cells of the columns, figures by their values."""
    return [
        tuple(cell.value if isinstance(cell := row.get(name), Figure) else cell for name in columns)
        for row in report.grid(grid).rows
    ]


@pytest.fixture
def week(tmp_path: Path) -> Report:
    """Four persons: Ann gets three contacts, Ben one that bounces, Cid is blocked, Dan is in the control."""
    export = Export()
    begin = micros(BEGIN)
    people = np.array(["ann", "ann", "ann", "ben", "dan"], object)
    time = begin + np.arange(5) * DAY // 2
    sent = offers(export, people, time, np.array([True, True, True, True, False]))
    bounce = {
        "event_id": "b",
        "person": "ben",
        "type": "bounced",
        "decision_id": sent[3],
        "campaign": "cream",
    }
    export.add("outcomes", **bounce, time=begin + 2 * DAY, recorded_at=begin + 2 * DAY)
    blocked = np.array(ids(begin + np.arange(2) * HOUR, 9), object)
    decision: dict[str, Any] = {"decision_id": blocked, "person": "cid", "time": begin + np.arange(2) * HOUR}
    export.add("decisions", **decision, recorded_at=begin, outcome="blocked", more_candidates=0)
    for rule, channel, blocks, row in (
        ("weekly", "mail", True, 0),
        ("night", "mail", True, 0),
        ("weekly", "app", True, 0),
        ("weekly", "mail", True, 1),
        ("yearly", "mail", False, 1),
    ):
        export.add(
            "readings",
            **{name: column[row] if name != "person" else column for name, column in decision.items()},
            campaign="cream",
            channel=channel,
            rule=rule,
            counted=2,
            limit_=2,
            blocks=blocks,
            next_allowed_at=begin + row * HOUR + 6 * HOUR,
        )
    return export.report(tmp_path)


def test_contacts_are_counted_a_person_and_week(week: Report) -> None:
    """Bounced and withheld contacts are none; persons who were decided for and got nothing count with 0."""
    assert values(week, "contacts", "channel", "contacts", "person-weeks", "share") == [
        ("(all)", "0", 3, 0.75),
        ("(all)", "3", 1, 0.25),
        ("mail", "0", 3, 0.75),
        ("mail", "3", 1, 0.25),
    ]
    assert values(week, "pressure", "channel", "contacts", "p50", "p95", "most")[0] == ("(all)", 3, 0, 3, 3)


def test_who_got_nothing_and_why(week: Report) -> None:
    """Cid by two rules, Dan by the control, Ben because the contact was released."""
    assert sorted(values(week, "without_contact", "reason", "name", "persons")) == [
        ("contact", "released, or never reported", 1),
        ("experiment", "control", 1),
        ("rule", "night", 1),
        ("rule", "weekly", 1),
    ]


def test_rules_bind_alone_or_beside_others_or_never(week: Report) -> None:
    """A rule is alone where it is the only one that blocks a proposal; rules that never bound are named."""
    assert values(week, "binds", "rule", "blocked", "alone", "persons", "median wait") == [
        ("weekly", 2, 2, 1, 6.0),
        ("night", 1, 0, 1, 6.0),
    ]
    texts = [warned.text for warned in section(week, "pressure").warnings]
    assert "Never bound in the period: yearly." in texts
    assert any(text.startswith("no price for weekly, yearly") for text in section(week, "pressure").refusals)
    assert week.grid("binds").note == "For some customers only: yearly (profile.gender eq female)."


def test_a_trial_prices_a_rule(tmp_path: Path) -> None:
    """Lifting the cap brings 0.4 a person and costs unsubscriptions: net value times persons, with limits."""
    rng, export, number = np.random.default_rng(21), Export(), 40_000
    persons, time = names("p", number), moments(rng, number)
    lifted = rng.random(number) < 0.5
    decisions = np.array(offers(export, persons, time, np.ones(number, bool)), object)
    export.add(
        "experiments",
        decision_id=decisions,
        person=persons,
        time=time,
        campaign="cream",
        purpose="trial",
        name="weekly",
        salt="t",
        low=0.0,
        high=0.5,
        inside=lifted,
    )
    bought = rng.random(number) < 0.05 + 0.02 * lifted
    orders(export, persons[bought], time[bought] + HOUR, 20.0)
    left = rng.random(number) < 0.02 + 0.01 * lifted
    gone = {"type": "unsubscribed", "event_id": names("u", int(left.sum())), "value": None, "currency": None}
    orders(export, persons[left], time[left] + 2 * HOUR, **gone)
    report = export.report(tmp_path)
    (row,) = report.grid("prices").rows
    assert row["rule"] == "weekly"
    assert covers(figure(row["price a person"]), 0.4)
    assert covers(figure(row["price"]), 0.4 * number)
    assert covers(figure(row["unsubscribed a person"]), 0.01)
    assert not any("no price for weekly" in text for text in section(report, "pressure").refusals)


def test_the_funnel_says_where_and_to_whom_and_by_how_much(tmp_path: Path) -> None:
    """10 decisions: 1 closed, 1 out of reach, 4 lost in rank, 1 capped, 1 in the control, 2 sent, 1 clicked."""
    export = Export()
    time = micros(BEGIN) + np.arange(10) * HOUR
    people = names("p", 10)
    codes = np.array(
        ["ramping", "no_consent", *["outranked"] * 4, "capped", "control", "chosen", "chosen"], object
    )
    treated = codes == "chosen"
    placed = np.isin(codes, ["control", "chosen"])
    sent = offers(export, people[placed], time[placed], treated[placed])
    row = {
        "event_id": "c",
        "person": people[9],
        "type": "clicked",
        "decision_id": sent[2],
        "campaign": "cream",
    }
    export.add("outcomes", **row, time=time[9] + HOUR, recorded_at=time[9] + HOUR)
    decision_id = np.array(ids(time, 5), object)
    decision_id[placed] = sent
    lost = {"decision_id": decision_id[~placed], "person": people[~placed], "time": time[~placed]}
    export.add("decisions", **lost, recorded_at=time[~placed], outcome="blocked", more_candidates=0)
    candidates = {"decision_id": decision_id, "person": people, "time": time}
    name = np.where(codes == "outranked", "oil", "").astype(object)
    export.add("candidates", **candidates, rank=2, campaign="cream", tier=0, score=1.0, code=codes, name=name)
    ranked = np.flatnonzero(codes == "outranked")
    rival = {key: column[ranked] for key, column in candidates.items()}
    export.add(
        "candidates",
        **rival,
        rank=1,
        campaign="oil",
        tier=np.array([0, 0, 0, 1]),
        score=np.array([1.2, 1.5, 3.0, 0.1]),
        code="chosen",
        name="mail",
    )
    report = export.report(tmp_path, win=0.5)
    stages = [
        row
        for row in values(report, "funnel", "campaign", "stage", "decisions", "lost here")
        if row[0] == "cream"
    ]
    assert [row[1:] for row in stages] == [
        ("decisions", 10, None),
        ("eligible", 10, 0),
        ("open", 9, 1),
        ("reachable", 8, 1),
        ("first in rank", 4, 4),
        ("passed pressure", 3, 1),
        ("sent", 2, 1),
        ("delivered", 0, None),
        ("clicked", 1, None),
        ("converted", 0, None),
    ]
    assert values(report, "rivals", "winner", "tier of the winner", "decisions", "score ratio") == [
        ("oil", "0", 3, 1.5),
        ("oil", "1 (higher)", 1, 0.1),
    ]
    assert values(report, "smallest_change", "lost in the tier", "would win", "value ×", "tried") == [
        (3, 2, 1.5, "not tried")
    ]
