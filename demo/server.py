"""A real server in a process of its own: its address is read from the line that it prints, SIGTERM stops it."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import TracebackType

_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")


_START_SECONDS = 30.0


_STOP_SECONDS = 20.0


class DemoError(Exception):
    """The demo failed; the message says why."""


def book_folder() -> Path:
    """The folder of the demo's book: that of the checkout, or the installed package's copy."""
    checkout = Path(__file__).parents[1] / "rules" / "cosmetics-cn"
    return checkout if checkout.is_dir() else Path(__file__).parent / "book"


class Server:
    """Serves the demo's book while the context is open; its log is `folder`/tact.db, which is replaced each time."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "tact.db"
        self.messages = folder / "server.log"
        self.target = ""
        """The address it listens on, set when the context is entered."""
        self._folder = folder
        self._lines: Queue[str] = Queue()

    def __enter__(self) -> "Server":
        self._clear()
        with self.messages.open("wb") as messages:
            self._process = subprocess.Popen(  # noqa: S603 -- our own server, no shell
                self._command(), stdout=subprocess.PIPE, stderr=messages, text=True, env=_environment()
            )
        Thread(target=self._read, daemon=True).start()
        try:
            self.target = self._await_target()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._kill()

    def stop(self) -> int:
        """Stop it with SIGTERM and return its exit code; raises DemoError if it does not end."""
        self._process.terminate()
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise DemoError(f"the server did not end within {_STOP_SECONDS:.0f} s of SIGTERM") from None

    def _command(self) -> list[str]:
        serve = [sys.executable, "-m", "engine.cli", "serve", "--rules", str(book_folder())]
        return [*serve, "--log", f"sqlite:///{self.log}", "--port", "0", "--allow-simulated-now"]

    def _clear(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.log.with_name(self.log.name + suffix).unlink(missing_ok=True)

    def _read(self) -> None:
        if self._process.stdout is not None:
            with self._process.stdout as lines:
                for line in lines:
                    self._lines.put(line)

    def _await_target(self) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                line = self._lines.get(timeout=0.1)
            except Empty:
                if (code := self._process.poll()) is not None:
                    raise DemoError(
                        f"the server ended at once, with exit code {code}:\n{self._last_messages()}"
                    ) from None
                continue
            if match := _LISTENING.search(line):
                return match[1]
        raise DemoError(f"the server did not listen within {_START_SECONDS:.0f} s:\n{self._last_messages()}")

    def _last_messages(self) -> str:
        return self.messages.read_text(errors="replace").strip()[-4000:] or "(no messages)"

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _environment() -> dict[str, str]:
    """The environment of this process without settings, which may be meant for another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TACT_")}
