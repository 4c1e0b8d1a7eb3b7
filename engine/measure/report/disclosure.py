"""Numbers of persons that may leave the house: no small cell, and no difference of two reports that tells of a person.

What is shown deviates by at most MOST_DEVIATION persons, and is not shown below SHOWN_FROM, so that no cell below LEAST is;
nor are cells that others and their total would give away. The deviation follows from all persons who are counted: the same
persons have the same numbers at every run, so that it is not averaged away, and one person more or less changes all numbers,
and which of them are shown, not only those of the cells that they are in.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

LEAST = 20
"""Persons below whom a cell is not shown."""

MOST_DEVIATION = 4
"""By how many persons a number that is shown deviates at most."""

SHOWN_FROM = LEAST + MOST_DEVIATION
"""Numbers below are not shown, since behind them may be fewer than LEAST persons."""

PERSON_KEY = "('0x' || substr(md5($salt || ':' || logged), 1, 12))::HUGEINT"
"""In SQL: the number of a person, by `$salt` and the id in the column `logged`; their sum is the key of a set of persons."""


class PersonCell(NamedTuple):
    """Persons with one value: of the audience, and of the others."""

    value: str
    inside: int
    outside: int

    @property
    def persons(self) -> int:
        """Of both sides."""
        return self.inside + self.outside

    @property
    def is_small(self) -> bool:
        """Whether a side is too small to be shown; 0 is, too: it tells of each of them what they are not."""
        return min(self.inside, self.outside) < SHOWN_FROM

    @classmethod
    def sum_of(cls, cells: Iterable["PersonCell"]) -> "PersonCell":
        """All of them as one, without a value."""
        total = cls("", 0, 0)
        for cell in cells:
            total = total.plus(cell)
        return total

    def plus(self, other: "PersonCell") -> "PersonCell":
        """Both as one, with the own value."""
        return PersonCell(self.value, self.inside + other.inside, self.outside + other.outside)


@dataclass(frozen=True, slots=True)
class Deviation:
    """Makes the numbers that may be shown of one set of persons."""

    key: str
    """Of the salt, and of all sets of persons that are counted."""

    def of(self, persons: int, *labels: str) -> int:
        """The number with its deviation; labels: what tells its cell from others."""
        digest = sha256("\0".join((self.key, *labels)).encode()).digest()
        return persons + int.from_bytes(digest[:8], "big") % (2 * MOST_DEVIATION + 1) - MOST_DEVIATION

    def cell(self, cell: PersonCell, label: str) -> PersonCell:
        """Both sides with their deviations. label: of what the cell has a value."""
        inside = self.of(cell.inside, "inside", label, cell.value)
        return PersonCell(cell.value, inside, self.of(cell.outside, "outside", label, cell.value))

    def shown(self, cells: Iterable[PersonCell], rest: PersonCell, label: str) -> list[PersonCell]:
        """The cells, which with the rest are everybody, as they are shown: small ones are in the rest, which comes last.

        Where the rest is small it takes up the smallest cells until it is not, since the total less the others would give it
        away. Empty where nothing can be shown.
        """
        kept = []
        for cell in cells:
            if self.cell(cell, label).is_small:
                rest = rest.plus(cell)
            else:
                kept.append(cell)
        kept.sort(key=lambda cell: (-min(cell.inside, cell.outside), cell.value))
        while kept and rest.persons and self.cell(rest, label).is_small:
            rest = rest.plus(kept.pop())
        shown = [self.cell(cell, label) for cell in kept]
        return [*shown, self.cell(rest, label)] if kept and rest.persons else shown


def about(persons: int) -> str:
    """A number of persons in a sentence, which gives no small one away."""
    if not persons:
        return "nobody"
    return f"fewer than {LEAST} persons" if persons < LEAST else f"about {round(persons, -1):,} persons"
