"""The table of all pages: each module of `engine.console.pages` gives its own, in the order of the navigation."""

from collections.abc import Sequence

from engine.console import login
from engine.console.page import ConsolePage, Socket
from engine.console.pages import (
    campaigns,
    decisions,
    experiments,
    operations,
    overview,
    person,
    pressure,
    report,
)

PAGES: Sequence[ConsolePage] = (
    *overview.PAGES,
    *campaigns.PAGES,
    *decisions.PAGES,
    *pressure.PAGES,
    *experiments.PAGES,
    *report.PAGES,
    *person.PAGES,
    *operations.PAGES,
    *login.PAGES,
)


SOCKETS: Sequence[Socket] = ()
