"""Each code of the linter by a minimal book that has it and the same book mended: examples/CODE/.

`# here` marks the line at which book.yaml has the code. A file beside the two belongs to the first book.
"""

import shutil
from pathlib import Path

import pytest

from engine.rulebook.load import LoadedBook, load_linted
from engine.rulebook.report.diagnostics import Severity
from tests.rulebook.lint.loading import NOW

EXAMPLES = Path(__file__).parent / "examples"
CODES = sorted(path.name for path in EXAMPLES.iterdir())
NOTES = {"store-recommend": ["'milk-jug' and 'proofing-basket'"]}
RULES = Path(__file__).parents[3] / "rules"


def expected(folder: Path) -> list[tuple[str, int]]:
    """The files and lines that are marked; without a mark, the first line of each file beside the books."""
    lines = (folder / "book.yaml").read_text(encoding="utf-8").splitlines()
    marked = [("book.yaml", number) for number, line in enumerate(lines, 1) if line.endswith("# here")]
    beside = sorted(path.name for path in folder.iterdir() if path.name not in ("book.yaml", "fixed.yaml"))
    return marked or [(name, 1) for name in beside]


def loaded(folder: Path) -> LoadedBook:
    """The book in the folder, linted as of March 2026."""
    return load_linted(folder, lambda _: NOW)


@pytest.mark.parametrize("code", CODES)
def test_the_code_is_reported_at_its_line(code: str, tmp_path: Path) -> None:
    """The first book has the code exactly where it is marked, with a hint, and no other warning."""
    shutil.copytree(EXAMPLES / code, tmp_path / "book", ignore=lambda *_: ["fixed.yaml"])
    result = loaded(tmp_path / "book")
    assert result.book is not None
    own = [diagnostic for diagnostic in result.diagnostics if diagnostic.code == code]
    assert [(diagnostic.file, diagnostic.line) for diagnostic in own] == expected(EXAMPLES / code)
    assert all(diagnostic.hint for diagnostic in own)
    assert [d.code for d in result.diagnostics if d.severity is Severity.WARNING and d.code != code] == []


@pytest.mark.parametrize("code", CODES)
def test_the_mended_book_is_clean(code: str, tmp_path: Path) -> None:
    """The second book loads without any remark."""
    (tmp_path / "book.yaml").write_bytes((EXAMPLES / code / "fixed.yaml").read_bytes())
    result = loaded(tmp_path)
    assert result.book is not None
    assert [(diagnostic.code, diagnostic.line) for diagnostic in result.diagnostics] == []


def test_every_code_of_the_linter_has_an_example() -> None:
    """The examples are of the codes that the modules of the linter report."""
    sources = (Path(__file__).parents[3] / "engine" / "rulebook" / "lint").glob("*.py")
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    reported = {word.split(".")[1] for word in text.replace(",", " ").split() if word.startswith("Code.")}
    assert {name.lower().replace("_", "-") for name in reported} == set(CODES)


@pytest.mark.parametrize("book", sorted(path.name for path in RULES.iterdir() if path.is_dir()))
def test_example_books_are_clean(book: str) -> None:
    """The books in rules/ have no warning, and no note but one: two things for the kitchen, worth the same, in one row."""
    result = loaded(RULES / book)
    assert result.book is not None
    assert {diagnostic.severity for diagnostic in result.diagnostics} <= {Severity.NOTE}
    messages = [diagnostic.message for diagnostic in result.diagnostics]
    assert [message.partition(" have ")[0] for message in messages] == NOTES.get(book, [])
