"""However many contacts a person has, a decision reads and logs a bounded number of them, and nothing is decided otherwise."""

import json
import random
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.decide.answer import answer
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.pressure.policies import Pressure
from engine.decide.pressure.rule import LEAST_COUNTED, PressureRule, RuleInput, RuleResult
from engine.decide.select import select
from engine.engine import Engine
from engine.explain import explain_logged
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.ledger import Ledger
from engine.ledger.queries import contacts as queries
from engine.ledger.queries.contacts import FEW, alike_of
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import ContactRow
from engine.ledger.store.sqlite import SqliteStore, _select_sql
from engine.ledger.store.store import Store
from engine.model.contact import Contact, Facts
from engine.model.decision import Decision, Lapsed, Outcome
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.model.request import Mode, Request
from engine.rulebook.model.policies import Cap, Gap
from tests.books import compiled_book
from tests.decide.pressure import strategies
from tests.decide.pressure.rules import CAMPAIGN, pressure
from tests.logs import Log, sqlite_log

NOW = 1_773_108_000_000_000
HOUR = 3600 * SECOND
BOOK = """
book: {name: crowd, timezone: Europe/Paris}
attributes: {profile.to: {type: text}, profile.limit: {type: number}, profile.item: {type: text}}
channels:
  web: {kind: inbound}
  page: {kind: inbound, confirm: on_impression, hold: 2h, on_silence: release}
  sms: {kind: outbound, address: profile.to, consent: not_needed, hold: 24h, on_silence: release}
placements: {home: {channel: web}, foot: {channel: page}}
offers:
  tea: {name: Tea, tags: [hot], content: {default: {title: Tea, text: Tea}}}
  cake: {name: Cake, content: {default: {title: Cake, text: Cake}}}
campaigns:
  tea: {offer: tea, value: 2, channels: [sms], placements: [foot]}
  cake: {offer: cake, placements: [home], limits: {per_customer: {limit: 4, per: calendar day, by: profile.item}}}
pressure:
  caps:
    weekly: {limit: {attribute: profile.limit, default: 12}, per: rolling 7d, count: {kind: outbound}}
    daily: {limit: 3, per: calendar day, count: {channel: page}}
    hot: {limit: 2, per: calendar month, count: {tag: hot, kind: inbound}}
  gaps: {breath: {at_least: 30h, count: {kind: outbound}}}
"""
TEA, CAKE = frozenset(("hot",)), frozenset[str]()
FACTS = (
    Facts("sms", "outbound", "tea", "tea", "", TEA),
    Facts("page", "inbound", "tea", "tea", "", TEA),
    Facts("page", "inbound", "tea", "tea", "", CAKE),
    Facts("web", "inbound", "cake", "cake", "", CAKE),
    Facts("old", "outbound", "gone", "gone", "service", CAKE),
)
REQUESTS: tuple[dict[str, object], ...] = (
    {"channels": ("sms",)},
    {"placement": "home"},
    {"placement": "foot"},
)


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


def results(rules: Sequence[PressureRule], rule_input: RuleInput) -> list[RuleResult]:
    """What the rules say."""
    return [rule.evaluate(rule_input) for rule in rules]


def latest_lapsed(result: RuleResult) -> Lapsed | None:
    """The latest contact that lapsed, where it is said: of a rule that lets pass."""
    return None if result.lapsed is None or result.blocks else result.lapsed._replace(contacts=1)


def without_lapsed(results: Sequence[RuleResult]) -> list[RuleResult]:
    """The results without the contacts that lapsed: of many contacts only the last to lapse are known."""
    return [result._replace(lapsed=None) for result in results]


