"""Walking through a page: its blocks are done in order, in a folder of the test's own beside a copy of rules/."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.demo.once import WORDS, DemoRun
from tests.docs.pages import ROOT, Block

_PORT, _HTTP_PORT = "50051", "8080"
_CLIENT = re.compile(r'Client\("127\.0\.0\.1:50051"(?=\))')
"""A client with the default timeout."""


class Walk:
    """One walk, with two changes to the pages' text.

    Their ports are replaced by free ones, so that walks do not meet; and clients get a minute for a call, since the default of
    a second may be too short on a busy machine. The demo is run once for all pages.
    """

    def __init__(self, folder: Path, commands: Path, demo: Callable[[], DemoRun]) -> None:
        """folder: the test's own; commands: has the programs `tact` and `python`."""
        self._demo = demo
        self._folder = folder
        self._commands = commands
        self._printed = ""
        self._servers: list[subprocess.Popen[str]] = []
        with socket.socket() as probe, socket.socket() as other:
            for free in (probe, other):
                free.bind(("127.0.0.1", 0))
            self._port, self._http_port = (str(free.getsockname()[1]) for free in (probe, other))
        shutil.copytree(ROOT / "rules", folder / "rules")
        path = os.pathsep.join((str(commands), str(Path(sys.executable).parent), os.environ["PATH"]))
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TACT_")},
            "PATH": path,
            "NO_COLOR": "1",
            "COLUMNS": "120",
            "TACT_PORT": self._port,
        }

    def step(self, block: Block) -> None:
        """Does what the block's tags say; a block without tags is only read."""
        text = _CLIENT.sub(r"\g<0>, timeout=60", block.text).replace(_PORT, self._port)
        text = text.replace(f"127.0.0.1:{_HTTP_PORT}", f"127.0.0.1:{self._http_port}")
        if name := block.value("file"):
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / name).write_text(text, encoding="utf-8")
        if block.value("run") is not None:
            if text.split() == ["tact", *WORDS]:
                self._copy_demo()
            else:
                self._run(block, text)
        elif block.value("serve") is not None:
            self._serve(block, text)
        elif block.value("prints") is not None:
            self._compare(block, text)

    def end(self) -> None:
        """Stops what still serves."""
        for server in self._servers:
            server.terminate()
            server.communicate(timeout=60)

    def _run(self, block: Block, text: str) -> None:
        command = (
            [str(self._commands / "python"), "-c", text] if block.language == "python" else ["sh", "-c", text]
        )
        expected = int(block.value("exits") or 0)
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        self._printed = done.stdout
        assert done.returncode == expected, f"{block}: exit code {done.returncode}\n{done.stdout}"

    def _copy_demo(self) -> None:
        demo = self._demo()
        shutil.copytree(demo.folder, self._folder / "demo")
        self._printed = demo.printed

    def _serve(self, block: Block, text: str) -> None:
        server = subprocess.Popen(
            ["sh", "-c", f"exec {text}"],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._servers.append(server)
        assert server.stdout is not None
        self._printed = server.stdout.readline()
        assert "listening" in self._printed, f"{block}: {self._printed}"

    def _compare(self, block: Block, text: str) -> None:
        printed = [line.rstrip() for line in self._printed.splitlines()]
        at = 0
        for line in filter(None, map(str.rstrip, text.splitlines())):
            if line.strip() == "…":
                continue
            pattern = re.compile(re.escape(line).replace("…", ".*"))
            position = next((i for i in range(at, len(printed)) if pattern.fullmatch(printed[i])), None)
            assert position is not None, f"{block}: not printed: {line}\n---\n{self._printed}"
            at = position + 1
