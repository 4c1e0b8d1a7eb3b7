"""Who may call over HTTP: every route with every kind of wrong token and with each role, over real connections."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.server.access.roles import NEEDED, OPEN_TO_ALL, Role
from engine.server.http.pages import EXPORT, FRIENDLY, PERSON
from tests.books import write_book
from tests.requests import li_na
from tests.server.access.conftest import Authority, secure, token_for, write_callers
from tests.server.access.test_certificates import MAILER, SHOP_ENTRY
from tests.server.access.test_every_method import CONTRACT, WRONG
from tests.server.http.conftest import HTTP
from tests.server.http.test_calls import PROTO, body_of
from tests.servers import Server, serving
from tests.waiting import until

TOKENS = {role: token_for(f"only-{role}", role) for role in Role}
STREAMS = {
    *(f"/tact.v1.Decisions/{name}" for name in ("DecideStream", "Watch", "Due")),
    "/tact.v1.Privacy/ExportCustomer",
}
UNARY = [path for path in CONTRACT if path not in STREAMS]
"""All that Connect serves: every method of every service that is no stream."""
CALLS = {
    **{path: f"/tact.v1.Decisions/{name}" for path, name in FRIENDLY.items()},
    **{path: f"/tact.v1.Privacy/{name}" for path, name in PERSON.items()},
    EXPORT: "/tact.v1.Privacy/ExportCustomer",
    **{path: path for path in UNARY},
}
"""Paths that are called, with the methods whose roles they need."""
PAGES = ("/healthz", "/readyz", "/openapi.json", "/docs")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a caller for each role."""
    folder: Path = tmp_path_factory.mktemp("callers")
    callers = write_callers(folder / "callers.toml", *(entry for _, entry in TOKENS.values()))
    options = ("--callers", str(callers), *HTTP)
    with serving(write_book(folder / "book"), folder / "tact.db", *options) as running:
        yield running


def bearer(role: Role) -> dict[str, str]:
    """The header of the caller that has only this role."""
    return {"authorization": f"Bearer {TOKENS[role][0]}"}


@pytest.mark.parametrize(
    "path",
    [
        *CALLS,
        "/v1/decide-stream",
        "/v1/books/spring/live",
        f"/v1/books/spring/versions/{'0' * 64}",
        "/nowhere",
        "/tact.v1.Decisions/Nothing",
    ],
)
def test_wrong_tokens_are_refused(web: httpx.Client, path: str) -> None:
    """Whatever is wrong with what was sent, and whether or not there is such a path: 401 before the body is looked at."""
    for what, metadata in WRONG.items():
        answer = web.post(path, content=b"{", headers=[(name, value.strip()) for name, value in metadata])
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), what
        assert answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.parametrize("role", Role)
def test_a_role_lets_do_its_own_and_no_more(web: httpx.Client, path: str, role: Role) -> None:
    """A caller with one role is refused everything else, and its own calls answer something else."""
    status = web.post(path, json={}, headers=bearer(role)).status_code
    assert (status == 403) == (role not in NEEDED[CALLS[path]])
    assert status in (200, 400, 403, 404)


def test_pages_need_no_token_and_the_live_book_any(web: httpx.Client) -> None:
    """Probes and the contract's description are for everyone; what is served is for those who may call."""
    assert all(web.get(path).status_code == 200 for path in PAGES)
    assert all(web.get("/v1/books/spring/live", headers=bearer(role)).status_code == 200 for role in Role)
    assert web.get("/nowhere", headers=bearer(Role.DECIDE)).status_code == 404


@pytest.mark.parametrize("role", Role)
def test_versions_and_streams_need_a_role_of_their_own(web: httpx.Client, role: Role) -> None:
    """Files of books are for those who read them over gRPC, streams for those who decide."""
    version = web.get(f"/v1/books/spring/versions/{'0' * 64}", headers=bearer(role)).status_code
    readers = NEEDED["/tact.v1.Rulebooks/Get"]
    assert version == (404 if role in readers else 403)
    stream = web.post("/v1/decide-stream", content=b"", headers=bearer(role)).status_code
    assert stream == (415 if role is Role.DECIDE else 403)