def crowd(chance: random.Random, size: int, now: int) -> list[Contact]:
    """Contacts of the last 40 days and the next hours, held equally long or by chance."""
    contacts = []
    for _ in range(size):
        at = now + chance.choice(
            (HOUR, 60 * SECOND, -1, -HOUR, -DAY, -2 * DAY, -40 * DAY)
        ) * chance.randrange(1, 3)
        at -= chance.randrange(3 * DAY) if chance.random() < 0.7 else 0
        held = chance.choice((None, None, 2 * HOUR, DAY, DAY, 9 * DAY, chance.randrange(1, 5 * DAY)))
        facts = chance.choice(FACTS)
        counted_by = chance.choice((None, "null", '"a"', '"b"')) if facts.campaign == "cake" else None
        expires_at = None if held is None else at + held
        contacts.append(Contact(at, expires_at, facts, counted_by=counted_by))
    return contacts


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(strategies.caps, strategies.gaps), min_size=1, max_size=2, unique_by=lambda rule: rule.name
    ),
    strategies.facts,
    st.data(),
    strategies.plausible,
    strategies.customer_limits,
)
def test_what_matters_decides_as_everything_does(
    rules: list[Cap | Gap],
    facts: Facts,
    data: st.DataObject,
    zones: tuple[ZoneInfo, ...],
    limits: dict[str, float],
) -> None:
    """Of any history what matters to some rule is enough: for the results now, and for those at every later moment."""
    now = data.draw(strategies.moments)
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    history = crowd(chance, data.draw(st.sampled_from((8, 40, 120))), now)
    kinds = [data.draw(strategies.facts) for _ in range(2)]
    past = ("", "", "Pacific/Apia", "America/New_York,Asia/Kolkata")
    history = [
        contact._replace(facts=chance.choice([facts, *kinds]), zones=chance.choice(past))
        for contact in history
    ]
    compiled: Pressure = pressure(*rules)
    everything = RuleInput(now, history, limits, zones)
    mattering = everything._replace(history=compiled.mattering(everything))
    assert len(mattering.history) <= sum(
        max(LEAST_COUNTED, getattr(rule, "limit", 1) + 1) + 1 for rule in rules
    )
    applying = compiled.rules_for(CAMPAIGN, facts)
    later = [now + chance.randrange(20 * DAY) for _ in range(20)]
    for at in (
        now,
        *later,
        *(stop for rule in results(applying, everything) if (stop := rule.next_allowed_at)),
    ):
        known = results(applying, everything._replace(now=at))
        again = results(applying, mattering._replace(now=at))
        assert without_lapsed(again) == without_lapsed(known)
        if at == now:
            assert [latest_lapsed(rule) for rule in again] == [latest_lapsed(rule) for rule in known]


def insert(
    store: Store, person: str, contacts: Sequence[Contact], chance: random.Random, known: float
) -> None:
    """Writes the contacts, and released ones between them; of the rest of them the kind is not known, as in an earlier log."""
    rows = []
    for number, contact in enumerate(contacts):
        state = "reserved" if contact.expires_at is not None else chance.choice(("confirmed", "shadow"))
        alike = alike_of(contact) if chance.random() < known else ""
        facts, tags = contact.facts, '["hot"]' if contact.facts.tags else "[]"
        row = ContactRow(
            *(
                person,
                contact.at,
                f"d-{number:05}",
                0,
                state,
                contact.expires_at,
                *facts[:5],
                tags,
                "",
                alike,
            ),
            counted_by=contact.counted_by,
        )
        rows += [row, row._replace(decision_id=f"e-{number:05}", state="released", expires_at=None)]
    with store.transaction():
        store.insert(ContactRow, rows)


