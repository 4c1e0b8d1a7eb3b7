"""Passwords in settings, and texts of callers that would control a terminal: neither is in what is written."""

import os

from engine.client import Client, TactError
from tests.books import write_book
from tests.forked import tact
from tests.requests import li_na
from tests.servers import serving
from tests.test_settings import CONTROLS, FORMS
from trial.result import TrialResult, TrialSettings


def run(settings: TrialSettings) -> TrialResult:
    """Gives every form of a password to commands, and control characters as ids, at level debug."""
    result = TrialResult()
    book, log = write_book(settings.folder / "book"), settings.folder / "tact.db"
    for text in FORMS if not settings.short else FORMS[::16]:
        for words in (("settings", "--", "--log", text), ("serve", "--log", text), ("health", text)):
            done = tact(*words)
            output = done.stdout + done.stderr
            result.check(
                "qx" not in output and "yzzy" not in output, f"{words[0]} shows a part of a password"
            )
    os.environ["TACT_MESSAGE_LEVEL"] = "debug"
    try:
        with serving(book, log) as server, Client(server.target, timeout=60) as client:
            for number in range(int(settings.size(500, 20))):
                try:
                    client.decide(li_na(f"{number}{CONTROLS}", request_id=f"{number}{CONTROLS}"))
                except TactError:
                    result.trials += 1
                else:
                    result.trials += 1
            result.expect(server.stop() == 0, "it did not stop with 0")
    finally:
        del os.environ["TACT_MESSAGE_LEVEL"]
    written = [line.rstrip("\n") for line in server.errors]
    result.expect(all(line.isprintable() for line in written), "a message holds control characters")
    result.summary = f"{result.trials:,} commands and calls, {len(written):,} lines read"
    return result
