"""The table of all pages: each module of `engine.console.pages` gives its own, in the order of the navigation."""

from collections.abc import Sequence

from engine.console import login
from engine.console.page import ConsolePage, Socket
from engine.console.pages import books, drafts, overview, tryout

PAGES: Sequence[ConsolePage] = (
    *overview.PAGES,
    *books.PAGES,
    *drafts.PAGES,
    *tryout.PAGES,
    *login.PAGES,
)


SOCKETS: Sequence[Socket] = drafts.SOCKETS
