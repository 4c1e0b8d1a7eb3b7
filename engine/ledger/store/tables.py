"""The tables. Times are microseconds since 1970-01-01T00:00Z; structured columns are JSON texts.

On PostgreSQL those that only grow are divided by month; engine.ledger.store.partitions makes the partitions.
"""

from sqlalchemy import BigInteger, Column, Float, Index, String, text
from sqlmodel import Field, SQLModel

KEY = String().with_variant(String(collation="C"), "postgresql")
"""Compared byte by byte on PostgreSQL too: UUIDv7 are in order of time, and no new release of a language changes an index."""


def _key() -> Column[str]:
    """A column of a primary key."""
    return Column(KEY, primary_key=True)


class DecisionTable(SQLModel, table=True):
    """One row a decision, complete enough to decide it again."""

    __tablename__ = "decisions"
    __table_args__ = ({"postgresql_partition_by": "RANGE (decision_id)"},)

    decision_id: str = Field(sa_column=_key())
    """UUIDv7, so rows are in order of time."""
    request_id: str | None
    person: str
    at: int = Field(sa_column=Column(BigInteger, nullable=False))
    book_version: str
    outcome: str
    campaign: str | None
    """Of the first offer, as are the columns up to selection_probability."""
    offer: str | None
    variant: str | None
    channel: str | None
    placement: str | None
    """The placement asked for."""
    score: float | None
    selection_probability: float | None
    next_allowed_at: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    expires_at: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    inputs: str
    """What the decision depended on: attribute values (masked ones named apart), consents, channels asked for, draws."""
    trace: str
    """The candidates with score and stage, and the contacts and counters that pressure read."""
    answer: str
    """The reply, so that a retry gets the same."""


class RequestTable(SQLModel, table=True):
    """The decision that a request_id led to."""

    __tablename__ = "requests"
    __table_args__ = ({"sqlite_with_rowid": False, "postgresql_partition_by": "RANGE (decision_id)"},)

    request_id: str = Field(sa_column=_key())
    decision_id: str = Field(sa_column=_key())


class ContactTable(SQLModel, table=True):
    """What uses up pressure: one row an offer, kept beside the person's other contacts."""

    __tablename__ = "contacts"
    __table_args__ = ({"sqlite_with_rowid": False, "postgresql_partition_by": "RANGE (at)"},)

    person: str = Field(sa_column=_key())
    at: int = Field(sa_column=Column(BigInteger, primary_key=True))
    decision_id: str = Field(sa_column=_key())
    position: int = Field(primary_key=True)
    """The offer's place in its decision, from 0."""
    state: str
    """reserved, confirmed, released or shadow: what the outcomes make of it, see engine.decide.pressure.contact_state."""
    expires_at: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    """When a reservation ends without word; empty: the state stays."""
    channel: str
    kind: str
    campaign: str
    offer: str
    category: str
    tags: str
    """The offer's tags at the time, a JSON list in order."""


class CounterTable(SQLModel, table=True):
    """What all customers share: how many contacts an offer, a campaign or a channel has, in one period.

    On PostgreSQL a counter is divided into shards, each with a quota of its own, so that servers do not wait for one row:
    no shard uses more than its quota, and together they have no more than there is. On SQLite it is one row.
    """

    __tablename__ = "counters"
    __table_args__ = ({"sqlite_with_rowid": False},)

    counter: str = Field(sa_column=_key())
    """The rule's name: OFFER/stock, CAMPAIGN/total, CHANNEL/capacity."""
    period: int = Field(sa_column=Column(BigInteger, primary_key=True))
    """When the period began in which it counts; 0: it counts for good."""
    shard: int = Field(primary_key=True)
    used: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Contacts; below 0 where the shard took back what others gave. The sum over the shards is what counts."""
    quota: int = Field(sa_column=Column(BigInteger, nullable=False))
    """How many it may use."""
    divided: int = Field(sa_column=Column(BigInteger, nullable=False))
    """The limit that was divided among the shards; where the book has another by now it is divided anew."""


class HoldingTable(SQLModel, table=True):
    """What a contact holds of a counter."""

    __tablename__ = "holdings"
    __table_args__ = (
        Index(
            "holdings_by_expiry",
            "counter",
            "period",
            "expires_at",
            sqlite_where=text("expires_at IS NOT NULL"),
            postgresql_where=text("expires_at IS NOT NULL"),
        ),
        {"sqlite_with_rowid": False},
    )

    decision_id: str = Field(sa_column=_key())
    position: int = Field(primary_key=True)
    """The offer's place in its decision, as in `contacts`."""
    counter: str = Field(sa_column=_key())
    period: int = Field(sa_column=Column(BigInteger, nullable=False))
    counted: bool
    """Whether it counts; it does not when it was given back."""
    expires_at: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    """When it is given back without word; empty: that is settled."""


class PersonTable(SQLModel, table=True):
    """Everybody of whom anything was ever kept."""

    __tablename__ = "persons"
    __table_args__ = ({"sqlite_with_rowid": False},)

    person: str = Field(sa_column=_key())
    first_seen: int = Field(sa_column=Column(BigInteger, nullable=False))
    """When the first decision was made, or the first event recorded."""


