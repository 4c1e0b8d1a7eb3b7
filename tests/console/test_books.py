"""The pages of books, versions and drafts, over real HTTP, with a real server behind the console."""

import html
import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.console.books import DECISIONS, ConsoleHouse, console_house
from tests.releases.books import BOOK, SCENARIO, edition, files
from tests.waiting import until

Browsers = dict[str, httpx.Client]

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'`"
"""What would run, were it not escaped."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleHouse]:
    """A console with a server, for all tests of this module."""
    with console_house(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture(scope="module")
def browsers(house: ConsoleHouse) -> Browsers:
    """A browser for each caller."""
    return {
        name: house.console.logged_in(name) for name in ("reader", "writer", "approver", "operator", "shop")
    }


def text_of(response: httpx.Response, status: int = 200) -> str:
    """The text of a page, without its tags."""
    assert response.status_code == status, response.text
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", response.text)).split())


def begun(house: ConsoleHouse, browser: httpx.Client, name: str, base: str | None = None) -> str:
    """A draft of the live version, or of another base; its revision."""
    fields = {"name": name, "base": house.version if base is None else base}
    assert house.console.post(browser, "/drafts", fields).headers["location"] == f"/drafts/{name}"
    revision = re.search('data-revision="([^"]+)"', browser.get(f"/drafts/{name}").text)
    assert revision is not None
    return revision[1]


def saved(
    house: ConsoleHouse, browser: httpx.Client, name: str, expected: str, contents: dict[str, bytes]
) -> httpx.Response:
    """The answer to the editor's saving."""
    texts = {file: content.decode() for file, content in contents.items()}
    fields = {"expected": expected, "base": house.version, "files": json.dumps(texts)}
    return house.console.post(browser, f"/drafts/{name}/save", fields)


def submitted(house: ConsoleHouse, browsers: Browsers, name: str, book: str, note: str = "") -> str:
    """The version of a draft that the writer has edited and submitted."""
    revision = begun(house, browsers["writer"], name)
    revision = saved(house, browsers["writer"], name, revision, files(book)).json()["revision"]
    fields = {"expected": revision, "note": note}
    response = house.console.post(browsers["writer"], f"/drafts/{name}/submit", fields)
    assert response.status_code == 303, response.text
    return response.headers["location"].removeprefix("/versions/")


def test_a_version_goes_from_a_draft_to_everybody(house: ConsoleHouse, browsers: Browsers) -> None:
    """Submitted, read in words and lines, approved by somebody else, staged, compared, activated, taken back."""
    console = house.console
    version = submitted(house, browsers, "release", edition(5), "cream is worth more")
    page = text_of(browsers["approver"].get(f"/versions/{version}"))
    assert "the offer cream changes" in page
    assert "cream is worth more" in page
    assert "+ cream: {name: Cream, value: 15" in page.replace("+  cream", "+ cream")
    assert browsers["writer"].get("/drafts/release").status_code == 404
    activation = {"expected": house.version, "note": ""}
    refused = console.post(browsers["operator"], f"/versions/{version}/activate", activation)
    assert "has 0 of 1 approvals" in text_of(refused, 409)
    approval = {"verdict": "approved", "note": "fine"}
    assert console.post(browsers["approver"], f"/versions/{version}/approve", approval).status_code == 303
    stage = {"expected": house.version, "share": "5", "note": ""}
    assert console.post(browsers["operator"], f"/versions/{version}/stage", stage).status_code == 303
    page = text_of(browsers["operator"].get(f"/versions/{version}"))
    assert "staged 5.0%" in page
    assert "Since the stage began" in page
    assert "as if no person was decided for twice" in page
    assert console.post(browsers["operator"], f"/versions/{version}/activate", activation).status_code == 303
    assert f"{version[:12]} live" in text_of(browsers["reader"].get("/books/spring"))
    late = console.post(browsers["operator"], f"/versions/{house.version}/activate", activation)
    assert "operator came between" in text_of(late, 409)
    stale = console.post(browsers["operator"], "/books/spring/rollback", activation)
    assert "operator came between" in text_of(stale, 409)
    rollback = {"expected": version, "note": "burns"}
    assert console.post(browsers["operator"], "/books/spring/rollback", rollback).status_code == 303
    assert f"{house.version[:12]} live" in text_of(browsers["reader"].get("/books/spring"))


