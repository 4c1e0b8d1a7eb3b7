"""The log may not grow any more, as on a full disk, and then there is room again."""

from engine.client import Client
from tests.books import write_book
from tests.logs import sqlite_log
from tests.requests import li_na
from tests.server.load import Load
from tests.server.log_trouble import limit
from tests.servers import serving
from trial.log_outage import DEADLINE, ask_meanwhile, request_of
from trial.result import Finding, Place, await_that
from trial.tally import compare, degraded, refusals


def run(place: Place) -> Finding:
    """Files may be no larger than the log was when it filled up; room is made under load, without a restart."""
    finding, log, full = Finding(), sqlite_log(place.folder), place.size(20, 1)
    with serving(write_book(place.folder / "book"), log) as server:
        load = Load(server.target, request_of, callers=6, patient=True)
        with load.running(), Client(server.target, timeout=place.size(DEADLINE, 60), attempts=1) as client:
            load.await_answers(20)
            limit("prlimit", server, str((place.folder / "tact.db").stat().st_size))
            slowest = ask_meanwhile(finding, client, full)
            limit("prlimit", server, "unlimited")
            finding.expect(await_that(client.health), "it is not well again")
            answered = len(load.answers)
            finding.expect(
                await_that(lambda: len(load.answers) >= answered + 20), "nobody was served afterwards"
            )
            finding.expect(bool(client.decide(li_na("afterwards")).decision_id), "no decision afterwards")
        finding.expect(server.stop(within=60) == 0, "it did not stop with 0")
    compare(finding, log, load.answers)
    told = refusals(finding, load.failures)
    finding.said = (
        f"full for {full:.0f} s: {degraded(load.answers):,} fallbacks, {told};"
        f" slowest answer meanwhile {slowest:.2f} s"
    )
    return finding
