"""One person, many names, on both stores."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordCommand, RecordResult
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand, LinkResult
from engine.ledger.errors import LedgerError, RequestIdTaken, TooManyNames
from engine.ledger.queries.identities import MOST_NAMES
from engine.ledger.queries.persons import recall, remember
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import SignalRow
from engine.ledger.store.store import Store
from engine.model.customer import RecallQuery
from engine.model.decision import Decision, Outcome
from engine.model.event import Event
from engine.model.request import Mode, Request
from tests.books import compiled_book
from tests.logs import Log, sqlite_log

HOUR = 3_600_000_000
DAY = 24 * HOUR
NOW = 1_773_108_000_000_000  # 2026-03-10T10:00+08:00
BOOK = """
book: {name: names, timezone: Asia/Shanghai}
events: {stored: true}
attributes: {profile.openid: {type: text}}
channels: {wechat: {kind: outbound, address: profile.openid, consent: wechat, on_silence: confirm}}
offers: {cream: {name: Cream, content: {default: {title: Cream}}}}
patterns: {looked: {first: {event: look, within: 7d}}}
signals: {keen: {when: {pattern: looked}, hold: 7d}}
campaigns: {cream: {offer: cream, channels: [wechat]}}
pressure: {caps: {weekly: {limit: 2, per: rolling 7d, count: {kind: outbound}}}}
"""


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


@pytest.fixture
def store(any_log: Log) -> Iterator[Store]:
    """A fresh log."""
    with closing(open_store(any_log.url)) as store:
        yield store


def of(name: str, at: int = NOW, *aliases: str, request_id: str = "", mode: Mode = Mode.COMMIT) -> Request:
    """A request about whoever bears the name."""
    attributes = {"profile.openid": "o-1"}
    return Request(
        name, at, attributes, frozenset({"wechat"}), request_id=request_id, mode=mode, aliases=aliases
    )


def decide(compiled: CompiledBook, store: Store, *requests: Request) -> list[Decision | LedgerError]:
    """What the requests are answered, in one group."""
    return commit_group(store, [DecideCommand(evaluate(compiled, request)) for request in requests])


def outcomes(compiled: CompiledBook, store: Store, *requests: Request) -> list[Outcome]:
    """The outcomes of the requests, in one group."""
    return [one.outcome for one in decide(compiled, store, *requests) if isinstance(one, Decision)]


def link(store: Store, *names: str, at: int = NOW) -> str | LedgerError:
    """Links the names; the one under which the person is kept."""
    (answer,) = commit_group(store, [LinkCommand(names, at)])
    assert isinstance(answer, LinkResult | LedgerError)
    return answer.person if isinstance(answer, LinkResult) else answer


def look(compiled: CompiledBook, name: str, event_id: str, at: int = NOW, *aliases: str) -> RecordCommand:
    """That whoever bears the name looked at something."""
    return RecordCommand(compiled, name, Event(event_id, "look", at, {}), NOW, aliases)


def test_contacts_under_both_names_count_for_the_person(
    compiled: CompiledBook, store: Store, any_log: Log
) -> None:
    """Two names had a contact each; linked, the weekly cap of two is reached under either of them."""
    assert outcomes(compiled, store, of("li-na"), of("cookie")) == [Outcome.OFFER] * 2
    assert link(store, "cookie", "li-na") == "cookie"
    assert outcomes(compiled, store, of("li-na", NOW + DAY), of("cookie", NOW + DAY)) == [Outcome.BLOCKED] * 2
    assert any_log.rows("select name, person, source from identities") == [("li-na", "cookie", "link")]
    assert any_log.rows("select distinct person from contacts") == [("cookie",)]


def test_the_person_seen_first_is_kept(compiled: CompiledBook, store: Store) -> None:
    """Whoever is named first, the oldest acquaintance gives the name."""
    decide(compiled, store, of("zoe", NOW - DAY), of("ann", NOW))
    assert link(store, "ann", "zoe", "new") == "zoe"
    assert link(store, "new", "never-seen") == "zoe"


def test_aliases_link_and_a_preview_only_looks(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """A preview takes the names together without linking them; a decision links them."""
    decide(compiled, store, of("li-na"), of("cookie"))
    assert outcomes(compiled, store, of("li-na", NOW, "cookie", mode=Mode.PREVIEW)) == [Outcome.BLOCKED]
    assert any_log.rows("select * from identities") == []
    assert outcomes(compiled, store, of("phone", NOW + 1, "li-na", "cookie")) == [Outcome.BLOCKED]
    assert any_log.rows("select name, person, source from identities order by name") == [
        ("li-na", "cookie", "decide"),
        ("phone", "cookie", "decide"),
    ]


def test_a_cap_holds_for_several_names_in_one_group(compiled: CompiledBook, store: Store) -> None:
    """Linked names that are asked about together share the cap, also where the link is in the same group."""
    link(store, "a", "b")
    assert outcomes(compiled, store, of("a"), of("b"), of("a"), of("b")).count(Outcome.OFFER) == 2
    assert outcomes(compiled, store, of("c"), of("d"), of("c", NOW, "d")).count(Outcome.OFFER) == 2


def test_a_retry_finds_its_decision_under_any_name(compiled: CompiledBook, store: Store) -> None:
    """A request_id from before the link still names its decision; another person's stays refused."""
    (first,) = decide(compiled, store, of("zoe", request_id="r-1"))
    link(store, "zoe", "ann", "amy")
    assert decide(compiled, store, of("zoe", request_id="r-1")) == [first]
    assert decide(compiled, store, of("amy", request_id="r-1")) == [first]
    (refused,) = decide(compiled, store, of("eve", request_id="r-1"))
    assert isinstance(refused, RequestIdTaken)


