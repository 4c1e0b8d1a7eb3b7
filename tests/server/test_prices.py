"""The prices of what is scarce, as servers read them from the log."""

from contextlib import closing
from pathlib import Path

from engine.decide.experiments.bid_prices import BidPrice
from engine.decide.experiments.learning import Learned
from engine.engine import Engine
from engine.ledger.ledger import Ledger
from engine.ledger.queries.prices import AHEAD, write_prices
from engine.ledger.store.open import open_store
from engine.server.book.serving import PriceReader, ServingBook, ServingBooks
from engine.wire.parse import Parser
from tests.decide.arbitrate.shop import NOW, compiled_book
from tests.decide.arbitrate.test_prices import BOOK, campaign_of, price, request


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