def test_nobody_approves_what_is_their_own(house: ConsoleHouse, browsers: Browsers) -> None:
    """The page offers it to others only, and the server refuses it whatever a page offers."""
    version = submitted(house, browsers, "own", edition(6))
    assert "Approve" not in text_of(browsers["writer"].get(f"/versions/{version}"))
    forged = house.console.post(browsers["writer"], f"/versions/{version}/approve", {"verdict": "approved"})
    assert forged.status_code == 403


def test_of_two_editors_nobody_loses_work(house: ConsoleHouse, browsers: Browsers) -> None:
    """Who saves second gets what the first one saved, and saves both on top of it."""
    revision = begun(house, browsers["writer"], "two")
    assert saved(house, browsers["operator"], "two", revision, files(edition(1))).status_code == 200
    late = saved(house, browsers["writer"], "two", revision, files(edition(2)))
    assert late.status_code == 409
    kept = late.json()["draft"]
    assert "operator saved the draft after you" in late.json()["message"]
    assert kept["files"]["book.yaml"] == edition(1)
    assert saved(house, browsers["writer"], "two", kept["revision"], files(edition(3))).status_code == 200
    stale = {"expected": revision, "note": ""}
    assert house.console.post(browsers["writer"], "/drafts/two/submit", stale).status_code == 409
    assert house.console.post(browsers["writer"], "/drafts/two/delete", stale).status_code == 409
    assert edition(3).splitlines()[6] in html.unescape(browsers["reader"].get("/drafts/two").text)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd.yaml",
        "a/../../b.yaml",
        "..\\b.yaml",
        ".ssh/id.yaml",
        "a\0.yaml",
        "x.py",
    ],
)
def test_files_outside_the_draft_are_refused(house: ConsoleHouse, browsers: Browsers, name: str) -> None:
    """With a sentence, and the draft stays as it was."""
    draft = f"outside-{abs(hash(name)) % 1000}"
    revision = begun(house, browsers["writer"], draft)
    refused = saved(house, browsers["writer"], draft, revision, {"book.yaml": BOOK.encode(), name: b""})
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("files: ")
    assert revision in browsers["writer"].get(f"/drafts/{draft}").text


@pytest.mark.parametrize("name", ["..", "a/b", "%2e%2e", "x" * 70, "é", "a b"])
def test_drafts_with_other_names_are_refused(house: ConsoleHouse, browsers: Browsers, name: str) -> None:
    """Nothing is begun."""
    assert house.console.post(browsers["writer"], "/drafts", {"name": name, "base": ""}).status_code == 400


@pytest.mark.parametrize("sent", ["", "[]", "{", '{"a.yaml": 1}', '{"a.yaml": "\\ud800"}', "null"])
def test_what_is_no_draft_is_not_saved(house: ConsoleHouse, browsers: Browsers, sent: str) -> None:
    """400, and the console goes on."""
    fields = {"expected": "", "base": "", "files": sent}
    assert house.console.post(browsers["writer"], "/drafts/none/save", fields).status_code == 400


def test_a_draft_with_mistakes_is_not_published(house: ConsoleHouse, browsers: Browsers) -> None:
    """Its page names the places; the draft stays."""
    revision = begun(house, browsers["writer"], "wrong")
    broken = files(BOOK.replace("gte", "gtr"), SCENARIO)
    revision = saved(house, browsers["writer"], "wrong", revision, broken).json()["revision"]
    checked = text_of(house.console.post(browsers["writer"], "/drafts/wrong/check", {"part": "yes"}))
    assert "there is no operator 'gtr'" in checked
    fields = {"expected": revision, "note": ""}
    refused = text_of(house.console.post(browsers["writer"], "/drafts/wrong/submit", fields), 400)
    assert "book.yaml:9:64" in refused
    assert browsers["writer"].get("/drafts/wrong").status_code == 200


