"""The console's application: the table of its pages, who may open each, and what becomes of errors."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import grpc
import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.client import TactError
from engine.console.books import BookShelf
from engine.console.guard import Guard
from engine.console.log import LogReader
from engine.console.page import Asked, ConsolePage, DraftEditing, Refusal, Servers, Socket
from engine.console.render import FOLDER, LANGUAGE_COOKIE, PageTemplates
from engine.console.reporting import ReportDesk
from engine.console.texts import LANGUAGE, _, chosen_language
from engine.console.users import ConsoleUser, ConsoleUsers
from engine.console.workbench import StillWorking
from engine.ledger.errors import LedgerError
from engine.model.shown import without_secrets

log = structlog.get_logger()

_MOST_FIELDS = 1000


class ConsoleParts(NamedTuple):
    """What the application works with."""

    users: ConsoleUsers
    log: LogReader
    shelf: BookShelf
    reports: ReportDesk
    servers: Servers
    origins: Sequence[str]
    """Under which it is reached; the first is shown to people."""
    cookie: str
    """The name of the session's cookie."""
    editing: DraftEditing = DraftEditing.CONSOLE


class OpenPage(NamedTuple):
    """A route for those who are not logged in: the login itself."""

    path: str
    name: str
    handler: Callable[["Console", Request, Mapping[str, str]], Awaitable[Response]]
    methods: Sequence[str] = ("GET",)


class WithoutRole(ValueError):
    """A page has no role, so that nobody could be refused."""