class EventTable(SQLModel, table=True):
    """What persons did, as it was recorded, kept in order beside the person's other events."""

    __tablename__ = "events"
    __table_args__ = (Index("events_by_id", "event_id", unique=True), {"sqlite_with_rowid": False})

    person: str = Field(sa_column=_key())
    at: int = Field(sa_column=Column(BigInteger, primary_key=True))
    position: int = Field(primary_key=True)
    """Among the person's events of one moment, in the order in which they were recorded, from 0."""
    event_id: str = Field(sa_column=Column(KEY, nullable=False))
    type: str
    fields: str
    """A JSON object; {"date": …} stands for a day, a list for a list."""


class SignalTable(SQLModel, table=True):
    """The signals that are remembered of persons."""

    __tablename__ = "signals"
    __table_args__ = ({"sqlite_with_rowid": False},)

    person: str = Field(sa_column=_key())
    name: str = Field(sa_column=_key())
    since: int = Field(sa_column=Column(BigInteger, nullable=False))
    expires_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    """From this moment on it is forgotten, and soon deleted."""
    fields: str
    """What it exposes, as in `events`."""


class IdentityTable(SQLModel, table=True):
    """Names that were linked to a person who is kept under another name."""

    __tablename__ = "identities"
    __table_args__ = (Index("identities_by_person", "person"), {"sqlite_with_rowid": False})

    name: str = Field(sa_column=_key())
    person: str = Field(sa_column=Column(KEY, nullable=False))
    linked_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    source: str
    """What linked it first: link, decide or record."""


class OutcomeTable(SQLModel, table=True):
    """What happened to decisions later, as it was reported, kept beside the person's other outcomes."""

    __tablename__ = "outcomes"
    __table_args__ = (
        Index("outcomes_by_id", "event_id", unique=True),
        Index("outcomes_by_decision", "decision_id"),
        Index("outcomes_by_campaign", "campaign", "at"),
        Index(
            "conversions_by_campaign",
            "campaign",
            "decision_id",
            sqlite_where=text("type = 'converted'"),
            postgresql_where=text("type = 'converted'"),
        ),
        {"sqlite_with_rowid": False},
    )

    person: str = Field(sa_column=_key())
    """Empty where nobody said, and the decision is not known."""
    type: str = Field(sa_column=_key())
    at: int = Field(sa_column=Column(BigInteger, primary_key=True))
    event_id: str = Field(sa_column=_key())
    decision_id: str | None = Field(sa_column=Column(KEY, nullable=True))
    decided_at: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    recorded_at: int = Field(sa_column=Column(BigInteger, nullable=False))
    channel: str
    """Of the decision, or as it was reported; empty: of none in particular, as are the next three."""
    campaign: str = Field(sa_column=Column(KEY, nullable=False))
    offer: str
    variant: str
    value: float | None = Field(sa_column=Column(Float, nullable=True))
    currency: str | None
    fields: str
    """What else was reported, as in `events`."""


class ConsentTable(SQLModel, table=True):
    """What customers said themselves of being contacted."""

    __tablename__ = "consents"
    __table_args__ = ({"sqlite_with_rowid": False},)

    person: str = Field(sa_column=_key())
    purpose: str = Field(sa_column=_key())
    """As books name it; `channel:NAME` of a channel that needs no consent, `*` for everything."""
    withdrawn_at: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    """The latest moment, as is given_at: the later of the two holds."""
    given_at: int | None = Field(sa_column=Column(BigInteger, nullable=True))


class TrialTable(SQLModel, table=True):
    """Offers of campaigns that learn, until what came of them is counted."""

    __tablename__ = "trials"
    __table_args__ = ({"sqlite_with_rowid": False},)

    campaign: str = Field(sa_column=_key())
    at: int = Field(sa_column=Column(BigInteger, primary_key=True))
    decision_id: str = Field(sa_column=_key())
    variant: str


class ArmTable(SQLModel, table=True):
    """What came of the variants of campaigns that learn, by time."""

    __tablename__ = "arms"
    __table_args__ = ({"sqlite_with_rowid": False},)

    campaign: str = Field(sa_column=_key())
    reward: str = Field(sa_column=_key())
    since: int = Field(sa_column=Column(BigInteger, primary_key=True))
    """Offers of the ten minutes from then on."""
    variant: str = Field(sa_column=_key())
    shown: int = Field(sa_column=Column(BigInteger, nullable=False))
    rewarded: int = Field(sa_column=Column(BigInteger, nullable=False))
    value: float
    """The sum of the rewards' values, and of their squares."""
    squares: float


class LearnedTable(SQLModel, table=True):
    """What is known of a campaign's variants, from a moment on, the same for all servers."""

    __tablename__ = "learned"
    __table_args__ = ({"sqlite_with_rowid": False},)

    campaign: str = Field(sa_column=_key())
    reward: str = Field(sa_column=_key())
    since: int = Field(sa_column=Column(BigInteger, primary_key=True))
    arms: str
    """A JSON object: by variant how often shown, how often rewarded, the sum of the values and of their squares."""


METADATA = SQLModel.metadata
