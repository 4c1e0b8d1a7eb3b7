"""Contacts that conditions count, on both stores: read by all names of a person, and no more than the book asks for."""

from pathlib import Path

import orjson
import pytest
from uuid_utils import uuid7

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.challenges import read_live
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.commit.replay import logged_decision_of
from engine.ledger.memory import memory_of
from engine.ledger.queries import persons
from engine.ledger.queries.contacts import alike_of
from engine.ledger.queries.decisions import decision_of
from engine.ledger.store.rows import ContactRow
from engine.ledger.store.store import Store
from engine.model.contact import MOST_ALIKE, Contact, ContactState, Facts
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY
from engine.model.request import Request
from tests.books import compiled_book

NOW = 1_773_108_000_000_000
HOUR = DAY // 24
BOOK = """
book: {name: narrative, timezone: UTC}
attributes: {profile.to: {type: text}}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.to, consent: not_needed}
placements: {hero: {channel: web}}
offers:
  hello: {name: Hello, content: {default: {text: Hello}}}
  quiz: {name: Quiz, content: {default: {text: Quiz}}}
  sample: {name: Sample, content: {default: {text: Sample}}}
campaigns:
  welcome: {offer: hello, channels: [sms], placements: [hero], when: {contact: {campaign: welcome, count: {eq: 0}}}}
  quiz:
    offer: quiz
    channels: [sms]
    when: {contact: {offer: hello, outcome: opened, within: 2w}, none: [{contact: {campaign: quiz}}]}
  sample: {offer: sample, channels: [sms], when: {contact: {campaign: welcome, outcome: ignored, after: 3d, within: 2w}}}
  again: {offer: sample, channels: [sms], tier: -1, when: {contact: {campaign: welcome, outcome: bounced, within: 1d}}}
"""


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book."""
    return compiled_book(tmp_path / "book", BOOK)


def requested(compiled: CompiledBook, store: Store, at: int, *names: str) -> Request:
    """The request with what is remembered of the person."""
    assert compiled.recall is not None
    name, *aliases = names or ("ann",)
    request = Request(name, at, {"profile.to": "1"}, aliases=tuple(aliases))
    with store.transaction(writes=False):
        (recalled,) = persons.recall(store, [compiled.recall.of(name, at, request.aliases)])
    return request._replace(memory=memory_of(recalled, at))


def decide(compiled: CompiledBook, store: Store, at: int, *names: str) -> Decision:
    """The decision of the moment."""
    evaluation = evaluate(compiled, requested(compiled, store, at, *names))
    (decision,) = commit_group(store, [DecideCommand(evaluation)])
    assert isinstance(decision, Decision)
    return decision


def campaign_of(decision: Decision) -> str:
    """The campaign of the only offer; empty without one."""
    return decision.offers[0].campaign if decision.offers else ""


def report(compiled: CompiledBook, store: Store, decision: Decision, outcome: str, at: int) -> None:
    """Reports the outcome."""
    event = Event(str(uuid7()), outcome, at)
    commit_group(store, [ReportCommand(compiled, "", decision.decision_id, event, at)])


def test_a_narrative_goes_on_by_what_became_of_it(compiled: CompiledBook, store: Store) -> None:
    """Opened: the quiz. Not opened: the sample three days later. Bounced: another one; and each only once."""
    for name, outcome, later, expected in (
        ("opens", "opened", HOUR, "quiz"),
        ("sees", "impression", 3 * DAY, "sample"),
        ("waits", "impression", 3 * DAY - 1, ""),
        ("bounces", "bounced", HOUR, "welcome"),
    ):
        welcome = decide(compiled, store, NOW, name)
        assert campaign_of(welcome) == "welcome"
        report(compiled, store, welcome, outcome, NOW + HOUR)
        assert campaign_of(decide(compiled, store, NOW + later, name)) == expected
    assert campaign_of(decide(compiled, store, NOW + DAY, "opens")) == ""


def test_all_names_of_a_person(compiled: CompiledBook, store: Store) -> None:
    """What was opened under one name is known of the other: when they come together, and after they were linked."""
    welcome = decide(compiled, store, NOW, "cookie")
    report(compiled, store, welcome, "opened", NOW + HOUR)
    assert campaign_of(decide(compiled, store, NOW + DAY, "card")) == "welcome"
    both = evaluate(compiled, requested(compiled, store, NOW + DAY, "card", "cookie"))
    assert both.request.attributes["contacts of campaign welcome"] == 2
    commit_group(store, [LinkCommand(("card", "cookie"), NOW + DAY)])
    assert campaign_of(decide(compiled, store, NOW + 2 * DAY, "card")) == "quiz"


def test_the_numbers_are_logged_and_repeated(compiled: CompiledBook, store: Store) -> None:
    """The log has the numbers among the inputs, and the decision is repeated from them, whatever happens later."""
    welcome = decide(compiled, store, NOW)
    report(compiled, store, welcome, "opened", NOW + HOUR)
    decision = decide(compiled, store, NOW + DAY)
    report(compiled, store, welcome, "declined", NOW + 2 * DAY)
    with store.transaction(writes=False):
        row = decision_of(store, decision.decision_id)
    assert row is not None
    attributes = orjson.loads(row.inputs)["attributes"]
    assert attributes["contacts of offer hello, opened, within 14d"] == 1
    assert attributes["contacts of campaign welcome"] == 1
    again = evaluate(compiled, logged_decision_of(row, compiled).state.request)
    assert {name: again.request.attributes[name] for name in attributes} == attributes
    assert [candidate.compiled_campaign.campaign.name for candidate in again.candidates] == ["quiz"]


def shown(number: int, campaign: str = "other", state: ContactState = ContactState.CONFIRMED) -> ContactRow:
    """A contact some minutes ago."""
    facts = Facts(
        "web", "inbound", campaign, "hello" if campaign == "welcome" else "tea", "commercial", frozenset()
    )
    at = NOW - number * HOUR // 60
    alike = alike_of(Contact(at, None, facts))
    return ContactRow("ann", at, str(uuid7()), 0, state, None, *facts[:5], tags="[]", alike=alike)


@pytest.mark.parametrize("others", [3, 300])
def test_long_histories_are_read_by_kind(compiled: CompiledBook, store: Store, others: int) -> None:
    """Beside many other contacts the same are counted, also one that bounced, and only these are handed over."""
    welcome = decide(compiled, store, NOW - 5 * HOUR)
    report(compiled, store, welcome, "bounced", NOW - 4 * HOUR)
    withheld = [shown(number, "welcome", ContactState.SHADOW) for number in range(1, 9)]
    with store.transaction():
        store.insert(ContactRow, [*withheld, *map(shown, range(10, 10 + others)), shown(9, "welcome")])
    request = requested(compiled, store, NOW)
    assert sorted(contact.went_out for contact in request.memory.contacts) == [False, True]
    attributes = evaluate(compiled, request).request.attributes
    assert attributes["contacts of campaign welcome"] == 1
    assert attributes["contacts of campaign welcome, bounced, within 1d"] == 1


def test_of_many_alike_the_newest_count(compiled: CompiledBook, store: Store) -> None:
    """Of contacts of one kind no more than a bounded number is read."""
    with store.transaction():
        store.insert(ContactRow, [shown(number, "welcome") for number in range(1, MOST_ALIKE + 50)])
    assert len(requested(compiled, store, NOW).memory.contacts) == MOST_ALIKE


def test_nothing_is_read_that_no_condition_asks_for(tmp_path: Path) -> None:
    """A book without `contact` recalls nothing; one with it, its campaigns for as long as its longest window."""
    head = BOOK.split("campaigns:", maxsplit=1)[0]
    plain = compiled_book(tmp_path / "plain", head + "campaigns: {quiz: {offer: quiz, channels: [sms]}}")
    assert plain.recall is None
    windowed = BOOK.replace("count: {eq: 0}", "count: {eq: 0}, within: 3w")
    windowed = windowed.replace("{campaign: quiz}", "{campaign: quiz, within: 1d}")
    recall = compiled_book(tmp_path / "windowed", windowed).recall
    assert recall is not None
    query = recall.of("ann", NOW).contacts
    assert query is not None
    assert query.since == NOW - 21 * DAY


def test_a_challenger_counts_what_was_there_before(
    compiled: CompiledBook, store: Store, tmp_path: Path
) -> None:
    """Of the live book it takes the logged numbers; what that did not count, it counts without the decision's own contact."""
    live = compiled_book(tmp_path / "live", BOOK.replace("outcome: opened, ", ""))
    first = decide(live, store, NOW)
    second = decide(live, store, NOW + HOUR)
    report(live, store, first, "opened", NOW + HOUR // 2)
    report(live, store, second, "opened", NOW + 2 * HOUR)
    with store.transaction():
        seen = [
            read_live(store, decision.decision_id, live, compiled, Request("ann", at, {"profile.to": "1"}))[1]
            for decision, at in ((first, NOW), (second, NOW + HOUR))
        ]
    counted = [evaluate(compiled, request).request.attributes for request in seen]
    names = (
        "contacts of campaign welcome",
        "contacts of offer hello, opened, within 14d",
        "contacts of campaign quiz",
    )
    assert [[attributes[name] for name in names] for attributes in counted] == [[0, 0, 0], [1, 1, 0]]
