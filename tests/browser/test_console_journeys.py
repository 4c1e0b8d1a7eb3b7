"""Journeys of analyst, operator and privacy officer in a real browser, each also by the keyboard only; and how pages look."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from demo.story import run_demo
from engine.api.v1 import rulebooks_pb2 as pb
from engine.client import RulebooksClient
from tests.browser.conftest import SLOW, Enter, in_browser
from tests.browser.hands import KEYBOARD, Hands, button, link, open_whole, picture, session_of, until_shown
from tests.browser.test_report import PHONE, violations
from tests.console.conftest import RunningConsole, console_of
from tests.console.scene import BOOK, CUSTOMER, Scene, scene_of
from tests.docs.pages import ROOT
from tests.servers import serving

pytestmark = in_browser

FOLLOWERS = 2


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A console whose texts hold what would run, and two more servers, which follow the published book."""
    with ExitStack() as stack:
        made = stack.enter_context(scene_of(tmp_path_factory.mktemp("scene")))
        words = ("--callers", str(made.log.with_name("callers.toml")))
        for _number in range(FOLLOWERS):
            stack.enter_context(serving("spring", made.log, *words))
        yield made


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    """A console over the demo's log, and the server that decided."""
    folder = tmp_path_factory.mktemp("demo")
    run_demo(folder, lambda _stage, _done: None)
    with ExitStack() as stack:
        server = stack.enter_context(serving(ROOT / "rules" / "cosmetics-cn", folder / "tact.db"))
        yield stack.enter_context(console_of(folder / "tact.db", "--server", server.target))


@pytest.fixture(scope="module")
def analyst(demo: RunningConsole) -> str:
    """A session of who started the demo's console."""
    return session_of(demo)


@KEYBOARD
def test_an_analyst_asks_whether_a_campaign_pays(
    demo: RunningConsole, analyst: str, enter: Enter, keyboard: bool
) -> None:
    """Campaigns, one of them, the report with its effect and its test of the shares, what a cap costs, and a CSV."""
    page = enter(demo, analyst)
    hands = Hands(page, keyboard=keyboard)
    page.goto(f"{demo.address}/campaigns?days=400")
    hands.follow(link(page, "rich-cream-north"))
    page.get_by_role("heading", name="Campaign rich-cream-north").wait_for()
    page.locator('[data-chart="funnel"][data-drawn="yes"]').wait_for()
    picture(page, "campaign")
    hands.follow(link(page, "Report"))
    hands.follow(button(page, "Make the report of"))
    until_shown(page, page.locator("main", has_not_text="A report is being made"))
    assert page.locator("#state").inner_text().strip() == ""
    for title in ("What it caused", "Contact pressure and its price"):
        page.get_by_role("heading", name=title, exact=True).wait_for()
    assert page.get_by_text("rich-cream-north").count() > 0
    assert page.get_by_text("weekly-outbound").count() > 0
    page.locator("main", has_not=page.locator("[data-chart]:not([data-drawn])")).wait_for()
    assert page.locator('[data-drawn="yes"]').count() > 0
    assert page.locator('[data-drawn="no"]').all_inner_texts() == []
    assert violations(page) == []
    picture(page, "report", page.get_by_role("heading", name="What it caused", exact=True))
    file = page.locator("a[download]").first
    with page.expect_download() as download:
        hands.press(file)
    assert Path(download.value.path()).read_bytes().count(b"\n") > 1