def test_a_failing_scenario_is_shown(house: ConsoleHouse, browsers: Browsers) -> None:
    """With what was expected and what was decided."""
    revision = begun(house, browsers["writer"], "failing")
    failing = files(BOOK, SCENARIO.replace("adults", "minors"))
    assert saved(house, browsers["writer"], "failing", revision, failing).status_code == 200
    checked = text_of(house.console.post(browsers["writer"], "/drafts/failing/check", {"part": "yes"}))
    assert "expected minors, got adults" in checked


def test_what_a_change_would_have_done_is_counted(house: ConsoleHouse, browsers: Browsers) -> None:
    """On the log's decisions, beside the page; only who began it sees it."""
    revision = begun(house, browsers["writer"], "replayed")
    stricter = files(BOOK.replace("gte: 18", "gte: 21").replace("lt: 18", "lt: 21"))
    assert saved(house, browsers["writer"], "replayed", revision, stricter).status_code == 200
    began = house.console.post(browsers["writer"], "/drafts/replayed/replay", {"days": "7"})
    address = began.headers["location"]
    until(lambda: "Deciding again" not in browsers["writer"].get(f"{address}?part=yes").text)
    page = text_of(browsers["writer"].get(address))
    assert f"3 of {DECISIONS} decisions would change" in page
    assert "cream" not in text_of(browsers["reader"].get(address), 404)


def test_a_customer_is_tried_out(house: ConsoleHouse, browsers: Browsers) -> None:
    """With the outcome, the text, why not the others, and what would change it; values of the form count."""
    address = f"/of/version/{house.version}/try-out"
    assert "profile.age" in text_of(browsers["reader"].get(address))
    assert "customer: ann" in html.unescape(browsers["reader"].get(f"{address}?customer=ann").text)
    fields = {"context": "customer: bo\nprofile: {age: 40, phone: '1'}", "given:profile.age": "17"}
    page = text_of(house.console.post(browsers["reader"], address, fields))
    assert "offer · minors: oil" in page
    assert "An oil" in page
    assert "age: 17" in page
    wrong = house.console.post(browsers["reader"], address, {"context": "customer: bo\nprofile: {agee: 4}"})
    assert "customer:2:" in text_of(wrong, 400)
    assert "no attribute 'profile.agee'" in text_of(wrong, 400)


def test_campaigns_have_a_calendar_and_texts(house: ConsoleHouse, browsers: Browsers) -> None:
    """By day, by language, and by channel for a customer, with the segments of short messages."""
    revision = begun(house, browsers["writer"], "texts")
    book = (
        BOOK.replace("consent: not_needed", "consent: not_needed, format: sms")
        .replace(
            "content: {default: {text: A cream}}",
            "content: {default: {text: 'Cream €'}}, locales: {de: {text: Für dich “neu”}}",
        )
        .replace("adults: {", "adults: {active: {from: 2026-03-02, until: 2026-03-03}, ")
    )
    assert saved(house, browsers["writer"], "texts", revision, files(book)).status_code == 200
    page = browsers["reader"].get("/of/draft/texts/campaigns?first=2026-03-01")
    row = re.search('<th scope="row">adults</th>.*?</tr>', page.text, re.DOTALL)
    assert row is not None
    assert [("runs" in cell) for cell in re.findall("<td>(.*?)</td>", row[0], re.DOTALL)[:4]] == [
        False,
        True,
        True,
        False,
    ]
    assert browsers["reader"].get("/of/draft/texts/campaigns?first=soon").status_code == 400
    fields = {"context": "customer: bo\nprofile: {age: 40, phone: '1'}"}
    shown = text_of(house.console.post(browsers["reader"], "/of/draft/texts/campaigns/adults", fields))
    assert "Cream € GSM-7, 8 characters, 1 segment" in shown
    assert "Für dich “neu” UCS-2, 14 characters, 1 segment" in shown


