"""Renders templates as pages: what every page has, in the user's language and colours."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from engine.console.guard import content_policy
from engine.console.page import ConsolePage
from engine.console.texts import LANGUAGE, LANGUAGES, _, moment, ngettext, number, percent
from engine.console.users import ConsoleUser

FOLDER = Path(__file__).parent
THEMES = ("auto", "light", "dark")

THEME_COOKIE, LANGUAGE_COOKIE = "tact_theme", "tact_language"


class PageTemplates:
    """The templates of `engine/console/templates`. Whatever is put into one is escaped.

    pages: all there are, for the navigation.
    """

    def __init__(self, pages: Sequence[ConsolePage]) -> None:
        self._pages = {page.name: page for page in pages}
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.install_gettext_callables(_, ngettext, newstyle=True)  # type: ignore[attr-defined]
        self._environment.filters |= {
            "number": number,
            "percent": percent,
            "moment": moment,
            "json": _as_json,
            "short": lambda version: str(version)[:12],
        }

    def page(
        self,
        request: Request,
        user: ConsoleUser | None,
        template: str,
        context: Mapping[str, Any],
        status: int,
    ) -> Response:
        """The template as a page; user: None before the login."""
        here = request.scope.get("page", "")
        theme = request.cookies.get(THEME_COOKIE, "auto")
        shown = self._environment.get_template(template).render(
            context,
            user=user,
            here=here,
            back=request.url.path,
            entries=self.entries(user),
            language=LANGUAGE.get(),
            languages=LANGUAGES,
            theme=theme if theme in THEMES else "auto",
            themes=THEMES,
            nonce=request.scope["nonce"],
            url=partial(_link, request),
        )
        page = self._pages.get(here)
        policy = content_policy(request.scope["nonce"], inline_styles=page is not None and page.inline_styles)
        return HTMLResponse(shown, status, {"content-security-policy": policy})

    def entries(self, user: ConsoleUser | None) -> list[ConsolePage]:
        """Of the navigation: the pages that the user may open."""
        if user is None:
            return []
        return [page for page in self._pages.values() if page.nav and user.may(page.roles)]


def _link(request: Request, page: str, /, **parts: Any) -> str:
    """The address of a page; names of campaigns and the like are quoted."""
    return str(request.app.url_path_for(page, **{key: quote(str(part)) for key, part in parts.items()}))


_IN_SCRIPTS = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def _as_json(value: Any) -> Markup:
    """The value as JSON for `<script type="application/json">`, which nothing in it can end."""
    return Markup(orjson.dumps(value).decode().translate(_IN_SCRIPTS))  # noqa: S704 nothing of it is markup
