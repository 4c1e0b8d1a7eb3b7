"""The rows of all tables. Times are microseconds since 1970-01-01T00:00Z; structured columns are JSON texts.

On PostgreSQL the tables that only grow are divided by month; engine.ledger.store.partitions makes the partitions.
"""

from typing import Annotated, NamedTuple

from sqlalchemy import BigInteger, Index, Integer, text
from sqlmodel import SQLModel

from engine.ledger.store.tables import BigInt, ColumnType, Id, IdKey, InstantKey, NumberKey, stored

_DUE = text("outcome = 'blocked' AND next_allowed_at IS NOT NULL AND placement IS NULL")
"""Of decisions that may lead to a contact later, without the caller's doing."""


_DECISION_INDEXES = (
    Index("decisions_due", "next_allowed_at", "decision_id", sqlite_where=_DUE, postgresql_where=_DUE),
    Index("decisions_by_person", "person"),
)


@stored("decisions", *_DECISION_INDEXES, postgresql_partition_by="RANGE (decision_id)")
class DecisionRow(NamedTuple):
    """One decision, complete enough to repeat it."""

    decision_id: IdKey
    """UUIDv7, so rows are in order of time."""
    request_id: str | None
    person: str
    at: BigInt
    book_version: str
    outcome: str
    campaign: str | None
    """Of the first offer, as are the columns up to selection_probability."""
    offer: str | None
    variant: str | None
    channel: str | None
    placement: str | None
    """The placement of the request."""
    score: float | None
    selection_probability: float | None
    next_allowed_at: BigInt | None
    expires_at: BigInt | None
    inputs: str
    """What the decision depended on: attribute values (only the names of masked ones), consents, requested channels, draws."""
    trace: str
    """The candidates with score and stage, and the contacts and counters that pressure rules read."""
    answer: str
    """The reply, so that a retry gets the same."""
    run: str | None = None
    """The run that sent it to a population; empty: it was decided for one call."""


@stored("requests", sqlite_with_rowid=False, postgresql_partition_by="RANGE (decision_id)")
class RequestRow(NamedTuple):
    """The decision that a request_id led to."""

    request_id: IdKey
    decision_id: IdKey


_ALIKE = Index(
    "contacts_alike",
    "person",
    "alike",
    "at",
    sqlite_where=text("state <> 'released'"),
    postgresql_where=text("state <> 'released'"),
)


_BY_OFFER = Index(
    "contacts_by_offer",
    "offer",
    "campaign",
    "channel",
    "at",
    sqlite_where=text("state <> 'shadow'"),
    postgresql_where=text("state <> 'shadow'"),
)


@stored("contacts", _ALIKE, _BY_OFFER, sqlite_with_rowid=False, postgresql_partition_by="RANGE (at)")
class ContactRow(NamedTuple):
    """What uses up contact pressure: one row an offer, stored beside the person's other contacts."""

    person: IdKey
    at: InstantKey
    decision_id: IdKey
    position: NumberKey
    """The offer's position in its decision, from 0; -1 of a contact that was made without a decision (ELSEWHERE)."""
    state: str
    """reserved, confirmed, released or shadow, as outcomes change it: see engine.decide.pressure.contact_state."""
    expires_at: BigInt | None
    """When an unconfirmed reservation expires; empty: the state stays."""
    channel: str
    kind: str
    campaign: str
    offer: str
    category: str
    tags: str
    """The offer's tags at the time, a JSON list in order."""
    zones: str = ""
    """Where the customer might be at the time, as in engine.decide.attributes.zones; empty: it was of no importance."""
    alike: Id = ""
    """The same for contacts that no rule tells apart but by their time (see `alike_of`); empty: not known."""
    counted_by: str | None = None
    """The value by which the campaign's limit counts it, as JSON; empty: by none, or it was made before there was one."""
    cost: BigInt | None = None
    """What it cost, in micro-units of the book's currency, 0 if withheld; empty: made elsewhere, or before this was kept."""


