"""`tact person`: answers about one person at the terminal and in files."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from tests.logs import Log, sqlite_log
from tests.privacy.kit import LI_NA, filled


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A log with something of Li Na in every table."""
    folder = tmp_path_factory.mktemp("log")
    made = sqlite_log(folder)
    asyncio.run(filled(made, folder))
    return made


def run(*words: str) -> Result:
    """Runs the command."""
    return CliRunner().invoke(app, ["person", *words], env={"COLUMNS": "200"})


def test_why_did_she_get_nothing_on_thursday(log: Log) -> None:
    """One command names the day's decision, the rule that held it back, and when it is possible again."""
    result = run("show", LI_NA, "--log", log.url, "--on", "2026-03-12")
    assert result.exit_code == 0
    assert "Got nothing: what fits was held back by weekly. Possible again 2026-03-17" in result.output
    assert "weekly (1 of 1 in rolling 7d" in result.output
    assert "Outcome" not in result.output


def test_days_are_those_of_the_books_clock(log: Log) -> None:
    """The day begins and ends on the clock of the book that decided last, or of the zone that is named."""
    tuesday = run("show", LI_NA, "--log", log.url, "--on", "2026-03-10", "--json")
    in_honolulu = run(
        "show", LI_NA, "--log", log.url, "--on", "2026-03-10", "--zone", "Pacific/Honolulu", "--json"
    )
    kinds = [entry["kind"] for entry in json.loads(tuesday.output)["timeline"]]
    assert "decision" in kinds
    assert json.loads(in_honolulu.output)["timeline"] == []


def test_only_the_last_entries_are_shown_and_the_others_are_counted(log: Log) -> None:
    """A long history ends where it is now, and says that there is more."""
    result = run("show", LI_NA, "--log", log.url, "--last", "2")
    lines = result.output.splitlines()
    assert "earlier entries; --last shows more" in result.output
    assert sum(line.startswith("2026-") for line in lines) == 2


def test_an_export_is_readable_for_its_owner_alone(log: Log, tmp_path: Path) -> None:
    """JSON and HTML go into files of mode 600, also where there was one that others could read."""
    out, html = tmp_path / "li_na.json", tmp_path / "li_na.html"
    html.touch(0o644)
    result = run("export", LI_NA, "--log", log.url, "--out", str(out), "--html", str(html))
    assert (result.exit_code, result.output) == (0, "")
    assert [path.stat().st_mode & 0o777 for path in (out, html)] == [0o600, 0o600]
    assert json.loads(out.read_bytes())["names"][1] == LI_NA
    assert html.read_text().startswith("<!doctype html>")


def test_nobody_is_an_answer(log: Log) -> None:
    """Who is not known has nothing: that is what they are told."""
    shown, exported = (run(word, "nobody", "--log", log.url) for word in ("show", "export"))
    assert (shown.exit_code, shown.output.strip()) == (0, "nothing is held under 'nobody'")
    assert json.loads(exported.output)["decisions"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--on", "tuesday"), "--on needs a day such as 2026-03-10, not 'tuesday'"),
        (("--zone", "Mars"), "--zone needs a time zone such as Europe/Paris, not 'Mars'"),
        (("--zone", "../etc/passwd"), "--zone needs a time zone"),
        (("--log", "sqlite:////nowhere/tact.db"), "there is no log at sqlite:////nowhere/tact.db"),
        (("--log", "mysql://x"), "the log's URL must be sqlite"),
    ],
)
def test_a_wrong_word_is_named(log: Log, words: tuple[str, ...], message: str) -> None:
    """A sentence and exit code 2."""
    result = run("show", LI_NA, "--log", log.url, *words)
    assert result.exit_code == 2
    assert message in result.output


def test_a_file_that_cannot_be_written_is_named(log: Log, tmp_path: Path) -> None:
    """A folder that is not there is no traceback."""
    result = run("export", LI_NA, "--log", log.url, "--out", str(tmp_path / "no" / "file.json"))
    assert result.exit_code == 1
    assert "no/file.json cannot be written: No such file or directory" in result.output


def test_control_characters_of_names_move_no_cursor(log: Log) -> None:
    """A name with an escape sequence is shown escaped."""
    result = run("show", "\x1b[2Jli", "--log", log.url)
    assert "\x1b" not in result.output
