"""Outcomes, on both stores: kept once, believed by their moment, and what they make of contacts."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.commands import Command
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordCommand, RecordResult, WarnedResult
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand, LinkResult
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import EventIdTaken, OutcomeRefused
from engine.ledger.queries import outcomes
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome
from engine.model.event import Event
from engine.model.request import Request
from tests.books import compiled_book
from tests.logs import Log, sqlite_log

HOUR = 3_600_000_000
NOW = 1_773_108_000_000_000
ACCEPTED, DUPLICATE = RecordResult.ACCEPTED, RecordResult.DUPLICATE
BOOK = """
book: {name: outcomes, timezone: UTC}
attributes: {profile.phone: {type: text}}
channels:
  sms: {kind: outbound, address: profile.phone, consent: not_needed, hold: 24h, on_silence: release}
  post: {kind: outbound, address: profile.phone, consent: not_needed, on_silence: confirm}
  web: {kind: inbound, confirm: on_impression, hold: 1h}
placements: {page: {channel: web, max_offers: 2}}
offers:
  tea: {name: Tea, value: 2, content: {default: {text: Tea}}}
  cake: {name: Cake, content: {default: {text: Cake}}}
campaigns:
  tea: {offer: tea, channels: [sms, post], placements: [page]}
  cake: {offer: cake, placements: [page]}
pressure:
  caps:
    weekly: {limit: 1, per: rolling 7d, count: {kind: outbound}}
    shown: {limit: 1, per: rolling 7d, count: {channel: web, campaign: tea}}
"""


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


def decide(
    compiled: CompiledBook,
    store: Store,
    at: int = NOW,
    name: str = "ann",
    channel: str = "sms",
    placement: str = "",
) -> Decision:
    """The decision for somebody, by one channel."""
    request = Request(
        name,
        at,
        {"profile.phone": "1"},
        channels=() if placement else (channel,),
        placement=placement,
        max_offers=2 if placement else 1,
    )
    (answer,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
    assert isinstance(answer, Decision)
    return answer


def word(
    compiled: CompiledBook, decision_id: str, kind: str, at: int, event_id: str = "", **over: object
) -> ReportCommand:
    """An outcome of the decision, reported when it happened."""
    event = Event(event_id or f"{decision_id}-{kind}-{at}", kind, at, {})
    return replace(ReportCommand(compiled, "", decision_id, event, at), **over)  # type: ignore[arg-type]


def is_open(compiled: CompiledBook, store: Store, at: int, channel: str = "sms") -> bool:
    """Whether a cap of one has room; looking takes it."""
    return decide(compiled, store, at, channel=channel).outcome is Outcome.OFFER


def test_what_bounced_is_given_back(compiled: CompiledBook, store: Store) -> None:
    """The cap has room again as soon as it is known that the message did not arrive."""
    first = decide(compiled, store)
    assert not is_open(compiled, store, NOW + 1)
    assert commit_group(store, [word(compiled, first.decision_id, "bounced", NOW + 2)]) == [ACCEPTED]
    assert is_open(compiled, store, NOW + 3)


def test_what_was_delivered_counts_beyond_its_hold(compiled: CompiledBook, store: Store) -> None:
    """Confirmed, a contact counts for the cap's whole window, and not a moment longer."""
    first = decide(compiled, store)
    commit_group(store, [word(compiled, first.decision_id, "delivered", NOW + HOUR)])
    assert not is_open(compiled, store, NOW + 7 * 24 * HOUR - 1)
    assert is_open(compiled, store, NOW + 7 * 24 * HOUR)


