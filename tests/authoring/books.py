"""The shipped books, as an editor has them: the content of each file by name."""

from functools import cache
from pathlib import Path

from engine.authoring.analyse import Analysis, analyse

RULES = Path(__file__).parents[2] / "rules"
BOOKS = sorted(folder.name for folder in RULES.iterdir() if folder.is_dir())


@cache
def contents(book: str) -> dict[str, bytes]:
    """Of all files of the book, tables included."""
    folder = RULES / book
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".yaml", ".csv") and "tests" not in path.parts
    }


@cache
def analysis(book: str) -> Analysis:
    """Of the whole book."""
    return analyse(contents(book))
