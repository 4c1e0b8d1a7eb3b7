"""Reads a logged decision back from its row: its request, what it was decided by, and the decision."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import orjson

from engine.decide.answer import from_json
from engine.decide.arbitrate.content import LANGUAGE
from engine.decide.attributes.zones import CLOCK
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bid_prices import BidPrice, BidPrices
from engine.decide.experiments.learning import Given, Weights
from engine.decide.experiments.posteriors import Propensity
from engine.decide.experiments.rollout import RolloutArm
from engine.decide.pressure.counters import LoggedQuotaCounts, QuotaCounts, SeenCount
from engine.decide.signals.strata import PREFIX
from engine.ledger.memory import memory_of
from engine.ledger.queries import books, contacts, decisions
from engine.ledger.store.rows import DecisionRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact, Facts
from engine.model.customer import NO_MEMORY, Consent, CustomerState, KeptDraw, Memory, Recalled
from engine.model.decision import CandidateOutcome, Decision, Reason, ReasonCode
from engine.model.outcome import PastOutcome
from engine.model.request import Request
from engine.model.values import KeptBlank, LookupTag, Value, is_blank
from engine.rulebook.load import load_text
from engine.rulebook.model.book import AttributeType, Book

_UNKNOWN_ADDRESS = "…"
"""Stands for an address, which the log does not hold: deciding only needs to know that there was one."""


_DERIVED = (PREFIX, *CLOCK)
"""Prefixes of attributes that are derived again from the others."""


_PLAIN = frozenset((int, float, bool))
"""Types of values that JSON does not change."""


_THIN = "a run sent it and kept neither inputs nor candidates: send with --full-log to make it again"


_ERASED = "its person was erased, with what it was made of"


class LoggedState(NamedTuple):
    """What the log holds of the request and the state that led to one decision."""

    history: tuple[Contact, ...]
    """The contacts that pressure rules counted."""
    counts: QuotaCounts
    """The counters, as the decision read them."""
    person: str
    """The id under which the customer was stored."""
    customer_state: CustomerState
    """Consents and outcomes, as far as they were read."""
    conversions: Mapping[str, int]
    """By campaign, where a ramp went by them."""
    request: Request
    """Without what a book keeps out of the log, and without what signals and the clock add."""
    learned: Given
    """What was known of campaigns that learn."""
    masked: tuple[str, ...]
    """The attributes whose values the log leaves out."""
    lacking: str = ""
    """Why the log does not hold what the decision was made of: a run sent it, or its person was erased; empty: it holds it."""
    arm: RolloutArm | None = None
    """The side of the version that decided, while one was staged."""


class LoggedDecision(NamedTuple):
    """What the log holds of one decision."""

    decision: Decision
    """As it was answered, with the outcomes of the first 50 candidates."""
    more_candidates: int
    """Candidates beyond them."""
    state: LoggedState
    """What it was made of."""


def find_logged(store: Store, decision_id: str, compiled: CompiledBook) -> LoggedDecision | None:
    """Reads what the log holds of the decision, inside a transaction; None where it holds nothing.

    The row of a decision without candidates holds no contacts, as none were read; then the contacts that the person had
    before it are read as they are now.
    """
    row = decisions.decision_of(store, decision_id)
    if row is None:
        return None
    logged, lookback = logged_decision_of(row, compiled), compiled.pressure.lookback
    if logged.decision.candidate_outcomes or not lookback:
        return logged
    before = tuple(contacts.contacts_before(store, row, row.at - lookback))
    return logged._replace(state=logged.state._replace(history=before))


def one_step_history(counted: Sequence[Contact], before: Sequence[Contact]) -> list[Contact]:
    """The history at which another book makes a logged decision again.

    counted: the contacts that the deciding book's rules counted, as they were then. before: all contacts of the person
    before the decision, as they stand now, which stand in for the others.
    """
    known = {(contact.at, contact.facts) for contact in counted}
    others = [contact for contact in before if (contact.at, contact.facts) not in known]
    return sorted((*counted, *others), key=lambda contact: contact.at)


def logged_book(store: Store, version: str) -> Book | None:
    """The book of a version, from its text in the log, inside a transaction.

    None where the log does not have the text, or this program makes another book of it than the one that wrote it.
    """
    row = books.book_of(store, version)
    book = None if row is None else load_text(row.text).book
    return book if book is not None and book.version == version else None


def logged_decision_of(row: DecisionRow, compiled: CompiledBook) -> LoggedDecision:
    """Reads the row; types of values are those of the given book, which should be the one that decided."""
    trace = orjson.loads(row.trace)
    outcomes = tuple(_candidate_outcome(*logged) for logged in trace["candidates"])
    decision = from_json(row.answer)._replace(candidate_outcomes=outcomes)
    return LoggedDecision(decision, trace["more_candidates"], _state(row, trace, compiled))


def logged_state_of(row: DecisionRow, compiled: CompiledBook) -> LoggedState:
    """Reads the row as `logged_decision_of` does, without the decision: all that making it again takes."""
    return _state(row, orjson.loads(row.trace), compiled)


def _state(row: DecisionRow, trace: Mapping[str, Any], compiled: CompiledBook) -> LoggedState:
    inputs = orjson.loads(row.inputs)
    return LoggedState(
        tuple(_contact(logged) for logged in trace["contacts"]),
        LoggedQuotaCounts(row.at, map(_counter, trace["counters"])),
        row.person,
        _customer_state(trace),
        inputs.get("conversions", {}),
        _request(row, inputs, trace, compiled),
        _learned(trace),
        tuple(inputs["masked"]),
        _ERASED if inputs.get("erased") else _THIN if inputs.get("thin") else "",
        RolloutArm.logged(trace.get("experiments", ())),
    )


def _counter(logged: Sequence[Any]) -> SeenCount:
    """The rule, what it counted, and its next moment; earlier versions did not log the last. Of a budget also the cost."""
    rule, counted, _, _, *rest = logged
    return SeenCount(rule, counted, rest[0] if rest else None, rest[_AMOUNT] if len(rest) > _AMOUNT else 1)


_AMOUNT = 3
"""Where what a contact takes stands, behind the campaign and the channel; 1 if it is left out."""


def _empty(inputs: Mapping[str, Any], trace: Mapping[str, Any], compiled: CompiledBook) -> list[str]:
    """The masked values that were empty; in rows of earlier versions the addresses of channels that were out of reach."""
    channels = {
        name
        for _, _, _, _, obstacles, *_ in trace["candidates"]
        for code, name in obstacles
        if code == ReasonCode.UNREACHABLE
    }
    addresses = (channel.address for name, channel in compiled.book.channels.items() if name in channels)
    return [*inputs.get("masked_empty", ()), *(name for name in addresses if name in inputs["masked"])]


def _request(
    row: DecisionRow,
    inputs: Mapping[str, Any],
    trace: Mapping[str, Any],
    compiled: CompiledBook,
) -> Request:
    addresses = {channel.address for channel in compiled.book.channels.values()}
    attributes = {
        name: value if type(value) in _PLAIN else logged_value(name, value, compiled.book)
        for name, value in inputs["attributes"].items()
        if not name.startswith(_DERIVED) and name not in compiled.book.derived.anniversaries
    }
    if inputs.get("blank") != "missing":
        blanks = ((name, value) for name, value in attributes.items() if is_blank(value))
        attributes |= {name: KeptBlank(value) for name, value in blanks}
    language = attributes.get(LANGUAGE)
    if "cldr" not in inputs and isinstance(language, str):
        attributes[LANGUAGE] = LookupTag(language)
    attributes |= {name: _UNKNOWN_ADDRESS for name in inputs["masked"] if name in addresses}
    attributes |= dict.fromkeys(_empty(inputs, trace, compiled), "")
    return Request(
        customer=inputs.get("customer", row.person),
        now=row.at,
        attributes=attributes,
        consents=frozenset(inputs["consents"]),
        preferred_channels=tuple(inputs["preferred_channels"]),
        channels=tuple(inputs["channels"]),
        placement=row.placement or "",
        max_offers=inputs["max_offers"],
        request_id=row.request_id or "",
        memory=_memory(inputs.get("remembered", ()), row.at),
        units=inputs.get("units", {}),
    )


def logged_value(name: str, value: Any, book: Book) -> Value:
    """A value as it was before it went into JSON, which knows neither days nor tuples."""
    declared = book.attributes.get(name)
    if declared is not None and declared.type is AttributeType.DATE and isinstance(value, str):
        return date.fromisoformat(value)
    plain: Value = tuple(value) if isinstance(value, list) else value
    return plain


def _memory(signals: Sequence[Any], at: int) -> Memory:
    return memory_of(Recalled((), signals, None), at) if signals else NO_MEMORY


def _learned(trace: Mapping[str, Any]) -> Given:
    return Given(
        {campaign: Weights(since, weights) for campaign, since, weights in trace.get("learned", ())},
        {campaign: Propensity(*propensity) for campaign, *propensity in trace.get("propensities", ())},
        BidPrices((BidPrice(*price) for price in trace.get("prices", ())), is_given=True),
    )


def _customer_state(trace: Mapping[str, Any]) -> CustomerState:
    return CustomerState(
        {purpose: Consent(*consent) for purpose, *consent in trace.get("consents", ())},
        tuple(PastOutcome(*outcome) for outcome in trace.get("outcomes", ())),
        tuple(KeptDraw(*draw) for draw in trace.get("kept", ())),
    )


def _candidate_outcome(
    campaign: str, score: float, code: str, name: str, obstacles: Iterable[Sequence[str]], *_: Any
) -> CandidateOutcome:
    """A candidate; earlier versions did not log its tier, which is not read."""
    details = tuple(Reason(ReasonCode(blocked), rule) for blocked, rule in obstacles)
    return CandidateOutcome(campaign, Reason(ReasonCode(code), name), score, details)


def _contact(logged: Sequence[Any]) -> Contact:
    at, expires_at, channel, kind, campaign, offer, category, tags, *rest = logged
    facts = Facts(channel, kind, campaign, offer, category, frozenset(tags))
    return Contact(at, expires_at, facts, *rest)