def test_a_refund_says_nothing_of_the_contact(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """A hold goes on as if nothing had been reported: it ends when it ends, and what bounced stays given back."""
    first = decide(compiled, store)
    refund = word(compiled, first.decision_id, "refunded", NOW + HOUR)
    assert commit_group(store, [refund]) == [ACCEPTED]
    assert any_log.rows("select state, expires_at from contacts") == [("reserved", NOW + 24 * HOUR)]
    assert is_open(compiled, store, NOW + 24 * HOUR)
    bounced = [
        word(compiled, first.decision_id, "bounced", NOW + 2),
        word(compiled, first.decision_id, "refunded", NOW + 3),
    ]
    commit_group(store, bounced)
    assert any_log.rows(f"select state from contacts where decision_id = '{first.decision_id}'") == [
        ("released",)
    ]


def test_late_word_counts_again(compiled: CompiledBook, store: Store) -> None:
    """A hold that ended without word let the next one go; then the first was delivered after all, and counts."""
    first = decide(compiled, store)
    commit_group(store, [word(compiled, first.decision_id, "delivered", NOW + 30 * HOUR)])
    blocked = decide(compiled, store, NOW + 31 * HOUR)
    assert (blocked.outcome, blocked.next_allowed_at) == (Outcome.BLOCKED, NOW + 7 * 24 * HOUR)


def test_what_counts_without_word_can_bounce(compiled: CompiledBook, store: Store) -> None:
    """`on_silence: confirm` does not bar a bounce from giving back."""
    first = decide(compiled, store, channel="post")
    assert not is_open(compiled, store, NOW + 48 * HOUR, "post")
    commit_group(store, [word(compiled, first.decision_id, "not_sent", NOW + 49 * HOUR)])
    assert is_open(compiled, store, NOW + 50 * HOUR, "post")


def test_a_page_counts_when_it_was_shown(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """`confirm: on_impression`: what a page got counts for its hold, and on when it was seen; each offer for itself."""
    shown = decide(compiled, store, placement="page")
    assert [one.campaign for one in shown.offers] == ["tea", "cake"]
    assert {one.expires_at for one in shown.offers} == {NOW + HOUR}
    commit_group(store, [word(compiled, shown.decision_id, "impression", NOW + 1, campaign="tea")])
    assert any_log.rows("select campaign, state from contacts order by 1") == [
        ("cake", "reserved"),
        ("tea", "confirmed"),
    ]
    assert [one.campaign for one in decide(compiled, store, NOW + 2 * HOUR, placement="page").offers] == [
        "cake"
    ]


def test_an_outcome_is_kept_once(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """A second one of an id is a duplicate, in a group and after it; another customer's of the same id is kept."""
    first, other = decide(compiled, store), decide(compiled, store, name="zoe")
    one = word(compiled, first.decision_id, "clicked", NOW + 1, "e-1")
    assert commit_group(store, [one, one]) == [ACCEPTED, DUPLICATE]
    theirs = word(compiled, other.decision_id, "clicked", NOW + 1, "e-1")
    assert commit_group(store, [one, theirs, theirs]) == [DUPLICATE, ACCEPTED, DUPLICATE]
    assert any_log.rows("select person, type, campaign, channel from outcomes order by person") == [
        ("ann", "clicked", "tea", "sms"),
        ("zoe", "clicked", "tea", "sms"),
    ]


def test_what_does_not_fit_its_decision_is_refused(
    compiled: CompiledBook, store: Store, any_log: Log
) -> None:
    """Of another customer, or of a campaign that was not offered: refused, and its neighbour is kept."""
    first = decide(compiled, store)
    answers = commit_group(
        store,
        [
            word(compiled, first.decision_id, "bounced", NOW + 1, customer="zoe"),
            word(compiled, first.decision_id, "bounced", NOW + 2, campaign="cake"),
            word(compiled, first.decision_id, "opened", NOW + 3, customer="ann"),
        ],
    )
    assert [type(one) for one in answers] == [OutcomeRefused, OutcomeRefused, RecordResult]
    assert any_log.rows("select type from outcomes") == [("opened",)]


def test_word_of_an_unknown_decision_is_kept(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """It is accepted and changes nothing; but nobody may be told that a consent is withdrawn when nobody knows whose."""
    answers = commit_group(
        store,
        [
            word(compiled, "d-1", "delivered", NOW),
            word(compiled, "d-1", "clicked", NOW, customer="zoe"),
            word(compiled, "d-1", "unsubscribed", NOW),
        ],
    )
    unknown = "the decision is not in the log: {} is kept, and changes no contact"
    assert answers[:2] == [
        WarnedResult(ACCEPTED, unknown.format(type_)) for type_ in ("delivered", "clicked")
    ]
    assert isinstance(answers[2], OutcomeRefused)
    assert any_log.rows("select person, type, decided_at from outcomes order by 1") == [
        ("", "delivered", None),
        ("zoe", "clicked", None),
    ]


def test_outcomes_follow_the_person(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """A decision made under a name that was linked since is the person's, and so is what happens to it."""
    first = decide(compiled, store, name="cookie")
    decide(compiled, store, NOW - 1, name="ann")
    commit_group(store, [word(compiled, first.decision_id, "opened", NOW + 1)])
    commit_group(store, [LinkCommand(("ann", "cookie"), NOW + 2)])
    answers = commit_group(
        store,
        [
            word(compiled, first.decision_id, "clicked", NOW + 3, customer="ann"),
            word(compiled, first.decision_id, "bounced", NOW + 4),
        ],
    )
    assert answers == [ACCEPTED, ACCEPTED]
    assert any_log.rows("select distinct person from outcomes") == [("ann",)]
    assert any_log.rows("select state from contacts order by at") == [("reserved",), ("released",)]


def test_a_decision_of_the_same_group_knows_it(compiled: CompiledBook, store: Store) -> None:
    """What is reported together with a request is known to it, wherever it stands in the group."""
    first = decide(compiled, store)
    request = Request("ann", NOW + 2, {"profile.phone": "1"}, channels=("sms",))
    decided, reported = commit_group(
        store,
        [DecideCommand(evaluate(compiled, request)), word(compiled, first.decision_id, "bounced", NOW + 1)],
    )
    assert isinstance(decided, Decision)
    assert (decided.outcome, reported) == (Outcome.OFFER, ACCEPTED)


def test_what_came_of_a_campaign_is_counted(compiled: CompiledBook, store: Store) -> None:
    """By variant and type: decisions that led to it, each once, and what it was worth; since a moment."""
    found = [decide(compiled, store, NOW + hour * HOUR, f"p-{hour}") for hour in range(3)]
    for place, one in enumerate(found):
        worth = Event(f"c-{place}", "converted", one.at + 1, {"value": 1.5, "currency": "EUR"})
        commit_group(
            store,
            [
                word(compiled, one.decision_id, "clicked", one.at + 1),
                word(compiled, one.decision_id, "clicked", one.at + 2),
                word(compiled, one.decision_id, "converted", one.at + 1, event=worth),
            ],
        )
    with store.transaction(writes=False):
        since = outcomes.outcome_counts(store, ["tea", "cake"], ["clicked", "converted"], NOW + 1)
    assert since == [("tea", "", "clicked", 3, 0.0), ("tea", "", "converted", 2, 3.0)]


def test_counting_reads_an_index(tmp_path: Path) -> None:
    """What came of a campaign is found by its name and the time, however many outcomes there are of others."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    sql = "select count(*) from outcomes where campaign in (select value from json_each('[]')) and at > 7"
    compiled_campaign = " ".join(str(row[-1]) for row in log.rows(f"explain query plan {sql}"))
    assert "outcomes_by_campaign (campaign=? AND at>?)" in compiled_campaign


REPORTS = st.lists(
    st.tuples(st.sampled_from(["delivered", "bounced", "opened", "cancelled"]), st.integers(0, 3)),
    min_size=1,
    max_size=4,
    unique=True,
)


@settings(max_examples=15, deadline=None)
@given(REPORTS, st.permutations(range(4)), st.booleans())
def test_the_order_in_which_word_arrives_does_not_matter(
    reports: Sequence[tuple[str, int]], order: Sequence[int], together: bool
) -> None:
    """In any order, together or one by one, the contact stands the same, and the cap with it."""
    found = set()
    with TemporaryDirectory() as folder:
        compiled = compiled_book(Path(folder) / "book", BOOK)
        shuffled = [reports[place] for place in order if place < len(reports)]
        for number, arriving in enumerate((reports, shuffled)):
            log = sqlite_log(Path(folder) / f"log-{number}")
            with closing(open_store(log.url)) as store:
                first = decide(compiled, store)
                words = [
                    word(compiled, first.decision_id, kind, NOW + hour * HOUR) for kind, hour in arriving
                ]
                for group in [words] if together and number else [[one] for one in words]:
                    commit_group(store, group)
                states = tuple(log.rows("select state, expires_at from contacts"))
                found.add((states, is_open(compiled, store, NOW + 24 * HOUR)))
    assert len(found) == 1


def test_events_and_outcomes_have_ids_of_their_own(
    compiled: CompiledBook, store: Store, any_log: Log
) -> None:
    """An id that an event or another outcome has does not swallow an `unsubscribed`, nor fail its neighbours."""
    ownerless = word(compiled, "no-such-decision", "delivered", NOW, "e-1")
    clicked = ReportCommand(compiled, "ann", "", Event("e-3", "clicked", NOW, {}), NOW)
    event = RecordCommand(compiled, "ann", Event("e-1", "view", NOW, {}), NOW)
    withdrawn = ReportCommand(compiled, "ann", "", Event("e-2", "unsubscribed", NOW, {}), NOW)
    same_id = RecordCommand(compiled, "ann", Event("e-2", "view", NOW, {}), NOW)
    other = ReportCommand(compiled, "ann", "", Event("e-3", "unsubscribed", NOW, {}), NOW)
    sound = [ownerless, event, same_id, withdrawn, clicked]
    warning = "the decision is not in the log: delivered is kept, and changes no contact"
    assert commit_group(store, sound) == [WarnedResult(ACCEPTED, warning), *[ACCEPTED] * 4]
    assert commit_group(store, sound) == [WarnedResult(DUPLICATE, warning), *[DUPLICATE] * 4]
    (refused,) = commit_group(store, [other])
    assert isinstance(refused, EventIdTaken)
    assert any_log.rows("select count(*) from consents") == [(1,)]


def test_an_id_of_another_person_withdraws_consent(
    compiled: CompiledBook, store: Store, any_log: Log
) -> None:
    """Callers may number what happened to each customer from 1: nothing of one is refused or swallowed for another."""
    commands: list[Command[Any]] = []
    for customer in ("ann", "zoe", "li-na"):
        commands.append(ReportCommand(compiled, customer, "", Event("1", "unsubscribed", NOW, {}), NOW))
        commands.append(RecordCommand(compiled, customer, Event("1", "view", NOW, {}), NOW))
    commands.append(word(compiled, "no-such-decision", "clicked", NOW, "1"))
    warning = "the decision is not in the log: clicked is kept, and changes no contact"
    assert commit_group(store, commands) == [*[ACCEPTED] * 6, WarnedResult(ACCEPTED, warning)]
    assert commit_group(store, commands) == [*[DUPLICATE] * 6, WarnedResult(DUPLICATE, warning)]
    people = [("ann",), ("li-na",), ("zoe",)]
    assert any_log.rows("select person from consents order by person") == people
    assert any_log.rows("select person from events order by person") == people
    assert any_log.rows("select person from outcomes order by person") == [("",), *people]


def test_linked_persons_may_have_used_one_id(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """What both had under one id is the linked person's; what is alike to the letter is there once, and a retry finds it."""
    reports = [
        ReportCommand(compiled, customer, "", Event("1", type_, NOW + at, {}), NOW)
        for customer, type_, at in (
            ("ann", "clicked", 0),
            ("zoe", "clicked", 0),
            ("li-na", "unsubscribed", 1),
        )
    ]
    events = [
        RecordCommand(compiled, customer, Event("1", "view", NOW, {}), NOW) for customer in ("ann", "zoe")
    ]
    assert commit_group(store, [*reports, *events]) == [ACCEPTED] * 5
    (linked,) = commit_group(store, [LinkCommand(("li-na", "zoe", "ann"), NOW)])
    assert isinstance(linked, LinkResult)
    assert any_log.rows("select distinct person from outcomes union select person from events") == [
        (linked.person,)
    ]
    assert any_log.rows("select type from outcomes order by type") == [("clicked",), ("unsubscribed",)]
    assert commit_group(store, [*reports, *events]) == [DUPLICATE] * 5
