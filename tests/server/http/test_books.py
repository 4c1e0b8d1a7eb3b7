"""Published versions over HTTP: for good once they are there, and for those who may read them."""

from collections.abc import Iterator

import httpx
import pytest

from tests.books import SPRING, write_book
from tests.forked import tact
from tests.server.http.conftest import HTTP
from tests.server.http.test_calls import problem
from tests.servers import Server, serving

VERSIONS = "/v1/books/spring/versions"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose log has a published version."""
    folder = tmp_path_factory.mktemp("published")
    book = write_book(folder / "book")
    log = folder / "tact.db"
    done = tact("publish", str(book), "--log", f"sqlite:///{log}", "--note", "first")
    assert done.returncode == 0, done.stderr
    with serving(book, log, *HTTP) as running:
        yield running


@pytest.fixture(scope="module")
def version(web: httpx.Client) -> str:
    """The version, by its full hash."""
    live: str = web.get("/v1/books/spring/live").json()["version"]
    return live


def test_a_version_is_given_with_its_files_for_good(web: httpx.Client, version: str) -> None:
    """Its hash is the ETag, caches keep it, and what may change of it is not there."""
    answer = web.get(f"{VERSIONS}/{version}")
    assert answer.status_code == 200
    document = answer.json()
    assert (document["version"], document["name"], document["note"]) == (version, "spring", "first")
    assert list(document["files"].values()) == [SPRING]
    assert {"state", "approvals"}.isdisjoint(document)
    assert answer.headers["etag"] == f'"{version}"'
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    plain = web.get(f"{VERSIONS}/{version}", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == document


def test_a_version_that_is_held_is_not_sent_again(web: httpx.Client, version: str) -> None:
    """304 for its ETag, among others too; its head alone is to be had."""
    for tags in (f'"{version}"', f'"other", "{version}"'):
        held = web.get(f"{VERSIONS}/{version}", headers={"if-none-match": tags})
        assert (held.status_code, held.content) == (304, b"")
        assert held.headers["etag"] == f'"{version}"'
    assert web.get(f"{VERSIONS}/{version}", headers={"if-none-match": '"other"'}).status_code == 200
    head = web.head(f"{VERSIONS}/{version}")
    assert (head.status_code, head.content) == (200, b"")


def test_what_is_no_version_of_the_book(web: httpx.Client, version: str) -> None:
    """Is not found: a part of a hash, another one, another book's, and paths beside it."""
    for asked in ("0" * 64, version[:12], version.upper(), "live", "%00", "..", "a" * 8000):
        assert problem(web.get(f"{VERSIONS}/{asked}"), 404)["code"] in ("not_found", "unimplemented"), asked
    assert "'autumn'" in problem(web.get(f"/v1/books/autumn/versions/{version}"), 404)["detail"]
    for path in (VERSIONS, f"{VERSIONS}/", f"{VERSIONS}/{version}/", f"{VERSIONS}/{version}/files"):
        assert "no such path" in problem(web.get(path), 404)["detail"], path
    assert problem(web.put(f"{VERSIONS}/{version}"), 405)["detail"] == "this path takes GET, HEAD"
