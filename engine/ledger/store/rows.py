"""Rows as they go in and out: plain tuples in the order of the tables' columns."""

from typing import NamedTuple


class DecisionRow(NamedTuple):
    """A row of `decisions`."""

    decision_id: str
    request_id: str | None
    person: str
    at: int
    book_version: str
    outcome: str
    campaign: str | None
    offer: str | None
    variant: str | None
    channel: str | None
    placement: str | None
    score: float | None
    selection_probability: float | None
    next_allowed_at: int | None
    expires_at: int | None
    inputs: str
    trace: str
    answer: str


class RequestRow(NamedTuple):
    """A row of `requests`."""

    request_id: str
    decision_id: str


class ContactRow(NamedTuple):
    """A row of `contacts`."""

    person: str
    at: int
    decision_id: str
    position: int
    state: str
    expires_at: int | None
    channel: str
    kind: str
    campaign: str
    offer: str
    category: str
    tags: str


class CounterRow(NamedTuple):
    """A row of `counters`."""

    counter: str
    period: int
    shard: int
    used: int
    quota: int
    divided: int


class HoldingRow(NamedTuple):
    """A row of `holdings`."""

    decision_id: str
    position: int
    counter: str
    period: int
    counted: bool
    expires_at: int | None


class PersonRow(NamedTuple):
    """A row of `persons`."""

    person: str
    first_seen: int


class EventRow(NamedTuple):
    """A row of `events`."""

    person: str
    at: int
    position: int
    event_id: str
    type: str
    fields: str


class SignalRow(NamedTuple):
    """A row of `signals`."""

    person: str
    name: str
    since: int
    expires_at: int
    fields: str


class IdentityRow(NamedTuple):
    """A row of `identities`."""

    name: str
    person: str
    linked_at: int
    source: str


class OutcomeRow(NamedTuple):
    """A row of `outcomes`."""

    person: str
    type: str
    at: int
    event_id: str
    decision_id: str | None
    decided_at: int | None
    recorded_at: int
    channel: str
    campaign: str
    offer: str
    variant: str
    value: float | None
    currency: str | None
    fields: str


class ConsentRow(NamedTuple):
    """A row of `consents`."""

    person: str
    purpose: str
    withdrawn_at: int | None
    given_at: int | None


class AnsweredRequest(NamedTuple):
    """What an earlier call with the same request_id was answered."""

    request_id: str
    person: str
    answer: str


class TrialRow(NamedTuple):
    """A row of `trials`."""

    campaign: str
    at: int
    decision_id: str
    variant: str


class ArmRow(NamedTuple):
    """A row of `arms`."""

    campaign: str
    reward: str
    since: int
    variant: str
    shown: int
    rewarded: int
    value: float
    squares: float


class LearnedRow(NamedTuple):
    """A row of `learned`."""

    campaign: str
    reward: str
    since: int
    arms: str
