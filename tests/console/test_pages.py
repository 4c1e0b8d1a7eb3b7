"""Every page opens for whom it is meant, for nobody else, and runs nothing of what others wrote."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.client import Client, request
from engine.console.app import Console, ConsoleParts, WithoutRole
from engine.console.page import ConsolePage, Servers
from engine.console.reporting import KeptReport
from engine.console.table import PAGES
from engine.console.texts import LANGUAGES
from engine.console.users import ConsoleUsers
from engine.server.access.roles import Role
from tests.console.scene import CUSTOMER, HOSTILE, Scene, filled, runnable, scene_of

ACTIONS = [page for page in PAGES if "POST" in page.methods and page.name != "preferences"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A console and its server, with callers of one role each."""
    with scene_of(tmp_path_factory.mktemp("scene")) as made:
        yield made


def test_every_page_opens_and_runs_nothing_of_what_others_wrote(scene: Scene) -> None:
    """Names, contents, notes and ids that hold scripts are shown as texts, on every page."""
    browser, shown = scene.browser(), ""
    for address in [*scene.addresses(), "/decisions?person=" + HOSTILE.replace("&", "%26"), "/?days=400"]:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert runnable(answer.text) == [], address
        assert "alert(2)&gt;49" not in answer.text
        shown += answer.text
    held = scene.console.post(browser, "/person", {"customer": CUSTOMER})
    assert held.status_code == 200
    assert runnable(held.text) == []
    assert shown.count("&lt;script&gt;alert(1)") > 5
    assert held.text.count("&lt;script&gt;alert(1)") > 1


def test_an_error_shows_what_was_asked_as_text(scene: Scene) -> None:
    """Addresses, searches and names that are not valid are refused with a page that runs nothing."""
    browser = scene.browser()
    for address, status in (
        ("/decisions?before=<script>alert(1)</script>", 400),
        ("/decisions?from=<script>", 400),
        ("/decisions/<script>alert(1)", 404),
        ("/campaigns/<script>alert(1)<script>", 404),
        ("/audit?before='><script>", 400),
        ("/report/..%2F..%2Fetc%2Fpasswd", 404),
        ("/nowhere/<script>", 404),
        ("/static/../app.py", 404),
        ("/static/%2e%2e/app.py", 404),
    ):
        answer = browser.get(address)
        assert (answer.status_code, runnable(answer.text)) == (status, []), address


@pytest.mark.parametrize("role", [*Role])
def test_a_role_opens_its_own_pages_and_no_others(scene: Scene, role: Role) -> None:
    """Who lacks a page's roles gets 403, also for its actions, and the navigation does not name it."""
    browser = scene.browser(role)
    entries = set(re.findall(r'<li><a href="(/[^"]*)"', browser.get("/nowhere").text))
    for page in PAGES:
        path = filled(page, scene.parts())
        may = role in page.roles
        if page.nav:
            assert (path in entries) is may
        if may:
            continue
        answer = (
            scene.console.post(browser, path, {"customer": "bob", "again": "bob"})
            if "POST" in page.methods
            else browser.get(path)
        )
        assert answer.status_code == 403, path
        assert "This needs the role" in answer.text


def test_a_page_without_a_role_is_refused() -> None:
    """Nobody could be kept out of it."""
    page = ConsolePage("/", "open", lambda asked: asked.page("error.html"), frozenset())
    users = ConsoleUsers(None, None, "", ())
    parts = ConsoleParts(users, None, None, None, Servers(""), ["http://localhost"], "cookie")  # type: ignore[arg-type]
    with pytest.raises(WithoutRole, match="'open' at /"):
        Console(parts, [page], [], [])


def test_a_past_decision_is_explained_and_masked_values_are_not_shown(scene: Scene) -> None:
    """The page has the sentences of the server's explanation, the tests, and what was reported afterwards."""
    text = scene.browser().get(f"/decisions/{scene.decision_id}").text
    assert "could not be explained" not in text
    assert "Campaigns, as far as they got" in text
    assert "clicked" in text
    assert "profile.phone" in text
    assert "masked: its value is not in the log" in text
    assert "+33 1" not in text


def test_the_explanation_is_asked_for_under_the_users_roles(scene: Scene) -> None:
    """The server, not the console alone, refuses who may not explain: the token of the session is the one that is sent."""
    with (
        Client(scene.server.target, token=scene.tokens["read"]) as client,
        pytest.raises(Exception, match="lacks the role"),
    ):
        client.explain(scene.decision_id)
    assert scene.browser("read").get(f"/decisions/{scene.decision_id}").status_code == 403
    assert scene.browser("explain").get(f"/decisions/{scene.decision_id}").status_code == 200


def test_who_looks_for_a_person_stands_in_the_audit(scene: Scene) -> None:
    """By a pseudonym, never by the name."""
    browser = scene.browser()
    listed = browser.get("/decisions?person=bob").text
    assert listed.count(">bob</td>") == 2
    audit = browser.get("/audit").text
    assert "person decisions" in audit
    assert "bob" not in audit


def test_decisions_are_paged_without_loss(scene: Scene) -> None:
    """Going on from page to page shows every decision once; a filter that fits few goes on, too."""
    with Client(scene.server.target, token=scene.tokens["all"], timeout=60) as client:
        requests = [request(f"person-{number}", profile={"age": 20, "phone": "1"}) for number in range(250)]
        ids = {response.decision_id for response in client.decide_many(requests)}
    browser = scene.browser()
    for query in ("", "campaign=everybody&", "outcome=nothing&"):
        address, seen = f"/decisions?{query}", []
        while address:
            text = browser.get(address).text
            seen += re.findall(r'href="/decisions/([0-9a-f-]{36})"', text)
            following = re.search(r'href="([^"]+)" rel="next"', text)
            address = following[1].replace("&amp;", "&") if following else ""
        assert len(seen) == len(set(seen))
        assert seen == sorted(seen, reverse=True)
        if not query:
            assert ids <= set(seen)


