"""PostgreSQL stops under load and comes back: placements get fallbacks, the rest is refused; then all is well again."""

import time

from engine.client import Client
from tests.books import write_book
from tests.logs import Log
from tests.postgres import postgres
from tests.server.load import Load
from tests.servers import serving
from trial.log_outage import DEADLINE, check_messages, decide_meanwhile, is_degraded, request_of
from trial.result import TrialResult, TrialSettings, wait_until
from trial.tally import compare, degraded, refusals
from trial.watch import Watch


def run(settings: TrialSettings) -> TrialResult:
    """Stops PostgreSQL while callers decide for placements and channels, and starts it again."""
    result, away = TrialResult(), settings.size(20, 1)
    with postgres() as database:
        log = Log(database.create_database("trial"))
        with serving(write_book(settings.folder / "book"), log) as server, Watch(server).looking() as watch:
            load = Load(server.target, request_of, callers=6, patient=True)
            with (
                load.running(),
                Client(server.target, timeout=settings.size(DEADLINE, 60), attempts=1) as client,
            ):
                load.await_answers(20)
                database.stop()
                slowest = decide_meanwhile(result, client, away)
                result.expect(not client.health(), "it says that it is ready while the log is away")
                database.start()
                began = time.monotonic()
                well = wait_until(lambda: client.health() and not is_degraded(client))
                back = time.monotonic() - began
                result.expect(well, "it is not well again")
                load.await_answers(len(load.answers) + 20, within=120)
            result.expect(server.stop() == 0, "it did not stop with 0")
        check_messages(result, server)
        compare(result, log, load.answers)
    refused = refusals(result, load.failures)
    result.curves = watch.curves()
    result.summary = (
        f"away for {away:.0f} s: {degraded(load.answers):,} fallbacks, {refused}; slowest answer while away {slowest:.2f} s;"
        f" well again after {back:.1f} s"
    )
    return result
