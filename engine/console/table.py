"""The table of all pages: each module of `engine.console.pages` gives its own, in the order of the navigation."""

from collections.abc import Sequence

from engine.console import login
from engine.console.page import ConsolePage, Socket
from engine.console.pages import (
    books,
    campaigns,
    decisions,
    drafts,
    experiments,
    operations,
    overview,
    person,
    pressure,
    report,
    tryout,
)

PAGES: Sequence[ConsolePage] = (
    *overview.PAGES,
    *books.PAGES,
    *drafts.PAGES,
    *tryout.PAGES,
    *campaigns.PAGES,
    *decisions.PAGES,
    *pressure.PAGES,
    *experiments.PAGES,
    *report.PAGES,
    *person.PAGES,
    *operations.PAGES,
    *login.PAGES,
)


SOCKETS: Sequence[Socket] = drafts.SOCKETS
