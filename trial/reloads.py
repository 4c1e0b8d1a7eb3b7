"""Reloads of good and broken books under load: every call is answered by a book that was written."""

import signal

from tests.books import write_book
from tests.requests import li_na
from tests.server.load import Load
from tests.server.reloads import BROKEN, numbered_book, said, version_of
from tests.servers import serving
from trial.result import PATIENCE, TrialResult, TrialSettings
from trial.watch import Watch

MAY_GROW = (64.0, 96.0)
"""MB in the whole trial and in its short form, which has few samples: a process that is loading a book is among them."""


def run(settings: TrialSettings) -> TrialResult:
    """Reloads the book again and again; every third one is broken."""
    result, reloads, good = TrialResult(), int(settings.size(100, 3)), 0
    folder = write_book(settings.folder / "book", numbered_book(0))
    written = {version_of(folder)}
    with serving(folder, settings.folder / "tact.db") as server, Watch(server).looking() as watch:
        load = Load(server.target, lambda caller, turn: li_na(f"{caller}-{turn}"), callers=4, timeout=60)
        with load.running():
            load.await_answers(5)
            for number in range(1, reloads + 1):
                broken = number % 3 == 0
                good += not broken
                write_book(folder, BROKEN if broken else numbered_book(number))
                if not broken:
                    written.add(version_of(folder))
                server.process.send_signal(signal.SIGHUP)
                words, times = ("book refused", number - good) if broken else ("book live", good)
                result.trials += bool(said(server, words, times, within=PATIENCE))
                if number == 1:
                    watch.warm()  # the process that loads books runs from the first on, and counts
            load.await_answers(len(load.answers) + 5)
        result.expect(watch.grown() < settings.size(*MAY_GROW), f"memory grew by {watch.grown():.0f} MB")
        result.expect(server.stop() == 0, "it did not stop with 0")
    versions = [answer.book_version for answer in load.answers]
    result.trials += len(load.answers)
    result.failures += [f"a call ended with {failure}" for failure in load.failures]
    result.failures += [f"an answer by book {version}" for version in versions if version not in written]
    served = len(set(versions))
    result.curves = watch.curves()
    result.summary = (
        f"{reloads} reloads, {reloads - good} of them broken; {len(load.answers):,} answers by {served} versions;"
        f" memory {watch.grown():+.0f} MB"
    )
    return result
