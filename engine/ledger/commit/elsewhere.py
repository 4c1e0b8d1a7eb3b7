"""Keeps contacts that were made elsewhere: by a salesman, a shop, another system, without a decision.

Pressure rules count them like any other; experiments and attribution do not, since nothing was decided.
"""

from collections.abc import Mapping, Sequence

from uuid_utils import uuid7

from engine.decide.pressure.counters import RATES
from engine.decide.pressure.quotas import budget_counters
from engine.ledger.commit.decision_rows import contact_row
from engine.ledger.commit.quotas import UnruledContact
from engine.ledger.store.rows import ContactRow, OutcomeRow
from engine.ledger.store.store import Store
from engine.model.contact import Contact, Facts
from engine.model.decision import RuleKind
from engine.model.instant import Instant
from engine.model.values import Value
from engine.rulebook.model.book import Book, Kind

ELSEWHERE = -1
"""The position of a contact that is of no decision."""

ReportedContact = tuple[Book, OutcomeRow, Mapping[str, Value], Instant]
"""The live book, the row of the outcome, the event's fields, and when it was reported, not beyond the server's clock."""


def keep_contacts_elsewhere(store: Store, reported: Sequence[ReportedContact]) -> Sequence[UnruledContact]:
    """Adds a confirmed contact for each new report; what they may take from the counters that all customers share."""
    rows, unruled = [], []
    for book, outcome, fields, until in reported:
        contact = Contact(outcome.at, None, _facts(book, outcome, fields))
        row = contact_row(book.channels, outcome.person, str(uuid7()), ELSEWHERE, contact)._replace(cost=None)
        rows.append(row)
        counters = _counters(book, contact.facts)
        unruled.append(UnruledContact(row.decision_id, ELSEWHERE, contact, counters, until))
    if rows:
        store.insert(ContactRow, rows)
    return unruled


def _facts(book: Book, outcome: OutcomeRow, fields: Mapping[str, Value]) -> Facts:
    """What rules select it by: of a campaign of the book its category and its offer's tags, else those of the report.

    It has no offer: nothing was taken from a stock.
    """
    kind = book.channels[outcome.channel].kind
    campaign = book.campaigns.get(outcome.campaign)
    if campaign is not None:
        tags = book.offers[campaign.offer].tags
        return Facts(outcome.channel, kind, campaign.name, "", campaign.category, tags)
    category, tags_given = fields.get("category", ""), fields.get("tags", ())
    return Facts(
        outcome.channel,
        kind,
        outcome.campaign,
        "",
        category if isinstance(category, str) else "",
        frozenset(map(str, tags_given)) if isinstance(tags_given, tuple) else frozenset(),
    )


def _counters(book: Book, facts: Facts) -> Mapping[str, int]:
    """The names of the counters that count it: the channel's capacity, the total of its campaign, budgets."""
    capacity = f"{facts.channel}/{RuleKind.CAPACITY}"
    counters = dict.fromkeys((capacity, *(f"{capacity}{rate}" for rate in RATES)), 1)
    campaign = book.campaigns.get(facts.campaign)
    if campaign is not None:
        sends = any(book.channels[name].kind is Kind.OUTBOUND for name in campaign.channels)
        if facts.kind == Kind.OUTBOUND or not sends:
            counters[f"{campaign.name}/{RuleKind.TOTAL}"] = 1
    cost = book.channels[facts.channel].cost_micros
    return counters | budget_counters(facts.campaign, facts.channel, cost)
