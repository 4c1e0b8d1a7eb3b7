"""The log may not grow any more, as on a full disk, and then there is room again."""

from engine.client import Client
from tests.books import write_book
from tests.logs import sqlite_log
from tests.requests import li_na
from tests.server.load import Load
from tests.server.log_trouble import limit
from tests.servers import serving
from trial.log_outage import DEADLINE, check_messages, decide_meanwhile, request_of
from trial.result import TrialResult, TrialSettings, wait_until
from trial.tally import compare, degraded, refusals


def run(settings: TrialSettings) -> TrialResult:
    """Limits the server's files to the size of the log, and lifts the limit under load, without a restart."""
    result, log, full = TrialResult(), sqlite_log(settings.folder), settings.size(20, 1)
    with serving(write_book(settings.folder / "book"), log) as server:
        load = Load(server.target, request_of, callers=6, patient=True)
        with load.running(), Client(server.target, timeout=settings.size(DEADLINE, 60), attempts=1) as client:
            load.await_answers(20)
            limit("prlimit", server, str((settings.folder / "tact.db").stat().st_size))
            slowest = decide_meanwhile(result, client, full)
            limit("prlimit", server, "unlimited")
            result.expect(wait_until(client.health), "it is not well again")
            answered = len(load.answers)
            result.expect(
                wait_until(lambda: len(load.answers) >= answered + 20), "nobody was served afterwards"
            )
            result.expect(bool(client.decide(li_na("afterwards")).decision_id), "no decision afterwards")
        result.expect(server.stop() == 0, "it did not stop with 0")
    check_messages(result, server)
    compare(result, log, load.answers)
    refused = refusals(result, load.failures)
    result.summary = (
        f"full for {full:.0f} s: {degraded(load.answers):,} fallbacks, {refused};"
        f" slowest answer meanwhile {slowest:.2f} s"
    )
    return result
