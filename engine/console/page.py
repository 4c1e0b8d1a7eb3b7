"""What a page of the console is: its route, the roles that it needs, and what it is given to answer a request."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.websockets import WebSocket

from engine.client import Client, PrivacyClient, RulebooksClient, Tls
from engine.console.books import BookShelf
from engine.console.log import LogReader
from engine.console.reporting import ReportDesk
from engine.console.users import ConsoleUser, ConsoleUsers
from engine.ledger.store.store import Store
from engine.measure.replay import END
from engine.model.instant import DAY, Instant
from engine.server.access.roles import Role

EVERYONE = frozenset(Role)
"""A page for every user, whatever their roles."""


READERS = frozenset((Role.READ, Role.WRITE, Role.APPROVE, Role.ADMIN))
"""Those who may see books and figures, in which no person is named."""


SMALL_FORM = 64 * 1024
"""Bytes of a form, unless its page allows more."""


SHOWN_DAYS = ("1", "7", "30", "90", "400")
"""Periods that pages offer, in days; texts, as addresses have them."""


class ShownPeriod(NamedTuple):
    """The period that a page shows: so many days of UTC, the present one included."""

    days: int
    since: Instant
    until: Instant
    """Exclusive; beyond now, since decisions of a later moment may have been tried out."""


class Refusal(Exception):
    """The request is refused, with a page that says why. status: of HTTP."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Servers:
    """How servers are reached."""

    target: str
    """Host and port; empty: there is none, and pages that need one say so."""
    seconds: float = 30.0
    tls: Tls | None = None
    metrics: Sequence[str] = ()
    """Addresses of metrics ports, `host:port` (TACT_CONSOLE_METRICS)."""


class DraftEditing(StrEnum):
    """Where books are edited (TACT_CONSOLE_EDIT)."""

    CONSOLE = "console"
    GIT_ONLY = "git-only"
    """In their repository: the console shows drafts, and changes none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request by a user who may make it, and what answers it. Handlers run in threads of their own."""

    request: Request
    user: ConsoleUser
    log: LogReader
    shelf: BookShelf
    reports: ReportDesk
    servers: Servers
    users: ConsoleUsers
    templates: Any
    """Renders templates."""
    form: Mapping[str, str]
    """The fields of the form that was sent, by name; of several with one name the last. Empty for GET."""
    editing: DraftEditing = DraftEditing.CONSOLE

    def query(self, name: str, otherwise: str = "") -> str:
        """A parameter of the address."""
        value: str = self.request.query_params.get(name, otherwise)
        return value

    def path(self, name: str) -> str:
        """A part of the path that the route names."""
        value: str = self.request.path_params[name]
        return value

    def days(self, otherwise: int = 7) -> "ShownPeriod":
        """The period that the parameter `days` names, ending now."""
        text = self.query("days")
        days = int(text) if text in SHOWN_DAYS else otherwise
        today = time.time_ns() // 1000 // DAY * DAY
        return ShownPeriod(days, today - (days - 1) * DAY, END)

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """The template as a page."""
        rendered: Response = self.templates.page(self.request, self.user, template, context, status)
        return rendered

    def see(self, name: str, /, **parts: str) -> Response:
        """Sends the browser to another page, after a change."""
        return RedirectResponse(self.request.app.url_path_for(name, **parts), 303)

    def reading(self) -> AbstractContextManager[Store]:
        """A log for reading, inside one transaction."""
        return self.log.reading()

    def client(self) -> Client:
        """A client of decisions under the user's roles; to be closed. Raises Refusal where there is no server."""
        client: Client = self._connected(Client)
        return client

    def rulebooks(self) -> RulebooksClient:
        """A client of releases under the user's roles; to be closed. Raises Refusal where there is no server."""
        client: RulebooksClient = self._connected(RulebooksClient)
        return client

    def privacy(self) -> PrivacyClient:
        """A client of persons' rights under the user's roles; to be closed. Raises Refusal where there is no server."""
        client: PrivacyClient = self._connected(PrivacyClient)
        return client

    def _connected(self, kind: type[Any]) -> Any:
        servers = self.servers
        if not servers.target:
            raise Refusal(503, "the console was started without --server, which this page needs")
        return kind(servers.target, timeout=servers.seconds, tls=servers.tls, token=self.user.token)


PageHandler: TypeAlias = Callable[[Asked], Response] | Callable[[Asked], Awaitable[Response]]
"""Answers a request: a function in a thread, or a coroutine function where it waits and reads nothing of the log."""


SocketHandler: TypeAlias = Callable[[WebSocket, ConsoleUser, LogReader], Awaitable[None]]
"""Speaks with a WebSocket that is open, until it ends; it may read the log."""


class ConsolePage(NamedTuple):
    """A route of the console. One without a role is refused when the console starts."""

    path: str
    name: str
    """Unique; templates link to it by `url(name)`."""
    handler: PageHandler
    roles: frozenset[Role]
    """Of which a user needs one."""
    methods: Sequence[str] = ("GET",)
    nav: str = ""
    """Its entry in the navigation; empty: it has none."""
    inline_styles: bool = False
    """Whether its scripts may write styles into the page."""
    edits: bool = False
    """Whether it writes drafts: refused where books are edited in git only."""
    most_bytes: int = SMALL_FORM
    """Of its form."""


class Socket(NamedTuple):
    """A route of a WebSocket."""

    path: str
    name: str
    handler: SocketHandler
    roles: frozenset[Role]
