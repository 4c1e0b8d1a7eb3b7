"""What a draft would have brought, estimated off-policy from the log, over real HTTP."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.books import compiled_book
from tests.console.conftest import RunningConsole, console_of
from tests.console.test_books import text_of
from tests.logs import sqlite_log
from tests.measure.test_evaluate import SWAPPED, TEA, serve
from tests.releases.test_service import write_callers
from tests.servers import serving
from tests.waiting import until


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    """A console over a log of 3,000 persons, of whom a fifth was withheld by chance and the others drew a variant."""
    folder = tmp_path_factory.mktemp("evaluation")
    log, callers = sqlite_log(folder), str(write_callers(folder / "callers.toml"))
    serve(compiled_book(folder / "book", TEA), log, 3_000)
    with (
        serving(folder / "book", log, "--callers", callers) as server,
        console_of(log.url, "--server", server.target, "--callers", callers) as running,
    ):
        yield running


def drafted(console: RunningConsole, browser: httpx.Client, name: str, book: str) -> None:
    """Saves a draft of the book."""
    assert console.post(browser, "/drafts", {"name": name, "base": ""}).status_code == 303
    revision = re.search('data-revision="([^"]+)"', browser.get(f"/drafts/{name}").text)
    assert revision is not None
    fields = {"expected": revision[1], "base": "", "files": json.dumps({"book.yaml": book})}
    assert console.post(browser, f"/drafts/{name}/save", fields).status_code == 200


def estimated(console: RunningConsole, browser: httpx.Client, name: str, **fields: str) -> str:
    """The text of the page when the estimate of the draft has ended."""
    began = console.post(browser, f"/drafts/{name}/evaluation", {"days": "0", **fields})
    assert began.status_code == 303, began.text
    address = began.headers["location"]
    until(lambda: "data-poll" not in browser.get(f"{address}?part=yes").text)
    return text_of(browser.get(address))


def test_a_draft_is_estimated_with_an_interval(console: RunningConsole) -> None:
    """With the variants' shares swapped orders come after 30 % of decisions, which lies in the interval that is shown."""
    browser = console.logged_in("writer")
    drafted(console, browser, "swapped", SWAPPED)
    page = estimated(console, browser, "swapped", metric="converted")
    shown = re.search(r"weighted \(SNIPS\) ([\d.]+)% ([\d.]+)% – ([\d.]+)%", page)
    assert shown is not None, page
    value, low, high = map(float, shown.groups())
    assert low < value < high
    assert low < 30 < high
    assert f"{value}% estimated by the draft" in page
    assert "3,000, of 3,000 persons" in page
    clicks = estimated(console, browser, "swapped", metric="clicked")
    assert "Clicks within 7 days" in clicks


def test_a_log_without_overlap_is_said_not_to_suffice(console: RunningConsole) -> None:
    """What the log could not show is named, and no estimate stands on the page."""
    browser = console.logged_in("writer")
    drafted(
        console, browser, "never", TEA.replace("offer: tea\n", "offer: cake\n").replace("tea-time", "other")
    )
    page = estimated(console, browser, "never")
    assert "The log does not suffice for an estimate." in page
    assert "decisions would show what the log could not: other" in page
    assert "SNIPS" not in page


def test_days_without_decisions_are_said_not_to_suffice(console: RunningConsole) -> None:
    """Also where a form sends days and a metric that there are not: they are the first of the choices."""
    browser = console.logged_in("writer")
    drafted(console, browser, "empty", TEA)
    page = estimated(console, browser, "empty", days="-1", metric="';--")
    assert "The log does not suffice for an estimate. there is no decision whose window is over" in page


def test_a_draft_with_mistakes_is_not_estimated(console: RunningConsole) -> None:
    """The page names the mistake; a draft that is not there is 404."""
    browser = console.logged_in("writer")
    drafted(console, browser, "wrong", TEA.replace("share: 3", "share: many"))
    assert "book.yaml:" in estimated(console, browser, "wrong")
    assert console.post(browser, "/drafts/nothing/evaluation", {}).status_code == 404


def test_the_estimate_is_in_the_language_of_the_browser(console: RunningConsole) -> None:
    """German and French as English."""
    for language, words in (("de", "Das Protokoll reicht"), ("fr", "Le journal ne suffit pas")):
        browser = console.logged_in("writer", **{"accept-language": language})
        drafted(console, browser, f"said-{language}", TEA)
        assert words in estimated(console, browser, f"said-{language}", days="7")
