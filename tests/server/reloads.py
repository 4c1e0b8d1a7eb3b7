"""Books that differ from one another, and what a server says when it reloads them."""

from pathlib import Path

from engine.rulebook.load import load
from tests.books import SPRING
from tests.servers import Server
from tests.waiting import HANGS, until

BROKEN = SPRING.replace("Asia/Shanghai", "Asia/Shanghay")
"""A book that does not load: line 2 names a time zone that there is not."""


def numbered_book(number: int, signals: int = 2) -> str:
    """The spring book as version `number`, with so many signals of which one campaign needs all."""
    lines = "".join(
        f"  s{n}: {{when: {{profile.age: {{gte: {n % 100}}}, weather.humidity_pct: {{lt: {n % 90 + 10}}}}}}}\n"
        for n in range(signals)
    )
    needs = ", ".join(f"{{signal: s{n}}}" for n in range(signals))
    campaign = f"  by-signals:\n    offer: points\n    when: {{any: [{needs}]}}\n    channels: [sms]\n"
    head, tail = SPRING.replace("salt: s1", f"salt: s{number}").split("pressure:\n")
    return f"{head}{campaign}signals:\n{lines}pressure:\n{tail}"


def version_of(folder: Path) -> str:
    """The version of the book in the folder."""
    loaded = load(folder)
    assert loaded.book is not None, loaded.diagnostics[:3]
    return loaded.book.version


def said(server: Server, words: str, times: int = 1, within: float = HANGS) -> list[str]:
    """Waits until the server has logged the words so often; returns those lines."""

    def lines() -> list[str]:
        return [line for line in list(server.errors) if words in line]

    until(lambda: len(lines()) >= times, server, within)
    return lines()
