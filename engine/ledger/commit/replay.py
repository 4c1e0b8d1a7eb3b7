"""A decision of the log, read back from its row: what was asked, by which contacts it was judged, and what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import orjson

from engine.decide.answer import from_json
from engine.decide.attributes.zones import CLOCK
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.learning import Given, Weights
from engine.decide.experiments.posteriors import Propensity
from engine.decide.pressure.counters import LoggedQuotaCounts, QuotaCounts
from engine.decide.signals.strata import PREFIX
from engine.ledger.memory import memory
from engine.ledger.queries import decisions
from engine.ledger.store.rows import DecisionRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact, Facts
from engine.model.customer import NO_MEMORY, Consent, CustomerState, Memory, Recalled
from engine.model.decision import CandidateOutcome, Decision, Reason, ReasonCode
from engine.model.outcome import PastOutcome
from engine.model.request import Request
from engine.model.values import Value
from engine.rulebook.model.book import AttributeType

_UNKNOWN_ADDRESS = "…"
"""Stands for an address, which the log does not hold: that there was one is all that deciding asks."""


_INFERRED = (PREFIX, *CLOCK)
"""What is found again from the rest."""


class LoggedDecision(NamedTuple):
    """What the log holds of one decision."""

    decision: Decision
    """As it was answered, with what became of the first 50 candidates."""
    more_candidates: int
    """Candidates beyond them."""
    history: tuple[Contact, ...]
    """The contacts that it was judged by."""
    counts: QuotaCounts
    """What it saw of what all customers share."""
    person: str
    """Under which name the customer was kept."""
    customer_state: CustomerState
    """What the customer had said, as far as it was looked at."""
    conversions: Mapping[str, int]
    """By campaign, where a ramp went by them."""
    request: Request
    """Without what a book keeps out of the log, and without what signals and the clock add."""
    learned: Given
    """What was known of campaigns that learn."""
    masked: tuple[str, ...]
    """The attributes of which the log holds no values, though there were some."""


def find_logged(store: Store, decision_id: str, compiled: CompiledBook) -> LoggedDecision | None:
    """What the log holds of the decision; None where it holds nothing. Inside of a transaction.

    A decision without candidates looked at no contacts, so its row holds none; then those of the person from before it are
    read, as they are kept by now.
    """
    row = decisions.decision_of(store, decision_id)
    if row is None:
        return None
    past, window = logged_decision_of(row, compiled), compiled.pressure.lookback
    if past.decision.candidate_outcomes or not window:
        return past
    kept = decisions.contacts_before(store, row, row.at - window)
    return past._replace(history=tuple(_contact([*one[:-1], orjson.loads(one[-1])]) for one in kept))


def logged_decision_of(row: DecisionRow, compiled: CompiledBook) -> LoggedDecision:
    """The row read back; types of values are those of the live book, which should be the one that decided."""
    inputs, trace = orjson.loads(row.inputs), orjson.loads(row.trace)
    addresses = {one.address for one in compiled.book.channels.values()}
    attributes = dict(_values(inputs["attributes"], compiled))
    attributes |= {name: _UNKNOWN_ADDRESS for name in inputs["masked"] if name in addresses}
    decision = from_json(row.answer)
    request = Request(
        customer=inputs.get("customer", row.person),
        now=row.at,
        attributes=attributes,
        consents=frozenset(inputs["consents"]),
        preferred_channels=tuple(inputs["preferred_channels"]),
        channels=tuple(inputs["channels"]),
        placement=row.placement or "",
        max_offers=inputs["max_offers"],
        request_id=decision.request_id,
        memory=_remembered(inputs.get("remembered", ()), row.at),
    )
    return LoggedDecision(
        decision._replace(candidate_outcomes=tuple(_candidate_outcome(*one) for one in trace["candidates"])),
        trace["more_candidates"],
        tuple(_contact(one) for one in trace["contacts"]),
        LoggedQuotaCounts(row.at, ((rule, counted) for rule, counted, *_ in trace["counters"])),
        row.person,
        _told(trace),
        inputs.get("conversions", {}),
        request,
        _learned(trace),
        tuple(inputs["masked"]),
    )


def _values(logged: Mapping[str, Any], compiled: CompiledBook) -> Iterable[tuple[str, Value]]:
    for name, value in logged.items():
        if not name.startswith(_INFERRED):
            yield name, _value(name, value, compiled)


def _value(name: str, value: Any, compiled: CompiledBook) -> Value:
    """A value as it was before it went into JSON, which knows neither days nor tuples."""
    declared = compiled.book.attributes.get(name)
    if declared is not None and declared.type is AttributeType.DATE and isinstance(value, str):
        return date.fromisoformat(value)
    found: Value = tuple(value) if isinstance(value, list) else value
    return found


def _remembered(signals: Sequence[Any], at: int) -> Memory:
    return memory(Recalled((), signals, None), at) if signals else NO_MEMORY


def _learned(trace: Mapping[str, Any]) -> Given:
    return Given(
        {name: Weights(since, weights) for name, since, weights in trace.get("learned", ())},
        {name: Propensity(*one) for name, *one in trace.get("propensities", ())},
    )


def _told(trace: Mapping[str, Any]) -> CustomerState:
    return CustomerState(
        {name: Consent(*one) for name, *one in trace.get("consents", ())},
        tuple(PastOutcome(*one) for one in trace.get("outcomes", ())),
    )


def _candidate_outcome(
    campaign: str, score: float, code: str, name: str, obstacles: Iterable[Sequence[str]]
) -> CandidateOutcome:
    details = tuple(Reason(ReasonCode(each), about) for each, about in obstacles)
    return CandidateOutcome(campaign, Reason(ReasonCode(code), name), score, details)


def _contact(logged: Sequence[Any]) -> Contact:
    at, expires_at, channel, kind, campaign, offer, category, tags = logged
    return Contact(at, expires_at, Facts(channel, kind, campaign, offer, category, frozenset(tags)))
