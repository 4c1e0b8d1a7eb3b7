"""What a hostile page, link or client tries: the console refuses it whatever page it is about."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.console.guard import content_policy
from engine.console.render import FOLDER
from engine.ledger.store.open import lay_out
from engine.server.access.roles import Role
from engine.server.access.tokens import add, entry_of, new_token
from tests.console.conftest import RunningConsole, console_of
from tests.waiting import until


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty log."""
    path = tmp_path_factory.mktemp("log") / "log.db"
    lay_out(path)
    return path


@pytest.fixture(scope="module")
def token() -> str:
    """Of a user with all roles."""
    return new_token()


@pytest.fixture(scope="module")
def console(log: Path, token: str) -> Iterator[RunningConsole]:
    """A console with a callers file."""
    callers = log.with_name("callers.toml")
    add(entry_of(token, "anna", tuple(Role)), callers)
    with console_of(log, "--callers", str(callers)) as running:
        yield running


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:1"])
def test_a_change_from_another_page_is_refused(console: RunningConsole, token: str, origin: str) -> None:
    """Whatever cookie comes with it: the origin of every change has to be the console's own."""
    browser = console.logged_in(token)
    headers = {"origin": origin} if origin else {}
    for path in ("/preferences", "/logout", "/report", "/person/erase", "/login"):
        answer = browser.post(
            path, data={"theme": "dark", "customer": "ann", "again": "ann"}, headers=headers
        )
        assert answer.status_code == 403, path
        assert "set-cookie" not in answer.headers
    assert browser.get("/").status_code == 200, "still logged in"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1:80@evil.example"])
def test_another_host_name_is_refused(console: RunningConsole, host: str) -> None:
    """A name that somebody points at this address does not reach the console."""
    assert console.browser().get("/login", headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nset-cookie: a=b",
        "/%0d%0aa: b",
        "\t//evil",
    ],
)
def test_nothing_leads_elsewhere_and_nothing_ends_a_header(
    console: RunningConsole, token: str, back: str
) -> None:
    """The address to go back to is a path of the console, or the first page."""
    browser = console.logged_in(token)
    answer = console.post(browser, "/preferences", {"back": back, "theme": "dark\r\nx: y", "language": "xx"})
    assert answer.status_code == 303
    assert re.fullmatch(r"/(%0d%0aa:%20b|%0d%0aa: b)?", answer.headers["location"])
    assert "x" not in answer.headers
    assert "set-cookie" not in answer.headers


def test_a_session_is_never_one_that_was_there_before(console: RunningConsole, token: str) -> None:
    """An id that somebody else has set is not adopted, a login makes a new one, and the old one is worth nothing."""
    name = f"tact_console_{console.address.rpartition(':')[2]}"
    browser = console.browser()
    browser.cookies.set(name, "planted", domain="127.0.0.1")
    assert browser.get("/").status_code == 303
    assert console.post(browser, "/login", {"token": token}).status_code == 303
    first = browser.cookies.get(name, domain="127.0.0.1") or next(
        cookie.value for cookie in browser.cookies.jar if cookie.value != "planted"
    )
    assert first != "planted"
    again = console.browser()
    again.cookies.set(name, str(first), domain="127.0.0.1")
    assert again.get("/").status_code == 200
    answer = console.post(again, "/login", {"token": token})
    second = re.findall(rf"{name}=([^;]+)", answer.headers["set-cookie"])[0]
    assert second != first
    for value, status in ((str(first), 303), (second, 200)):
        old = console.browser()
        old.cookies.set(name, value, domain="127.0.0.1")
        assert old.get("/").status_code == status


def test_a_logout_ends_the_session_itself(console: RunningConsole, token: str) -> None:
    """Who kept the cookie has nothing of it."""
    browser = console.logged_in(token)
    kept = dict(browser.cookies)
    assert console.post(browser, "/logout", {}).status_code == 303
    browser.cookies.update(kept)
    assert browser.get("/").status_code == 303


