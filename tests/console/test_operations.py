"""Operations shows what servers refused, as their metrics ports tell it, and a sentence for those that tell nothing."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.client import Client, TactError, request
from engine.console.measured import measured
from engine.ledger.store.open import lay_out
from engine.server.access.roles import Role
from engine.server.access.tokens import add, entry_of, new_token
from tests.console.conftest import console_of
from tests.console.scene import BOOK, HOSTILE, runnable
from tests.servers import serving
from tests.telemetry.shown import free_port


@contextmanager
def answering(body: bytes, *, status: int = 200, length: int | None = None) -> Iterator[str]:
    """The address of a server that answers everything so; length: what it announces, where that is not the truth."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_a_server_refused_stands_on_the_page(tmp_path: Path) -> None:
    """A call that it refused is counted with its status; its settings are for `admin`, and have no password."""
    folder, log, callers = tmp_path / "book", tmp_path / "log.db", tmp_path / "callers.toml"
    folder.mkdir()
    (folder / "book.yaml").write_text(BOOK, encoding="utf-8")
    tokens = {role: new_token() for role in (Role.READ, Role.ADMIN)}
    for role, token in tokens.items():
        add(entry_of(token, role, (role,)), callers)
    port, silent = free_port(), free_port()
    words = ("--callers", str(callers), "--metrics-port", str(port))
    with (
        pytest.MonkeyPatch.context() as environment,
        serving(folder, log, *words) as server,
        Client(server.target, token=tokens[Role.READ]) as client,
    ):
        with pytest.raises(TactError, match="lacks the role"):
            client.decide(request("bob"))
        environment.delenv("TACT_CONSOLE_METRICS", raising=False)
        addresses = {"TACT_CONSOLE_METRICS": f"127.0.0.1:{port}, 127.0.0.1:{silent}"}
        with console_of(log, "--callers", str(callers), **addresses) as console:
            reader = console.logged_in(tokens[Role.READ]).get("/operations").text
            admin = console.logged_in(tokens[Role.ADMIN]).get("/operations").text
        assert server.stop() == 0
    assert "Decide <code>PERMISSION_DENIED</code> 1" in reader
    assert f"127.0.0.1:{silent}</th><td" in reader
    assert "It cannot be reached." in reader
    assert "TACT_QUEUE_LIMIT" not in reader
    assert "<code>TACT_QUEUE_LIMIT</code></th><td>4096</td>" in admin
    assert runnable(admin) == []


def test_without_addresses_the_page_says_how_to_name_them(tmp_path: Path) -> None:
    """And an address that is none is refused when the console starts."""
    lay_out(tmp_path / "log.db")
    with console_of(tmp_path / "log.db") as console:
        assert "TACT_CONSOLE_METRICS" in console.logged_in().get("/operations").text
    with (
        pytest.raises(AssertionError, match="host:port"),
        console_of(tmp_path / "log.db", "--metrics", "nowhere"),
    ):
        pass


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>hello</html>",
        os.urandom(4000),
        b"tact_ready NaN\n",
        b"tact_ready 1e999\n",
        b"tact_ready one\n",
        b'tact_calls_total{method="a\n',
        b"python_info 1\n",
        b"tact_ready 1\n" + b"#" * (3 * 1024 * 1024),
    ],
)
def test_what_is_no_metrics_is_said_in_a_sentence(body: bytes) -> None:
    """Whatever stands at the address, and however much, the page shows that it cannot be read."""
    with answering(body) as address:
        (server,) = measured([address], with_settings=True)
    assert server == (
        address,
        "Its metrics cannot be read: is the address that of a metrics port?",
        *server[2:],
    )


def test_an_address_elsewhere_is_not_followed() -> None:
    """Who answers with another status, also one that sends on, is not read."""
    with answering(b"tact_ready 1\n", status=302) as address:
        (server,) = measured([address], with_settings=False)
    assert server.trouble


def test_who_never_ends_is_left_in_time() -> None:
    """A server that accepts and is silent, and one that promises more than it sends, keep nobody waiting for good."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        answering(b"tact_ready 1\n", length=99999) as short,
    ):
        silent = f"127.0.0.1:{listener.getsockname()[1]}"
        troubles = [server.trouble for server in measured([silent, short], with_settings=False)]
    assert troubles[0] == "It did not answer in time."
    assert troubles[1]


def test_labels_of_a_hostile_server_are_texts(tmp_path: Path) -> None:
    """A method that holds a script is shown and does not run."""
    text = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
    lay_out(tmp_path / "log.db")
    body = f'tact_ready 1\ntact_calls_total{{method="{text}",status="{text}"}} 7\n'.encode()
    with answering(body) as address, console_of(tmp_path / "log.db", "--metrics", address) as console:
        shown = console.logged_in().get("/operations").text
    assert "&lt;script&gt;alert(1)" in shown
    assert runnable(shown) == []
