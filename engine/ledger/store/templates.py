"""Rows of a table that are alike but for a few texts: made once as a template, into which each row puts its own."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ESCAPED = ("\\", "\t", "\n", "\r")


class RowTemplate:
    """A row in whose columns stand-ins are replaced, wherever they occur in the text of a value."""

    __slots__ = ("_columns", "_line", "_row", "_stand_ins")

    def __init__(self, row: Sequence[Any], stand_ins: tuple[str, ...]) -> None:
        """stand_ins: texts that occur nowhere else in the row; a number is its text."""
        self._row, self._stand_ins = tuple(row), stand_ins
        self._line: _Pattern | None = None
        self._columns: list[tuple[int, _Pattern]] | None = None

    def line(self, values: Sequence[str]) -> str:
        """The row in the text format of PostgreSQL's COPY. values: of the stand-ins in order, as `copied_texts` has them."""
        if self._line is None:
            self._line = _pattern(_copied(self._row), self._stand_ins)
        text, picked = self._line
        return text % picked(values)

    def row(self, values: Sequence[str]) -> tuple[Any, ...]:
        """The row as values. A number that a stand-in replaces is a text, as which databases take it."""
        if self._columns is None:
            texts = enumerate(map(str, self._row))
            self._columns = [
                (index, _pattern(text, self._stand_ins))
                for index, text in texts
                if any(map(text.__contains__, self._stand_ins))
            ]
        row = list(self._row)
        for index, (text, picked) in self._columns:
            row[index] = text % picked(values)
        return tuple(row)


class _Pattern(NamedTuple):
    """A text to be formatted, and what picks its values of all."""

    text: str
    picked: Callable[[Sequence[str]], tuple[str, ...]]


def _pattern(text: str, stand_ins: tuple[str, ...]) -> _Pattern:
    text = text.replace("%", "%%")
    found = sorted((at, number) for number, own in enumerate(stand_ins) for at in _starts(text, own))
    for own in stand_ins:
        text = text.replace(own, "%s")
    return _Pattern(text, _picker(tuple(number for _, number in found)))


def _starts(text: str, part: str) -> Iterator[int]:
    """Where the part occurs in the text."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + len(part))


@cache
def _picker(numbers: tuple[int, ...]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """Picks values by number, as a tuple."""
    if len(numbers) > 1:
        return itemgetter(*numbers)
    return lambda values: tuple(values[number] for number in numbers)


def copied_texts(texts: Sequence[str]) -> Sequence[str]:
    """The texts as COPY reads them."""
    joined = "".join(texts)
    if any(map(joined.__contains__, _ESCAPED)):
        return [text.translate(_ESCAPES) for text in texts]
    return texts


def _copied(row: Sequence[Any]) -> str:
    """A row in the text format of COPY."""
    texts = copied_texts(["" if value is None else _text(value) for value in row])
    nulls = zip(row, texts, strict=True)
    return "\t".join(["\\N" if value is None else text for value, text in nulls]) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value)