@KEYBOARD
def test_an_operator_takes_a_version_back(scene: Scene, enter: Enter, keyboard: bool) -> None:
    """The mix by version, the version before, the roll-back, and every server that follows, as the page shows it."""
    with RulebooksClient(scene.server.target, token=scene.tokens["all"], timeout=60) as client:
        text = BOOK.replace("value: 10", f"value: {12 + keyboard}")
        files = [pb.BookFile(name="book.yaml", content=text.encode())]
        bad = client.publish(pb.PublishRequest(files=files, note="dearer")).release.version
        client.activate(pb.ActivateRequest(name="spring", version=bad))
    page = enter(scene.console, session_of(scene.console, scene.tokens["all"]))
    hands = Hands(page, keyboard=keyboard)
    page.goto(scene.console.address)
    servers = page.get_by_role("table", name="Servers that follow releases")
    until_shown(page, servers.get_by_text(bad[:12]).nth(FOLLOWERS - 1))
    live = page.get_by_role("table", name="Live versions").get_by_role("row").filter(has_text=bad[:12])
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\s+all", live.inner_text()) is not None
    assert page.get_by_role("table", name="Outcomes by version").get_by_role("row").count() >= 2
    hands.follow(link(page, "Books"))
    hands.follow(link(page, "spring"))
    hands.write(page.get_by_label("Note", exact=True), "the mix broke")
    hands.follow(button(page, "Roll back"))
    page.get_by_text("the mix broke").first.wait_for()
    hands.follow(link(page, "Overview"))
    until_shown(page, servers.get_by_text(scene.version[:12]).nth(FOLLOWERS - 1))
    assert servers.get_by_text(bad[:12]).count() == 0
    hands.follow(link(page, "Audit"))
    assert page.get_by_role("row").filter(has_text="rollback").first.get_by_text("the mix broke").count() == 1


@KEYBOARD
def test_a_privacy_officer_answers_and_erases_a_person(scene: Scene, enter: Enter, keyboard: bool) -> None:
    """What is held and why each contact was made, an export, an erasure, its receipt, and its row in the audit."""
    customer = "bob" if keyboard else CUSTOMER
    page = enter(scene.console, session_of(scene.console, scene.tokens["privacy"]))
    hands = Hands(page, keyboard=keyboard)
    page.goto(f"{scene.console.address}/person")
    hands.write(page.get_by_label("Any name of the person"), customer)
    hands.follow(button(page, "Show what is held"))
    page.get_by_role("heading", name=re.compile("^decisions")).wait_for()
    assert page.locator("ul.rows strong").count() > 0
    with page.expect_download() as download:
        hands.press(button(page, "Export as JSON"))
    assert b'"decisions"' in Path(download.value.path()).read_bytes()
    assert violations(page) == []
    hands.write(page.get_by_label("Repeat the name"), customer)
    hands.follow(button(page, "Erase for good"))
    page.get_by_role("heading", name="Receipt").wait_for()
    receipt = page.locator("dd code").first.inner_text()
    assert violations(page) == []
    hands.write(page.get_by_label("Any name of the person"), customer)
    hands.follow(button(page, "Show what is held"))
    page.get_by_text("Nothing is held of this person.", exact=True).wait_for()
    headings = page.locator("main h2").all_inner_texts()
    assert [re.sub(r" \(\d+\)", "", heading) for heading in headings] == ["access", "Objection", "Erasure"]
    assert page.locator("ul.rows dd", has_text="person erase").count() == 1
    assert not _shows(page, customer)
    page.goto(f"{scene.console.address}/audit")
    audit = page.get_by_role("table", name="Who did what, the latest first")
    assert audit.get_by_role("row").filter(has_text="person erase").filter(has_text=receipt).count() == 1
    assert not _shows(page, customer)
    _not_among_decisions(scene, enter, customer)


