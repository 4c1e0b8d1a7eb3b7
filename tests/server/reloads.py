"""Books that differ from one another, and what a server says when it reloads them."""

import time
from pathlib import Path

from engine.rulebook.load import load
from tests.books import SPRING
from tests.servers import Server

BROKEN = SPRING.replace("Asia/Shanghai", "Asia/Shanghay")
"""A book that does not load: line 2 names a time zone that there is not."""


def numbered_book(number: int, signals: int = 2) -> str:
    """The spring book as version `number`, with so many signals of which one campaign needs all."""
    lines = "".join(
        f"  s{one}: {{when: {{profile.age: {{gte: {one % 100}}}, weather.humidity_pct: {{lt: {one % 90 + 10}}}}}}}\n"
        for one in range(signals)
    )
    needs = ", ".join(f"{{signal: s{one}}}" for one in range(signals))
    campaign = f"  by-signals:\n    offer: points\n    when: {{any: [{needs}]}}\n    channels: [sms]\n"
    head, tail = SPRING.replace("salt: s1", f"salt: s{number}").split("pressure:\n")
    return f"{head}{campaign}signals:\n{lines}pressure:\n{tail}"


def version_of(folder: Path) -> str:
    """The version of the book in the folder."""
    loaded = load(folder)
    assert loaded.book is not None, loaded.diagnostics[:3]
    return loaded.book.version


def said(server: Server, what: str, times: int = 1, within: float = 60) -> list[str]:
    """Waits until the server has said so as often, and gives those lines."""
    end = time.monotonic() + within
    while len(lines := [line for line in server.errors if what in line]) < times:
        assert time.monotonic() < end, (what, server.errors[-5:])
        time.sleep(0.01)
    return lines
