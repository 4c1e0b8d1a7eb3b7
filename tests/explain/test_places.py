"""Capacities of places in words: which place is full, that it takes none, and that no place is known."""

from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.explain import explain, explain_logged
from engine.explain.sentences import sentence
from engine.model.instant import DAY, to_datetime
from engine.model.request import Request
from tests.books import compiled_book
from tests.explain.engines import engine_on
from tests.ledger.commit.shared import NOW
from tests.ledger.commit.test_capacity_each import BOOK, near

TABLE = "name,latitude,longitude,calls\nLyon / Est,45.7,4.9,1\nNice,43.7,7.3,0\n"
TOMORROW = to_datetime(NOW + DAY).date()
FULL = "talk fits, but no place takes a contact with the customer now: phone/capacity_each"


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """A dealer who makes one call a day, and one who makes none."""
    folder = tmp_path / "book"
    folder.mkdir()
    (folder / "dealers.csv").write_text(TABLE, encoding="utf-8")
    return compiled_book(folder, BOOK.replace("CONTROL", ""))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (near("Lyon / Est", 2), f"(Lyon / Est has taken 1 of 1 in calendar day in UTC, until {TOMORROW}T00:00+00:00)"),
        (near("Nice", 1), "(Nice takes none)"),
        (near("", 1), "(the customer's nearest place is not known)"),
    ],
)  # fmt: skip
async def test_a_place_in_words(
    compiled: CompiledBook, request_: Request, words: str, tmp_path: Path
) -> None:
    """Before the decision and from the log, in the same words."""
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        await engine.decide(near("Lyon / Est", 1))
        explained = await explain(engine, request_)
        decision = await engine.decide(request_)
        logged = await explain_logged(engine, decision.decision_id)
    for how in (explained, logged):
        (campaign,) = how.campaigns
        assert sentence(campaign, compiled.book.timezone).startswith(f"{FULL} {words}.")