class Console:
    """The application, and what its pages share.

    pages, sockets: the routes for users, each with its roles. open_pages: those before the login. Raises WithoutRole.
    """

    def __init__(
        self,
        parts: ConsoleParts,
        pages: Sequence[ConsolePage],
        sockets: Sequence[Socket],
        open_pages: Sequence[OpenPage],
    ) -> None:
        guarded: Sequence[ConsolePage | Socket] = [*pages, *sockets]
        for route in guarded:
            if not route.roles:
                raise WithoutRole(f"the page {route.name!r} at {route.path} has no role")
        self.parts, self.templates = parts, PageTemplates(pages)
        routes: list[BaseRoute] = [
            *(
                Route(page.path, self._endpoint(page), methods=list(page.methods), name=page.name)
                for page in pages
            ),
            *(WebSocketRoute(socket.path, self._socket(socket), name=socket.name) for socket in sockets),
            *(
                Route(page.path, self._open_endpoint(page), methods=list(page.methods), name=page.name)
                for page in open_pages
            ),
            Mount("/static", StaticFiles(directory=FOLDER / "static"), name="static"),
        ]
        handlers: Mapping[Any, Any] = {HTTPException: self._not_there}
        self.app: ASGIApp = Guard(Starlette(routes=routes, exception_handlers=handlers), parts.origins)

    def user_of(self, request: Request | WebSocket) -> ConsoleUser | None:
        """Who asks: as a proxy says that is believed, or by the session's cookie."""
        peer = request.client.host if request.client else ""
        names = request.headers.getlist("x-forwarded-user")
        users = self.parts.users
        if users.trusts(peer):
            groups = ",".join(request.headers.getlist("x-forwarded-groups")).split(",")
            stripped = [group.strip() for group in groups if group.strip()]
            return users.of_proxy(peer, names[0], stripped) if len(names) == 1 else None
        session_id = request.cookies.get(self.parts.cookie, "")
        return users.of_session(session_id) if session_id else None

    def refused(self, request: Request, status: int, sentence: str) -> Response:
        """A page that says why a request is refused."""
        log.info("console refused", page=request.scope["page"], status=status)
        user = request.scope.get("user")
        return self.templates.page(
            request, user, "error.html", {"status": status, "sentence": sentence}, status
        )

    def _endpoint(self, page: ConsolePage) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            self._begin(request, page.name)
            user = self.user_of(request)
            if user is None:
                return self._to_login(request)
            request.scope["user"] = user
            if not user.may(page.roles):
                needed = _(" or ").join(sorted(page.roles))
                return self.refused(request, 403, _("This needs the role %(roles)s.") % {"roles": needed})
            return await self._answer(page, request, user)

        return endpoint

    async def _answer(self, page: ConsolePage, request: Request, user: ConsoleUser) -> Response:
        """What the page's handler answers; a page that says why, where it refuses or fails."""
        try:
            form = await read_form(request, page.most_bytes)
            parts = self.parts
            asked = Asked(
                request,
                user,
                parts.log,
                parts.shelf,
                parts.reports,
                parts.servers,
                parts.users,
                self.templates,
                form,
                parts.editing,
            )
            if page.edits and parts.editing is DraftEditing.GIT_ONLY:
                raise Refusal(
                    403,
                    _(
                        "Books are edited in git here: change the files in their repository, and publish them."
                    ),
                )
            return await _answered(page, asked)
        except StillWorking:
            working = self.templates.page(request, user, "working.html", {}, 200)
            working.headers["refresh"] = "1"
            return working
        except Refusal as refusal:
            return self.refused(request, refusal.status, str(refusal))
        except TactError as error:
            return self.refused(request, _status_of(error), error.status.message or str(error))
        except LedgerError as error:
            return self.refused(request, 503, without_secrets(str(error)))
        except Exception as error:  # noqa: BLE001 every fault becomes a page, and a message without data
            return self._fault(request, error)

    def _open_endpoint(self, page: OpenPage) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            self._begin(request, page.name)
            try:
                return await page.handler(self, request, await read_form(request, 4096))
            except Refusal as refusal:
                return self.refused(request, refusal.status, str(refusal))

        return endpoint

    def _socket(self, socket: Socket) -> Callable[[WebSocket], Awaitable[None]]:
        async def endpoint(websocket: WebSocket) -> None:
            user = self.user_of(websocket)
            if user is None or not user.may(socket.roles):
                await websocket.close(1008)
                return
            with suppress(WebSocketDisconnect):
                await socket.handler(websocket, user)

        return endpoint

    def _begin(self, request: Request, name: str) -> None:
        request.scope["page"] = name
        wanted = request.cookies.get(LANGUAGE_COOKIE, "")
        LANGUAGE.set(chosen_language(wanted, request.headers.get("accept-language", "")))

    def _to_login(self, request: Request) -> Response:
        peer = request.client.host if request.client else ""
        if self.parts.users.trusts(peer):
            return self.refused(request, 401, _("The proxy names no user who has a role here."))
        if request.method in ("GET", "HEAD"):
            return RedirectResponse(request.app.url_path_for("login"), 303)
        return self.refused(request, 401, _("You are not logged in any more. Log in, then try again."))

    async def _not_there(self, request: Request, error: Exception) -> Response:
        self._begin(request, "")
        request.scope["user"] = self.user_of(request)
        status = error.status_code if isinstance(error, HTTPException) else 404
        sentences = {404: _("There is no such page."), 405: _("This page does not take such requests.")}
        return self.refused(request, status, sentences.get(status, _("The request is not valid.")))

    def _fault(self, request: Request, error: Exception) -> Response:
        log.error("the console met a fault", page=request.scope.get("page", ""), exc_info=error)
        return self.refused(request, 500, _("The console met a fault of its own; its messages say more."))


async def read_form(request: Request, most_bytes: int) -> dict[str, str]:
    """The fields of the form that was sent; of several with one name the last. Raises Refusal."""
    if request.method in ("GET", "HEAD"):
        return {}
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                raise Refusal(413, _("The form is too large."))
    except ClientDisconnect:
        raise Refusal(400, _("The form did not arrive as a whole.")) from None
    if not body:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refusal(415, _("The console takes forms only."))
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise Refusal(400, _("The form cannot be read.")) from None
    return dict(fields)


async def _answered(page: ConsolePage, asked: Asked) -> Response:
    handler: Any = page.handler
    if inspect.iscoroutinefunction(handler):
        waited: Response = await handler(asked)
        return waited
    answered: Response = await run_in_threadpool(handler, asked)
    return answered


_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.UNAUTHENTICATED: 403,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.UNIMPLEMENTED: 501,
}


def _status_of(error: TactError) -> int:
    """HTTP's status for that of a call which failed."""
    return _STATUSES.get(error.code, 503)
