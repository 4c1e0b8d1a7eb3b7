"""A batch is settled by one transaction, however large it is."""

from pathlib import Path

from engine.engine import Engine
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.model.decision import Decision
from engine.model.request import Request
from tests.decide.arbitrate.shop import NOW, SHOP, compiled_book


async def test_a_batch_is_one_settlement(tmp_path: Path) -> None:
    """A thousand requests, more than make a group of single calls, are decided in one transaction."""
    compiled = compiled_book(SHOP, "campaigns: {a: {offer: pen, placements: [shelf]}}")
    groups: list[int] = []
    ledger = Ledger(open_store(f"sqlite:///{tmp_path}/tact.db"))
    ledger.watch(lambda size, seconds, kept: groups.append(size))
    try:
        asked = [Request(f"c{number}", NOW, {}, placement="shelf") for number in range(1000)]
        answers = await Engine(compiled, ledger).decide_all(asked)
    finally:
        ledger.close()
    assert groups == [1000]
    assert all(isinstance(one, Decision) for one in answers)
