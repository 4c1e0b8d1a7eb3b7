"""The analyst's journey in a real browser, by mouse and by keyboard alone: from a report to what another cap would bring."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.api.v1 import rulebooks_pb2 as pb
from engine.client import RulebooksClient
from tests.books import compiled_book
from tests.browser.conftest import Enter, in_browser
from tests.browser.hands import (
    KEYBOARD,
    Hands,
    button,
    editor_ready,
    link,
    picture,
    seen,
    session_of,
    until_shown,
)
from tests.browser.test_report import violations
from tests.console.conftest import RunningConsole, console_of
from tests.logs import sqlite_log
from tests.measure.test_evaluate import TEA, serve
from tests.releases.books import messages
from tests.releases.test_service import write_callers
from tests.servers import serving
from tests.waiting import HANGS

pytestmark = in_browser

BOOK = (
    TEA.replace(
        "offers:",
        "pressure: {caps: {weekly: {limit: 2, per: rolling 7d, count: {channel: sms}}}}\noffers:",
        1,
    )
    .replace("offer: tea\n", "offer: tea\n    when: {profile.shoe: {lt: 800}}\n")
    .replace("when: {profile.rich: true}", "when: {profile.shoe: {gte: 800}}, control: 50%")
    .replace(", active: {from: 2030-01-01}", "")
)
"""Most are for tea, under a cap that the third visit meets; every fifth person is for cake, half of them withheld."""

LOSSES = (
    """DELETE FROM decisions WHERE person IN (
        SELECT DISTINCT person FROM contacts WHERE campaign = 'cake-time' AND state = 'shadow' ORDER BY person LIMIT 60
    )""",
    "DELETE FROM contacts WHERE decision_id NOT IN (SELECT decision_id FROM decisions)",
)
"""More than half of cake's control."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    """A console over 1,000 persons with three visits each, of whom most of one control got lost; their book is live."""
    folder = tmp_path_factory.mktemp("shop")
    log, callers = sqlite_log(folder), str(write_callers(folder / "callers.toml"))
    with ThreadPoolExecutor(1) as thread:  # the browser's driver has a loop in this one
        thread.submit(serve, compiled_book(folder / "book", BOOK), log, 1_000, visits=3).result()
    log.execute(*LOSSES)
    with serving(folder / "book", log, "--callers", callers) as server:
        with (
            RulebooksClient(server.target, token="writer", timeout=HANGS) as writer,
            RulebooksClient(server.target, token="operator", timeout=HANGS) as operator,
        ):
            files = messages({"book.yaml": (folder / "book" / "book.yaml").read_bytes()})
            release = writer.publish(pb.PublishRequest(files=files, note="tea and cake")).release
            operator.activate(pb.ActivateRequest(version=release.version))
        with console_of(log.url, "--server", server.target, "--callers", callers) as console:
            yield console


@KEYBOARD
def test_an_analyst_goes_from_a_report_to_another_cap(
    shop: RunningConsole, enter: Enter, keyboard: bool
) -> None:
    """Alarm of the arms' sizes on report and overview, effect, price of the cap, a draft with another one, its estimate."""
    page = enter(shop, session_of(shop, "writer"))
    hands = Hands(page, keyboard=keyboard)
    page.goto(shop.address)
    hands.follow(link(page, "Report"))
    hands.follow(button(page, "Make the report of"))
    until_shown(page, page.locator("main", has_not_text="A report is being made"))
    assert page.locator("#state").inner_text().strip() == ""
    alarm = page.get_by_text("cake-time: sample ratio mismatch").first
    alarm.wait_for()
    page.get_by_role("alert").get_by_text("not to be believed").wait_for()
    effects = page.get_by_role("region", name="Effect by campaign")
    assert re.search(r"tea-time\s+converted\s+[\d,]+", effects.inner_text()) is not None
    pressure = page.get_by_role("heading", name="Contact pressure and its price", exact=True)
    pressure.scroll_into_view_if_needed()
    assert page.get_by_role("cell", name="weekly", exact=True).count() > 0
    hands.follow(link(page, "Overview"))
    alert = page.get_by_role("alert").get_by_role(
        "link", name=re.compile("^cake-time: sample ratio mismatch")
    )
    alert.wait_for()
    page.locator('[data-chart="course"], main').first.wait_for()
    picture(page, "alarm")
    assert violations(page) == []
    hands.press(alert)
    page.wait_for_url("**/report#uplift")
    another_cap(hands, f"stricter-{'keys' if keyboard else 'mouse'}")


def another_cap(hands: Hands, name: str) -> None:
    """Begins a draft with a stricter cap and asks what it would have brought; then one that the log cannot say."""
    page = hands.page
    hands.follow(link(page, "Books"))
    hands.write(page.get_by_label("Name of the draft"), name)
    hands.follow(button(page, "Begin"))
    editor_ready(page)
    hands.edit("limit: 2", "limit: 1")
    beside = page.locator("form", has=button(page, "Estimate from the log"))
    hands.choose(beside.get_by_label("Decisions of"), "the whole log")
    hands.press(button(page, "Estimate from the log"))
    page.locator("#evaluated progress").wait_for()
    seen(page, "#evaluation-result", "of decisions as logged")
    table = page.locator("#evaluated").get_by_role("table", name="What decisions bring")
    assert table.get_by_role("row").count() == 4
    assert re.search(r"doubly robust \(DR\)\s+[\d.]+%\s+[\d.]+% – [\d.]+%", table.inner_text()) is not None
    assert page.locator("#editor-state").inner_text() == "All is saved."
    picture(page, "estimate", page.locator("#h-replay"))
    assert violations(page) == []
    hands.edit("limit: 1", "limit: 9")
    hands.choose(beside.get_by_label("Share of decisions followed by"), "a click")
    hands.press(button(page, "Estimate from the log"))
    seen(page, "#evaluation-result", "The log does not suffice")
    seen(page, "#evaluated", "decisions would show what the log could not: tea-time")
