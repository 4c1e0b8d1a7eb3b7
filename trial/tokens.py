"""Wrong, expired, early and missing tokens, and each role, on every method of every service."""

from datetime import UTC, datetime

import grpc

from engine.server.access.roles import NEEDS, OPEN, Role
from engine.server.access.tokens import entry_of
from tests.books import write_book
from tests.server.access.conftest import write_callers
from tests.server.access.test_every_method import EARLY, EXPIRED, METHODS, TOKENS, WRONG, code_of, with_role
from tests.servers import serving
from trial.result import TrialResult, TrialSettings


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
            write_book(settings.folder / "book"), settings.folder / "tact.db", "--callers", str(callers)
        ) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
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
    result.summary = f"{len(guarded)} methods, {len(WRONG)} wrong tokens, {len(roles)} roles"
    return result
