"""One transaction for a group of asks: read their customers' contacts, judge one after the other, keep all of it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import orjson
import structlog
from uuid_utils import uuid7

from engine.context import Mode
from engine.decision import Decision
from engine.ledger.errors import LedgerError, RequestIdReused, SettleFault
from engine.ledger.rows import ContactRow, DecisionRow, PastDecision, RequestRow
from engine.ledger.store import SqliteStore
from engine.pressure.contact import Contact, Facts
from engine.settle.answer import answer, from_json
from engine.settle.ask import Ask
from engine.settle.record import contact_rows, decision_row
from engine.settle.verdict import judge

log = structlog.get_logger()

Histories = dict[str, list[Contact]]
"""The contacts that may still count, by person."""


def settle_group(store: SqliteStore, asks: Sequence[Ask]) -> list[Decision | LedgerError]:
    """Settles the asks in order, each against what the ones before it reserved; a decision or an error each.

    Raises LedgerUnavailable when the store did not take the group; then nothing of it is kept.
    """
    with store.transaction():
        settled = _Group(store, asks).settle()
        store.add(settled.decisions, settled.requests, settled.contacts)
    return settled.answers


class _Group:
    """A group under way."""

    def __init__(self, store: SqliteStore, asks: Sequence[Ask]) -> None:
        self._asks = asks
        self._past = store.past_decisions(list({ask.request.request_id for ask in asks if _is_named(ask)}))
        self._histories = _histories(store, asks)
        self.decisions: list[DecisionRow] = []
        self.requests: list[RequestRow] = []
        self.contacts: list[ContactRow] = []
        self.answers: list[Decision | LedgerError] = []

    def settle(self) -> "_Group":
        """Fills answers and rows."""
        for ask in self._asks:
            past = self._past.get(ask.request.request_id) if _is_named(ask) else None
            self.answers.append(_again(ask, past) if past is not None else self._decide_alone(ask))
        return self

    def _decide_alone(self, ask: Ask) -> Decision | LedgerError:
        """A fault in one request is that request's own, not its neighbours'."""
        try:
            return self._decide(ask)
        except Exception as fault:
            log.exception("could not decide", request_id=ask.request.request_id)
            error = SettleFault("the request could not be decided")
            error.__cause__ = fault
            return error

    def _decide(self, ask: Ask) -> Decision:
        history = self._histories[ask.request.customer]
        verdict = judge(ask, history)
        if ask.request.mode is Mode.PREVIEW:
            return answer(ask, verdict, "")
        decision = answer(ask, verdict, str(uuid7()))
        row = decision_row(ask, decision, verdict, history)
        contacts = contact_rows(ask, decision, verdict)
        self.decisions.append(row)
        self.contacts += contacts
        history += [one.contact for one in verdict.chosen]
        if row.request_id:
            self._remember(row.request_id, row)
        return decision

    def _remember(self, request_id: str, row: DecisionRow) -> None:
        """So that the same request_id, later in this group or any other, gets the same answer."""
        self.requests.append(RequestRow(request_id, row.decision_id))
        self._past[request_id] = PastDecision(request_id, row.person, row.answer)


def _is_named(ask: Ask) -> bool:
    """Whether a retry of the request gets the same answer; a preview is always made anew."""
    return bool(ask.request.request_id) and ask.request.mode is Mode.COMMIT


def _again(ask: Ask, past: PastDecision) -> Decision | LedgerError:
    if past.person != ask.request.customer:
        return RequestIdReused("this request_id was used for another customer")
    return from_json(past.answer)


def _histories(store: SqliteStore, asks: Sequence[Ask]) -> Histories:
    """The contacts of the customers for whom some cap could count them."""
    found: Histories = defaultdict(list)
    window = max((ask.live.caps.longest_window for ask in asks), default=0)
    persons = list({ask.request.customer for ask in asks if ask.candidates})
    if window and persons:
        since = min(ask.request.now for ask in asks) - window
        for person, *contact in store.contacts(persons, since):
            found[person].append(_contact(contact))
    return found


def _contact(row: list[Any]) -> Contact:
    at, expires_at, channel, kind, campaign, offer, category, tags = row
    return Contact(
        at, expires_at, Facts(channel, kind, campaign, offer, category, frozenset(orjson.loads(tags)))
    )
