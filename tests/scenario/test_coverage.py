"""Coverage of a book by its scenarios: what counts as reached, and how `tact test` tells it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.scenario.coverage import Coverage, coverage_document
from engine.scenario.play import play
from engine.scenario.read import load_scenario_files
from tests.books import compiled_book, write_book

TEA = """
book: {name: tea, timezone: Europe/London, salt: s}
attributes:
  profile.phone: {type: text}
  profile.member: {type: boolean}
  profile.likes: {type: text}
channels:
  sms: {kind: outbound, address: profile.phone, consent: not_needed}
  web: {kind: inbound}
placements:
  top: {channel: web}
audiences:
  members: {profile.member: true, profile.likes: tea}
offers:
  tea: {name: Tea, content: {default: {text: Tea}}}
campaigns:
  warm-up:
    offer: tea
    when: {audience: members, weather.temperature_c: {lt: 8}}
    channels: [sms]
    boosts: [{when: {profile.likes: tea}, by: 2}]
    variants:
      snow: {when: {weather.condition: snow}, content: {default: {text: Snow}}}
      plain: {content: {default: {text: Tea}}}
  on-the-page:
    offer: tea
    when: {any: [{profile.likes: tea}, {profile.likes: cake}]}
    placements: [top]
pressure:
  caps: {weekly: {limit: 1, per: rolling 7d}}
"""

ADA = """
customers:
  ada: {profile: {phone: "+44 1", member: true, likes: tea}, weather: {temperature_c: 3, condition: snow}}
  top-ada: {profile: {likes: tea}, placement: top}
tests:
"""
SNOWS = "  - {name: snow, now: 2026-01-12T10:00, customer: ada, expect: {variant: snow}}\n"
TWICE = """
  - name: once a week
    customer: ada
    story:
      - {at: 2026-01-12T10:00, decide: {}, expect: {outcome: offer}}
      - {at: 2026-01-13T10:00, decide: {}, expect: {by: weekly}}
"""


def missing(folder: Path, scenarios: str) -> list[str]:
    """What the scenarios do not reach, in the words of the report."""
    compiled = compiled_book(folder / "book", TEA)
    read = load_scenario_files({"tests/a.yaml": scenarios.encode()}, compiled)
    assert read.diagnostics == ()
    coverage = Coverage(compiled)
    results = play(compiled, read.scenarios, coverage=coverage)
    assert all(result.ok for result in results)
    assert coverage.reached <= set(coverage.items)
    return [f"{item.kind} {item.text}" for item in coverage.missing]


def test_everything_is_missing_without_scenarios(tmp_path: Path) -> None:
    """The items: campaigns, variants, audiences, rules, both branches of each test and of each condition of several."""
    names = missing(tmp_path, "customers: {ada: {profile: {likes: tea}}}\n")
    assert names[:6] == [
        "campaign on-the-page is never chosen",
        "campaign warm-up is never chosen",
        "variant plain of warm-up is never given",
        "variant snow of warm-up is never given",
        "audience members never holds",
        "rule weekly never blocks",
    ]
    tests = ["the condition as a whole", "profile.likes eq tea", "profile.member eq true"]
    branches = [name.removeprefix("branch ") for name in names[6:]]
    assert sorted(branches[:6]) == sorted(
        f"audience members: {test} {verdict} holds" for test in tests for verdict in ("never", "always")
    )
    assert len(branches) == 2 * (3 + 3 + 2 + 1 + 1)
    assert "campaign on-the-page, when: profile.likes eq cake never holds" in branches


def test_one_decision(tmp_path: Path) -> None:
    """What a decision evaluates counts; a campaign of a placement that the call does not fill is not evaluated."""
    names = missing(tmp_path, ADA + SNOWS)
    assert "campaign on-the-page is never chosen" in names
    assert "variant plain of warm-up is never given" in names
    assert not [name for name in names if "never holds" in name and "warm-up" in name]
    assert "branch campaign warm-up, when: weather.temperature_c lt 8 always holds" in names
    assert "branch audience members: the condition as a whole always holds" in names
    assert len([name for name in names if "on-the-page, when" in name]) == 6
    assert "rule weekly never blocks" in names


def test_the_rest(tmp_path: Path) -> None:
    """Further scenarios reach the other branches, the cap and the other campaign."""
    rest = """
  - {name: page, now: 2026-01-12T10:00, customer: top-ada, expect: {campaign: on-the-page}}
  - {name: cake, now: 2026-01-12T10:00, customer: top-ada, with: {profile: {likes: cake}}, expect: {campaign: on-the-page}}
  - {name: none, now: 2026-01-12T10:00, customer: top-ada, with: {profile: {likes: null}}, expect: {outcome: nothing}}
  - {name: mild, now: 2026-01-12T10:00, customer: ada, with: {weather: {temperature_c: 9}}, expect: {outcome: nothing}}
  - {name: out, now: 2026-01-12T10:00, customer: ada,
     with: {profile: {member: false, likes: ~}}, expect: {outcome: nothing}}
  - {name: dry, now: 2026-01-12T10:00, customer: ada, with: {weather: {condition: clear}}, expect: {variant: plain}}
"""
    assert missing(tmp_path, ADA + SNOWS + TWICE + rest) == [
        "branch campaign warm-up, boost 1: profile.likes eq tea always holds"
    ]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """The book with one scenario."""
    folder = write_book(tmp_path / "book", TEA)
    (folder / "tests").mkdir()
    (folder / "tests" / "a.yaml").write_text(ADA + SNOWS, encoding="utf-8")
    return folder


def run(*arguments: object) -> Result:
    """The command's end."""
    return CliRunner().invoke(app, ["test", *map(str, arguments)])


def test_command(book: Path, tmp_path: Path) -> None:
    """--coverage names what is missing; --coverage-json and --json hold the same figures."""
    result = run(book, "--coverage", "--coverage-json", tmp_path / "coverage.json")
    assert result.exit_code == 0
    report = json.loads((tmp_path / "coverage.json").read_text(encoding="utf-8"))
    assert {kind["kind"]: (kind["reached"], kind["total"]) for kind in report["kinds"]} == {
        "campaign": (1, 2),
        "variant": (1, 2),
        "audience": (1, 1),
        "rule": (0, 1),
        "branch": (7, 20),
    }
    assert report["percent"] == round(100 * 10 / 26, 2)
    lines = result.stdout.splitlines()
    assert lines[2] == (
        "coverage: 38.5 %: 1 of 2 campaigns, 1 of 2 variants, 1 of 1 audiences, 0 of 1 rules, 7 of 20 branches"
    )
    assert lines[3] == "    campaign  on-the-page is never chosen"
    assert len(lines) == 3 + len(report["missing"])
    assert json.loads(run(book, "--json", "--coverage").stdout)["coverage"] == report
    assert "coverage" not in json.loads(run(book, "--json").stdout)


@pytest.mark.parametrize(("percent", "code"), [("38", 0), ("39", 4), ("101", 2)])
def test_fail_under(book: Path, percent: str, code: int) -> None:
    """Coverage below the bound fails with the code of a failed scenario."""
    result = run(book, "--fail-under", percent)
    assert result.exit_code == code
    assert ("coverage is below 39 %" in result.output) is (code == 4)


def test_the_document_is_of_the_whole_book(tmp_path: Path) -> None:
    """Without scenarios nothing is reached, and everything is listed."""
    coverage = Coverage(compiled_book(tmp_path / "book", TEA))
    report = coverage_document(coverage)
    assert report["percent"] == 0
    assert len(report["missing"]) == len(coverage.items)
