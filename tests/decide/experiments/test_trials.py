"""Trials of rules: for whom a rule is lifted, what the log and explanations say, and that decisions can be repeated."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.experiments.assignments import assignments
from engine.decide.experiments.bucketing import identity, stable_fraction
from engine.explain.explain import explain
from engine.explain.replay import explain_logged
from engine.explain.sentences import sentence
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.measure.replay import Books, Result, replay_log
from engine.model.decision import Decision, Outcome
from engine.model.request import Request
from engine.model.values import Value
from engine.wire.respond import reading as reading_message
from tests.decide.arbitrate.shop import compiled_book
from tests.decide.experiments.fixtures import DAY, NOW, first_customer
from tests.explain.engines import engine_on
from tests.logs import Log

BOOK = """
book: {name: lab, timezone: Asia/Shanghai, salt: s}
attributes:
  profile.phone: {type: text}
  profile.most: {type: integer}
channels:
  sms: {kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}
offers:
  cream: {name: Cream, value: 10, content: {default: {title: Cream}}}
campaigns:
  cream: {offer: cream, channels: [sms]LIMITS}
"""
WEEKLY = "caps: {weekly: {limit: 1, per: rolling 7d, trial: {share: 20%, salt: t1}}}"
RULES = {
    "weekly": (WEEKLY, ""),
    "space": ("gaps: {space: {at_least: 48h, trial: {share: 20%, salt: t1}}}", ""),
    "cream/per_customer": (
        "",
        ", limits: {per_customer: {limit: 1, per: calendar week, clock: book, trial: {share: 20%, salt: t1}}}",
    ),
    "after": ("pauses: {after: {outcome: delivered, for: 7d, trial: {share: 20%, salt: t1}}}", ""),
}


def book_of(pressure: str = WEEKLY, limits: str = "") -> CompiledBook:
    """The compiled book with the rules."""
    return compiled_book(BOOK.replace("LIMITS", limits) + (f"pressure:\n  {pressure}\n" if pressure else ""))


@pytest.fixture
def store(any_log: Log) -> Iterator[Store]:
    """A fresh log."""
    store = open_store(any_log.url)
    yield store
    store.close()


def request(person: str, day: int = 0, most: int | None = None) -> Request:
    """A request of a customer with a phone and the consent."""
    attributes: dict[str, Value] = {"profile.phone": "1"}
    if most is not None:
        attributes["profile.most"] = most
    return Request(person, NOW + day * DAY, attributes, consents=frozenset({"sms"}))


def decide(
    compiled: CompiledBook, store: Store, person: str, day: int = 0, most: int | None = None
) -> Decision:
    """A committed decision."""
    (decision,) = commit_group(store, [DecideCommand(evaluate(compiled, request(person, day, most)))])
    assert isinstance(decision, Decision), decision
    return decision


def person_of(compiled: CompiledBook, rule: str, *, inside: bool) -> str:
    """Somebody in the rule's trial, or not."""
    return first_customer(compiled, lambda drawn: drawn["trial", rule].inside is inside)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "after"])
def test_the_rule_is_lifted_for_its_trial_alone(rule: str, store: Store) -> None:
    """The second contact goes to who is in the trial, and is blocked for everybody else; it counts for both."""
    compiled = book_of(*RULES[rule])
    inside, outside = (person_of(compiled, rule, inside=side) for side in (True, False))
    for person in (inside, outside):
        assert decide(compiled, store, person).outcome is Outcome.OFFER
    assert decide(compiled, store, inside, day=1).outcome is Outcome.OFFER
    blocked = decide(compiled, store, outside, day=1)
    assert blocked.outcome is Outcome.BLOCKED
    assert [reason.name for reason in blocked.reasons] == [rule]


def test_a_pause_is_lifted(store: Store, any_log: Log) -> None:
    """Who is in the trial of a pause is contacted although it has begun."""
    compiled = book_of(*RULES["after"])
    for person, outcome in (
        (person_of(compiled, "after", inside=True), Outcome.OFFER),
        (person_of(compiled, "after", inside=False), Outcome.BLOCKED),
    ):
        any_log.execute(
            "insert into outcomes (person, type, at, event_id, recorded_at, channel, campaign, offer, variant, fields)"
            f" values ('{person}', 'delivered', {NOW - DAY}, 'e{person}', {NOW}, 'sms', 'cream', 'cream', '', '{{}}')"
        )
        assert decide(compiled, store, person).outcome is outcome


