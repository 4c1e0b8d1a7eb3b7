"""Logging in and out, and what a user chooses for themselves: language and colours."""

import re
import time
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.console.app import Console, OpenPage
from engine.console.page import EVERYONE, Asked, ConsolePage, Refusal
from engine.console.render import LANGUAGE_COOKIE, THEME_COOKIE, THEMES
from engine.console.texts import LANGUAGES, _
from engine.console.users import SESSION_SECONDS
from engine.server.access.limits import Limits, RateLimit
from engine.server.access.roles import Refused, TooMuch

_ATTEMPTS = RateLimit(Limits(rate=1.0, burst=20))
"""Logins a second and at once, of all who try: tokens cannot be guessed, and each try costs little."""


_YEAR = 365 * 86400


_OWN_PATH = re.compile(r"/(?:[A-Za-z0-9_.~%:@=+-][A-Za-z0-9_.~%:@=+/-]*)?")
"""A path of the console: not `//host`, which leads elsewhere, and nothing that could end a header."""


async def _login(console: Console, request: Request, form: Mapping[str, str]) -> Response:  # noqa: ARG001
    context = {"code": request.query_params.get("code", ""), "refused": False}
    return console.templates.page(request, None, "login.html", context, 200)


async def _log_in(console: Console, request: Request, form: Mapping[str, str]) -> Response:
    try:
        _ATTEMPTS.take(time.monotonic())
    except TooMuch:
        raise Refusal(429, _("Too many logins are tried. Wait a few seconds.")) from None
    session_id = _begun(console, form)
    if session_id is None:
        return console.templates.page(request, None, "login.html", {"code": "", "refused": True}, 403)
    console.parts.users.end(request.cookies.get(console.parts.cookie, ""))
    user = console.parts.users.of_session(session_id)
    entries = console.templates.entries(user)
    response = RedirectResponse(entries[0].path if entries else "/", 303)
    response.set_cookie(
        console.parts.cookie,
        session_id,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=console.parts.cookie.startswith("__Host-"),
    )
    return response


def _begun(console: Console, form: Mapping[str, str]) -> str | None:
    """The id of a new session, always one of our making; None where what was sent proves nothing."""
    if code := form.get("code", ""):
        return console.parts.users.by_code(code)
    try:
        return console.parts.users.by_token(form.get("token", "").strip())
    except Refused:
        return None


async def _log_out(console: Console, request: Request, form: Mapping[str, str]) -> Response:  # noqa: ARG001
    console.parts.users.end(request.cookies.get(console.parts.cookie, ""))
    response = RedirectResponse(request.app.url_path_for("login"), 303)
    response.delete_cookie(
        console.parts.cookie,
        httponly=True,
        samesite="strict",
        secure=console.parts.cookie.startswith("__Host-"),
    )
    return response


async def _choose(asked: Asked) -> Response:
    """Keeps language and colours in cookies, and goes back to the page."""
    back = asked.form.get("back", "/")
    response = RedirectResponse(back if _OWN_PATH.fullmatch(back) else "/", 303)
    for cookie, field, known in (
        (LANGUAGE_COOKIE, "language", tuple(LANGUAGES)),
        (THEME_COOKIE, "theme", THEMES),
    ):
        value = asked.form.get(field, "")
        if value in known:
            response.set_cookie(cookie, value, max_age=_YEAR, httponly=True, samesite="strict")
    return response


OPEN_PAGES = (
    OpenPage("/login", "login", _login),
    OpenPage("/login", "log_in", _log_in, ("POST",)),
    OpenPage("/logout", "log_out", _log_out, ("POST",)),
)
PAGES = (ConsolePage("/preferences", "preferences", _choose, EVERYONE, ("POST",)),)