def test_events_and_signals_come_together(compiled: CompiledBook, store: Store) -> None:
    """Events of the same moment are all kept, and a signal is held from the first start to the last end."""
    commit_group(
        store,
        [look(compiled, "ann", "e-1"), look(compiled, "zoe", "e-2"), look(compiled, "zoe", "e-3", NOW + 1)],
    )
    with store.transaction(["person ann", "person zoe"]):
        remember(store, [SignalRow("ann", "keen", NOW - 5, NOW + DAY, '{"item":"a"}')])
        remember(store, [SignalRow("zoe", "keen", NOW - 3, NOW + 2 * DAY, '{"item":"z"}')])
    link(store, "zoe", "ann")
    with store.transaction(writes=False):
        (found,) = recall(store, [RecallQuery("zoe", ("look",), 0, signals=True, is_known=True)])
    assert [tuple(one[:3]) for one in found.events] == [(NOW, 0, "e-1"), (NOW, 1, "e-2"), (NOW + 1, 0, "e-3")]
    assert [list(one) for one in found.signals] == [["keen", NOW - 5, NOW + 2 * DAY, {"item": "z"}]]
    assert found.is_known


def test_what_was_recorded_under_a_name_is_known_by_its_link(compiled: CompiledBook, store: Store) -> None:
    """Names that come with a request are recalled together before anybody has linked them."""
    commit_group(store, [look(compiled, "cookie", "e-1")])
    with store.transaction(writes=False):
        found = recall(
            store, [RecallQuery("li-na", ("look",)), RecallQuery("li-na", ("look",), aliases=("cookie",))]
        )
    assert [len(one.events) for one in found] == [0, 1]


def test_an_event_is_a_duplicate_under_any_name(compiled: CompiledBook, store: Store) -> None:
    """An event that was recorded under one name is not counted once more under another."""
    answers = [
        *commit_group(store, [look(compiled, "ann", "e-1", NOW, "zoe")]),
        *commit_group(store, [look(compiled, "zoe", "e-1")]),
    ]
    assert answers == [RecordResult.ACCEPTED, RecordResult.DUPLICATE]


def test_nobody_has_too_many_names(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """A name that everybody shares does not make one person of them all; the others of the group are served."""
    crowd = [f"n-{number:03}" for number in range(MOST_NAMES)]
    for start in range(0, MOST_NAMES, 20):
        link(store, crowd[0], *crowd[start : start + 20])
    before = any_log.rows("select * from identities order by name")
    refused, served = decide(compiled, store, of("one-more", NOW, crowd[5]), of("somebody"))
    assert isinstance(refused, TooManyNames)
    assert isinstance(served, Decision)
    assert any_log.rows("select * from identities order by name") == before


LINKS = st.lists(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=3, unique=True), max_size=4)
SEEN = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5)), max_size=6)


@settings(max_examples=25, deadline=None)
@given(LINKS, SEEN)
def test_the_order_of_links_does_not_matter(
    links: Sequence[Sequence[str]], seen: Sequence[tuple[str, int]]
) -> None:
    """Whatever order names are linked in, and how often, the same persons with the same contacts come out."""
    found = set()
    with TemporaryDirectory() as folder:
        compiled = compiled_book(Path(folder) / "book", BOOK)
        for number, order in enumerate([*permutations(links)][:6]):
            log = sqlite_log(Path(folder) / f"log-{number}")
            with closing(open_store(log.url)) as store:
                decide(compiled, store, *(of(name, NOW + at * HOUR) for name, at in seen))
                for names in (*order, *order):
                    link(store, *names, at=NOW + DAY)
            found.add(
                (
                    tuple(log.rows("select name, person from identities order by name")),
                    tuple(log.rows("select person, at, decision_id is not null from contacts order by 1, 2")),
                    tuple(log.rows("select * from persons order by person")),
                )
            )
    assert len(found) == 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["decide", "decide", "decide", "link"]),
        st.sampled_from("abcd"),
        st.sampled_from("abcd"),
    ),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.lists(st.integers(0, 40), min_size=30, max_size=30))
def test_no_cap_is_broken_by_linking(steps: Sequence[tuple[str, str, str]], hours: Sequence[int]) -> None:
    """Replayed by a plain count: a contact is made exactly when the person, as linked by then, had fewer than two."""
    with TemporaryDirectory() as folder:
        compiled = compiled_book(Path(folder) / "book", BOOK)
        with closing(open_store(sqlite_log(Path(folder)).url)) as store:
            groups = {name: {name} for name in "abcd"}
            contacts: list[tuple[str, int]] = []
            at = NOW
            for (act, name, other), wait in zip(steps, hours, strict=False):
                at += wait * HOUR
                if act == "link":
                    if name != other:
                        link(store, name, other, at=at)
                    together = groups[name] | groups[other]
                    groups.update(dict.fromkeys(together, together))
                    continue
                counted = [when for who, when in contacts if who in groups[name] and when > at - 7 * DAY]
                wanted = Outcome.OFFER if len(counted) < 2 else Outcome.BLOCKED
                assert outcomes(compiled, store, of(name, at)) == [wanted]
                if wanted is Outcome.OFFER:
                    contacts.append((name, at))