@stored("counters", sqlite_with_rowid=False)
class CounterRow(NamedTuple):
    """What all customers share: how many contacts an offer, a campaign or a channel has, in one period, or what they cost.

    On PostgreSQL a counter is divided into shards, each with a quota of its own, so that servers do not wait for one row:
    no shard uses more than its quota, and together they have no more than the limit. On SQLite it is one row.
    """

    counter: IdKey
    """The rule's name: OFFER/stock, CAMPAIGN/total, CHANNEL/capacity, of a budget CHANNEL/channel_budget,
    CAMPAIGN/campaign_budget or book/budget; of a rate with `/hour` or `/minute` at its end."""
    period: InstantKey
    """When the period began in which it counts, and a microsecond for a week, two for a month; 0: it counts for good."""
    shard: NumberKey
    used: BigInt
    """Contacts, or what they cost in millionths; below 0 where the shard took back what others gave. The sum counts."""
    quota: BigInt
    """How much it may use."""
    divided: BigInt
    """The limit that was divided among the shards; where the book has another by now it is divided anew."""


_BY_EXPIRY = Index(
    "holdings_by_expiry",
    "counter",
    "period",
    "expires_at",
    sqlite_where=text("expires_at IS NOT NULL"),
    postgresql_where=text("expires_at IS NOT NULL"),
)


@stored("holdings", _BY_EXPIRY, sqlite_with_rowid=False)
class HoldingRow(NamedTuple):
    """What a contact holds of a counter."""

    decision_id: IdKey
    position: NumberKey
    """The offer's position in its decision, as in `contacts`."""
    counter: IdKey
    period: BigInt
    counted: bool
    """Whether it counts; it does not when it was given back."""
    expires_at: BigInt | None
    """When an unconfirmed hold is given back; empty: an outcome has decided it."""
    amount: BigInt = 1
    """What the contact takes of the counter: 1, or what it costs in millionths of the currency."""


@stored("persons", sqlite_with_rowid=False)
class PersonRow(NamedTuple):
    """A person of whom anything was ever kept."""

    person: IdKey
    first_seen: BigInt
    """When the first decision was made, or the first event recorded."""


@stored("events", Index("events_by_id", "event_id", "person"), sqlite_with_rowid=False)
class EventRow(NamedTuple):
    """What a person did, as it was recorded, stored in order beside the person's other events."""

    person: IdKey
    at: InstantKey
    position: NumberKey
    """Among the person's events of one moment, in the order in which they were recorded, from 0."""
    event_id: Id
    type: str
    fields: str
    """A JSON object; {"date": …} stands for a day, a list for a list."""


@stored("signals", sqlite_with_rowid=False)
class SignalRow(NamedTuple):
    """A signal that is remembered of a person."""

    person: IdKey
    name: IdKey
    since: BigInt
    expires_at: BigInt
    """From this moment on it is forgotten, and soon deleted."""
    fields: str
    """What it exposes, as in `events`."""


@stored("identities", Index("identities_by_person", "person"), sqlite_with_rowid=False)
class IdentityRow(NamedTuple):
    """A name that was linked to a person who is stored under another name."""

    name: IdKey
    person: Id
    linked_at: BigInt
    source: str
    """What linked it first: link, decide or record."""
    linked_to: Id | None = None
    """The person to whom it was linked first, where that person was linked to another later; empty: `person`, or not known."""


_OUTCOME_INDEXES = (
    Index("outcomes_by_id", "event_id", "person"),
    Index("outcomes_by_decision", "decision_id"),
    Index("outcomes_alike", "person", "alike", "at"),
    Index("outcomes_by_campaign", "campaign", "at"),
    Index(
        "conversions_by_campaign",
        "campaign",
        "decision_id",
        sqlite_where=text("type = 'converted'"),
        postgresql_where=text("type = 'converted'"),
    ),
)


@stored("outcomes", *_OUTCOME_INDEXES, sqlite_with_rowid=False)
class OutcomeRow(NamedTuple):
    """What happened to a decision later, as it was reported, stored beside the person's other outcomes."""

    person: IdKey
    """Empty where it was not reported, and the decision is not in the log."""
    type: IdKey
    at: InstantKey
    event_id: IdKey
    decision_id: Id | None
    decided_at: BigInt | None
    recorded_at: BigInt
    channel: str
    """Of the decision, or as it was reported; empty: of none in particular, as are the next three."""
    campaign: Id
    offer: str
    variant: str
    value: float | None
    currency: str | None
    fields: str
    """What else was reported, as in `events`."""
    alike: Id = ""
    """The same for outcomes that no pause tells apart but by time and decision (see `outcomes.alike_of`); empty: not known."""
    order_id: str | None = None
    """The order that it is about, as the caller numbers orders; empty: not reported."""
    reported_for: Id | None = None
    """The person under whom it was stored when it was reported; empty: `person`, or not known."""


