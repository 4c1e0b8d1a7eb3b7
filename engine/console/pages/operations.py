"""Operations and the audit: servers and what they refused, who may call, the log, and who changed or looked at what."""

import re
import time

from starlette.responses import Response

from engine.console.measured import measured
from engine.console.page import READERS, Asked, ConsolePage, Refusal
from engine.console.texts import _
from engine.ledger.queries.releases import audit_before, servers
from engine.ledger.queries.rollup import rollup_state
from engine.server.access.roles import Role

AUDITORS = frozenset((Role.ADMIN, Role.PRIVACY))


_ROWS = 100
_ID = re.compile(r"[0-9a-f-]{36}")


def _operations(asked: Asked) -> Response:
    is_admin = asked.user.may(frozenset((Role.ADMIN,)))
    measured_servers = measured(asked.servers.metrics, with_settings=is_admin)
    with asked.reading() as store:
        return asked.page(
            "operations.html",
            servers=servers(store),
            now=time.time_ns() // 1000,
            size=store.size(),
            state=rollup_state(store),
            callers=asked.users.listed() if is_admin else [],
            target=asked.servers.target,
            measured=measured_servers,
        )


def _audit(asked: Asked) -> Response:
    before = asked.query("before")
    if before and not _ID.fullmatch(before):
        raise Refusal(400, _("The page is named by the id of a row."))
    with asked.reading() as store:
        rows = audit_before(store, before, _ROWS + 1)
    following = rows[_ROWS - 1].id if len(rows) > _ROWS else ""
    return asked.page("audit.html", rows=rows[:_ROWS], following=following, is_later=bool(before))


PAGES = (
    ConsolePage("/operations", "operations", _operations, READERS, nav="Operations"),
    ConsolePage("/audit", "audit", _audit, AUDITORS, nav="Audit"),
)
