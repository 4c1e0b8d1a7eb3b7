"""Members of a retailer for a send to many: the demo's households, each several times, with interests drawn by a hash.

Method: member k of household h has h's year of purchases, and everything else by a hash of both numbers, so that every run
sees the same people. Two members with neighbouring numbers live together. Nineteen in twenty have an address, nine in ten
agreed to mails, and four in five opened one last year, the more the more they buy. How likely they are to buy of a shelf
within a month is 0.3 times the cube of a draw, and twice that for the shelf beside the department where they pay most.
Front rows are wanted by few: 0.5 times the fifth power of a draw.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from pathlib import Path

from demo.households import Household, cities, households

SHELVES = ("books", "comics", "records", "films", "games", "photo", "hifi")
BESIDE = {
    "DRUG GM": "books",
    "COSMETICS": "photo",
    "TOYS": "games",
    "ELECT &PLUMBING": "hifi",
    "MEAT": "films",
    "PRODUCE": "records",
    "PASTRY": "comics",
}
"""The shelf for a household's favourite department; others favour none."""

WITH_ADDRESS, AGREED, OPENING = 0.95, 0.9, 0.8
_FIRST_DAY, _DAYS = date(2014, 1, 1), 4_300


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the retailer's club."""

    household: Household
    number: int
    """Among the members who are made of the household, from 0."""

    @property
    def customer(self) -> str:
        """The id."""
        return f"member-{self.household.number:04}-{self.number:03}"

    def draw(self, purpose: str) -> float:
        """A number in [0, 1) that depends only on the member and the purpose."""
        text = f"{purpose}:{self.household.number}:{self.number}"
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) / 2**64

    def scores(self) -> dict[str, float]:
        """The predicted interests, by shelf."""
        favourite = BESIDE.get(self.household.favourite_department or "", "")
        scores = {
            shelf: round(min(1.0, 0.3 * self.draw(shelf) ** 3 * (2 if shelf == favourite else 1)), 3)
            for shelf in SHELVES
        }
        return {**scores, "tickets": round(0.5 * self.draw("tickets") ** 5, 3)}


def members(number: int) -> Iterator[Member]:
    """So many members: the first of each household, then the second of each, and so on."""
    of_households = households()
    for at in range(number):
        copy, index = divmod(at, len(of_households))
        yield Member(of_households[index], copy)


def write_population(path: Path, number: int) -> None:
    """Writes the members to a Parquet file, as a warehouse would unload them. Needs the extra `batch`."""
    import pyarrow as pa  # noqa: PLC0415 - of the extra
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    rows = [_row(member) for member in members(number)]
    pq.write_table(pa.Table.from_pylist(rows, _schema()), path, compression="zstd")


def _row(member: Member) -> dict[str, object]:
    household = member.household
    stores = cities()
    opens = household.purchases if member.draw("opens") < OPENING else 0
    return {
        "customer": member.customer,
        "profile__email": f"{member.customer}@example.org" if member.draw("email") < WITH_ADDRESS else None,
        "profile__household": f"home-{household.number}-{member.number // 2}",
        "profile__member_since": _FIRST_DAY + timedelta(days=int(_DAYS * member.draw("since"))),
        "profile__store": stores[int(member.draw("store") * len(stores))].name,
        "profile__opens_last_year": opens,
        "consent__email": member.draw("consent") < AGREED,
        **{f"profile__scores__{shelf}": score for shelf, score in member.scores().items()},
    }


def _schema() -> "object":
    import pyarrow as pa  # noqa: PLC0415 - of the extra

    scores = [(f"profile__scores__{shelf}", pa.float64()) for shelf in (*SHELVES, "tickets")]
    return pa.schema(
        [
            ("customer", pa.string()),
            ("profile__email", pa.string()),
            ("profile__household", pa.string()),
            ("profile__member_since", pa.date32()),
            ("profile__store", pa.string()),
            ("profile__opens_last_year", pa.int64()),
            ("consent__email", pa.bool_()),
            *scores,
        ]
    )
