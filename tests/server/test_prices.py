"""The prices of what is scarce, as servers read them from the log."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from engine.client import Client
from engine.decide.experiments.bid_prices import BidPrice
from engine.decide.experiments.learning import Learned
from engine.engine import Engine
from engine.ledger.ledger import Ledger
from engine.ledger.queries.prices import AHEAD, write_prices
from engine.ledger.store.open import open_store
from engine.model.instant import from_datetime
from engine.server.book.serving import PriceReader, ServingBook, ServingBooks
from engine.wire.messages.requests import request as request_of
from engine.wire.messages.values import Plain
from engine.wire.parse import Parser
from tests.books import write_book
from tests.decide.arbitrate.shop import NOW, compiled_book
from tests.decide.arbitrate.test_prices import BOOK, campaign_of, price, request
from tests.logs import Log
from tests.servers import serving


async def test_servers_decide_alike_by_prices_from_their_moment_on(tmp_path: Path) -> None:
    """Two servers with one log; what one has read stays while the log is away, and other books read nothing."""
    url, soon = f"sqlite:///{tmp_path}/tact.db", NOW + AHEAD
    new: BidPrice = price("cream/stock", 3.2)._replace(since=soon)
    with closing(open_store(url)) as store, store.transaction():
        write_prices(store, [new], run="spring", now=NOW)
    for scarce, expected in (("prices", ("oil", "push")), ("order", ("cream", "sms"))):
        for server in range(2):
            compiled, learned = compiled_book(BOOK.format(scarce=scarce)), Learned()
            ledger = Ledger(open_store(url))
            engine = Engine(compiled, ledger, None, learned)
            books = ServingBooks(compiled, lambda own, engine=engine: ServingBook(Parser(own), engine))  # type: ignore[misc] # binds the loop's
            reader = PriceReader(books, ledger, learned)
            await reader.look()
            asked_for = request(0.5)._replace(customer=f"{scarce}{server}")
            before = await engine.decide(
                asked_for._replace(now=soon - 1, request_id="a" + asked_for.customer)
            )
            assert campaign_of(before) == ("cream", "sms")
            held = asked_for._replace(now=soon, customer=f"later {asked_for.customer}")
            assert campaign_of(await engine.decide(held)) == expected
            ledger.close()
            await reader.look()
            assert set(learned.bid_prices.at(soon)) == ({"cream/stock"} if scarce == "prices" else set())


def test_prices_over_the_wire(any_log: Log, tmp_path: Path) -> None:
    """Two real servers decide by the prices in the log, refuse by the counter's name, and explain to whom it went."""
    book, now = write_book(tmp_path / "book", BOOK.format(scarce="prices")), from_datetime(datetime.now(UTC))
    with closing(open_store(any_log.url)) as store, store.transaction():
        cut = price("cream/stock", 0.0, cut_off=5.0)._replace(since=now - 1)
        write_prices(store, [cut], run="spring", now=now - 2 * AHEAD)
    profile: dict[str, Plain | None] = {"want": 0.5, "phone": "1"}
    for name in ("ann", "bob"):
        with serving(book, any_log) as server, Client(server.target, timeout=60) as client:
            asked = request_of(name, profile=profile, consents=["push", "sms"])
            decided = client.decide(asked)
            assert [offer.campaign for offer in decided.offers] == ["oil"]
            assert "cream/stock" in [reason.name for reason in decided.reasons]
            higher = request_of(f"{name}-2", profile={**profile, "want": 0.6}, consents=["push", "sms"])
            assert [offer.campaign for offer in client.decide(higher).offers] == ["cream"]
            explained = client.explain(request_of(f"{name}-3", profile=profile, consents=["push", "sms"]))
            (cream,) = [own for own in explained.campaigns if own.campaign == "cream"]
            assert "cream/stock went to customers with a score above 5" in cream.sentence
