"""Each code of the linter by a minimal book that has it and the same book mended: examples/CODE/.

A file beside book.yaml and fixed.yaml belongs to the first book.
"""

import re
import shutil
from pathlib import Path

import pytest

from engine.rulebook.lint.lint import CODES
from engine.rulebook.load import LoadedBook, load_linted
from engine.rulebook.report.diagnostics import Code, Severity
from tests.rulebook.lint.loading import NOW

EXAMPLES = Path(__file__).parent / "examples"
LINES = {
    "always-true": ("book.yaml", 14),
    "contains-empty": ("book.yaml", 13),
    "dominated": ("book.yaml", 17),
    "ignored-file": ("autumn.yaml.txt", 1),
    "locale-field": ("book.yaml", 16),
    "locale-missing": ("book.yaml", 5),
    "may-be-missing": ("book.yaml", 13),
    "midnight-hole": ("book.yaml", 16),
    "never-true": ("book.yaml", 16),
    "night": ("book.yaml", 12),
    "no-end": ("book.yaml", 9),
    "nothing-scarce": ("book.yaml", 2),
    "only-personalised": ("book.yaml", 10),
    "past": ("book.yaml", 12),
    "sensitive-name": ("book.yaml", 4),
    "shadowed": ("book.yaml", 13),
    "stock-by-views": ("book.yaml", 12),
    "tie": ("book.yaml", 10),
    "unreachable-variant": ("book.yaml", 16),
}
"""Where each example has its code."""
RULES = Path(__file__).parents[3] / "rules"


def loaded(folder: Path) -> LoadedBook:
    """The book in the folder, linted as of March 2026."""
    return load_linted(folder, lambda _: NOW)


@pytest.mark.parametrize("code", LINES)
def test_the_code_is_reported_at_its_line(code: str, tmp_path: Path) -> None:
    """The first book has the code exactly once, at its line, with a hint, and no other warning."""
    shutil.copytree(EXAMPLES / code, tmp_path / "book", ignore=lambda *_: ["fixed.yaml"])
    result = loaded(tmp_path / "book")
    assert result.book is not None
    own = [diagnostic for diagnostic in result.diagnostics if diagnostic.code == code]
    assert [(diagnostic.file, diagnostic.line) for diagnostic in own] == [LINES[code]]
    assert all(diagnostic.hint for diagnostic in own)
    assert [d.code for d in result.diagnostics if d.severity is Severity.WARNING and d.code != code] == []


@pytest.mark.parametrize("code", LINES)
def test_the_mended_book_is_clean(code: str, tmp_path: Path) -> None:
    """The second book loads without any remark, but that it has nothing for who objects: most examples are too small."""
    (tmp_path / "book.yaml").write_bytes((EXAMPLES / code / "fixed.yaml").read_bytes())
    result = loaded(tmp_path)
    assert result.book is not None
    expected = set() if code == Code.ONLY_PERSONALISED else {Code.ONLY_PERSONALISED}
    assert {diagnostic.code for diagnostic in result.diagnostics} <= expected


def test_every_code_of_the_linter_has_an_example() -> None:
    """The examples are of the codes that the modules of the linter report, which are those that it is said to have."""
    sources = (Path(__file__).parents[3] / "engine" / "rulebook" / "lint").glob("*.py")
    texts = [path.read_text(encoding="utf-8").rpartition("_BACKUP = ")[2] for path in sources]
    reported = {Code[name] for text in texts for name in re.findall(r"Code\.(\w+)", text)}
    assert reported == CODES
    assert set(LINES) == {str(code) for code in CODES}


@pytest.mark.parametrize("book", sorted(path.name for path in RULES.iterdir() if path.is_dir()))
def test_example_books_are_clean(book: str) -> None:
    """The books in rules/ have neither a warning nor a note, as of the month in which their stories play."""
    result = loaded(RULES / book)
    assert result.book is not None
    assert result.diagnostics == ()
