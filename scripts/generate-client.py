#!/usr/bin/env python3
"""Derives engine/client/sync.py from engine/client/aio.py, into the tree or, with a folder as the argument, into that folder.

As httpcore and psycopg do it: the asynchronous client is written, the other made of its text by the substitutions below and
formatted by ruff. `make drift` fails when the committed file differs from what this gives.
"""

import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path("engine/client")
ROOT = Path(__file__).parents[1]
LINE_LENGTH = 110

SUBSTITUTIONS = (
    (
        r'\A""".*?"""',
        '"""The client for programs that wait; derived from aio.py by `make generate`: change it there."""',
    ),
    (r"# ruff: noqa: ASYNC109[^\n]*\n\n", ""),
    (
        r"Create it where its event loop runs, and close it when done\.",
        "Threads may share it; close it when done.",
    ),
    (r" \| AsyncIterable\[DecideRequest\]", ""),
    (r"AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable", "Callable, Iterable, Iterator"),
    (r"Awaitable\[(\w+)\]", r"\1"),
    (r"for (\w+) in ([\w.()]+):\s+yield \1\b", r"yield from \2"),
    (r"\bAsync([A-Z]\w*)", r"\1"),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\b__a(enter|exit)__", r"__\1__"),
    (r"\bgrpc\.aio\.", "grpc."),
    (r"\bimport asyncio\b", "import time"),
    (r"\basyncio\.sleep\b", "time.sleep"),
)


def synchronous(source: str) -> str:
    """The text of sync.py for the text of aio.py; raises ValueError for a substitution that no longer matches."""
    for pattern, replacement in SUBSTITUTIONS:
        source, count = re.subn(pattern, replacement, source, flags=re.DOTALL)
        if not count:
            raise ValueError(f"{pattern!r} matches nothing in aio.py")
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(LINE_LENGTH), "-"]
    return subprocess.run(ruff, input=source, capture_output=True, text=True, check=True).stdout  # noqa: S603 -- our own words


def main() -> None:
    """Write the file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    (folder / CLIENT).mkdir(parents=True, exist_ok=True)
    text = synchronous((ROOT / CLIENT / "aio.py").read_text(encoding="utf-8"))
    (folder / CLIENT / "sync.py").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
