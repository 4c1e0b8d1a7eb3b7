"""However many outcomes a person has, a decision reads a bounded number of them, and every pause says what it says by all."""

import random
from collections.abc import Collection, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from engine.decide.answer import answer
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.select import select
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.queries import outcomes as queries
from engine.ledger.queries.outcomes import FEW
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import OutcomeRow
from engine.ledger.store.sqlite import SqliteStore, _select_sql
from engine.ledger.store.store import Store
from engine.model.customer import CustomerState
from engine.model.decision import Decision
from engine.model.instant import DAY, SECOND
from engine.model.outcome import PastOutcome, PastOutcomes
from engine.model.request import Mode, Request
from tests.books import compiled_book
from tests.ledger.commit.test_pauses import BOOK as THREE_PAUSES
from tests.logs import Log, sqlite_log

NOW = 1_773_108_000_000_000
HOUR = 3600 * SECOND
BOOK = (
    THREE_PAUSES
    + """\
    weary: {outcome: [ignored, opened], times: 5, within: 2d, for: 20d, scope: campaign}
    sated: {outcome: clicked, times: 3, within: 1h, for: 30d, scope: channel}
    seen: {outcome: [opened, converted], for: 2h, scope: offer}
"""
)
TYPES = ("complained", "converted", "ignored", "opened", "clicked", "delivered")
KINDS = [
    (channel, campaign, offer)
    for channel in ("sms", "mail", "web", "")
    for campaign, offer in (("tea", "tea"), ("cake", "cake"), ("", ""), ("gone", "tea"))
]
REQUESTS: tuple[dict[str, object], ...] = (
    {"channels": ("sms",)},
    {"channels": ("mail",)},
    {"placement": "page"},
)


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


_numbers = count()


def crowd(chance: random.Random, size: int) -> list[PastOutcome]:
    """Outcomes of a few types and kinds, in bursts or far apart, many of them of one decision, some in the next hours."""
    types = chance.sample(TYPES, chance.randrange(1, 4))
    kinds = chance.sample(KINDS, chance.randrange(1, 5))
    reach, pool = chance.choice((HOUR, DAY, 10 * DAY, 70 * DAY)), chance.choice((2, 20, 10 * size))
    decisions = [f"d-{next(_numbers)}" for _ in range(pool)]
    bursts = [NOW + 3 * HOUR - chance.randrange(60 * DAY) for _ in range(3)]
    past = []
    for _ in range(size):
        at = NOW + HOUR - chance.randrange(reach)
        if chance.random() < 0.2:
            at = chance.choice(bursts) - chance.randrange(HOUR)
        at -= at % chance.choice((1, 60 * SECOND))
        decision_id = "" if chance.random() < 0.1 else chance.choice(decisions)
        past.append(PastOutcome(chance.choice(types), at, *chance.choice(kinds), decision_id))
    return past


def insert(store: Store, person: str, past: Sequence[PastOutcome]) -> None:
    """Writes the outcomes."""
    rows = [
        OutcomeRow(
            person=person,
            type=outcome.type,
            at=outcome.at,
            event_id=f"e-{next(_numbers)}",
            decision_id=outcome.decision_id or None,
            decided_at=None,
            recorded_at=NOW,
            channel=outcome.channel,
            campaign=outcome.campaign,
            offer=outcome.offer,
            variant="",
            value=None,
            currency=None,
            fields="{}",
        )
        for outcome in past
    ]
    with store.transaction():
        queries.keep(store, rows)


