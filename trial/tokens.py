"""Wrong, expired, early and missing tokens, and each role, on every method of every service and every path of HTTP."""

from datetime import UTC, datetime

import grpc
import httpx

from engine.server.access.roles import NEEDED, NEEDS, OPEN, Role
from engine.server.access.tokens import entry_of
from tests.books import write_book
from tests.server.access.conftest import write_callers
from tests.server.access.test_every_method import EARLY, EXPIRED, METHODS, TOKENS, WRONG, code_of, with_role
from tests.server.http.conftest import HTTP
from tests.server.http.test_access import CALLS
from tests.server.http.test_lines import PATH as STREAM
from tests.servers import serving
from trial.result import PATIENCE, TrialResult, TrialSettings


def run(settings: TrialSettings) -> TrialResult:
    """Calls every method with every wrong token (UNAUTHENTICATED) and with every role (PERMISSION_DENIED for another role)."""
    result, roles = TrialResult(), tuple(Role)
    callers = write_callers(
        settings.folder / "callers.toml",
        *(entry for _, entry in TOKENS.values()),
        entry_of(EXPIRED, "late", roles, expires=datetime(2026, 1, 1, tzinfo=UTC)),
        entry_of(EARLY, "soon", roles, not_before=datetime(2999, 1, 1, tzinfo=UTC)),
    )
    guarded = [path for path in METHODS if path not in OPEN]
    with (
        serving(
            write_book(settings.folder / "book"),
            settings.folder / "tact.db",
            "--callers",
            str(callers),
            *HTTP,
        ) as server,
        grpc.insecure_channel(server.target) as channel,
        httpx.Client(base_url=server.http, timeout=PATIENCE) as web,
    ):
        _over_http(result, web)
        for path in guarded:
            for token, metadata in WRONG.items():
                code = code_of(channel, path, metadata)
                result.check(
                    code is grpc.StatusCode.UNAUTHENTICATED, f"{path} with token {token}: {code.name}"
                )
            for role in roles:
                denied = code_of(channel, path, with_role(role)) is grpc.StatusCode.PERMISSION_DENIED
                expected = role not in NEEDS[path]
                result.check(denied == expected, f"{path} as {role}: {'refused' if denied else 'let in'}")
        result.expect(server.stop() == 0, "it did not stop with 0")
    result.expect(not any("tact_" in line for line in server.errors), "a token in the messages")
    result.summary = f"{len(guarded)} methods and {len(_ROUTES)} paths of HTTP, {len(WRONG)} wrong tokens, {len(roles)} roles"
    return result


_ROUTES = {
    **{f"POST {path}": NEEDED[needs] for path, needs in CALLS.items()},
    f"POST {STREAM}": NEEDED["/tact.v1.Decisions/DecideStream"],
    "GET /v1/books/spring/live": NEEDED["GET /v1/books/{name}/live"],
    f"GET /v1/books/spring/versions/{'0' * 64}": NEEDED["GET /v1/books/{name}/versions/{version}"],
}
"""The roles of which a caller needs one, by verb and path."""


def _over_http(result: TrialResult, web: httpx.Client) -> None:
    """The same over HTTP: 401 and 403."""
    for route, needed in _ROUTES.items():
        verb, path = route.split(" ")
        for token, metadata in WRONG.items():
            headers = [(name, value.strip()) for name, value in metadata]
            status = web.request(verb, path, headers=headers, content=b"{").status_code
            result.check(status == 401, f"{route} with token {token}: {status}")
        for role in Role:
            headers = [(name, value) for name, value in with_role(role)]
            status = web.request(verb, path, headers=headers, content=b"{").status_code
            result.check((status == 403) == (role not in needed), f"{route} as {role}: {status}")