def test_the_log_says_who_was_in_the_trial(store: Store, any_log: Log) -> None:
    """Whenever the rule was read for a candidate there is a row: purpose, rule, salt, bounds, and whether it was lifted."""
    compiled = book_of()
    people = [person_of(compiled, "weekly", inside=side) for side in (True, False)]
    for person, inside in zip(people, (True, False), strict=True):
        for day in (0, 1):
            decide(compiled, store, person, day)
        traces = any_log.rows(f"select trace from decisions where person = '{person}' order by at")
        for (trace,) in traces:
            row = ["cream", "trial", "weekly", "t1", 0.0, 0.2, inside]
            assert json.loads(trace)["experiments"] == [row]
        counters = [json.loads(trace)["counters"][0][:4] for (trace,) in traces]
        assert counters == [["weekly", 0, 1, False], ["weekly", 1, 1, not inside]]


def test_decisions_of_trials_are_replayed_byte_for_byte(store: Store) -> None:
    """Who is in a trial is known from salt and person, so that decisions and traces come out as they were logged."""
    compiled = book_of(WEEKLY + "\n  " + RULES["space"][0], RULES["cream/per_customer"][1])
    outcomes = Counter(
        decide(compiled, store, f"person-{number}", day).outcome for number in range(60) for day in (0, 1, 3)
    )
    assert outcomes[Outcome.BLOCKED] > 20
    assert outcomes[Outcome.OFFER] > 65
    results = [*replay_log(store, Books(store, [compiled.book]))]
    assert [(entry.result, entry.patch) for entry in results] == [(Result.EQUAL, ())] * 180


async def test_explanations_say_that_it_was_not_applied(tmp_path: Path) -> None:
    """In a preview, of a decision in the log that is decided again, and on the wire."""
    compiled = book_of()
    person = person_of(compiled, "weekly", inside=True)
    words = "cap weekly, 1 of 1 in rolling 7d, not applied: the customer is in the rule's trial"
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        await engine.decide(request(person))
        explained = await explain(engine, request(person, day=1))
        (campaign,) = explained.campaigns
        assert words in sentence(campaign, compiled.book.timezone)
        message = reading_message(campaign.readings[0])
        assert (message.lifted, message.blocks, message.counted, message.limit) == (True, False, 1, 1)
        decision = await engine.decide(request(person, day=1))
        assert decision.outcome is Outcome.OFFER
        logged = await explain_logged(engine, decision.decision_id)
        assert not logged.notes
        assert words in sentence(logged.campaigns[0], compiled.book.timezone)


def test_a_customers_own_limit_is_not_lifted(store: Store) -> None:
    """Who lowered the limit themselves is not contacted more often than they want; the book's own limit is lifted."""
    cap = "caps: {weekly: {limit: {attribute: profile.most, default: 2}, per: rolling 7d, trial: {share: 20%, salt: t1}}}"
    compiled = book_of(cap)
    person = person_of(compiled, "weekly", inside=True)
    outcomes = [decide(compiled, store, person, day, most=1).outcome for day in (0, 1)]
    assert outcomes == [Outcome.OFFER, Outcome.BLOCKED]
    outcomes = [decide(compiled, store, person, day).outcome for day in (2, 3, 4)]
    assert outcomes == [Outcome.OFFER, Outcome.OFFER, Outcome.OFFER]


def test_the_draw_is_that_of_the_other_experiments() -> None:
    """By BLAKE2b of salt, purpose, person and rule, as documented, and about the share."""
    compiled = book_of()
    inside = 0
    for number in range(2_000):
        person = f"person-{number}"
        (draw,) = [draw for draw in assignments(compiled.book, person, NOW) if draw.kind == "trial"]
        position = stable_fraction(identity("t1", "trial", person, "weekly"))
        assert draw[:6] == ("trial", "weekly", "t1", position, 0.2, position < 0.2)
        inside += position < 0.2
    assert 340 <= inside <= 460


def test_a_book_without_trials_decides_and_logs_as_before(store: Store, any_log: Log) -> None:
    """No row of experiments appears, and a percentage alone draws by the book's salt."""
    decide(book_of(WEEKLY.replace(", trial: {share: 20%, salt: t1}", "")), store, "ann")
    ((trace,),) = any_log.rows("select trace from decisions")
    assert "experiments" not in json.loads(trace)
    trial = book_of(WEEKLY.replace("{share: 20%, salt: t1}", "5%")).book.experiments.trials["weekly"]
    assert (trial.share, trial.salts.first) == (0.05, "s")
