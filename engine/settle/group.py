"""One transaction for a group: read the customers' contacts, judge one request after the other, keep all of it.

Events that are to be recorded are kept after the decisions.
"""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import orjson
import structlog
from uuid_utils import uuid7

from engine.context import Mode
from engine.decision import Decision
from engine.ledger import decisions, persons
from engine.ledger.errors import LedgerError, RequestIdReused, SettleFault
from engine.ledger.rows import ContactRow, DecisionRow, PastDecision, PersonRow, RequestRow
from engine.ledger.store import Store
from engine.pressure.contact import Contact, Facts
from engine.settle.answer import answer, from_json
from engine.settle.ask import Ask
from engine.settle.record import contact_rows, decision_row
from engine.settle.recording import Recorded, Recording, record
from engine.settle.remember import Remembered
from engine.settle.verdict import judge

log = structlog.get_logger()

Histories = dict[str, list[Contact]]
"""The contacts that may still count, by person."""


def settle_group(store: Store, asks: Sequence[Ask | Recording]) -> list[Decision | Recorded | LedgerError]:
    """Settles the asks in order, each against what the ones before it reserved; an answer or an error each.

    A group of none proves that the store takes what is written.

    Raises LedgerUnavailable when the store did not take the group; then nothing of it is kept.
    """
    requests = [one for one in asks if isinstance(one, Ask)]
    recordings = [one for one in asks if isinstance(one, Recording)] if len(requests) < len(asks) else ()
    recorded: Sequence[Recorded | LedgerError] = ()
    with transaction(store, asks):
        if not asks:
            store.prove()
        settled = _Group(store, requests).settle()
        settled.keep()
        if recordings:
            recorded = record(store, recordings)
    if not recordings:
        return [*settled.answers]
    decided, events = iter(settled.answers), iter(recorded)
    return [next(decided) if isinstance(one, Ask) else next(events) for one in asks]


def transaction(store: Store, asks: Sequence[Ask | Recording]) -> AbstractContextManager[None]:
    """The transaction that settles the asks: nobody else settles for the same customers, request or event ids meanwhile."""
    about = set()
    for one in asks:
        if isinstance(one, Recording):
            about |= {f"person {one.customer}", f"event {one.event.event_id}"}
        else:
            about.add(f"person {one.request.customer}")
            if _is_named(one):
                about.add(f"request {one.request.request_id}")
    return store.transaction(about)


class _Group:
    """A group under way."""

    def __init__(self, store: Store, asks: Sequence[Ask]) -> None:
        self._asks, self._store = asks, store
        self._past = decisions.past_decisions(
            store, list({ask.request.request_id for ask in asks if _is_named(ask)})
        )
        self._histories = _histories(store, asks)
        self._decisions: list[DecisionRow] = []
        self._requests: list[RequestRow] = []
        self._contacts: list[ContactRow] = []
        self._remembered = Remembered()
        self.answers: list[Decision | LedgerError] = []

    def settle(self) -> "_Group":
        """Fills the answers, and what is to be kept."""
        for ask in self._asks:
            past = self._past.get(ask.request.request_id) if _is_named(ask) else None
            self.answers.append(_again(ask, past) if past is not None else self._decide_alone(ask))
        return self

    def keep(self) -> None:
        """Writes the rows."""
        store = self._store
        persons.know(store, [PersonRow(one.person, one.at) for one in self._decisions])
        decisions.keep(store, self._decisions, self._requests, self._contacts)
        self._remembered.write(store)

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
        self._decisions.append(row)
        self._contacts += contacts
        self._remembered.add(ask.request.customer, ask.concluded)
        history += [one.contact for one in verdict.chosen]
        if row.request_id:
            self._remember(row.request_id, row)
        return decision

    def _remember(self, request_id: str, row: DecisionRow) -> None:
        """So that the same request_id, later in this group or any other, gets the same answer."""
        self._requests.append(RequestRow(request_id, row.decision_id))
        self._past[request_id] = PastDecision(request_id, row.person, row.answer)


def _is_named(ask: Ask) -> bool:
    """Whether a retry of the request gets the same answer; a preview is always made anew."""
    return bool(ask.request.request_id) and ask.request.mode is Mode.COMMIT


def _again(ask: Ask, past: PastDecision) -> Decision | LedgerError:
    if past.person != ask.request.customer:
        return RequestIdReused("this request_id was used for another customer")
    return from_json(past.answer)


def _histories(store: Store, asks: Sequence[Ask]) -> Histories:
    """The contacts of the customers for whom some rule could count them."""
    found: Histories = defaultdict(list)
    window = max((ask.live.pressure.lookback for ask in asks), default=0)
    persons = list({ask.request.customer for ask in asks if ask.candidates})
    if window and persons:
        since = min(ask.request.now for ask in asks) - window
        for person, *contact in decisions.contacts_of(store, persons, since):
            found[person].append(_contact(contact))
    return found


def _contact(row: list[Any]) -> Contact:
    at, expires_at, channel, kind, campaign, offer, category, tags = row
    return Contact(
        at, expires_at, Facts(channel, kind, campaign, offer, category, frozenset(orjson.loads(tags)))
    )
