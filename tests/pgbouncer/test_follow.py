"""Servers whose connection for notifications goes through PgBouncer."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from engine.client import Client
from tests.books import write_book
from tests.logs import Log
from tests.postgres import PostgresServer
from tests.requests import li_na
from tests.server.released import releasing
from tests.server.reloads import numbered_book, said
from tests.servers import serving
from tests.telemetry.shown import free_port
from tests.waiting import HANGS, until

PGBOUNCER = os.environ.get("PGBOUNCER", "")

pytestmark = pytest.mark.skipif(not PGBOUNCER, reason="make test-pgbouncer installs PgBouncer and runs this")

USER = "nobody"
"""PgBouncer refuses to run as root."""


@contextlib.contextmanager
def pooled(server: PostgresServer, log: Log, folder: Path, mode: str) -> Iterator[str]:
    """The URL of the log through a PgBouncer in a pool mode, for the length of a block."""
    port, database = free_port(), log.url.partition("@/")[2].partition("?")[0]
    (folder / "users").write_text('"postgres" ""\n', encoding="utf-8")
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n{database} = host={server.socket.parent} user=postgres\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"auth_file = {folder}/users\npool_mode = {mode}\nignore_startup_parameters = options\n",
        encoding="utf-8",
    )
    as_user = ["-u", USER] if os.geteuid() == 0 else []
    for path in (folder, *folder.iterdir()) if as_user else ():
        shutil.chown(path, USER)
    with (folder / "messages").open("wb") as messages:
        process = subprocess.Popen(
            [PGBOUNCER, *as_user, str(folder / "pgbouncer.ini")], stdout=messages, stderr=messages
        )
    url = f"postgresql://postgres@127.0.0.1:{port}/{database}"
    try:
        until(lambda: process.poll() is not None or answers(url))
        assert process.poll() is None, (folder / "messages").read_text(encoding="utf-8")
        yield url
    finally:
        process.kill()
        process.wait(HANGS)


def answers(url: str) -> bool:
    """Whether a database answers at the URL."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize(
    ("mode", "message"),
    [("transaction", "notifications of releases do not arrive"), ("session", "listening for releases")],
)
def test_servers_follow_through_a_pooler(
    postgres_server: PostgresServer,
    postgres_log: Log,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mode: str,
    message: str,
) -> None:
    """In transaction mode no notification arrives, which is said, and polling does; in session mode they do."""
    folder = tmp_path_factory.mktemp("books")
    with contextlib.ExitStack() as opened:
        own = opened.enter_context(reachable())
        url = opened.enter_context(pooled(postgres_server, postgres_log, own, mode))
        releases = opened.enter_context(releasing(postgres_log, "spring"))
        versions = [releases.publish(write_book(folder / f"{n}", numbered_book(n, 1))) for n in range(2)]
        releases.activate(versions[0])
        monkeypatch.setenv("TACT_LISTEN", url)
        server = opened.enter_context(serving("spring", postgres_log))
        said(server, message)
        client = opened.enter_context(Client(server.target, timeout=60))
        start = time.monotonic()
        releases.activate(versions[1])
        until(lambda: client.decide(li_na()).book_version == versions[1], server)
        seconds = time.monotonic() - start
        assert server.stop() == 0
    with capsys.disabled():
        print(f"\nfollowed in {seconds:.2f} s, {mode} mode")  # noqa: T201 for whoever reads the run


@contextlib.contextmanager
def reachable() -> Iterator[Path]:
    """A folder that the user of PgBouncer can reach, which those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="tact-pgbouncer-") as name:
        yield Path(name)
