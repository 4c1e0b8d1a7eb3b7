"""Who gets in, and who does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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
def console(log: Path) -> Iterator[RunningConsole]:
    """A console whose server asks nobody who calls."""
    with console_of(log) as running:
        yield running


def test_the_one_time_address_logs_in_once(log: Path) -> None:
    """Whoever opens it first is in; after that it is worth nothing."""
    with console_of(log) as console:
        first = console.logged_in()
        assert first.get("/").status_code == 200
        code = console.once.partition("code=")[2]
        second = console.browser()
        assert console.post(second, "/login", {"code": code}).status_code == 403
        assert second.get("/").headers["location"].endswith("/login")


def test_without_a_session_every_page_leads_to_the_login(console: RunningConsole) -> None:
    """Pages redirect to it, and changes are refused."""
    stranger = console.browser()
    assert stranger.get("/").status_code == 303
    assert console.post(stranger, "/preferences", {"theme": "dark"}).status_code == 401


def test_a_token_is_exchanged_for_a_cookie_that_scripts_cannot_read(log: Path, tmp_path: Path) -> None:
    """The cookie is for this site alone, and the token is not in it; one that is taken back is worth nothing any more."""
    token, callers = new_token(), tmp_path / "callers.toml"
    add(entry_of(token, "anna", (Role.READ,)), callers)
    with console_of(log, "--callers", str(callers)) as console:
        browser = console.logged_in(token)
        cookie = next(cookie for cookie in browser.cookies.jar)
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "strict"
        assert token not in str(cookie.value)
        assert browser.get("/").status_code == 200
        assert console.post(console.browser(), "/login", {"token": f"{token}x"}).status_code == 403
        callers.write_text("")
        until(lambda: browser.get("/").status_code == 303)
