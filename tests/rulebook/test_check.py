"""Output and exit code of `tact check`."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from engine.cli.check import check
from engine.cli.exits import BOOK, USAGE

GOLDEN = Path(__file__).parent / "golden"

MORE = "more about a code: tact check --explain {}\n"

app = typer.Typer()
app.command()(check)


def _book(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).write_bytes((GOLDEN / name).read_bytes())
    return str(folder)


def test_a_sound_book(tmp_path: Path) -> None:
    """A sound book gives one line with its counts and version, and exit code 0."""
    result = CliRunner().invoke(app, [_book(tmp_path, "_rich.yaml"), "--on", "2026-03-01"])
    assert result.exit_code == 0
    assert result.output.startswith(
        "rich: 2 campaigns, 1 offer, 2 audiences, 2 channels, 1 placement, 3 caps, 1 gap, 2 quiet rules, ver"
    )
    assert result.output.endswith(": fine, with 1 ignored\n")


def test_a_broken_book(tmp_path: Path) -> None:
    """A broken book gives its diagnostics, without colours off a terminal, and their number."""
    result = CliRunner().invoke(app, [_book(tmp_path, "_base.yaml", "cycles.yaml")])
    assert result.exit_code == BOOK
    assert result.output == (GOLDEN / "cycles.txt").read_text(encoding="utf-8") + "2 errors\n" + MORE.format(
        "cycle"
    )


def test_strict(tmp_path: Path) -> None:
    """Warnings are counted in the last line; with --strict they fail, unless they are ignored."""
    folder = Path(_book(tmp_path, "_base.yaml"))
    text = "pressure:\n  caps:\n    none: {limit: 1, per: rolling 7d, count: {channel: sms, kind: inbound}}"
    (folder / "caps.yaml").write_text(text, encoding="utf-8")
    lenient, strict = (CliRunner().invoke(app, [str(folder), *more]) for more in ([], ["--strict"]))
    assert (lenient.exit_code, strict.exit_code) == (0, BOOK)
    assert lenient.output == strict.output
    assert lenient.output.endswith(": fine, with 1 warning, 11 notes\n" + MORE.format("unused"))
    (folder / "caps.yaml").write_text(f"{text}  # tact: ignore no-effect", encoding="utf-8")
    ignored = CliRunner().invoke(app, [str(folder), "--strict"])
    assert ignored.exit_code == 0
    assert ignored.output.endswith(": fine, with 11 notes, 1 ignored\n" + MORE.format("unused"))


def test_explain() -> None:
    """--explain prints the page's section about a code, without a book."""
    result = CliRunner().invoke(app, ["--explain", "duplicate"])
    assert result.exit_code == 0
    assert result.output.startswith(
        "duplicate\n\nThe same key, or the same name, a second time.\n\n    book: {name:"
    )
    assert "\n    -  website: {kind: inbound}\n" in result.output
    assert "```" not in result.output


def test_explain_an_unknown_code() -> None:
    """A code that does not exist is a mistake of usage, with the one that was meant."""
    result = CliRunner().invoke(app, ["--explain", "duplicates"])
    assert (result.exit_code, result.output) == (
        USAGE,
        "tact: there is no code 'duplicates': did you mean 'duplicate'?\n",
    )


def test_json(tmp_path: Path) -> None:
    """With --json the output is one object."""
    result = CliRunner().invoke(app, [_book(tmp_path, "_base.yaml", "cycles.yaml"), "--json"])
    report = json.loads(result.output)
    assert result.exit_code == BOOK
    assert report["loads"] is False
    assert (report["levels"], report["ignored"]) == ({"error": 2, "warning": 0, "note": 0}, 0)
    first = report["diagnostics"][0]
    assert (first["code"], first["severity"], first["line"], first["column"]) == ("cycle", "error", 2, 3)
