"""How `tact simulate` is called, and how it ends."""

import json
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from tests.books import write_book
from tests.measure.population.people_files import people, write_csv


def run(*arguments: object) -> Result:
    """The command's end."""
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """The small book."""
    return write_book(tmp_path / "book")


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """Fifty persons."""
    return write_csv(tmp_path / "people.csv", people(50))


def test_document_and_decisions(book: Path, crowd: Path, tmp_path: Path) -> None:
    """The document has the counts; CSV and Parquet have every decision, with the columns of an export."""
    files = tmp_path / "out.csv", tmp_path / "out.parquet"
    options = ("--start", "2026-03-02", "--days", 3, "--json")
    result = run(book, crowd, *options, "--csv", files[0], "--parquet", files[1])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["people"], report["decisions"], report["weeks"]) == (50, 150, 1)
    assert sum(report["outcomes"].values()) == 150
    assert sum(form["contacts"] for form in report["forms"]) == report["outcomes"]["offer"] > 0
    assert {rule["rule"] for rule in report["rules"]} == {"weekly", "sms-rarely"}
    contacts = {channel["channel"]: channel for channel in report["contacts"]}
    assert contacts["all"]["contacts"] == report["outcomes"]["offer"]
    assert sum(contacts["all"]["shares"].values()) == pytest.approx(1)
    with duckdb.connect() as connection:
        for file, reader in zip(files, ("read_csv", "read_parquet"), strict=True):
            rows = connection.execute(
                f"SELECT count(*), count(campaign), count(DISTINCT person), min(time)::VARCHAR FROM {reader}('{file}')"
            ).fetchall()
            assert rows == [(150, report["outcomes"]["offer"], 50, "2026-03-02 02:00:00")]
    again = run(book, crowd, *options)
    assert again.stdout == result.stdout


def test_tables(book: Path, crowd: Path) -> None:
    """People read what was decided, by campaign, rule and week."""
    result = run(book, crowd, "--start", "2026-03-02", "--placement", "corner")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "spring: 50 people, 7 days from 2026-03-02, visits 1/day@10:00, seed 0: 350 decisions"
    )
    for text in (
        "lotion-mild",
        "share of person-weeks by number of contacts",
        "nothing is reported in a simulation",
    ):
        assert text in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--placement", "heroo"], "the book has no placement 'heroo'; did you mean 'hero'?"),
        (["--channel", "sns"], "the book has no channel 'sns'; did you mean 'sms'?"),
        (["--placement", "hero", "--channel", "sms"], "'hero' is on the channel 'web'"),
        (["--start", "tomorrow"], "--start tomorrow: is no day such as 2026-03-02"),
        (
            ["--start", "9999-12-30"],
            "--start 9999-12-30: 7 days from then on are not all in the years 2 to 9998",
        ),
        (
            ["--start", "0001-01-01"],
            "--start 0001-01-01: 7 days from then on are not all in the years 2 to 9998",
        ),
        (["--csv", "x.out", "--parquet", "./x.out"], "--csv and --parquet are both x.out: name two files"),
        (["--visits", "often"], "--visits 'often' is not a pattern such as"),
    ],
)
def test_usage(book: Path, crowd: Path, options: list[str], message: str) -> None:
    """An option that cannot be meant ends the command with code 2."""
    result = run(book, crowd, *options)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("option", ["--csv", "--parquet"])
def test_the_people_are_not_written_over(book: Path, crowd: Path, option: str) -> None:
    """Decisions do not replace the file that they are made of."""
    before = crowd.read_bytes()
    result = run(book, crowd, option, crowd.parent / ".." / crowd.parent.name / crowd.name)
    assert (result.exit_code, "is the file of the people: name another" in result.stderr) == (2, True)
    assert crowd.read_bytes() == before


def test_people_who_do_not_fit(book: Path, tmp_path: Path) -> None:
    """Faults end the command with code 5; twenty are shown."""
    rows = [[f"p-{i}", "old"] for i in range(30)]
    result = run(book, write_csv(tmp_path / "people.csv", rows, ["customer", "profile.age"]))
    assert result.exit_code == 5
    assert result.stderr.splitlines()[0] == "row 2, column profile.age: needs a whole number, not 'old'"
    assert result.stderr.splitlines()[20:] == [
        "and 10 more",
        f"tact: {tmp_path / 'people.csv'} does not fit the book: 30 faults",
    ]
    assert run(book, tmp_path / "nobody.csv").exit_code == 2


def test_a_file_that_cannot_be_written(book: Path, crowd: Path, tmp_path: Path) -> None:
    """A folder in place of the output ends the command with code 1 and its name."""
    result = run(book, crowd, "--days", 1, "--csv", tmp_path)
    assert (result.exit_code, result.stderr) == (1, f"tact: {tmp_path} cannot be written: Is a directory\n")


SOME = """
book: {name: some, timezone: UTC}
attributes: {profile.phone: {type: text}, profile.tier: {type: text}, profile.cart: {type: text}}
channels: {sms: {kind: outbound, address: profile.phone, consent: not_needed, capacity: {limit: 20, per: calendar hour}}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms], limits: {per_customer: {limit: 1, per: rolling 7d, by: profile.cart}}}}
pressure:
  caps: {gold: {limit: 3, per: rolling 7d, when: {profile.tier: gold}}}
  quiet: {off: {holidays: {country: customer}, when: {profile.tier: gold}}}
"""


def test_rules_for_some_rates_and_values(tmp_path: Path) -> None:
    """Sixty persons who all come at ten get twenty messages in an hour, each one message about the cart; half are gold."""
    persons = (f"c-{number},1,{'gold' if number % 2 else 'iron'},k-{number}" for number in range(60))
    crowd = tmp_path / "people.csv"
    crowd.write_text(
        "\n".join(("customer,profile.phone,profile.tier,profile.cart", *persons)), encoding="utf-8"
    )
    options = ("--start", "2026-03-09", "--days", 4, "--visits", "1/day@10:00", "--json")
    result = run(write_book(tmp_path / "book", SOME), crowd, *options)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["stock"] == [{"counter": "sms/capacity", "limit": 20, "taken": 20, "share": 1.0}]
    assert {rule["rule"]: (rule["evaluated"], rule["blocked"]) for rule in report["rules"]} == {
        "off": (120, 0),
        "gold": (120, 0),
        "tea/per_customer": (240, 20 + 40 + 60),
        "sms/capacity": (240, 40 + 20),
    }
    assert (report["outcomes"]["offer"], report["outcomes"]["blocked"]) == (60, 180)
