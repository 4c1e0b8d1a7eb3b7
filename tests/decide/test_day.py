"""`within` on a date counts by the customer's day, as `now.date` does."""

from datetime import date
from pathlib import Path

import pytest

from engine.decide.evaluate import evaluate
from engine.model.instant import Instant
from engine.model.request import Request
from engine.model.values import Attributes, Value
from tests.books import compiled_book

BOOK = """
book: {name: days, timezone: America/New_York}
attributes:
  profile.birthday: {type: date}
channels:
  web: {kind: inbound}
offers:
  cake: {name: Cake, content: {default: {text: Cake}}}
campaigns:
  birthday: {offer: cake, channels: [web], when: WHEN}
"""

WHENS = (
    "{profile.birthday: {within: 1d}}",
    "{profile.birthday: {in_next: 1d}}",
    "{profile.birthday: today}",
    "{signal: today}",
)
SIGNAL = "signals: {today: {when: {profile.birthday: {within: 1d}}}}\n"

NOW: Instant = 1_773_158_400_000_000
"""2026-03-10T16:00Z: the 11th in Auckland, the 10th in New York."""

AUCKLAND: dict[str, Value] = {"profile.time_zone": "Pacific/Auckland"}


@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize(
    ("zone", "birthday", "fits"),
    [
        (AUCKLAND, date(2026, 3, 11), True),
        (AUCKLAND, date(2026, 3, 10), False),
        ({}, date(2026, 3, 10), True),
        ({}, date(2026, 3, 11), False),
    ],
)
def test_the_customers_day(tmp_path: Path, when: str, zone: Attributes, birthday: date, fits: bool) -> None:
    """On the customer's birthday where they are, whatever day it is on the book's clock; unknown, by the book's."""
    text = BOOK.replace("WHEN", when) + (SIGNAL if "signal" in when else "")
    compiled = compiled_book(tmp_path, text)
    assert "profile.time_zone" in compiled.referenced
    request = Request("ann", NOW, {**zone, "profile.birthday": birthday}, channels=("web",))
    assert bool(evaluate(compiled, request).candidates) is fits
    compiled.close()


def test_other_books_read_no_zone(tmp_path: Path) -> None:
    """A book without such a test reads nothing of where the customer is."""
    compiled = compiled_book(tmp_path, BOOK.replace("WHEN", "{profile.birthday: {exists: true}}"))
    assert "profile.time_zone" not in compiled.referenced
