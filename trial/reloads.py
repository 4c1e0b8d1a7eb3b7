"""Reload after reload, good books and broken ones, under load: every call is answered by a book that was written."""

import signal

from tests.books import write_book
from tests.requests import li_na
from tests.server.load import Load
from tests.server.reloads import BROKEN, numbered_book, said, version_of
from tests.servers import serving
from trial.result import PATIENCE, Finding, Place
from trial.watch import Watch

MAY_GROW = 64.0


def run(place: Place) -> Finding:
    """Every third book is broken."""
    finding, reloads, good = Finding(), int(place.size(100, 3)), 0
    folder = write_book(place.folder / "book", numbered_book(0))
    written = {version_of(folder)}
    with serving(folder, place.folder / "tact.db") as server, Watch(server).looking() as watch:
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
                finding.trials += bool(said(server, words, times, within=PATIENCE))
            load.await_answers(len(load.answers) + 5)
        finding.expect(watch.grown() < MAY_GROW, f"memory grew by {watch.grown():.0f} MB")
        finding.expect(server.stop() == 0, "it did not stop with 0")
    strange = [one for one in load.answers if one.book_version not in written]
    finding.trials += len(load.answers)
    finding.failures += [f"a call ended with {one}" for one in load.failures]
    finding.failures += [f"an answer by book {one.book_version}" for one in strange]
    served = len({one.book_version for one in load.answers})
    finding.curves = watch.curves()
    finding.said = (
        f"{reloads} reloads, {reloads - good} of them broken; {len(load.answers):,} answers by {served} versions;"
        f" memory {watch.grown():+.0f} MB"
    )
    return finding
