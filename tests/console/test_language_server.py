"""What browsers send to the language server behind the editor, over a real WebSocket: what is refused harms nothing."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.console.books import ConsoleHouse, console_house
from tests.waiting import HANGS

_BROKEN = "book: {name: spring, timezone: Mars}\n"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleHouse]:
    """A console with a server, for all tests of this module."""
    with console_house(tmp_path_factory.mktemp("editor")) as running:
        yield running


@pytest.fixture(scope="module")
def writer(house: ConsoleHouse) -> httpx.Client:
    """The browser of somebody who writes books."""
    return house.console.logged_in("writer")


def opened(
    house: ConsoleHouse, browser: httpx.Client, origin: str | None = None, path: str = "/lsp"
) -> ClientConnection:
    """The WebSocket of an editor; origin: of the page that opens it, else the console's."""
    address = house.console.address
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    return connect(
        address.replace("http://", "ws://") + path,
        origin=Origin(address if origin is None else origin),
        additional_headers={"cookie": cookies} if cookies else {},
        open_timeout=HANGS,
        proxy=None,
        max_size=None,
    )


def said(socket: ClientConnection, method: str, **params: Any) -> None:
    """Sends a notification."""
    socket.send(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))


def document(uri: str, text: str = _BROKEN) -> dict[str, Any]:
    """A file that is opened."""
    return {"uri": uri, "languageId": "yaml", "version": 1, "text": text}


def refusal(socket: ClientConnection) -> int:
    """The code with which the console ends the connection, whatever the language server said before."""
    with suppress(ConnectionClosed):
        while True:
            socket.recv(HANGS)
    assert socket.close_code is not None
    return socket.close_code


def test_an_editor_gets_the_problems_of_its_draft(house: ConsoleHouse, writer: httpx.Client) -> None:
    """Under the names of the draft; no path of the machine is in what it hears."""
    with opened(house, writer) as socket:
        socket.send('{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}')
        heard = [socket.recv(HANGS)]
        said(socket, "initialized")
        said(socket, "textDocument/didOpen", textDocument=document("draft:///book.yaml"))
        while '"textDocument/publishDiagnostics"' not in heard[-1] or '"diagnostics": []' in heard[-1]:
            heard.append(socket.recv(HANGS))
    params = json.loads(heard[-1])["params"]
    assert params["uri"] == "draft:///book.yaml"
    assert "Mars" in str(params["diagnostics"])
    assert "tact-draft-" not in str(heard)


HOSTILE = [
    "", "nothing", "[]", "3", "null", '"initialize"', "{", '{"method": 3}', '{"method": null, "x": ' + "[" * 100_000,
    '{"method": "initialize"}', '{"method": "workspace/executeCommand", "params": {"command": "x"}}',
    '{"method": "workspace/didChangeWorkspaceFolders", "params": {}}', '{"method": "exit"}',
    '{"method": "textDocument/didOpen"}', '{"method": "textDocument/didOpen", "params": []}',
    "[" * 200_000, '{"method": "textDocument/hover", "params": ' + '{"a":' * 50_000 + "1" + "}" * 50_001,
]  # fmt: skip
"""No JSON, no objects, methods that are not spoken, and what is nested without end."""


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: f"{text[:24]} {len(text)}")
def test_what_is_none_of_the_protocol_ends_the_connection(
    house: ConsoleHouse, writer: httpx.Client, text: str
) -> None:
    """As a breach of policy, and the console goes on."""
    with opened(house, writer) as socket:
        socket.send(text)
        assert refusal(socket) == 1008
    assert writer.get("/books").status_code == 200


def test_bytes_end_the_connection(house: ConsoleHouse, writer: httpx.Client) -> None:
    """The protocol is text."""
    with opened(house, writer) as socket:
        socket.send(b"\x00\xff{}")
        assert refusal(socket) == 1008


def test_a_message_beyond_the_bound_ends_the_connection(house: ConsoleHouse, writer: httpx.Client) -> None:
    """4 MiB: the code says that it was too large."""
    with opened(house, writer) as socket:
        socket.send('{"method": "' + "x" * (4 << 20) + '"}')
        assert refusal(socket) == 1009


@pytest.mark.parametrize(
    "uri",
    ["file:///etc/passwd", "file:///tmp/x.yaml", "http://127.0.0.1/x.yaml", "draft:///../../x.yaml", "draft:////tmp/x.yaml",
     "draft:///%2e%2e/%2e%2e/x.yaml", "draft:///..%5cx.yaml", "draft:///a%00.yaml", "draft:///.ssh/x.yaml", "draft:///x.py",
     "draft:///" + "x" * 400 + ".yaml", "draft:///", "DRAFT:///book.yaml", "draft:///\ud800.yaml"],
)  # fmt: skip
def test_no_other_file_can_be_named(house: ConsoleHouse, writer: httpx.Client, uri: str) -> None:
    """Neither written nor read: of another scheme, beyond the draft, or of another kind."""
    with opened(house, writer) as socket:
        said(socket, "textDocument/didOpen", textDocument=document(uri))
        assert refusal(socket) == 1008
    with opened(house, writer) as socket:
        said(socket, "textDocument/hover", textDocument={"uri": uri}, position={"line": 0, "character": 0})
        assert refusal(socket) == 1008
    assert not Path("/tmp/x.yaml").exists()


def test_addresses_are_looked_at_wherever_they_stand(house: ConsoleHouse, writer: httpx.Client) -> None:
    """In lists, in edits, and as the keys of changes."""
    hostile: list[dict[str, Any]] = [
        {"edits": [{"deep": {"newUri": "file:///etc/passwd"}}]},
        {"changes": {"file:///etc/passwd": []}},
    ]
    for params in hostile:
        with opened(house, writer) as socket:
            said(socket, "textDocument/rename", **params)
            assert refusal(socket) == 1008


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", ""])
def test_a_page_from_elsewhere_gets_no_server(house: ConsoleHouse, writer: httpx.Client, origin: str) -> None:
    """With the user's own cookie."""
    with pytest.raises(InvalidStatus) as refused:
        opened(house, writer, origin)
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("user", ["shop", ""])
def test_who_may_not_read_books_gets_no_server(house: ConsoleHouse, user: str) -> None:
    """A user without the role, and somebody who is not logged in."""
    browser = house.console.logged_in(user) if user else house.console.browser()
    with pytest.raises(InvalidStatus) as refused:
        opened(house, browser)
    assert refused.value.response.status_code == 403
