"""`tact buckets`: the assignments of customers, as a table and as JSON, as the engine decides."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.decide.experiments.assignments import assignments
from tests.books import write_book
from tests.decide.arbitrate.shop import compiled_book, decided
from tests.decide.experiments.fixtures import LAB, NOW, crowd, on_page

SALTED = LAB.replace("salt: 2026-h1", "salt: {2026-01-01: h1, 2026-07-01: h2}")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """The folder of a book whose holdout is drawn anew in July."""
    return write_book(tmp_path / "book", SALTED)


def cli_assignments(book: Path, *options: str) -> list[dict[str, object]]:
    """The lines of JSON."""
    result = CliRunner().invoke(app, ["buckets", str(book), "--json", *options])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_it_prints_every_draw(book: Path) -> None:
    """One row a holdout, a control, a campaign with variants, with salt, place and result."""
    result = CliRunner().invoke(app, ["buckets", str(book), "--customer", "[li] na", "--on", "2026-03-10"])
    assert result.exit_code == 0, result.output
    assert "[li] na on 2026-03-10T00:00+08:00" in result.output
    rows = [line.replace("│", " ").split() for line in result.output.splitlines() if line.startswith("│")]
    assert [row[:3] for row in rows] == [
        ["holdout", "universal", "h1"],
        ["control", "cream", "s"],
        ["variant", "cream", "s"],
        ["control", "soap", "v2"],
    ]


def test_a_past_day_is_as_it_was(book: Path) -> None:
    """A salt that holds from a day on draws anew from its first moment; the days before it, any time, draw as before."""
    salts = {}
    for day in ("2025-05-01", "2026-06-30T23:59:59", "2026-07-01", "2026-09-01"):
        (assigned,) = cli_assignments(book, "--customer", "ann", "--on", day)
        salts[day] = assigned["memberships"][0]["salt"]  # type: ignore[index]
    assert list(salts.values()) == ["h1", "h1", "h2", "h2"]


def test_a_file_of_customers(book: Path, tmp_path: Path) -> None:
    """One object a line for each id of the file, in its order; empty lines are none, blanks around an id are none of it."""
    file = tmp_path / "ids.txt"
    file.write_text("ann\n\nbob \n", encoding="utf-8")
    assert [assigned["customer"] for assigned in cli_assignments(book, "--file", str(file))] == [
        "ann",
        "bob",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--customer"),
        (["--customer", "a", "--on", "soon"], "--on soon"),
        (["--file", "/nowhere"], "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(book: Path, options: list[str], said: str) -> None:
    """No customer, no such day, no such file: exit code 2 and what is wrong."""
    result = CliRunner().invoke(app, ["buckets", str(book), *options])
    assert result.exit_code == 2
    assert said in result.output


def test_it_says_what_the_engine_does() -> None:
    """For a thousand customers: withheld exactly where it says so, and the first variant is the one that is drawn."""
    compiled = compiled_book(LAB)
    for person in crowd(1_000):
        drawn = {
            (assignment.kind, assignment.name): assignment
            for assignment in assignments(compiled.book, person, NOW)
        }
        kept_back = bool(drawn["holdout", "universal"].inside or drawn["control", "cream"].inside)
        decision = decided(compiled, on_page(person, "bare"))
        assert (not decision.offers) is kept_back
        for offer in decision.offers:
            assert offer.variant == drawn["variant", "cream"].drawn[0]
