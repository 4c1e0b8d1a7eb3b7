#!/usr/bin/env python3
"""Derives the clients that wait from those on asyncio, into the tree or, with a folder as the argument, into that folder.

As httpcore and psycopg do it: the asynchronous client is written, the other made of its text by the substitutions below and
formatted by ruff. `make drift` fails when a committed file differs from what this gives.
"""

import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path("engine/client")
ROOT = Path(__file__).parents[1]
LINE_LENGTH = 110

DERIVED = {"aio.py": "sync.py", "privacy_aio.py": "privacy.py"}
"""By the file that is written, the one that is made of it."""

SUBSTITUTIONS = (
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
    (r"\basync_(channel)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\b__a(enter|exit)__", r"__\1__"),
    (r"\bimport asyncio\b", "import time"),
    (r"\basyncio\.sleep\b", "time.sleep"),
)


def synchronous(written: str, source: str) -> tuple[str, set[str]]:
    """The text that is made of a file's, and the patterns that matched. written: the file's name."""
    heading = f'"""The client for programs that wait; derived from {written} by `make generate`: change it there."""'
    source = re.sub(r'\A""".*?"""', heading, source, flags=re.DOTALL)
    matched = set[str]()
    for pattern, replacement in SUBSTITUTIONS:
        source, count = re.subn(pattern, replacement, source, flags=re.DOTALL)
        if count:
            matched.add(pattern)
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(LINE_LENGTH), "-"]
    made = subprocess.run(ruff, input=source, capture_output=True, text=True, check=True).stdout  # noqa: S603 -- our own words
    return made, matched


def main() -> None:
    """Write the files; a substitution that matches in none of them any more is an error."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    (folder / CLIENT).mkdir(parents=True, exist_ok=True)
    left = {pattern for pattern, _ in SUBSTITUTIONS}
    for written, made in DERIVED.items():
        text, matched = synchronous(written, (ROOT / CLIENT / written).read_text(encoding="utf-8"))
        (folder / CLIENT / made).write_text(text, encoding="utf-8")
        left -= matched
    if left:
        raise SystemExit(f"these substitutions match nothing: {', '.join(sorted(left))}")


if __name__ == "__main__":
    main()
