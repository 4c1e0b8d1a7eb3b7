"""Changes of a book's text that leave the rest as it is written."""

import copy
import random
from typing import Any

import pytest

from engine.authoring.analyse import Analysis, analyse
from engine.authoring.edits import BookText, edited
from engine.rulebook.report.findings import Path
from tests.authoring.books import BOOKS, analysis, contents

TEXT = """# 茶
a: {x: 1, 🍵: 2, z: 3}
b:
  - name: one   # the first
    size: 1

  - name: two
    size: {w: 1}
c:
  long: |
    some text

    more

  short: 'it''s'
d: {only: {deep: 1}}
e: {
  x: 1, # of x
  y: 2
}
"""


def _changed(path: Path, *, above: int = 0) -> str:
    """The lines that a deletion takes away and puts in their place."""
    read = analyse({"a.yaml": TEXT.encode()})
    edit = BookText(read).deletion(path, above=above)
    assert edit is not None
    return edited({"a.yaml": TEXT.encode()}, [edit])["a.yaml"].decode()


@pytest.mark.parametrize(
    ("path", "above", "old", "new"),
    [
        (("a", "x"), 0, "{x: 1, 🍵", "{🍵"),
        (("a", "🍵"), 0, "🍵: 2, ", ""),
        (("a", "z"), 0, ", z: 3", ""),
        (("b", 0), 0, "  - name: one   # the first\n    size: 1\n", ""),
        (("b", 0, "name"), 0, "name: one   # the first\n    size", "size"),
        (("b", 1, "size", "w"), 1, "    size: {w: 1}\n", ""),
        (("c", "long"), 0, "  long: |\n    some text\n\n    more\n", ""),
        (("c", "short"), 0, "  short: 'it''s'\n", ""),
        (("d", "only", "deep"), 2, "d: {only: {deep: 1}}\n", ""),
        (("e", "y"), 0, "y: 2", ""),
    ],
)
def test_an_entry_is_taken_out(path: Path, above: int, old: str, new: str) -> None:
    """In lines and in braces, the first, the last and the only one; comments beside others stay."""
    assert _changed(path, above=above) == TEXT.replace(old, new)


def test_what_is_not_written_as_an_entry_is_left() -> None:
    """Nor is more taken out than was asked for, and nothing is added twice."""
    text = BookText(analyse({"a.yaml": TEXT.encode()}))
    assert text.deletion(("d", "only", "deep"), above=1) is None
    assert text.deletion(("nowhere",)) is None
    assert text.deletions(("a",), ("x", "🍵", "z")) == []
    assert text.addition(("a",), {"x": "1"}) is None
    assert text.addition(("b", 0, "size"), {"x": "1"}) is None
    assert text.replacement(("nowhere",), "x: 1") is None
    assert text.written(("c", "long")) is None
    assert text.written(("c", "short")) == "'it''s'"


def _without(data: Any, path: Path) -> tuple[Any, int]:
    """The data without the entry and what would then be empty, and how many levels above it go with it."""
    data, above = copy.deepcopy(data), 0
    while True:
        around = data
        for part in path[:-1]:
            around = around[part]
        if len(around) > 1 or len(path) == 1:
            del around[path[-1]]
            return data, above
        path, above = path[:-1], above + 1


def _paths(read: Analysis, book: str) -> list[Path]:
    starts = sorted(
        {*read.keys, *(path for path in read.values if path and isinstance(path[-1], int))}, key=str
    )
    return random.Random(book).sample(starts, min(6, len(starts)))


@pytest.mark.parametrize("book", BOOKS)
def test_what_remains_of_a_shipped_book_is_all_else(book: str) -> None:
    """Whatever is taken out or added, also where lines end as on Windows: its data is that of before, changed there."""
    read = analysis(book)
    for path in _paths(read, book):
        expected, above = _without(read.data, path)
        edit = BookText(read).deletion(path, above=above)
        if edit is None:
            continue  # the only entry of one of several files, or what an alias repeats
        windows = {name: content.replace(b"\n", b"\r\n") for name, content in contents(book).items()}
        for files in (contents(book), windows):
            assert analyse(edited(files, [edit])).data == expected, path
        addition = BookText(read).addition(path, {"added": "{to: it}"})
        if addition is not None:
            around: Any = analyse(edited(contents(book), [addition])).data
            for part in path:
                around = around[part]
            assert around["added"] == {"to": "it"}
