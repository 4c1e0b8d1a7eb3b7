"""`tact export`: what it prints, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from engine.cli import app
from engine.ledger.store.open import open_store
from tests.books import compiled_book
from tests.logs import Log, sqlite_log
from tests.measure.export.kit import BOOK, fill


def export(*words: str) -> Result:
    """Runs the command."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["export", *words])


def test_tables_and_files_are_counted(any_log: Log, tmp_path: Path) -> None:
    """For people and for machines; the second time there is nothing to write."""
    store, compiled = open_store(any_log.url), compiled_book(tmp_path / "book", BOOK)
    decisions = fill(store, compiled)
    store.close()
    out = str(tmp_path / "out")
    done = export(out, "--log", any_log.url)
    assert done.exit_code == 0, done.output
    rows = {cells[1]: cells[2] for line in done.output.splitlines() if len(cells := line.split("│")) == 4}
    assert {name.strip(): int(number) for name, number in rows.items()}["decisions"] == len(decisions)
    assert done.output.endswith(f"0 removed; attribution by book {compiled.book.version[:12]}\n")
    again = json.loads(export(out, "--log", any_log.url, "--json", "--rules", str(tmp_path / "book")).stdout)
    assert (again["written"], again["removed"], again["attribution"]) == (0, 0, compiled.book.version)
    assert again["rows"]["conversions"] == 24


def test_how_it_ends(tmp_path: Path) -> None:
    """2 for what is not there, 3 for a book that does not load, 1 for a log that cannot be read."""
    log = Log(f"sqlite:///{tmp_path}/tact.db")
    missing = export(str(tmp_path / "out"), "--log", log.url)
    assert (missing.exit_code, missing.output) == (2, f"tact: there is no log at {log.url}\n")
    (tmp_path / "tact.db").write_text(
        "no database, but long enough to be read as the head of one" * 20, encoding="utf-8"
    )
    broken = export(str(tmp_path / "out"), "--log", log.url)
    assert broken.exit_code == 1
    assert broken.output.startswith("tact: ")
    assert (
        export(str(tmp_path / "out"), "--log", log.url, "--rules", str(tmp_path / "nothing")).exit_code == 3
    )
    crowded = export(str(tmp_path / "out"), "--log", log.url, "--memory", "much")
    assert (crowded.exit_code, crowded.output) == (2, "tact: --memory much: it is a size such as 2GB\n")
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}', encoding="utf-8")
    other = export(str(tmp_path), "--log", log.url)
    assert (other.exit_code, "is not the manifest of an export: name another folder" in other.output) == (
        2,
        True,
    )
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    gone = export(str(tmp_path / "out"), "--log", url)
    assert (gone.exit_code, gone.output[:28]) == (1, "tact: the log could not be r")


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """And the help of the program loads nothing of it."""
    code = "import sys; sys.modules['duckdb'] = None; from engine.cli import app; app(sys.argv[1:])"
    log = sqlite_log(tmp_path)
    command = [sys.executable, "-c", code, "export", str(tmp_path / "out"), "--log", log.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'tact[measure]'" in done.stderr
    code = "import sys; from engine.cli import app; app(['--help'], standalone_mode=False); print('duckdb' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