@stored("consents", sqlite_with_rowid=False)
class ConsentRow(NamedTuple):
    """What a customer said of being contacted for one purpose."""

    person: IdKey
    purpose: IdKey
    """As books name it; `channel:NAME` of a channel that needs no consent, `*` for everything."""
    withdrawn_at: BigInt | None
    """The latest time, as is given_at: the later of the two holds."""
    given_at: BigInt | None


@stored("trials", sqlite_with_rowid=False)
class TrialRow(NamedTuple):
    """An offer of a campaign that learns, until its outcomes are counted."""

    campaign: IdKey
    at: InstantKey
    decision_id: IdKey
    variant: str


@stored("arms", sqlite_with_rowid=False)
class ArmRow(NamedTuple):
    """Outcomes of a variant of a campaign that learns, by time."""

    campaign: IdKey
    reward: IdKey
    since: InstantKey
    """Counts offers of the ten minutes from then on."""
    variant: IdKey
    shown: BigInt
    rewarded: BigInt
    value: float
    """The sum of the rewards' values."""
    squares: float
    """The sum of the squares of the rewards' values."""


@stored("learned", sqlite_with_rowid=False)
class LearnedRow(NamedTuple):
    """What is known of a campaign's variants, from a moment on, the same for all servers."""

    campaign: IdKey
    reward: IdKey
    since: InstantKey
    arms: str
    """A JSON object: by variant how often shown, how often rewarded, the sum of the values and of their squares."""


@stored("assignments", sqlite_with_rowid=False)
class AssignmentRow(NamedTuple):
    """A draw that a sticky campaign keeps; of several the one of the least decision_id was the first."""

    subject: IdKey
    """The person, or the id of the unit."""
    unit: IdKey
    """The attribute whose value was drawn; empty: the person was."""
    campaign: IdKey
    purpose: IdKey
    """control or variant."""
    salt: IdKey
    drawn: IdKey
    """treated or control, or the variant."""
    share: float
    """The control's share, or the probability of the variant, when it was drawn."""
    at: BigInt
    decision_id: Id
    """The decision that drew it."""


@stored("books")
class BookRow(NamedTuple):
    """A version of a book that was live, or was published."""

    version: IdKey
    text: str
    """A JSON object of the book's files, by name: what they load as has this version. At most about 64 MiB."""
    first_at: BigInt
    """When a server first served it or decided by it, or it was published."""


@stored("challenges", postgresql_partition_by="RANGE (decision_id)")
class ChallengeRow(NamedTuple):
    """What the challenger, a second book, would have decided in place of a decision."""

    decision_id: IdKey
    """Of the decision of the live book."""
    person: str
    at: BigInt
    book_version: str
    """The challenger's, as is all that follows; the columns are those of `decisions`."""
    outcome: str
    campaign: str | None
    offer: str | None
    variant: str | None
    channel: str | None
    inputs: str
    """With the attributes that the challenger reads, and without the values that its book keeps out of the log."""
    trace: str
    answer: str


@stored("commits", Index("commits_by_time", "committed_at"), sqlite_autoincrement=True)
class CommitRow(NamedTuple):
    """A transaction that kept decisions or outcomes, from which they are read in the order of the transactions."""

    commit_id: Annotated[int, ColumnType(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)]
    """The database gives it: SQLite the next number, PostgreSQL that of the transaction, so that no later commit is below one
    that is read once all transactions up to it have ended."""
    committed_at: BigInt
    """By the clock of the server that committed."""
    decisions: str
    """A JSON list of decision_ids."""
    outcomes: str
    """A JSON list of the outcomes, each with event_id, type, time and recorded_at."""
    trends: str
    """A JSON list of the trends that began, each with event, field, value, number, usual and at."""


@stored("trend_cells", sqlite_with_rowid=False)
class TrendCellRow(NamedTuple):
    """How many events of all customers an hour had, by the value of a field; it names no customer."""

    event: IdKey
    """The events' type."""
    field: IdKey
    """Empty: all events of the type."""
    hour: InstantKey
    """When the hour began, in which the events happened."""
    value: IdKey
    """Of the field; `*` for those beyond the limit; empty without a field."""
    shard: NumberKey
    """Processes add to different shards, so that they do not wait for each other; 0 on SQLite."""
    number: BigInt