def test_totals_are_those_of_the_log(scene: Scene) -> None:
    """What the overview counts is what the log has, once it is counted."""
    browser, deadline = scene.browser(), time.monotonic() + 60
    while True:
        text = browser.get("/?days=400").text
        counted = sum(
            int(number.replace(",", "")) for number in re.findall(r"<strong>([\d,]+)</strong>", text)
        )
        listed = _count(scene.log)
        if counted == listed or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert counted == listed
    assert re.search(r"[0-9.]+ decisions a minute in the last full hour", browser.get("/").text)


def _count(log: Path) -> int:
    import sqlite3  # noqa: PLC0415
    from contextlib import closing  # noqa: PLC0415

    with closing(sqlite3.connect(log)) as connection:
        number: int = connection.execute("SELECT count(*) FROM decisions").fetchone()[0]
        return number


@pytest.mark.parametrize("language", [*LANGUAGES])
def test_pages_speak_the_users_language(scene: Scene, language: str) -> None:
    """By what the browser accepts, or by the user's own choice, which lasts; numbers and words are the language's."""
    words = {"en": "Overview", "de": "Übersicht", "fr": "Vue d’ensemble"}
    accepting = scene.browser(**{"accept-language": f"xx,{language};q=0.8"})
    choosing = scene.browser()
    scene.console.post(choosing, "/preferences", {"language": language, "theme": "dark"})
    for browser in (accepting, choosing):
        text = browser.get("/").text
        assert f'<html lang="{language}"' in text
        assert f"<h1>{words[language]}</h1>" in text
    assert 'data-theme="dark"' in choosing.get("/").text


def test_a_report_is_made_while_pages_are_shown(scene: Scene) -> None:
    """It appears with its tables, its charts as data, and files of each table; other pages show what of it is theirs."""
    browser = scene.browser()
    assert "Make a report to see it here." in browser.get("/pressure").text
    version = re.findall(r'name="version" value="([0-9a-f]{64})"', browser.get("/report").text)[0]
    assert scene.console.post(browser, "/report", {"version": "0" * 64}).status_code == 400
    assert scene.console.post(browser, "/report", {"version": version}).status_code == 303
    deadline = time.monotonic() + 120
    while "A report is being made" in (text := browser.get("/report").text):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "No report was made:" not in text, text
    assert runnable(text) == []
    files = re.findall(r'href="(/report/[a-z_]+\.(csv|parquet))"', text)
    assert {kind for _, kind in files} == {"csv", "parquet"}
    for file, kind in files:
        answer = browser.get(file)
        assert answer.headers["content-type"].startswith("text/csv" if kind == "csv" else "application/vnd")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.content.startswith(b"PAR1") is (kind == "parquet")
    pressure = browser.get("/pressure").text
    assert "<caption>Distribution of contacts</caption>" in pressure
    assert runnable(pressure) == []
    assert "The last report says nothing of it." in browser.get("/campaigns/adults").text


def test_a_section_of_a_campaign_has_only_its_rows_and_sentences() -> None:
    """What is not by campaign is left out; problems are those of all sections."""
    unlikely = {"text": "adults: arms of 10 and 90 persons are unlikely", "problem": True}
    other = {"text": "teens: few persons", "problem": False}
    by_campaign = {"name": "effect", "labels": ["campaign"], "rows": [["adults", "1"], ["teens", "2"]]}
    by_day = {"name": "days", "labels": ["day"], "rows": [["adults", "3"]]}
    uplift = {"name": "uplift", "warnings": [unlikely, other], "refusals": [], "grids": [by_campaign, by_day]}
    kept = KeptReport("v", 1, {"sections": [uplift]}, {})
    assert kept.problems == [("uplift", unlikely["text"])]
    assert kept.section("pressure") is None
    assert kept.section("uplift") == uplift
    section = kept.section("uplift", "adults")
    assert section is not None
    assert section["warnings"] == [unlikely]
    assert [grid["rows"] for grid in section["grids"]] == [[["adults", "1"]]]


def test_without_a_server_a_page_that_needs_one_says_so(tmp_path: Path) -> None:
    """The others are shown all the same."""
    from tests.console.conftest import console_of  # noqa: PLC0415

    with (
        console_of(tmp_path / "log.db")
        if (tmp_path / "log.db").exists()
        else console_of(_laid(tmp_path)) as console
    ):
        browser = console.logged_in()
        assert browser.get("/").status_code == 200
        answer = console.post(browser, "/person", {"customer": "ann"})
        assert answer.status_code == 503
        assert "without --server" in answer.text


def _laid(folder: Path) -> Path:
    from engine.ledger.store.open import lay_out  # noqa: PLC0415

    lay_out(folder / "log.db")
    return folder / "log.db"


def test_every_action_wants_a_post(scene: Scene) -> None:
    """An address alone changes nothing."""
    browser = scene.browser()
    for page in ACTIONS:
        path = filled(page, scene.parts())
        if any(other.path == page.path and "GET" in other.methods for other in PAGES):
            continue
        assert browser.get(path).status_code == 405, path
