"""Callers files that are broken, nested, deleted or lack a token again: revocation goes on, and open streams end."""

import grpc

from engine.client import AccessDenied, Client
from engine.server.access.roles import Role
from tests.books import write_book
from tests.requests import li_na
from tests.server.access.conftest import token_for, write_callers
from tests.server.http2 import peer_of
from tests.servers import faults_in, serving
from tests.workers.processes import said
from trial.result import TrialResult, TrialSettings, wait_until

_STAYS = "what was read before stays"
_BROKEN = {
    "nested brackets": "x = " + "[" * 500 + "]" * 500,
    "many nested brackets": "x = " + "[" * 100_000,
    "nested tables": "[" + ".".join("a" * 2000) + "]",
    "no TOML": "tokens = ",
    "no UTF-8": "\udcff",
    "another shape": "tokens = 5",
    "a role that is none": '[[tokens]]\nname = "x"\nroles = ["x"]\nsha256 = "x"',
}
_STREAM = "/tact.v1.Decisions/DecideStream"
_UNAUTHENTICATED = str(grpc.StatusCode.UNAUTHENTICATED.value[0])


def run(settings: TrialSettings) -> TrialResult:
    """After each broken file the server goes on as before; then the token is removed while a stream of it is open."""
    result, rounds = TrialResult(), int(settings.size(5, 1))
    token, entry = token_for("shop", Role.DECIDE)
    _, other = token_for("mailer", Role.DECIDE)
    callers, log = write_callers(settings.folder / "callers.toml", entry, other), settings.folder / "tact.db"
    with (
        serving(write_book(settings.folder / "book"), log, "--callers", str(callers)) as server,
        Client(server.target, timeout=60, attempts=1, token=token) as client,
        peer_of(server.target) as peer,
    ):

        def knows() -> bool:
            try:
                return bool(client.decide(li_na()).decision_id)
            except AccessDenied:
                return False

        for number in range(rounds):
            for what, text in {**_BROKEN, "deleted": None}.items():
                refusals = said(server, _STAYS)
                if text is None:
                    callers.unlink()
                else:
                    callers.write_bytes(text.encode(errors="surrogateescape"))
                noticed = wait_until(lambda refusals=refusals: said(server, _STAYS) > refusals)  # type: ignore[misc]
                result.check(noticed, f"a file that is {what} was not noticed")
                result.check(knows() and client.health(), f"it did not go on after a file that is {what}")
            stream = peer.call(_STREAM, b"\0", of=100, token=token)
            write_callers(callers, other)
            result.check(
                wait_until(lambda: not knows()), f"a token was valid after it was removed, in round {number}"
            )
            result.check(
                peer.statuses([stream]) == {stream: _UNAUTHENTICATED}, "a removed caller's stream went on"
            )
            write_callers(callers, entry, other)
            result.check(wait_until(knows), "a token that was added is not known")
        result.expect(server.stop() == 0, "it did not stop with 0")
    result.expect(not faults_in(server.errors), f"faults in the messages: {faults_in(server.errors)[:3]}")
    result.summary = f"{rounds * (len(_BROKEN) + 1)} files that cannot be read, {rounds} tokens removed with an open stream"
    return result
