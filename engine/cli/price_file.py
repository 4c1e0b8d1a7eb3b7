"""Reads prices of what is scarce from a file, for the commands that set them in a log or simulate by them."""

import json
from pathlib import Path

from engine.cli.exits import USAGE, fail
from engine.decide.experiments.bid_prices import PreviewedPrices
from engine.ledger.queries.prices import bid_prices_of
from engine.model.instant import Instant

_MOST_BYTES = 1 << 26
_WAYS = ("order", "best", "value")


def read_prices(path: Path, since: Instant, until: Instant | None = None) -> PreviewedPrices:
    """The prices in what `tact presend --preview --scarce WAY --json` printed, as a log keeps them: without ties.

    until: None: each ends with its counter's period. Ends the command where the file cannot be read or is no such document.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            fail(f"{path} is larger than {_MOST_BYTES >> 20} MiB", USAGE)
        document = json.loads(text)
        scarce = document["scarce"]
        run = f"{document['book']} {document['book_version']} {scarce['way']} {document['now']}"
        way = scarce["way"]
        if way not in _WAYS or not run.isprintable():
            raise ValueError("it names no way, or no book, version and moment")
        bid_prices = [price._replace(tie=None) for price in bid_prices_of(scarce, since, until)]
        if len({price.counter for price in bid_prices}) < len(bid_prices):
            raise ValueError("a counter has several prices")
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}", USAGE)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        fail(f"{path} is not what tact presend --preview --scarce best or value --json prints", USAGE)
    if way == "order":
        fail(f"{path} was shared out in order, which needs no prices: take best or value", USAGE)
    return PreviewedPrices(tuple(bid_prices), run)
