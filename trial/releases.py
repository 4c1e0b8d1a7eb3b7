"""Versions that go live one after the other on a server that follows them: each is served, and memory stays."""

from functools import partial
from pathlib import Path

import yaml

from bench.books import book
from engine.client import Client
from tests.books import write_book
from tests.logs import sqlite_log
from tests.requests import li_na
from tests.server.load import Load
from tests.server.released import releasing
from tests.servers import serving
from trial.result import TrialResult, TrialSettings, wait_until
from trial.watch import Watch

CAMPAIGNS = 200
"""Of each version: more than from which on a replaced book is let go in slices."""
MAY_GROW = (32.0, 96.0)
"""MB in the whole trial and in its short form, which has few samples: a process that is loading a book is among them."""


def run(settings: TrialSettings) -> TrialResult:
    """Activates one new version after the other, each as soon as the one before is served, under load."""
    result, count, log = TrialResult(), int(settings.size(50, 3)), sqlite_log(settings.folder)
    written = []
    with releasing(log, "bench") as releases:
        written.append(releases.publish(_version(settings, 0)))
        releases.activate(written[0])
        with serving("bench", log) as server, Watch(server).looking() as watch:
            load = Load(
                server.target,
                lambda caller, turn: li_na(f"{caller}-{turn}"),
                callers=2,
                timeout=60,
                pause=0.01,
            )
            with load.running(), Client(server.target, timeout=60) as client:
                load.await_answers(5)
                for number in range(1, count + 1):
                    version = releases.publish(_version(settings, number))
                    written.append(version)
                    releases.activate(version)
                    served = wait_until(partial(_serves, client, version))
                    result.check(served, f"version {number} was not served")
                    if number == 1:
                        watch.warm()  # the process that loads books runs from the first on, and counts
            result.expect(watch.grown() < settings.size(*MAY_GROW), f"memory grew by {watch.grown():.0f} MB")
            result.expect(server.stop() == 0, "it did not stop with 0")
    versions = [answer.book_version for answer in load.answers]
    result.trials += len(versions)
    result.failures += [f"a call ended with {failure}" for failure in load.failures]
    result.failures += [f"an answer by book {version}" for version in versions if version not in written]
    result.curves = watch.curves()
    result.summary = (
        f"{count} versions of {CAMPAIGNS} campaigns; {len(versions):,} answers by {len(set(versions))} of them;"
        f" memory {watch.memory[-1][1]:.0f} MB, {watch.grown():+.0f} MB"
    )
    return result


def _version(settings: TrialSettings, number: int) -> Path:
    """A folder with a book that no other version is."""
    document = book(CAMPAIGNS)
    document["book"]["salt"] = f"version {number}"
    return write_book(settings.folder / str(number), yaml.safe_dump(document, sort_keys=False))


def _serves(client: Client, version: str) -> bool:
    return client.decide(li_na("asks")).book_version == version
