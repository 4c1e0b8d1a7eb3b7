"""The overview: what is live and since when, the servers, and what comes of decisions."""

from starlette.responses import Response

from engine.console.page import READERS, Asked, ConsolePage
from engine.ledger.queries.releases import live, published_names, servers


def _overview(asked: Asked) -> Response:
    with asked.reading() as store:
        lives = [row for name in published_names(store) if (row := live(store, name)) is not None]
        return asked.page("overview.html", lives=lives, servers=servers(store))


PAGES = (ConsolePage("/", "overview", _overview, READERS, nav="Overview"),)