def _shows(page: Any, name: str) -> bool:
    """Whether the page has the name, as a word of its own, anywhere in its text."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", page.locator("body").inner_text()) is not None


def _not_among_decisions(scene: Scene, enter: Enter, customer: str) -> None:
    """The list of decisions neither shows the name nor finds anything by it."""
    page = enter(scene.console, session_of(scene.console, scene.tokens["all"]))
    page.goto(f"{scene.console.address}/decisions")
    page.locator("tbody a").first.wait_for()
    assert not _shows(page, customer)
    page.get_by_label("Person").fill(customer)
    page.get_by_role("button", name="Search").click()
    page.get_by_text("No decision fits here.").wait_for()


_TOO_WIDE = """width => document.documentElement.scrollWidth <= width ? [] :
  [...document.querySelectorAll('body *')].filter(
    element => element.getBoundingClientRect().right > width && !element.closest('.table') && !element.closest('pre')
  ).map(element => element.outerHTML.slice(0, 160))"""
"""The elements that make a page wider than so many pixels."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(scene: Scene, enter: Enter, scheme: str) -> None:
    """axe-core finds nothing, in either scheme, also where texts hold what would run; a phone scrolls down only."""
    page = enter(scene.console, session_of(scene.console, scene.tokens["all"]), scheme, allow="404")
    for address in [*scene.addresses(), "/nowhere", "/decisions?campaign=nothing"]:
        open_whole(page, scene.console.address + address)
        assert violations(page) == [], address
    page.set_viewport_size(PHONE)
    for address in scene.addresses():
        open_whole(page, scene.console.address + address)
        assert page.evaluate(_TOO_WIDE, PHONE["width"]) == [], address


def test_nothing_of_others_runs(scene: Scene, enter: Enter) -> None:
    """On no page a dialog opens, whatever names, notes and contents hold."""
    page = enter(scene.console, session_of(scene.console, scene.tokens["all"]), allow="404")
    dialogs: list[str] = []

    def dismiss(dialog: Any) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    for address in scene.addresses():
        open_whole(page, scene.console.address + address)
        page.locator("main").wait_for()
    assert dialogs == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_demo_is_pictured(demo: RunningConsole, analyst: str, enter: Enter, scheme: str) -> None:
    """Its pages are accessible with much on them, and draw their charts."""
    page = enter(demo, analyst, scheme)
    for address, name in (
        ("/?days=400", "overview"),
        ("/campaigns?days=400", ""),
        ("/decisions", ""),
        ("/pressure?days=400", "pressure"),
        ("/experiments?days=400", "experiments"),
    ):
        open_whole(page, demo.address + address)
        if name == "overview":
            page.locator('[data-chart="course"][data-drawn="yes"]').wait_for()
        assert violations(page) == [], address
        if name == "overview" or (name and scheme == "light"):
            picture(page, name if scheme == "light" else f"{name}-dark")
    page.goto(f"{demo.address}/decisions?campaign=rich-cream-north")
    page.locator("tbody a").first.click()
    page.get_by_role("heading", name="What it depended on").wait_for()
    if scheme == "light":
        picture(page, "decision", page.get_by_role("heading", name="Why", exact=True))
    assert violations(page) == []
    person = page.locator("dl").first.locator("dd").first.inner_text()
    page.goto(f"{demo.address}/person")
    page.get_by_label("Any name of the person").fill(person)
    page.get_by_role("button", name="Show what is held").click()
    page.get_by_role("heading", name=re.compile("^decisions")).wait_for()
    if scheme == "light":
        picture(page, "person")
    assert violations(page) == []


def test_the_first_tab_skips_the_navigation(scene: Scene, enter: Enter) -> None:
    """The first stop of the keyboard leads to the content."""
    page = enter(scene.console, session_of(scene.console, scene.tokens["all"]))
    page.goto(scene.console.address)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"


def test_pages_work_without_scripts(scene: Scene, chromium: Any) -> None:
    """All but the editor and the charts, beside which their tables stand."""
    context = chromium.new_context(java_script_enabled=False)
    name, _, value = session_of(scene.console, scene.tokens["all"]).partition("=")
    context.add_cookies([{"name": name, "value": value, "url": scene.console.address}])
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.goto(scene.console.address)
    page.get_by_label("Colours").select_option("dark")
    page.get_by_role("button", name="Apply").click()
    assert page.locator('html[data-theme="dark"]').count() == 1
    page.get_by_label("Period").select_option("400")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Decisions", exact=True).click()
    page.get_by_label("Person").fill("ann")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("No decision fits here.").wait_for()
    context.close()
