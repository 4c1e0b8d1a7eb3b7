"""PostgreSQL stops under load and comes back: placements show fallbacks, the rest is refused, then all is well again."""

import time

from engine.client import Client
from tests.books import write_book
from tests.logs import Log
from tests.postgres import postgres
from tests.server.load import Load
from tests.servers import serving
from trial.log_outage import DEADLINE, ask_meanwhile, is_degraded, request_of
from trial.result import Finding, Place, await_that
from trial.tally import compare, degraded, refusals
from trial.watch import Watch


def run(place: Place) -> Finding:
    """Callers of placements and of channels, before, while and after it is away."""
    finding, away = Finding(), place.size(20, 1)
    with postgres() as database:
        log = Log(database.create_database("trial"))
        with serving(write_book(place.folder / "book"), log) as server, Watch(server).looking() as watch:
            load = Load(server.target, request_of, callers=6, patient=True)
            with (
                load.running(),
                Client(server.target, timeout=place.size(DEADLINE, 60), attempts=1) as client,
            ):
                load.await_answers(20)
                database.stop()
                slowest = ask_meanwhile(finding, client, away)
                finding.expect(not client.health(), "it says that it is ready while the log is away")
                database.start()
                began = time.monotonic()
                well = await_that(lambda: client.health() and not is_degraded(client))
                back = time.monotonic() - began
                finding.expect(well, "it is not well again")
                load.await_answers(len(load.answers) + 20, within=120)
            finding.expect(server.stop(within=60) == 0, "it did not stop with 0")
        compare(finding, log, load.answers)
    told = refusals(finding, load.failures)
    finding.curves = watch.curves()
    finding.said = (
        f"away for {away:.0f} s: {degraded(load.answers):,} fallbacks, {told}; slowest answer while away {slowest:.2f} s;"
        f" well again after {back:.1f} s"
    )
    return finding
