"""A retry gets the first answer letter by letter, on both stores: from the log, by another server, whatever came between."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.learning import Learned
from engine.engine import Engine
from engine.ledger.commit.learning import LearnCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import SECOND
from engine.model.request import Request
from engine.wire.respond import respond
from tests.books import compiled_book
from tests.logs import Log

NOW = 1_773_100_800_000_000
HOUR = 3600 * SECOND
BOOK = """
book: {name: extremes, timezone: Asia/Kathmandu}
attributes:
  profile.to: {type: text}
  profile.worth: {type: number, min: 0, max: 1e100}
  profile.odds: {type: number, min: 0, max: 1}
  profile.number: {type: number}
  profile.whole: {type: integer}
  profile.name: {type: text}
  profile.born: {type: date}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.to, consent: not_needed, hold: 1h}
placements: {page: {channel: web, max_offers: 4}}
offers:
  pen: {name: Pen, content: {default: {text: "{profile.name|you} {profile.number|0} {profile.whole|0} {profile.born|-}"}}}
  pad: {name: Pad, stock: 9, content: {default: {text: Pad}}}
  ink: {name: Ink, content: {default: {text: Ink}}}
campaigns:
  huge:
    offer: pen
    placements: [page]
    channels: [sms]
    value: {attribute: profile.worth, default: 1e100}
    boosts: [{when: {profile.odds: {gte: 0}}, by: 1e100}]
  tiny: {offer: pad, placements: [page], value: 5e-324, propensity: {attribute: profile.odds, default: 5e-324}}
  learns:
    offer: ink
    placements: [page]
    channels: [sms]
    value: 1e12
    learn: {reward: value, explore: 10%, delay: 1h}
    variants: {a: {content: {default: {text: A}}}, b: {content: {default: {text: B}}}, c: {content: {default: {text: C}}}}
pressure:
  caps: {daily: {limit: 2, per: calendar day}}
"""
NUMBERS = (0.0, -0.0, 5e-324, -5e-324, 0.1 + 0.2, 1e100, -1e100, 1 / 3)
WORTHS = (0.0, 5e-324, 2.2250738585072014e-308, 1e22, 123456789.12345678, 1e100)
ODDS = (0.0, 5e-324, 1 / 3, 0.9999999999999999, 1.0)
VALUES = (1e12, -1e12, 5e-324, -0.0, 0.1, 999_999_999_999.9999)
"""Of reported conversions: up to the bound of the contract."""


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


class Server:
    """What decides and learns on one log, with nothing of it in memory when it begins."""

    def __init__(self, compiled: CompiledBook, url: str) -> None:
        self.compiled, self.learned = compiled, Learned()
        self.ledger = Ledger(open_store(url))
        self.engine = Engine(compiled, self.ledger, None, self.learned)

    async def answers(self, requests: list[Request]) -> list[Decision]:
        """The decisions of the requests."""
        results = await self.engine.decide_all(requests)
        assert all(isinstance(result, Decision) for result in results), results
        return [result for result in results if isinstance(result, Decision)]

    async def learn(self, now: int) -> None:
        """Learns from what was reported."""
        self.learned.take(await self.ledger.commit(LearnCommand(self.compiled, now)))

    async def report(self, decisions: list[Decision], at: int) -> None:
        """Reports conversions of the most extreme values."""
        commands = [
            ReportCommand(
                self.compiled,
                "",
                decision.decision_id,
                Event(f"{decision.decision_id} {number}", "converted", at, {"value": value}),
                at,
            )
            for index, decision in enumerate(decisions)
            for number, value in enumerate((VALUES[index % len(VALUES)], 1e12))
        ]
        await self.engine.record(commands)


@pytest.fixture
def servers(compiled: CompiledBook, any_log: Log) -> Iterator[tuple[Server, Server]]:
    """Two servers on one log."""
    with ExitStack() as stack:
        pair = Server(compiled, any_log.url), Server(compiled, any_log.url)
        for server in pair:
            stack.callback(server.ledger.close)
        yield pair


def letters(decisions: list[Decision], compiled: CompiledBook) -> list[bytes]:
    """The answers as they leave the server."""
    return [respond(decision).SerializeToString(deterministic=True) for decision in decisions]


def requests_at(now: int, label: str) -> list[Request]:
    """Requests with every extreme number, on the page and by message."""
    requests = []
    for number, (worth, odds) in enumerate(product(WORTHS, ODDS)):
        attributes: dict[str, Any] = {
            "profile.to": "138",
            "profile.worth": worth,
            "profile.odds": odds,
            "profile.number": NUMBERS[number % len(NUMBERS)],
            "profile.whole": (-1) ** number * (2**53 - number),
            "profile.name": "Zoë \U0001f9f4 \u202e'\"\\ {x}",
            "profile.born": date(1, 1, 1) if number % 2 else date(9999, 12, 31),
        }
        on_page: dict[str, Any] = {"placement": "page", "max_offers": 4} if number % 3 else {}
        name = f"c-{number % 4}"
        requests.append(Request(name, now, attributes, request_id=f"{label}-{number}", **on_page))
    return requests


async def test_a_retry_answers_letter_by_letter(
    compiled: CompiledBook, servers: tuple[Server, Server], any_log: Log
) -> None:
    """By both servers, with other caps, stock and learned weights than before, and from a server that has just started."""
    first, second = servers
    requests = requests_at(NOW, "early")
    given = await first.answers(requests)
    await first.report(given, NOW + 60 * SECOND)
    for server in servers:
        await server.learn(NOW + 2 * HOUR)
    later = requests_at(NOW + 30 * HOUR, "late")
    learned = await second.answers(later)
    assert {decision.outcome for decision in given + learned} >= {"offer", "blocked"}
    probabilities = {
        offer.selection_probability
        for decision in learned
        for offer in decision.offers
        if offer.campaign == "learns"
    }
    assert probabilities - {1 / 3, 1.0}, "weights were learned"
    await first.report(learned, NOW + 31 * HOUR)
    for server in servers:
        await server.learn(NOW + 40 * HOUR)
    restarted = Server(compiled, any_log.url)
    other_context = [request._replace(attributes={}, now=request.now + HOUR) for request in requests + later]
    expected = letters(given + learned, compiled)
    for server in (first, second, restarted):
        assert letters(await server.answers(requests + later), compiled) == expected
        assert letters(await server.answers(other_context), compiled) == expected
    restarted.ledger.close()
    scores = any_log.rows("select max(score), min(score) from decisions where score is not null")
    assert scores[0][0] == 1e200
    assert any_log.rows("select count(*) from decisions") == [(len(requests + later),)]
