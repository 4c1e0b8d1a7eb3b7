"""Help and tables of every command, as other programs have them."""

import os
import re
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from engine.cli import COMMANDS, app
from tests.forked import tact

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "rules" / "telecom-churn"
WIDE = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}


def words_of(command: str) -> list[str]:
    """The words by which the command is called."""
    return ["token", "new"] if command == "token" else [command]


@pytest.mark.parametrize("words", [[], ["token"], *map(words_of, COMMANDS)], ids=" ".join)
def test_the_help_of_flags_names_no_type(words: list[str]) -> None:
    """`--json`, not `--json <bool>`; no variable of the environment twice."""
    result = CliRunner(env=WIDE).invoke(app, [*words, "--help"])
    assert result.exit_code == 0, result.output
    assert "bool" not in result.output.lower()
    for line in result.output.splitlines():
        variables = re.findall(r"TACT_[A-Z_]+", line)
        assert len(variables) == len(set(variables)), line


@pytest.mark.parametrize("command", ["check", "decide", "explain", "test", "buckets"])
def test_arguments_are_called_as_in_the_pages(command: str) -> None:
    """`tact check BOOK`."""
    usage = CliRunner(env=WIDE).invoke(app, [command, "--help"]).output
    assert f" {command} [OPTIONS] BOOK" in usage


def test_flags_take_no_value() -> None:
    """Whatever follows one is the next argument, and none has a form `--no-…` that would do nothing."""
    for command in COMMANDS:
        group = typer.main.get_command(app)
        made = group.get_command(None, command)  # type: ignore[attr-defined]
        for param in made.params:
            if getattr(param, "is_flag", False):
                assert param.secondary_opts == [], (command, param.name)
    result = CliRunner().invoke(app, ["check", str(BOOK), "--json", "true"])
    assert result.exit_code == 2


CONTEXT = """
customer: maeve
profile: {tenure_months: 96, monthly_bill: 72.5, callback_number: "+44 20 7946 0001"}
consents: [phone]
events: [{type: code_requested, category: PAC, at: 2026-03-10T09:58}]
now: 2026-03-10T10:00Z
"""


def piped(folder: Path, *words: str, columns: str | None = None) -> str:
    """What a command writes into a pipe."""
    file = folder / "maeve.yaml"
    file.write_text(CONTEXT, encoding="utf-8")
    environment = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")
    }
    if columns:
        environment["COLUMNS"] = columns
    completed = tact(*(word.replace("FILE", str(file)) for word in words), environment=environment)
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


CALLS = [
    ("decide", str(BOOK), "--context", "FILE"),
    ("explain", str(BOOK), "--context", "FILE"),
    (
        "buckets",
        str(ROOT / "rules" / "film-word-of-mouth"),
        "--customer",
        "a-customer-with-a-long-name" * 3,
        "--on",
        "2026-03-05",
    ),
    ("settings", "--", "--log", f"sqlite:////{'long/' * 30}tact.db"),
]


@pytest.mark.parametrize("words", CALLS, ids=lambda words: words[0])
def test_nothing_is_cut_in_a_pipe(words: tuple[str, ...], tmp_path: Path) -> None:
    """A pipe has no width: each row is one line, as wide as it is."""
    printed = piped(tmp_path, *words)
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) > 80


@pytest.mark.parametrize("words", CALLS, ids=lambda words: words[0])
def test_columns_are_respected_without_a_cut(words: tuple[str, ...], tmp_path: Path) -> None:
    """Where COLUMNS says how wide the reader is, cells are wrapped."""
    printed = piped(tmp_path, *words, columns="80")
    assert "…" not in printed
    rows = [line for line in printed.splitlines() if line[:1] in "┏┃┡│└"]
    assert all(len(line) <= 80 for line in rows)

    def letters(text: str) -> str:
        return "".join(sorted(re.sub(r"[\s┏┓┃┡┩│└┘━┳╇┴─╵├]", "", text)))

    assert letters(printed) == letters(piped(tmp_path, *words))


def test_a_mistyped_command_is_recognised() -> None:
    """With the exit code of usage errors."""
    result = CliRunner(env=WIDE).invoke(app, ["chek", str(BOOK)])
    assert result.exit_code == 2
    assert "No such command 'chek'. Did you mean 'check'?" in result.stderr
    assert "No such command 'xyz'." in CliRunner(env=WIDE).invoke(app, ["xyz"]).stderr


TIE = """
book: {name: tie, timezone: Europe/Paris, salt: s}
attributes: {profile.phone: {type: text}}
channels: {sms: {kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}}
offers: {cream: {name: Cream, value: 1, content: {default: {text: A cream for you}}}}
campaigns:
  first:  {offer: cream, channels: [sms]}
  second: {offer: cream, channels: [sms]}
"""


def test_a_tie_is_said_to_be_one(tmp_path: Path) -> None:
    """In the table and in the sentence, with what breaks it."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "book.yaml").write_text(TIE, encoding="utf-8")
    context = tmp_path / "ada.yaml"
    context.write_text("customer: ada\nprofile: {phone: '1'}\nconsents: [sms]\n", encoding="utf-8")
    arguments = ["explain", str(tmp_path / "book"), "--context", str(context)]
    printed = CliRunner(env=WIDE).invoke(app, arguments).output
    assert "score 1, a tie" in printed
    assert "(score 1 for both, a tie that a hash of the customer's id breaks)" in printed
    assert "score 1 against 1" not in printed
