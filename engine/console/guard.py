"""What holds for every request, whatever page it asks for: the host, the origin of changes, and the headers of answers."""

import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE = frozenset(("GET", "HEAD"))
_MOST_TARGET = 8192
"""Characters of a path with its query."""


_HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    # not no-referrer: with it browsers send `Origin: null` with forms
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)


def content_policy(nonce: str, *, inline_styles: bool) -> str:
    """The policy of a page: scripts of our own only, none inline, no evaluation, and nothing from elsewhere.

    nonce: of styles that scripts add. inline_styles: for the editor, whose library writes them.
    """
    styles = "'unsafe-inline'" if inline_styles else f"'nonce-{nonce}'"
    return (
        "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self';"
        f" style-src 'self' {styles}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


class Guard:
    """Refuses hosts that are not the console's and changes that come from other pages; adds the headers of safety.

    origins: under which the console is reached, such as http://127.0.0.1:8070. The first is shown to people.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app, self._origins = app, frozenset(origins)
        self._hosts = frozenset(urlsplit(origin).netloc for origin in origins)
        self._secure = all(origin.startswith("https:") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or one connection of a WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        scope["nonce"] = secrets.token_urlsafe(16)
        app = self._app if refusal is None else refusal
        await app(scope, receive, self._with_headers(scope, send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if len(scope["path"]) + len(scope.get("query_string", b"")) > _MOST_TARGET:
            return PlainTextResponse("The address is too long.", 414)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return PlainTextResponse(
                "The console is not reached under this host name; --origin says under which it is.", 421
            )
        if scope["type"] == "http" and scope["method"] in _SAFE:
            return None
        origins = headers.getlist("origin")
        if len(origins) != 1 or origins[0] not in self._origins:
            return PlainTextResponse("The request comes from a page that is not the console's.", 403)
        return None

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS:
                    headers[name] = value
                static = scope["path"].startswith("/static/")
                headers.setdefault("cache-control", "no-cache" if static else "no-store")
                headers.setdefault(
                    "content-security-policy", content_policy(scope["nonce"], inline_styles=False)
                )
                if self._secure:
                    headers["strict-transport-security"] = "max-age=31536000"
            await send(message)

        return sending
