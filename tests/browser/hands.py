"""How a user acts on pages of the console: by mouse, or by nothing but the keyboard."""

import os
import re
import time
from io import BytesIO
from typing import Any

import pytest

from tests.console.conftest import RunningConsole
from tests.docs.pages import ROOT
from tests.waiting import HANGS

PICTURES = ROOT / "docs" / "console"
COLOURS = 255
"""Of a picture, which makes its file less than half as large."""

KEYBOARD = pytest.mark.parametrize("keyboard", [False, True], ids=["by mouse", "by keyboard"])


def session_of(console: RunningConsole, token: str = "") -> str:
    """The cookie of a session, as `name=value`."""
    (cookie,) = console.logged_in(token).cookies.jar
    return f"{cookie.name}={cookie.value}"


class Hands:
    """How a user acts on a page: by mouse, or by nothing but the keyboard."""

    def __init__(self, page: Any, *, keyboard: bool) -> None:
        self.page, self._keyboard = page, keyboard

    def follow(self, target: Any) -> None:
        """Follows a link or sends a form, and waits for the page that comes of it."""
        with self.page.expect_navigation():
            self.press(target)

    def press(self, target: Any) -> None:
        """Presses a link or a button."""
        if not self._keyboard:
            target.click()
            return
        self._reach(target)
        self.page.keyboard.press("Enter")

    def write(self, target: Any, text: str) -> None:
        """Writes into a field."""
        if not self._keyboard:
            target.fill(text)
            return
        self._reach(target)
        self.page.keyboard.insert_text(text)

    def choose(self, target: Any, label: str) -> None:
        """Chooses what is called so of a list."""
        if not self._keyboard:
            target.select_option(label=label)
            return
        self._reach(target)
        self.page.keyboard.type(label)
        assert target.evaluate("element => element.selectedOptions[0].label") == label

    def edit(self, old: str, new: str) -> None:
        """Types over a text of the draft's shown file."""
        if self._keyboard:
            self._reach(self.page.locator("#editor .cm-content"))
        replace(self.page, old, new)
        self.page.keyboard.press("Escape")

    def _reach(self, target: Any) -> None:
        """Tabs until the element has the focus, which has to be seen."""
        target.wait_for()
        for _step in range(400):
            if target.evaluate("element => element === document.activeElement"):
                assert target.evaluate("element => element.matches(':focus-visible')")
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {target}")


def link(page: Any, name: str) -> Any:
    """A link of the page."""
    return page.get_by_role("link", name=name, exact=True).first


def button(page: Any, name: str) -> Any:
    """A button whose text begins so."""
    return page.get_by_role("button", name=re.compile(f"^{re.escape(name)}")).first


def picture(page: Any, name: str, top: Any = None) -> None:
    """A screenshot for the documentation, where PICTURES asks for new ones; top: the element at its upper edge."""
    if not os.environ.get("PICTURES"):
        return
    from PIL import Image  # noqa: PLC0415 - only where pictures are made

    if top is None:
        page.evaluate("() => window.scrollTo(0, 0)")
    else:
        top.evaluate("element => element.scrollIntoView()")
    page.mouse.move(0, 0)
    image = Image.open(BytesIO(page.screenshot(scale="css", animations="disabled")))
    PICTURES.mkdir(exist_ok=True)
    few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(PICTURES / f"{name}.png", optimize=True)


def open_whole(page: Any, address: str) -> None:
    """Opens a page, and waits until it no longer says that its book is being loaded, after which it would come by itself."""
    page.goto(address)
    page.locator("body:has(footer):not(:has(#working))").wait_for()


def until_shown(page: Any, target: Any) -> None:
    """Looks at the page again until it shows the element."""
    deadline = time.monotonic() + HANGS
    while not target.count():
        assert time.monotonic() < deadline, f"{target} does not appear"
        page.reload()


def seen(page: Any, selector: str, text: str) -> None:
    """Waits until an element has the text."""
    try:
        page.locator(selector, has_text=text).first.wait_for()
    except Exception as error:
        raise AssertionError(
            f"{selector} has no {text!r} on {page.url}:\n{page.locator('body').inner_text()}"
        ) from error


def editor_ready(page: Any) -> None:
    """Waits for the language server."""
    page.locator('#editor[data-server="ready"]').wait_for()


def replace(page: Any, old: str, new: str) -> None:
    """Types over a text of the editor, as a user does who searches for it."""
    page.locator("#editor .cm-content").focus()
    page.keyboard.press("Control+f")
    page.locator(".cm-search input[name=search]").wait_for()
    page.keyboard.type(old)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.type(new)