@stored("trend_series", sqlite_with_rowid=False)
class TrendSeriesRow(NamedTuple):
    """From when until when events of a type are counted by a field."""

    event: IdKey
    field: IdKey
    since: BigInt
    until: BigInt
    """When a server last said that it counts them."""


@stored("trend_alarms", sqlite_with_rowid=False)
class TrendAlarmRow(NamedTuple):
    """Since when a trend holds, of which it was told when it began."""

    event: IdKey
    field: IdKey
    value: IdKey
    condition: IdKey
    since: BigInt
    until: BigInt
    """When it was found to have ended; 0 while it holds."""


@stored("presend_runs", sqlite_with_rowid=False)
class PresendRunRow(NamedTuple):
    """A run that decides a whole population at one moment, and keeps what is sent."""

    run: IdKey
    """Its name."""
    book_version: str
    started_at: BigInt
    now: BigInt
    """The moment of all its decisions."""
    people: BigInt
    """How many customers the population has."""
    fingerprint: str
    """SHA-256 of the population's file: a resumed run must have the same."""
    settings: str
    """A JSON object of what else all parts must have alike."""
    finished_at: BigInt | None
    """Empty: it is under way, or was interrupted."""
    shares: str | None = None
    """A JSON object of how what is scarce was shared out before anybody was decided; empty: it was not."""


@stored("presend_pieces", sqlite_with_rowid=False)
class PresendPieceRow(NamedTuple):
    """Customers of a run who were decided in one transaction: the manifest, which says which files count."""

    run: IdKey
    part: NumberKey
    """A range of the customers in order of their names, from 0; below 0 in the last pass, -1 of the part 0."""
    first: NumberKey
    """The first customer's place in the part, from 0."""
    customers: BigInt
    counts: str
    """A JSON object: customers by outcome, and offers by campaign, variant and channel."""
    file: str
    """The file in the run's folder that holds these decisions; several pieces may share one."""
    sha256: str
    committed_at: BigInt


@stored("prices", sqlite_with_rowid=False)
class PriceRow(NamedTuple):
    """The price of a counter from a moment on, or its cut-off."""

    counter: IdKey
    since: InstantKey
    tier: BigInt | None
    """Empty: nobody pays."""
    price: float
    cut_off: float | None
    until: BigInt | None
    run: str
    """By what it was found."""
    created_at: BigInt


@stored("pseudonym_keys", sqlite_with_rowid=False)
class PseudonymKeyRow(NamedTuple):
    """The key by which the names of persons are hashed where they must not stand: in the audit."""

    number: NumberKey
    """0: there is one."""
    secret: str
    """32 random bytes in hexadecimal."""
    created_at: BigInt


@stored("suppressions", sqlite_with_rowid=False)
class SuppressionRow(NamedTuple):
    """What somebody who was erased had forbidden, which holds if they come again under the same name."""

    name_hash: IdKey
    """HMAC-SHA256 of one of their names by the key of pseudonyms: see engine.ledger.queries.suppressions."""
    purpose: IdKey
    """Of a withdrawn consent or an objection, as in `consents`; empty: the erasure itself, for calls that were under way."""
    since: BigInt
    """When it was withdrawn or objected to, or the person was erased."""


@stored("rollup", Index("rollup_by_time", "subject", "since"), sqlite_with_rowid=False)
class RollupRow(NamedTuple):
    """How often something came of decisions in an hour or a day, over all customers; it names nobody."""

    subject: IdKey
    """What is counted: see engine.measure.rollup.Subject."""
    name: IdKey
    """Of the campaign, the rule or the outcome."""
    since: InstantKey
    """When the hour or the day of UTC began."""
    part: IdKey
    """What else tells cells apart, a JSON list."""
    number: BigInt


@stored("rollup_cursor", sqlite_with_rowid=False)
class RollupCursorRow(NamedTuple):
    """How far the log was counted."""

    number: NumberKey
    """0: there is one."""
    cursor: str
    """Of the feed."""
    counted_at: BigInt


@stored("dictionaries", sqlite_with_rowid=False)
class DictionaryRow(NamedTuple):
    """With what texts of decisions are packed: parts of them that many persons share, so that it says nothing of anybody."""

    number: NumberKey
    """From 1 on; never changed, since packed decisions name it."""
    made_at: BigInt
    packed_to: str
    """The decision_id up to which decisions are packed, by this dictionary or those before it."""
    text: str


METADATA = SQLModel.metadata
