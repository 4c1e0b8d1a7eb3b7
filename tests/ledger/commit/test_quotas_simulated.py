"""Simulated moments against what all customers share, by chance, on both stores: nobody's hold is given away.

Compared with a naive count that decides one by one: a commit gives back what ended by its moment and by the server's clock,
a preview counts what would be left at its moment and changes nothing.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.store.open import open_store
from engine.model.decision import Decision, Outcome
from engine.model.instant import DAY, SECOND
from engine.model.request import Mode
from tests.books import compiled_book
from tests.ledger.commit.shared import (
    BOOK,
    FEW,
    NOW,
    OFFER_STOCK,
    assert_sound,
    customer_limit,
    outcome,
    settle,
)
from tests.logs import Log
from tests.waiting import HANGS

MINUTE = 60 * SECOND
HOLD = 60 * MINUTE
LIMITS = {"rare": 3, "few": 4}
COUNTERS = {"rare": OFFER_STOCK, "few": FEW}
TABLES = ("decisions", "contacts", "counters", "holdings", "outcomes")


class Question(NamedTuple):
    """A request at a moment, which may not be the server's."""

    wants: str
    shift: int | None
    """Minutes of the simulated moment from the server's; None: it is not simulated."""
    preview: bool


class Held(NamedTuple):
    """What a contact holds, as a stranger would note it."""

    decision_id: str
    expires_at: int | None


class Naive:
    """What is held of each offer's quota; everything one by one."""

    def __init__(self) -> None:
        self.held: dict[str, list[Held]] = {wants: [] for wants in LIMITS}

    def expected(self, question: Question, now: int, clock: int) -> bool:
        """Whether the offer is made; gives back what has ended."""
        if question.preview:
            counted = [
                held for held in self.held[question.wants] if held.expires_at is None or held.expires_at > now
            ]
            return len(counted) < LIMITS[question.wants]
        elapsed = min(now, clock)
        self.held[question.wants] = [
            held for held in self.held[question.wants] if held.expires_at is None or held.expires_at > elapsed
        ]
        return len(self.held[question.wants]) < LIMITS[question.wants]

    def report(self, decision_id: str, *, confirms: bool) -> None:
        """Keeps what the decision holds for good, or gives it back."""
        for wants, of_offer in self.held.items():
            self.held[wants] = [
                held._replace(expires_at=None) if held.decision_id == decision_id else held
                for held in of_offer
                if confirms or held.decision_id != decision_id
            ]


shifts = st.one_of(
    st.none(),
    st.sampled_from([0, 1, 59, 60, 61, -1, -59, -60, -61, 24 * 60, 400 * 24 * 60]),
    st.integers(-180, 180),
)
questions = st.builds(Question, st.sampled_from(sorted(LIMITS)), shifts, st.booleans())
reported_contacts = st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=2)
groups = st.tuples(st.integers(0, 90), st.lists(questions, min_size=1, max_size=9), reported_contacts)
Story = list[tuple[int, list[Question], list[tuple[int, bool]]]]
"""Minutes that pass on the server, what is asked in one group, and which of the open contacts are reported first."""
stories = st.lists(groups, min_size=1, max_size=10)
GIVEN_AWAY: Story = [
    (0, [Question("rare", None, preview=False)] * 3, []),
    (1, [Question("rare", 400 * 24 * 60, preview=True), Question("rare", None, preview=False)] * 4, []),
    (1, [Question("rare", 400 * 24 * 60, preview=False), Question("rare", None, preview=False)] * 4, []),
]
"""As an adversary gave a stock away."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(GIVEN_AWAY)
@given(stories)
def test_simulated_moments_give_nothing_away(any_log: Log, tmp_path: Path, story: Story) -> None:
    """In groups of commits and previews at any moments, by two servers in turn, each answer is that of the naive count."""
    compiled = compiled_book(tmp_path, BOOK)
    naive, clock, number = Naive(), NOW, 0
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(open_store(any_log.url))) for _ in range(2)]
        any_log.execute(*(f"delete from {table}" for table in TABLES))
        for turn, (minutes, asked, reported) in enumerate(story):
            clock += minutes * MINUTE
            open_ = [
                held for of_offer in naive.held.values() for held in of_offer if held.expires_at is not None
            ]
            reports: list[ReportCommand] = []
            for index, confirms in dict(reported).items():
                if index < len(open_):
                    decision_id, kind = open_[index].decision_id, "delivered" if confirms else "bounced"
                    reports.append(outcome(compiled, decision_id, kind, clock, clock, turn))
                    naive.report(decision_id, confirms=confirms)
            requests = []
            for question in asked:
                number += 1
                now = clock if question.shift is None else clock + question.shift * MINUTE
                request = customer_limit(f"c-{number}", question.wants, now)
                requests.append(
                    request._replace(
                        clock=None if question.shift is None else clock,
                        mode=Mode.PREVIEW if question.preview else Mode.COMMIT,
                    )
                )
            answers: list[Decision] = settle(compiled, stores[turn % 2], requests, reports)
            for question, request, answer in zip(asked, requests, answers, strict=True):
                offered = naive.expected(question, request.now, clock)
                assert (answer.outcome is Outcome.OFFER) is offered, (turn, question)
                if offered and not question.preview:
                    naive.held[question.wants].append(Held(answer.decision_id, request.now + HOLD))
            assert_sound(any_log)
            for wants, counter in COUNTERS.items():
                rows = any_log.rows(
                    f"select coalesce(sum(used), 0) from counters where counter = '{counter}'"
                )
                assert rows == [(len(naive.held[wants]),)], (turn, wants)


def test_previews_of_the_future_free_nothing_for_two_servers_at_once(any_log: Log, tmp_path: Path) -> None:
    """Two servers commit as fast as they can, each group with simulated moments after all holds: of a stock of 3, 3 offers."""
    compiled = compiled_book(tmp_path, BOOK)

    def serve(server: int) -> int:
        offers = 0
        with closing(open_store(any_log.url, busy_timeout=HANGS)) as store:
            for turn in range(40):
                present = customer_limit(f"now-{server}-{turn}", "rare", NOW)
                future = customer_limit(f"later-{server}-{turn}", "rare", NOW + 400 * DAY)._replace(clock=NOW)
                preview = future._replace(mode=Mode.PREVIEW)
                answers = settle(compiled, store, [preview, present, future, preview, present])
                offers += sum(answers[index].outcome is Outcome.OFFER for index in (1, 2, 4))
                assert answers[0].outcome is answers[3].outcome is Outcome.OFFER
        return offers

    with ThreadPoolExecutor(2) as servers:
        assert sum(servers.map(serve, range(2))) == 3
    assert_sound(any_log)
    assert any_log.rows("select count(*) from holdings where counted") == [(3,)]
