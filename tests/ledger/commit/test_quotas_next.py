"""When stock, totals and capacity let pass again, on both stores: the moment that is said, against asking at every other."""

import random
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.engine import Engine
from engine.explain import explain_logged
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome
from engine.model.instant import DAY, SECOND
from engine.model.request import Mode, Request
from tests.books import compiled_book
from tests.ledger.commit.shared import BOOK, NOW, outcome, settle
from tests.logs import Log

HOUR = 3600 * SECOND
WANTS = ("rare", "few", "call")


def asked(customer: object, wants: str, now: int, mode: Mode = Mode.COMMIT) -> Request:
    """A customer who wants something, and has a phone."""
    return Request(str(customer), now, {"profile.phone": "138", "profile.wants": wants}, mode=mode)


def preview(compiled: CompiledBook, store: Store, wants: str, now: int) -> Decision:
    """What would be decided for somebody new at the moment."""
    (decision,) = commit_group(
        store, [DecideCommand(evaluate(compiled, asked("new", wants, now, Mode.PREVIEW)))]
    )
    assert isinstance(decision, Decision)
    return decision


@pytest.mark.parametrize("seed", range(4))
def test_the_next_moment_is_the_first_at_which_it_passes(
    store: Store, any_log: Log, tmp_path: Path, seed: int
) -> None:
    """Whatever was given, held, confirmed and released: at the moment it passes, and at no earlier one; without one, never."""
    chance, compiled, now = random.Random(seed), compiled_book(tmp_path / "book", BOOK), NOW + 20 * HOUR
    made: list[str] = []
    blocked = named = 0
    for step in range(40):
        now += chance.choice((1, 60 * SECOND, 20 * 60 * SECOND, HOUR))
        reports = [
            outcome(compiled, chance.choice(made), chance.choice(("delivered", "bounced")), now, now, step)
            for _ in range(chance.randrange(2))
            if made
        ]
        wants = [chance.choice(WANTS) for _ in range(chance.randint(1, 3))]
        requests = [asked(f"c-{step}-{number}", name, now) for number, name in enumerate(wants)]
        decisions = settle(compiled, store, requests, reports)
        made += [decision.decision_id for decision in decisions if decision.offers]
        for name, decision in zip(wants, decisions, strict=True):
            if decision is decisions[-1] and decision.outcome is Outcome.BLOCKED:
                blocked += 1
                named += decision.next_allowed_at is not None
                assert decision.next_allowed_at == first_passing(compiled, store, any_log, name, now)
                assert preview(compiled, store, name, now).next_allowed_at == decision.next_allowed_at
    assert named > 3
    assert blocked > 5


def first_passing(compiled: CompiledBook, store: Store, log: Log, wants: str, now: int) -> int | None:
    """The first moment at which a preview passes: of those at which a hold ends or a day begins, and one tick before."""
    ends = [
        end for (end,) in log.rows("select distinct expires_at from contacts where expires_at is not null")
    ]
    moments = {end + tick for end in ends for tick in (-1, 0)} | {
        NOW + 2 * DAY,
        NOW + DAY,
        NOW + DAY - 1,
        now + 300 * DAY,
    }
    for moment in sorted(moment for moment in moments if moment > now):
        if preview(compiled, store, wants, moment).outcome is Outcome.OFFER:
            return moment
    return None


def test_a_hold_of_its_own_group_and_a_lower_limit(store: Store, tmp_path: Path) -> None:
    """What the group itself holds counts, and of a stock that was made smaller so many have to come back as are too many."""
    compiled = compiled_book(tmp_path / "book", BOOK)
    decisions = settle(compiled, store, [asked(n, "rare", NOW + n) for n in range(4)])
    assert [decision.outcome for decision in decisions] == [*[Outcome.OFFER] * 3, Outcome.BLOCKED]
    assert decisions[-1].next_allowed_at == NOW + HOUR
    smaller = compiled_book(tmp_path / "smaller", BOOK.replace("stock: 3", "stock: 1"))
    (decision,) = settle(smaller, store, [asked("more", "rare", NOW + 9)])
    assert decision.next_allowed_at == NOW + 2 + HOUR
    none = compiled_book(
        tmp_path / "none", BOOK.replace("hold: 1h, on_silence: release", "on_silence: confirm")
    )
    settle(none, store, [asked(f"f-{n}", "few", NOW) for n in range(4)])
    (decision,) = settle(none, store, [asked("last", "few", NOW)])
    assert (decision.outcome, decision.next_allowed_at) == (Outcome.BLOCKED, None)


async def test_the_moment_is_explained_from_the_row(store: Store, any_log: Log, tmp_path: Path) -> None:
    """Later, when the hold has ended, the row of the decision still tells what it told."""
    compiled = compiled_book(tmp_path / "book", BOOK)
    *_, blocked = settle(compiled, store, [asked(n, "rare", NOW + n) for n in range(4)])
    settle(compiled, store, [asked("later", "rare", NOW + 3 * HOUR)])
    ledger = Ledger(open_store(any_log.url))
    explained = await explain_logged(Engine(compiled, ledger), blocked.decision_id, counterfactuals=True)
    ledger.close()
    assert explained.notes == ()
    rare = next(campaign for campaign in explained.campaigns if campaign.campaign == "rare")
    (reading,) = [reading for reading in rare.readings if reading.blocks]
    assert reading.next_allowed_at == NOW + HOUR
