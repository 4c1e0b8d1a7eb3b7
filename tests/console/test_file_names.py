"""Names of files that would run in a browser, on every page that shows one, over real HTTP."""

import html
import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from engine.api.v1 import rulebooks_pb2 as pb
from tests.console.books import FILE_NAMES, ConsoleHouse, console_house
from tests.console.scene import runnable
from tests.releases.books import BOOK, SCENARIO, edition, messages
from tests.waiting import until

WRONG, TEST = BOOK.replace("gte: 18", "gtr: 18"), f"tests/{FILE_NAMES[2]}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleHouse]:
    """A console with a server, for all tests of this module."""
    with console_house(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture(scope="module")
def writer(house: ConsoleHouse) -> httpx.Client:
    """The browser of somebody who writes."""
    return house.console.logged_in("writer")


def drafted(house: ConsoleHouse, name: str, contents: dict[str, bytes]) -> str:
    """A draft with these files; its revision."""
    with house.caller("writer") as caller:
        request = pb.SaveDraftRequest(name=name, base=house.version, files=messages(contents))
        return caller.save_draft(request).revision


def shows(answer: httpx.Response, *names: str) -> None:
    """The page has the names as texts, and nothing in it runs."""
    assert runnable(answer.text) == [], answer.url
    assert "{{" not in answer.text or "{{7*7}}" in answer.text
    for name in names:
        assert name in html.unescape(answer.text), (answer.url, name)


def ended(house: ConsoleHouse, browser: httpx.Client, path: str) -> httpx.Response:
    """The page of what was begun on the log, when it has ended."""
    began = house.console.post(browser, path, {"days": "0"})
    address = began.headers["location"]
    until(lambda: "data-poll" not in browser.get(f"{address}?part=yes").text)
    return browser.get(address)


def test_names_are_texts_in_a_draft_and_its_version(house: ConsoleHouse, writer: httpx.Client) -> None:
    """In the list of drafts, the editor, the patch, the check, the published version and its diff, and the audit."""
    contents = dict.fromkeys(FILE_NAMES, b"# empty") | {FILE_NAMES[0]: edition(3).encode()}
    failing = SCENARIO.replace("campaign: adults", "campaign: minors")
    revision = drafted(house, "named", {**contents, TEST: failing.encode()})
    editor = writer.get("/drafts/named")
    shows(editor)
    listed = re.search(
        '<script type="application/json" id="editor-files">(.*?)</script>', editor.text, re.DOTALL
    )
    assert listed is not None
    assert "<" not in listed[1]
    patch = writer.get("/drafts/named/patch")
    assert patch.headers["content-type"].startswith("text/x-patch")
    assert patch.headers["content-disposition"] == 'attachment; filename="named.patch"'
    assert patch.headers["x-content-type-options"] == "nosniff"
    shows(house.console.post(writer, "/drafts/named/check", {}), TEST, FILE_NAMES[0])
    refused = house.console.post(writer, "/drafts/named/submit", {"expected": revision, "note": ""})
    assert refused.status_code == 400
    shows(refused, TEST)
    for name in ("book.yaml", "tests/ann.yaml"):
        assert quote(name) not in refused.text
    revision = drafted(house, "good", {**contents, TEST: SCENARIO.encode()})
    submitted = house.console.post(writer, "/drafts/good/submit", {"expected": revision, "note": ""})
    assert submitted.status_code == 303, submitted.text
    version = writer.get(submitted.headers["location"])
    shows(version, *FILE_NAMES[1:4], TEST)
    for path in ("/books", "/books/spring", f"/versions/{house.version}?against={version.url.path[10:]}"):
        shows(writer.get(path))
    shows(house.console.logged_in("operator").get("/audit"))


def test_names_are_texts_in_what_is_said_of_mistakes(house: ConsoleHouse, writer: httpx.Client) -> None:
    """By the check, a submission, trying out, previews, a comparison and an estimate."""
    for number, name in enumerate(FILE_NAMES):
        draft, text = f"wrong-{number}", {name: WRONG.encode()}
        revision = drafted(house, draft, text)
        shows(house.console.post(writer, f"/drafts/{draft}/check", {}), name)
        refused = house.console.post(writer, f"/drafts/{draft}/submit", {"expected": revision, "note": ""})
        assert refused.status_code == 400
        shows(refused, name)
        tried = house.console.post(writer, f"/of/draft/{draft}/try-out", {"context": "customer: a"})
        shows(tried, name)
        shows(writer.get(f"/of/draft/{draft}/campaigns"), name)
    for page in ("replay", "evaluation"):
        shows(ended(house, writer, f"/drafts/wrong-0/{page}"), FILE_NAMES[0])
