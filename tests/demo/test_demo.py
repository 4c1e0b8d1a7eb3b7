"""`tact demo` from end to end, as a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo.outcomes import EFFECT
from tests.demo.once import demo_run, run
from tests.replays import assert_replays


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The demo's JSON."""
    folder = tmp_path_factory.mktemp("demo")
    document: dict[str, Any] = json.loads(run(("demo", "--folder", str(folder), "--json"), folder))
    return document


def test_everybody_is_decided_and_logged(report: dict[str, Any]) -> None:
    """Three times 2,469 decisions and three visits are acknowledged, and just as many are in the log."""
    assert [tally["decided"] for tally in report["rounds"]] == [2469] * 3
    assert report["acknowledged"] == report["logged"]["decisions"] == 3 * 2469 + 3
    assert Path(report["logged"]["file"]).is_file()


def test_every_decision_comes_out_again(report: dict[str, Any]) -> None:
    """Made again by the book in the log, each is equal, byte by byte."""
    assert assert_replays(f"sqlite:///{report['logged']['file']}") == 3 * 2469 + 3


def test_the_march_day(report: dict[str, Any]) -> None:
    """At 3 °C Harbin gets the rich cream, for dry air; at 25 °C Shenzhen gets the light one at the same moment."""
    assert [(answer["offer"], answer["variant"], answer["channel"]) for answer in report["march_day"]] == [
        ("rich-cream", "dry-air", "wechat"),
        ("light-cream", "fresh", "wechat"),
    ]


def test_each_climate_gets_its_cream(report: dict[str, Any]) -> None:
    """Every city's most frequent offer is the cream of its climate, and nobody there gets another cream."""
    for city in report["rounds"][0]["cities"]:
        warmth = city["temperature_c"]
        cream = "rich-cream" if warmth < 10 else "daily-cream" if warmth < 18 else "light-cream"
        creams = [offer for offer in city["offers"] if offer.endswith("-cream")]
        assert creams == [cream]
        assert city["offers"][cream] == max(city["offers"].values())


def test_dry_air_changes_the_variant(report: dict[str, Any]) -> None:
    """Below 45 % humidity the rich cream comes only as dry-air, above it never."""
    for city in report["rounds"][0]["cities"]:
        variants = {name.split("/")[1] for name in city["variants"] if name.startswith("rich-cream/")}
        if variants:
            assert (variants == {"dry-air"}) == (city["humidity_pct"] < 45)


def test_every_campaign_finds_customers(report: dict[str, Any]) -> None:
    """Seven offers go out in the first round, mostly by WeChat; the eighth is for those who share, and nothing is shared."""
    got = report["rounds"][0]["got"]
    assert len({row["offer"] for row in got}) == 7
    by_sms = sum(row["customers"] for row in got if row["channel"] == "sms")
    assert 0 < by_sms < 0.25 * sum(row["customers"] for row in got)


def test_the_weekly_cap_holds(report: dict[str, Any]) -> None:
    """After two contacts there is a third only for service; the log agrees, and the date of release is exact."""
    first, second, third = report["rounds"]
    assert {row["offer"] for row in third["got"]} == {"points-notice"}
    assert (
        first["blocked_by"].get("weekly-outbound", 0) == second["blocked_by"].get("weekly-outbound", 0) == 0
    )
    assert third["blocked_by"]["weekly-outbound"] > 1500
    assert report["logged"]["most_in_a_week"] == 2
    assert report["held"]["blocked_by"] == ["weekly-outbound"]
    assert report["held"]["next_allowed_at"] == "2026-03-17T10:00:00+08:00"


def test_sms_is_rare(report: dict[str, Any]) -> None:
    """Nobody gets a second commercial SMS: the second round sends none but by service."""
    second = report["rounds"][1]
    assert {row["offer"] for row in second["got"] if row["channel"] == "sms"} <= {"points-notice"}
    assert second["blocked_by"]["sms-rarely"] > 300


def test_the_website_always_has_something(report: dict[str, Any]) -> None:
    """Known visitors see an offer though their messages are used up or not; an unknown one sees the brand's story."""
    *known, unknown = report["website"]
    assert [answer["outcome"] for answer in known] == ["offer", "offer"]
    assert (unknown["outcome"], unknown["offer"]) == ("fallback", "brand-story")
    assert unknown["content"]["title"]


def test_the_explanation_names_every_campaign(report: dict[str, Any]) -> None:
    """One campaign is chosen, another outranked, and each of the eight has its line."""
    lines = [line for line in report["explanation"] if not line.startswith(" ")]
    assert len(lines) == 8
    assert sum("chosen" in line for line in lines) == 1
    assert any("another scores higher" in line for line in lines)


def test_the_report_finds_the_effect(report: dict[str, Any]) -> None:
    """The limits hold the true effect and are clear of zero; both arms order; the page is beside the log."""
    effect = report["measured"]["effect"]
    assert effect["truth"] == EFFECT
    assert 0 < effect["low"] < EFFECT < effect["high"]
    assert effect["treated"]["persons"] > 3 * effect["control"]["persons"] > 300
    assert effect["control"]["ordered"] >= 20
    page = Path(effect["page"])
    assert page.parent == Path(report["logged"]["file"]).parent
    assert page.read_bytes().startswith(b"<!DOCTYPE html>")


def test_its_own_replay_is_equal(report: dict[str, Any]) -> None:
    """The demo says of its own log that every decision comes out again."""
    assert report["measured"]["replayed"] == {"equal": 3 * 2469 + 3, "different": 0}


def test_outcomes_change_no_decision(report: dict[str, Any]) -> None:
    """They are reported when all is decided: for each message a delivery or a bounce, and orders from both arms."""
    reported = report["reported"]
    outbound = sum(row["customers"] for tally in report["rounds"] for row in tally["got"])
    assert reported["delivered"] + reported["bounced"] == outbound
    assert reported["clicked"] < 0.3 * reported["delivered"]
    assert [tally["outcomes"].get("control", 0) > 100 for tally in report["rounds"]] == [True, True, False]


def test_without_the_extra_there_is_no_report(report: dict[str, Any]) -> None:
    """The demo names the package that is missing, and replays all the same."""
    script = (
        "import sys; sys.modules['duckdb'] = None; from pathlib import Path; from demo.measured import measure;"
        " done = measure(Path(sys.argv[1])); print(done.effect, done.missing, done.replayed['different'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, report["logged"]["file"]],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "None duckdb 0\n"


def test_for_people_it_prints_plain_text_where_there_is_no_terminal(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Into a pipe the demo writes tables without escape sequences."""
    demo = demo_run(tmp_path_factory)
    text = demo.printed
    assert "\x1b" not in text
    assert "acknowledged 7,410 = logged 7,410" in text
    assert "rich-cream" in text
    assert "percentage points; the truth, +15.0, is within the limits" in text
    assert "every decision made again from the log: 7,410 equal and 0 different" in text
    assert "the whole report is demo/report.html" in text
    assert (demo.folder / "report.html").is_file()