PATHS = [
    ("GET", "/books"), ("GET", "/books/spring"), ("GET", "/versions/{v}"), ("GET", "/of/version/{v}/try-out"),
    ("GET", "/of/version/{v}/campaigns"), ("GET", "/of/version/{v}/campaigns/adults"), ("GET", "/drafts/any"),
    ("GET", "/replays/any"), ("POST", "/drafts"), ("POST", "/drafts/any/save"), ("POST", "/drafts/any/check"),
    ("POST", "/drafts/any/submit"), ("POST", "/drafts/any/delete"), ("POST", "/drafts/any/replay"),
    ("POST", "/drafts/any/evaluation"),
    ("POST", "/versions/{v}/replay"), ("POST", "/versions/{v}/approve"), ("POST", "/versions/{v}/stage"),
    ("POST", "/versions/{v}/activate"), ("POST", "/books/spring/rollback"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_who_lacks_the_role_gets_403(house: ConsoleHouse, browsers: Browsers, method: str, path: str) -> None:
    """On every page and action: a shop sees none of them, and who only reads changes nothing."""
    path = path.replace("{v}", house.version)
    changes = method == "POST" and not path.endswith(("/check", "/replay", "/evaluation"))
    for name in ("shop", "reader") if changes else ("shop",):
        browser = browsers[name]
        answer = browser.get(path) if method == "GET" else house.console.post(browser, path, {})
        assert answer.status_code == 403, name


def test_nothing_that_a_book_says_runs(house: ConsoleHouse, browsers: Browsers) -> None:
    """Names, descriptions, contents, notes and files are escaped on every page that shows them."""
    quoted = json.dumps(EVIL)
    book = (
        BOOK.replace("name: Cream,", f"name: {quoted},")
        .replace("{text: A cream}", "{text: " + quoted + "}")
        .replace("adults: {", f"adults: {{description: {quoted}, ")
    )
    version = submitted(house, browsers, "evil", book, EVIL)
    console = house.console
    house.console.post(
        browsers["approver"], f"/versions/{version}/approve", {"verdict": "rejected", "note": EVIL}
    )
    begun(house, browsers["writer"], "evil", version)
    customer = {"context": f"customer: {quoted}\nprofile: {{age: 40, phone: {quoted}}}"}
    answers = [
        browsers["operator"].get("/books/spring"),
        browsers["operator"].get(f"/versions/{version}"),
        browsers["writer"].get("/drafts/evil"),
        browsers["writer"].get("/books"),
        browsers["writer"].get("/of/draft/evil/campaigns"),
        console.post(browsers["writer"], "/of/draft/evil/try-out", customer),
        console.post(browsers["writer"], "/of/draft/evil/try-out", {**customer, "part": "yes"}),
        console.post(browsers["writer"], "/of/draft/evil/campaigns/adults", customer),
        console.post(browsers["writer"], "/of/draft/evil/try-out", {"context": EVIL}),
        console.post(browsers["writer"], "/of/draft/evil/campaigns/adults", {"context": EVIL}),
        console.post(browsers["writer"], "/drafts/evil/check", {"part": "yes"}),
        console.post(browsers["operator"], f"/versions/{version}/activate", {"expected": EVIL, "note": EVIL}),
        console.post(browsers["operator"], f"/versions/{version}/stage", {"expected": "", "share": EVIL}),
        browsers["writer"].get(f"/versions/{version}?against={EVIL}"),
    ]
    for number, answer in enumerate(answers):
        assert "<script>alert" not in answer.text, number
        assert "<img src=x" not in answer.text, number
    assert "alert(1)" in answers[2].text


def test_pages_of_what_is_not_there_say_so(browsers: Browsers) -> None:
    """404, with a sentence."""
    for path in (
        "/books/none",
        "/versions/none",
        "/drafts/none",
        "/of/draft/none/try-out",
        "/of/book/x/campaigns",
    ):
        assert browsers["reader"].get(path).status_code == 404