@pytest.mark.parametrize("known", [1.0, 0.7])
def test_what_is_read_decides_as_everything_does(store: Store, compiled: CompiledBook, known: float) -> None:
    """Of few contacts and of hundreds, kinds known or not: every request is answered, and explained, as by all of them."""
    chance = random.Random(f"{known}")
    for number in range(12):
        person, history = f"p-{number}", crowd(chance, (3, FEW // 2, 150, 400)[number % 4], NOW)
        insert(store, person, history, chance, known)
        for fields in REQUESTS:
            attributes = {"profile.to": "1"} | (
                {"profile.limit": chance.randrange(14)} if chance.random() < 0.5 else {}
            )
            if chance.random() < 0.7:
                attributes["profile.item"] = chance.choice("ab")
            now = NOW + chance.choice((0, HOUR, -HOUR, 3 * DAY))
            request = Request(person, now, attributes, mode=Mode.PREVIEW, **fields)  # type: ignore[arg-type]
            (decision,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
            assert isinstance(decision, Decision)
            expected = by_everything(compiled, request, history)
            assert apart_from_lapsed(decision) == apart_from_lapsed(expected)


def apart_from_lapsed(decision: Decision) -> Decision:
    """The decision without the contacts that lapsed, of which only the last to lapse are known."""
    readings = [
        candidate._replace(readings=tuple(reading._replace(lapsed=None) for reading in candidate.readings))
        for candidate in decision.candidate_outcomes
    ]
    return decision._replace(candidate_outcomes=tuple(readings))


def by_everything(compiled: CompiledBook, request: Request, history: Sequence[Contact]) -> Decision:
    """The preview by all contacts, none of them left out by anything."""
    evaluation = evaluate(compiled, request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pressure, "mattering", lambda _, rule_input: rule_input.history)
        return answer(evaluation, select(evaluation, history, request.customer), "")


def decide(compiled: CompiledBook, store: Store, person: str, now: int, **fields: Any) -> Decision:
    """A decision that is kept."""
    request = Request(person, now, {"profile.to": "1"}, **fields)
    (decision,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
    assert isinstance(decision, Decision)
    return decision


def test_a_long_history_takes_no_more_of_the_log_than_a_short_one(
    store: Store, compiled: CompiledBook, any_log: Log
) -> None:
    """The row of a decision after 2,000 contacts is hardly longer than after 10, and says how many there are at least."""
    chance = random.Random(1)
    sizes = {}
    for person, number in (("few", 10), ("many", 2_000)):
        insert(store, person, [Contact(NOW - HOUR - n, None, FACTS[3]) for n in range(number)], chance, 1.0)
        decision = decide(compiled, store, person, NOW, placement="home")
        assert decision.outcome is Outcome.BLOCKED
        ((sizes[person], trace),) = any_log.rows(
            "select length(inputs) + length(trace) + length(answer), trace from decisions"
            f" where person = '{person}'"
        )
        assert [row[:4] for row in json.loads(trace)["counters"]] == [["cake/per_customer", 5, 4, True]]
    assert sizes["many"] < 1.5 * sizes["few"]


async def test_a_decision_on_a_long_history_is_explained_from_its_row(
    store: Store, compiled: CompiledBook, any_log: Log
) -> None:
    """What was left out of the row is not missed when the decision is made again from it."""
    insert(store, "ann", crowd(random.Random(3), 300, NOW), random.Random(4), 1.0)
    made = [
        decide(compiled, store, "ann", NOW, placement="home"),
        decide(compiled, store, "ann", NOW, channels=("sms",)),
    ]
    ledger = Ledger(open_store(any_log.url))
    for decision in made:
        explained = await explain_logged(Engine(compiled, ledger), decision.decision_id)
        assert explained.notes == ()
        assert explained.decision.outcome == decision.outcome
    ledger.close()


def test_a_contact_that_was_confirmed_is_of_another_kind(
    store: Store, compiled: CompiledBook, any_log: Log
) -> None:
    """It is not held any more: what makes contacts alike follows the reports."""
    decision = decide(compiled, store, "ann", NOW, placement="foot")
    commit_group(
        store,
        [ReportCommand(compiled, "", decision.decision_id, Event("e", "impression", NOW + 1, {}), NOW + 1)],
    )
    ((alike, expires_at),) = any_log.rows("select alike, expires_at from contacts")
    facts = compiled.compiled_campaigns[1].campaign_channels["page"].facts
    assert (alike, expires_at) == (alike_of(Contact(NOW, None, facts, "beside Europe/Paris")), None)


def test_contacts_are_read_by_the_index(tmp_path: Path) -> None:
    """None of the statements goes through the contacts of other persons, kinds or times, or sorts those of a person."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    with closing(SqliteStore(log.url)) as store:
        plans = {
            name: [
                row[3]
                for row in store.open().execute(
                    f"EXPLAIN QUERY PLAN {_select_sql(statement)}", [None] * marks
                )
            ]
            for name, statement, marks in (
                ("crowded", queries._CROWDED, 2),
                ("few", queries._CONTACTS, 2),
                ("kinds", queries._KINDS, 1),
                ("newest", queries._NEWEST, 4),
                ("unknown", queries._OF_NO_KIND, 2),
            )
        }
    steps = [step for plan in plans.values() for step in plan]
    assert not [step for step in steps if step.startswith("SCAN") and step.split()[1] in ("c", "contacts")]
    assert not [step for step in steps if "TEMP B-TREE" in step]
    assert any("contacts_alike (person=? AND alike>?)" in step for step in plans["kinds"])
    assert any("contacts_alike (person=? AND alike>? AND alike<?)" in step for step in plans["newest"])
