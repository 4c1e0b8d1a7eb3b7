"""A real Chromium, and what every page has to pass in it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.conftest import RunningConsole

CHROMIUM = os.environ.get("CHROMIUM", "")

SLOW = 120_000
"""Milliseconds after which something is taken to hang."""

Enter = Callable[..., Any]

in_browser = pytest.mark.skipif(not CHROMIUM, reason="make test-browser installs Chromium and runs this")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser, without a sandbox: that of Chromium cannot be had as root, and the pages are our own."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where make test-browser installed it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def look_at(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a file as a page, in light or dark; the test fails if the page asks the network or writes an error."""
    complaints: list[str] = []

    def look_at(file: Path, scheme: str = "light", *, scripts: bool = True) -> Any:
        context = chromium.new_context(color_scheme=scheme, java_script_enabled=scripts, offline=True)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith(("file:", "data:"))
                else complaints.append(f"asks for {request.url}")
            ),
        )
        page.goto(file.resolve().as_uri())
        return page

    yield look_at
    assert complaints == []


@pytest.fixture
def enter(chromium: Any) -> Iterator[Enter]:
    """Opens a console in a fresh browser; fails for an error, a violation of the policy, or a request to another machine."""
    complaints: list[str] = []
    contexts = []

    def enter(console: RunningConsole, session: str, scheme: str = "light", allow: str = "") -> Any:
        context = chromium.new_context(
            color_scheme=scheme,
            locale="en-GB",
            viewport={"width": 1180, "height": 820},
            accept_downloads=True,
        )
        contexts.append(context)
        name, _, value = session.partition("=")
        context.add_cookies([{"name": name, "value": value, "url": console.address}])
        page = context.new_page()
        page.set_default_timeout(SLOW)

        def complain(text: str) -> None:
            if not (allow and allow in text):
                complaints.append(text)

        page.on("console", lambda message: complain(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complain(f"error: {error}"))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((console.address, "data:"))
                else complain(f"asks for {request.url}")
            ),
        )
        return page

    yield enter
    for context in contexts:
        context.close()
    assert complaints == []
