"""How `tact presend --preview` is called, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from engine.batch.profiles import Profiles
from engine.cli import app
from tests.books import write_book
from tests.measure.population.people_files import people, write_csv

NOW = ("--now", "2026-03-02T10:00")


def run(*arguments: object) -> Result:
    """The command's end."""
    return CliRunner().invoke(app, ["presend", *map(str, arguments)])


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """The small book."""
    return write_book(tmp_path / "book")


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """Two hundred persons."""
    return write_csv(tmp_path / "people.csv", people(200))


def test_funnel_is_that_of_one_simulated_moment(book: Path, crowd: Path, tmp_path: Path) -> None:
    """The first visit of a simulation, where nobody has a history either, gives the same offers; CSV and Parquet agree."""
    result = run(book, crowd, "--preview", "--json", "--verify", 100, *NOW)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    simulation = ("simulate", book, crowd, "--start", "2026-03-02", "--days", 1, "--json")
    simulated = json.loads(CliRunner().invoke(app, [*map(str, simulation)]).stdout)
    assert {name: count for name, count in report["outcomes"].items() if count} == {
        name: count for name, count in simulated["outcomes"].items() if count
    }
    offers = {(own["campaign"], own["variant"], own["channel"]): own["offers"] for own in report["forms"]}
    assert offers == {
        (own["campaign"], own["variant"], own["channel"]): own["contacts"] for own in simulated["forms"]
    }
    eligible = {own["campaign"]: own["eligible"] for own in simulated["campaigns"] if own["eligible"]}
    assert {own["campaign"]: own["eligible"] for own in report["campaigns"] if own["eligible"]} == eligible
    lanes = report["lanes"]
    assert (lanes["columns"], lanes["exact"], lanes["verified"]) == (200, 0, 200)
    parquet = tmp_path / "people.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT customer FROM read_csv('{crowd}')) TO '{parquet}'")
    assert run(book, parquet, "--preview", *NOW).exit_code == 0


def test_tables_name_campaigns_rate_and_lanes(book: Path, crowd: Path) -> None:
    """People read who gets what, how quickly it was decided, and why rows are evaluated alone."""
    result = run(book, crowd, "--preview", "--explain-lanes", *NOW)
    assert result.exit_code == 0
    for text in (
        "spring: 200 people at 2026-03-02T02:00:00+00:00",
        "a second",
        "lotion-mild",
        "200 by columns",
    ):
        assert text in result.stdout
    inferring = run("rules/store-recommend", crowd, "--preview", "--explain-lanes", *NOW)
    assert "one by one: 200: the book infers signals" in inferring.stdout


def test_people_that_do_not_fit_are_refused(book: Path, tmp_path: Path) -> None:
    """With row and column of each fault, also of customers who are there twice; nothing is printed of the others."""
    path = tmp_path / "people.csv"
    path.write_text("customer,profile.age\nann,x\nbo,30\nbo,31\n,4\nbo,32\n", encoding="utf-8")
    result = run(book, path, "--preview")
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr.splitlines() == [
        "row 2, column profile.age: needs a whole number, not 'x'",
        "row 5, column customer: needs the customer's id, a text",
        "row 4, column customer: is in row 3 already",
        "row 6, column customer: is in row 3 already",
        f"tact: {path} does not fit the book: 4 faults",
    ]
    path.write_text("customer\n", encoding="utf-8")
    assert "there are no people" in run(book, path, "--preview").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "or --preview to keep nothing"),
        (("--preview", "--channel", "smss"), "did you mean 'sms'?"),
        (("--preview", "--now", "noon"), "--now noon: is no moment"),
    ],
)
def test_wrong_options_are_usage_errors(
    book: Path, crowd: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Exit code 2, and what to write instead."""
    result = run(book, crowd, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert run(book, crowd.with_suffix(".xlsx"), "--preview").exit_code == 2


def test_a_difference_ends_with_its_own_code(
    book: Path, crowd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6, with the customer's name."""
    monkeypatch.setattr(Profiles, "may_go", lambda self, profiles: profiles < 0)
    result = run(book, crowd, "--preview", *NOW)
    assert result.exit_code == 6
    assert "the columns say" in result.stderr


def test_the_help_loads_no_arrays() -> None:
    """The commands' list starts without numpy, and so does the help of this one."""
    code = (
        "import sys; from typer.testing import CliRunner; from engine.cli import app;"
        "CliRunner().invoke(app, ['--help']); CliRunner().invoke(app, ['presend', '--help']);"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
