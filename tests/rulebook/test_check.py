"""Output and exit code of `tact check`."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from engine.cli.check import check
from engine.cli.exits import BOOK

GOLDEN = Path(__file__).parent / "golden"

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
    assert result.output.endswith(": fine\n")


def test_a_broken_book(tmp_path: Path) -> None:
    """A broken book gives its diagnostics, without colours off a terminal, and their number."""
    result = CliRunner().invoke(app, [_book(tmp_path, "_base.yaml", "cycles.yaml")])
    assert result.exit_code == BOOK
    assert result.output == (GOLDEN / "cycles.txt").read_text(encoding="utf-8") + "2 errors\n"


def test_json(tmp_path: Path) -> None:
    """With --json the output is one object."""
    result = CliRunner().invoke(app, [_book(tmp_path, "_base.yaml", "cycles.yaml"), "--json"])
    report = json.loads(result.output)
    assert result.exit_code == BOOK
    assert report["loads"] is False
    first = report["diagnostics"][0]
    assert (first["code"], first["severity"], first["line"], first["column"]) == ("cycle", "error", 2, 3)