def test_every_route_has_its_role() -> None:
    """A method over HTTP has the role that it has over gRPC; the others are named, or nobody may call them."""
    assert set(CALLS.values()) - {CALLS[EXPORT]} == set(CONTRACT) - STREAMS
    others = {path for path in (*NEEDED, *OPEN_TO_ALL) if not path.startswith("/")}
    books = {"GET /v1/books/{name}/live", "GET /v1/books/{name}/versions/{version}"}
    assert others == {*(f"GET {path}" for path in PAGES), *books}


def test_a_caller_s_rate_is_one_for_all_interfaces(tmp_path: Path) -> None:
    """Beyond it calls are 429 with the seconds after which to try again; a batch counts as its items."""
    token, entry = token_for("shop", Role.DECIDE)
    callers = write_callers(
        tmp_path / "callers.toml", entry, more="\n[limits.shop]\nrate = 0.01\nburst = 3\n"
    )
    options = ("--callers", str(callers), *HTTP)
    with (
        serving(write_book(tmp_path / "book"), tmp_path / "tact.db", *options) as server,
        httpx.Client(base_url=server.http, headers={"authorization": f"Bearer {token}"}, timeout=60) as web,
    ):
        batch = {"requests": [body_of(li_na(f"rate-{number}", placement="hero")) for number in range(3)]}
        assert web.post("/v1/decide-batch", json=batch).status_code == 200
        refused = web.post("/v1/decide", json=batch["requests"][0])
        assert (refused.status_code, refused.json()["code"]) == (429, "resource_exhausted")
        assert int(refused.headers["retry-after"]) >= 90


def test_certificates_say_who_calls(authority: Authority, tmp_path: Path) -> None:
    """As over gRPC: a certificate's name gives its caller's roles, another name is nobody's, and none does not connect."""
    callers = write_callers(tmp_path / "callers.toml", SHOP_ENTRY, more="\n" + MAILER)
    options = [*secure(authority), "--client-ca", str(authority.file), "--callers", str(callers), *HTTP]
    with serving(write_book(tmp_path / "book"), tmp_path / "tact.db", *options) as server:
        assert server.http.startswith("https://")
        message = li_na("certain", placement="hero").SerializeToString()

        def status(tls: Any, path: str = "/tact.v1.Decisions/Decide") -> int:
            context = ssl.create_default_context(cafile=str(authority.file))
            if tls is not None:
                context.load_cert_chain(tls.cert, tls.key)
            with httpx.Client(base_url=server.http, verify=context, timeout=60) as web:
                return web.post(path, content=message, headers=PROTO).status_code

        assert status(authority.client("mailer.example")) == 200
        assert status(authority.client("mailer.example"), "/tact.v1.Decisions/Explain") == 403
        assert status(authority.client("stranger.example")) == 401
        with pytest.raises((httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError)):
            status(None)


def test_a_certificate_is_replaced_while_it_serves(authority: Authority, tmp_path: Path) -> None:
    """New connections get the newest, those that are open go on."""
    with serving(write_book(tmp_path / "book"), tmp_path / "tact.db", *secure(authority), *HTTP) as server:
        context = ssl.create_default_context(cafile=str(authority.file))
        with httpx.Client(base_url=server.http, verify=context, timeout=60) as web:
            assert web.get("/healthz").status_code == 200
            cert, _ = authority.sign("localhost", "127.0.0.1")
            leaf = cert.read_text().partition("-----END CERTIFICATE-----")[0]
            port = int(server.http.rpartition(":")[2])
            until(lambda: leaf in ssl.get_server_certificate(("127.0.0.1", port)), server)
            assert web.get("/healthz").status_code == 200
