"""What `tact test` prints, word for word: golden/NAME.yaml played on the book of tests/books.py, golden/NAME.txt."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from tests.books import write_book

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(("case", "code"), [("passing", 0), ("failing", 4), ("mistakes", 3)])
def test_output_is_as_written(case: str, code: int, rewrite: bool, tmp_path: Path) -> None:
    """A test is a line, a failure says what was expected, what came and why, a mistake says where it is."""
    book = write_book(tmp_path / "book")
    (book / "tests").mkdir()
    shutil.copyfile(GOLDEN / f"{case}.yaml", book / "tests" / f"{case}.yaml")
    result = CliRunner().invoke(app, ["test", str(book)])
    printed = result.output.replace(str(book), "BOOK")
    wanted = GOLDEN / f"{case}.txt"
    if rewrite:
        wanted.write_text(printed, encoding="utf-8")
    assert result.exit_code == code, printed
    assert printed == wanted.read_text(encoding="utf-8")