@pytest.mark.parametrize("known", [True, False])
def test_what_is_read_decides_as_everything_does(
    store: Store, compiled: CompiledBook, any_log: Log, *, known: bool
) -> None:
    """Of few outcomes and of hundreds, kinds known or not, also for two names that are not linked."""
    chance = random.Random(f"{known}")
    blocked = 0
    for number in range(24):
        names = [f"p-{number}", f"q-{number}"]
        past = [crowd(chance, chance.choice((3, FEW, 100, 400))) for _ in names]
        for name, of_name in zip(names, past, strict=True):
            insert(store, name, of_name)
        if not known:
            any_log.execute(f"update outcomes set alike = '' where person = 'p-{number}' and at % 3 = 0")
        for fields in REQUESTS:
            now = NOW + chance.choice((0, HOUR, -2 * HOUR, -DAY, 3 * DAY, 15 * DAY))
            for aliases in ((), (names[1],)):
                request = Request(
                    names[0],
                    now,
                    {"profile.to": "1"},
                    mode=Mode.PREVIEW,
                    aliases=aliases,
                    **fields,  # type: ignore[arg-type]
                )
                (decision,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
                everything = past[0] + (past[1] if aliases else [])
                assert isinstance(decision, Decision)
                assert decision == by_everything(compiled, request, everything)
                blocked += bool(decision.blocked_by)
    assert 24 < blocked < 24 * 6


def by_everything(compiled: CompiledBook, request: Request, past: Sequence[PastOutcome]) -> Decision:
    """The preview by all outcomes on which some pause looks back."""
    evaluation = evaluate(compiled, request)
    past = [outcome for outcome in past if outcome.at > request.now - compiled.pressure.hindsight]
    return answer(evaluation, select(evaluation, (), request.customer, CustomerState({}, past)), "")


@pytest.mark.parametrize("spread", [DAY, 30 * DAY])
def test_of_many_a_bounded_number_is_read(
    store: Store, compiled: CompiledBook, monkeypatch: pytest.MonkeyPatch, spread: int
) -> None:
    """However many outcomes of different decisions there are, and however many of another kind are newer."""
    read: dict[int, int] = {}
    of_persons = queries.of_persons

    def counted(*arguments: object) -> list[PastOutcomes]:
        portions = of_persons(*arguments)  # type: ignore[arg-type]
        read[size] = sum(len(portion.outcomes) for portion in portions)
        return portions

    monkeypatch.setattr(queries, "of_persons", counted)
    for size in (200, 2_000):
        past = [
            PastOutcome("ignored", NOW - spread * number // size - 1, "sms", "tea", "tea", f"d-{number}")
            for number in range(size)
        ]
        past.append(PastOutcome("converted", NOW - 2 * DAY, "sms", "cake", "cake", "rare"))
        insert(store, f"{size}", past)
        request = Request(f"{size}", NOW, {"profile.to": "1"}, channels=("sms",), mode=Mode.PREVIEW)
        (decision,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
        assert decision == by_everything(compiled, request, past)
    assert read[2_000] <= read[200] <= 65


def test_outcomes_are_read_by_the_index(tmp_path: Path) -> None:
    """None of the statements goes through the outcomes of other persons or kinds, or sorts those of a person."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    with closing(SqliteStore(log.url)) as store:
        plans = {
            name: plan(store, name, marks) for name, marks in (("_CROWDED", 3), ("_KINDS", 1), ("_NEWEST", 4))
        }
    steps = [step for steps in plans.values() for step in steps]
    assert not [step for step in steps if step.startswith("SCAN") and step.split()[1] in ("o", "outcomes")]
    assert not [step for step in steps if "TEMP B-TREE" in step]
    assert any("(person=? AND type=? AND at>?)" in step for step in plans["_CROWDED"])
    assert any("outcomes_alike (person=? AND alike>?)" in step for step in plans["_KINDS"])
    assert any("outcomes_alike (person=? AND alike>? AND alike<?)" in step for step in plans["_NEWEST"])


def plan(store: SqliteStore, name: str, marks: int) -> Collection[str]:
    """How SQLite executes a statement."""
    sql = f"EXPLAIN QUERY PLAN {_select_sql(getattr(queries, name))}"
    return [row[3] for row in store.open().execute(sql, [None] * marks)]
