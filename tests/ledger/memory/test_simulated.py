"""Simulated moments and what is remembered, on both stores: nothing is deleted before the server's clock has passed it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.ledger.commit.events import RecordCommand, RecordResult
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.model.request import Mode, Request
from engine.wire.parse import Parser
from engine.wire.record import parse_linking
from tests.books import compiled_book
from tests.ledger.memory.books import REMEMBERING
from tests.logs import Log

NOW = 1_773_108_000_000_000
HOUR = 3600 * SECOND


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """A book that keeps events for ten days, and a signal of two days."""
    return compiled_book(tmp_path / "book", REMEMBERING)


@pytest.fixture
def engine(any_log: Log, compiled: CompiledBook) -> Iterator[Engine]:
    """An engine on a fresh log."""
    ledger = Ledger(open_store(any_log.url))
    yield Engine(compiled, ledger)
    ledger.close()


async def cart(engine: Engine) -> None:
    """Something is put into the cart, which raises the signal until NOW + 48 h."""
    event = Event("e-1", "add_to_cart", NOW, {"item": "soap"})
    assert await engine.record([RecordCommand(engine.compiled, "ann", event, NOW)]) == [RecordResult.ACCEPTED]


async def signals(engine: Engine, now: int, clock: int | None = None, mode: Mode = Mode.COMMIT) -> set[str]:
    """The signals that hold at the moment."""
    request = Request("ann", now, {"profile.tier": "gold"}, placement="hero", mode=mode, clock=clock)
    return {signal.name for signal in (await engine.decide(request)).signals}


@pytest.mark.parametrize("mode", Mode)
async def test_a_simulated_decision_ends_no_signal_of_others(
    engine: Engine, any_log: Log, mode: Mode
) -> None:
    """After a decision of next week the signal still holds tomorrow; when its time is really over it is deleted."""
    await cart(engine)
    assert await signals(engine, NOW + 7 * DAY, NOW + HOUR, mode) == set()
    assert await signals(engine, NOW + 30 * HOUR) == {"cart-abandoned"}
    assert any_log.rows("select count(*) from signals") == [(1,)]
    assert await signals(engine, NOW + 7 * DAY, NOW + 8 * DAY, mode) == set()
    assert any_log.rows("select count(*) from signals") == [(0 if mode is Mode.COMMIT else 1,)]


async def test_a_simulated_recording_deletes_nothing_that_is_kept(engine: Engine, any_log: Log) -> None:
    """An event of next month, recorded now: what was recorded before stays, with its signal, until it is really too old."""
    await cart(engine)
    later = NOW + 30 * DAY
    for number, clock in ((2, NOW + HOUR), (3, later)):
        event = Event(f"e-{number}", "view", later, {})
        command = RecordCommand(engine.compiled, "ann", event, later, clock=clock)
        assert await engine.record([command]) == [RecordResult.ACCEPTED]
        kept = any_log.rows("select event_id from events order by event_id")
        if number == 2:
            assert kept == [("e-1",), ("e-2",)]
            assert await signals(engine, NOW + 30 * HOUR) == {"cart-abandoned"}
    assert kept == [("e-2",), ("e-3",)]


@pytest.mark.parametrize("command", ["decide", "record", "report"])
async def test_a_simulated_link_keeps_the_signals_that_hold(
    engine: Engine, any_log: Log, command: str
) -> None:
    """Names that are linked by what is sent of next week: both persons' signals are the linked person's tomorrow."""
    await cart(engine)
    later, clock, event = NOW + 7 * DAY, NOW + HOUR, Event("e-9", "view", NOW, {})
    if command == "decide":
        await engine.decide(Request("zoe", later, {}, placement="hero", aliases=("ann",), clock=clock))
    elif command == "record":
        await engine.record([RecordCommand(engine.compiled, "zoe", event, later, ("ann",), clock)])
    else:
        clicked = event._replace(type="clicked")
        await engine.record(
            [ReportCommand(engine.compiled, "zoe", "", clicked, later, aliases=("ann",), clock=clock)]
        )
    assert any_log.rows("select count(*) from identities") == [(1,)]
    assert await signals(engine, NOW + 30 * HOUR) == {"cart-abandoned"}


def test_a_simulated_link_is_of_the_servers_clock(compiled: CompiledBook) -> None:
    """A link of next week joins what holds now; one of last week is of its own moment."""
    for shift, expected in ((7 * DAY, NOW), (-7 * DAY, NOW - 7 * DAY)):
        message = pb.LinkRequest(customer_ids=["ann", "zoe"])
        message.now.FromMicroseconds(NOW + shift)
        parser = Parser(compiled, may_simulate=lambda: True)
        assert parse_linking(parser, message, NOW).now == expected
