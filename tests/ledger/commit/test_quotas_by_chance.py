"""What all customers share, by chance, against a naive count: decisions and outcomes in any order, on both stores."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.decide.compiled import CompiledBook
from engine.ledger.commit.balances import divide
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import CounterRow
from engine.ledger.store.store import Store
from engine.model.decision import Outcome
from engine.model.instant import DAY, SECOND
from tests.books import compiled_book
from tests.independent_audit import Shared, overruns
from tests.ledger.commit.shared import (
    BOOK,
    CALLS,
    CAPACITY,
    FEW,
    NOW,
    OFFER_STOCK,
    TAKES,
    assert_sound,
    customer_limit,
    outcome,
    settle,
)
from tests.logs import Log

HOUR = 3_600 * SECOND
LIMITS = {OFFER_STOCK: 3, FEW: 4, CALLS: 12, CAPACITY: 5}
RULES = (
    Shared(OFFER_STOCK, 3, lambda one: one.offer == "rare"),
    Shared(FEW, 4, lambda one: one.campaign == "few"),
    Shared(CALLS, 12, lambda one: one.campaign == "call"),
    Shared(CAPACITY, 5, lambda one: one.channel == "phone", DAY),
)
HOLDS = {"rare": HOUR, "few": HOUR, "call": 2 * HOUR}
CONFIRMS = {"delivered": True, "clicked": True, "bounced": False, "not_sent": False, "cancelled": False}


@dataclass
class Given:
    """A contact as a stranger would note it."""

    wants: str
    at: int
    decision_id: str
    evidence: list[tuple[int, bool]] = field(default_factory=list)

    def counts(self, now: int) -> bool:
        """Whether it counts: the latest evidence says so, or without any its hold."""
        return max(self.evidence)[1] if self.evidence else now < self.at + HOLDS[self.wants]


def may_go(given_: Sequence[Given], wants: str, now: int) -> bool:
    """Whether one more may be made, counted from the start."""
    for counter in TAKES[wants]:
        since = now // DAY * DAY if counter == CAPACITY else 0
        counted = sum(one.counts(now) for one in given_ if counter in TAKES[one.wants] and one.at >= since)
        if counted >= LIMITS[counter]:
            return False
    return True


Story = list[tuple[int, list[tuple[str, str, int]]]]
"""Minutes that pass, and then a group: what is wished, and what is reported of how long ago."""
TABLES = ("decisions", "contacts", "counters", "holdings", "outcomes")

customer_limits = st.tuples(st.just("wish"), st.sampled_from(sorted(TAKES)), st.just(0))
reports = st.tuples(st.just("report"), st.sampled_from(sorted(CONFIRMS)), st.integers(0, 3 * 60))
groups = st.lists(st.one_of(customer_limits, customer_limits, reports), min_size=1, max_size=8)
stories = st.lists(st.tuples(st.integers(0, 9 * 60), groups), min_size=1, max_size=12)


def play(compiled: CompiledBook, log: Log, opened: Sequence[Store], story: Story) -> None:
    """Plays the story over several connections in turn; each answer must be the naive one."""
    known: list[Given] = []
    now, number = NOW, 0
    for minutes, group in story:
        now += minutes * 60 * SECOND + 1  # later than what was recorded before, for who reads the log alone
        told = []
        for kind, word, ago in group:
            number += 1
            if kind == "report" and known:
                one = known[number * 7 % len(known)]
                at = max(one.at, now - ago * 60 * SECOND)
                one.evidence.append((at, CONFIRMS[word]))
                told.append(outcome(compiled, one.decision_id, word, at, now, number))
        wanted = [word for kind, word, _ in group if kind == "wish"]
        asks = [customer_limit(f"{number}-{place}", word, now) for place, word in enumerate(wanted)]
        answers = settle(compiled, opened[number % len(opened)], asks, told)
        for word, answer in zip(wanted, answers, strict=True):
            assert (answer.outcome is Outcome.OFFER) == may_go(known, word, now), (word, answer.reasons)
            if answer.outcome is Outcome.OFFER:
                known.append(Given(word, now, answer.decision_id))
        assert_sound(log)
    assert overruns(log, RULES) == []


def test_it_is_given_as_a_naive_count_says(any_log: Log, tmp_path: Path) -> None:
    """Whoever comes when, whatever is reported in which order, over three connections: given where one is left, else not."""
    compiled, many = compiled_book(tmp_path / "book", BOOK), 25 if any_log.url.startswith("sqlite") else 10
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(open_store(any_log.url))) for _ in range(3)]

        @settings(max_examples=many, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(story=stories)
        def each(story: Story) -> None:
            any_log.execute(*(f"delete from {table}" for table in TABLES))
            play(compiled, any_log, opened, story)

        run: Callable[[], None] = each
        run()


rows = st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 20)), min_size=1, max_size=8)


@given(rows=rows, taken=st.integers(-10, 10), limit=st.integers(1, 100))
def test_a_division_gives_out_what_is_left(rows: list[tuple[int, int]], taken: int, limit: int) -> None:
    """No row has less than it uses, and all quotas together are the limit, or what is used where that is more."""
    before = [CounterRow("x", 0, place, used, used + room, 7) for place, (used, room) in enumerate(rows)]
    after = divide(before, taken, limit)
    used = sum(row.used for row in before) + taken
    assert sum(row.used for row in after) == used
    assert sum(row.quota for row in after) == max(limit, used)
    assert all(row.used <= row.quota and row.divided == limit for row in after)
    room = [row.quota - row.used for row in after]
    assert max(room) - min(room) <= 1