def test_every_answer_has_the_headers_of_safety(console: RunningConsole, token: str) -> None:
    """Pages, files, redirects and errors; scripts are the console's own, and none is inline."""
    browser = console.logged_in(token)
    for path in ("/", "/login", "/static/console.css", "/nowhere", "/decisions/x", "/preferences"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")
        assert "server" not in headers
    assert "unsafe" not in content_policy("nonce", inline_styles=False)


def test_templates_have_no_inline_code() -> None:
    """No handler, no style, no script without a file, and nothing is marked as safe."""
    for file in sorted((FOLDER / "templates").rglob("*.html")):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\son[a-z]+\s*=|\sstyle\s*=|javascript:|\|\s*safe|autoescape", text), file
        for attributes in re.findall(r"<script([^>]*)>", text):
            assert "src=" in attributes or 'type="application/json"' in attributes, file


def test_forms_are_bounded(console: RunningConsole, token: str) -> None:
    """One that is too large, has too many fields or is no form is refused."""
    browser = console.logged_in(token)
    assert console.post(browser, "/preferences", {"back": "x" * 100_000}).status_code == 413
    assert (
        console.post(browser, "/preferences", {f"f{number}": "" for number in range(2000)}).status_code == 400
    )
    origin = {"origin": console.address}
    assert (
        browser.post(
            "/preferences", content=b"{}", headers={**origin, "content-type": "application/json"}
        ).status_code
        == 415
    )
    form = {**origin, "content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/preferences", content=b"a=%ff", headers=form).status_code == 400
    assert browser.post("/preferences", content=b"a=\xff", headers=form).status_code == 400
    assert browser.get("/?days=" + "9" * 9000).status_code == 414
    assert browser.get("/?days=1e9").status_code == 200
    assert browser.get("/?days=-1").status_code == 200


def test_logins_are_slowed_down(log: Path) -> None:
    """After twenty wrong ones somebody has to wait, with whatever they bring."""
    callers = log.with_name("slow.toml")
    add(entry_of(new_token(), "anna", (Role.READ,)), callers)
    with console_of(log, "--callers", str(callers)) as console:
        browser = console.browser()
        until(lambda: console.post(browser, "/login", {"token": "tact_wrong"}).status_code == 429)


USERS = """
[[users]]
name = "anna@example.com"
roles = ["read", "explain"]

[[groups]]
name = "/reviewers"
roles = ["read", "approve"]
"""


@pytest.fixture(scope="module")
def behind(log: Path) -> Iterator[RunningConsole]:
    """A console that believes proxies on loopback."""
    callers, own = log.with_name("users.toml"), log.with_name("own")
    token = new_token()
    own.write_text(token)
    callers.write_text(USERS)
    add(entry_of(token, "console", (Role.DELEGATE,)), callers)
    words = ("--callers", str(callers), "--token-file", str(own), "--proxy", "127.0.0.0/8")
    with console_of(log, *words, "--origin", "http://console.example.com") as running:
        yield running


def test_a_proxy_says_who_the_user_is(behind: RunningConsole) -> None:
    """By its headers, mapped by the callers file; who is not named there, or named twice, is refused."""
    hosts = {"host": "console.example.com"}
    for headers, status in (
        ({"x-forwarded-user": "anna@example.com"}, 200),
        ({"x-forwarded-user": "new@example.com", "x-forwarded-groups": "other, /reviewers"}, 200),
        ({"x-forwarded-user": "new@example.com", "x-forwarded-groups": "other"}, 401),
        ({"x-forwarded-user": "console"}, 401),
        ({"x-forwarded-user": "<script>"}, 401),
        ({}, 401),
    ):
        assert behind.browser().get("/", headers={**hosts, **headers}).status_code == status, headers
    twice = [("host", "console.example.com"), *[("x-forwarded-user", "anna@example.com")] * 2]
    assert behind.browser().get("/", headers=twice).status_code == 401
    reader = behind.browser().get("/audit", headers={**hosts, "x-forwarded-user": "anna@example.com"})
    assert reader.status_code == 403


def test_headers_of_anybody_else_are_not_believed(console: RunningConsole) -> None:
    """Without --proxy they say nothing."""
    answer = console.browser().get("/", headers={"x-forwarded-user": "anna"})
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0"), "is not loopback"),
        (("--proxy", "10.0.0.0/8"), "--proxy needs --origin"),
        (("--proxy", "ten", "--origin", "https://a.example"), "--proxy ten"),
        (("--origin", "https://a.example/path"), "--origin ends with the host"),
        (("--origin", "a.example"), "--origin must begin with"),
        (("--callers", "/nowhere"), "/nowhere cannot be read"),
    ],
)
def test_what_is_not_safe_is_not_started(log: Path, words: tuple[str, ...], said: str) -> None:
    """The command says what is missing."""
    with pytest.raises(AssertionError, match=said), console_of(log, *words):
        pass
