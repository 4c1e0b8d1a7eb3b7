"""Sends to customers with random histories: contacts, reports, objections and events, each at a moment of its own."""

from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch.logged import AlikeHistories
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.commands import Command
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY
from engine.presend.rows import SendPlan
from engine.privacy.objection import ObjectionCommand, PrivacyActor
from tests.logs import Log, sqlite_log
from tests.presend.kit import BOOK, CLOCK, NOW, UNSHARED, Send, crowd, one_by_one, shop, state_of

PAUSING = """
  pauses:
    tired: {outcome: ignored, times: 2, within: 9d, for: 5d}
    no-more: {outcome: declined, for: 8d, scope: channel}
"""
VISITED = "profile.score: {gte: 0.4}"
BEHAVING = "any: [{profile.score: {gte: 0.8}}, {behaviour: {event: visit, within: 3d, count: {gte: 1}}}]"
REPORTS = ("delivered", "opened", "clicked", "converted", "ignored", "declined", "bounced", "unsubscribed")


def _past(send: Send, store: Store, seed: int) -> None:
    """A fortnight: each day some are decided, and something of that is reported, or they do something else."""
    random, compiled = Random(seed), send.compiled
    requests = list(send.population.requests(0, 0, compiled, NOW, CLOCK))
    for day in range(12, 0, -1):
        at = NOW - day * DAY + random.randrange(DAY)
        coming = [own._replace(now=at, clock=at) for own in random.sample(requests, len(requests) // 8)]
        made = commit_group(store, [DecideCommand(evaluate(compiled, own)) for own in coming])
        commands: list[Command[Any]] = []
        for number, decision in enumerate(made):
            later = at + random.randrange(DAY // 2)
            event = Event(f"{day}-{number}", random.choice(REPORTS), later, {})
            if isinstance(decision, Decision) and decision.offers and random.random() < 0.8:
                commands.append(ReportCommand(compiled, "", decision.decision_id, event, later))
        for number, request in enumerate(random.sample(requests, 3)):
            commands.append(_doing(compiled, request.customer, f"{day}/{number}", random, at))
        commit_group(store, commands)


def _doing(compiled: CompiledBook, name: str, key: str, random: Random, at: int) -> Command[Any]:
    kind = random.choice(("subscribed", "unsubscribed", "object", "visit"))
    if kind == "object":
        to = random.choice(("*", "mail", "channel:sms"))
        return ObjectionCommand(name, to, random.random() < 0.8, "", PrivacyActor("officer", "log", at))
    if kind == "visit":
        return RecordCommand(compiled, name, Event(key, "visit", at, {}), at)
    return ReportCommand(
        compiled, name, "", Event(key, kind, at, {}), at, channel=random.choice(("mail", "sms"))
    )


def _check(text: str, log: Log, folder: Path, seed: int, scarce: str = "order") -> None:
    """Sends, and decides one by one, on logs with the same past."""
    compiled, people = shop(folder, text), crowd(folder, 160, seed)
    (folder / "other").mkdir()
    other = sqlite_log(folder / "other")
    send = Send(compiled, log, people, folder / "out", SendPlan("spring", NOW, scarce=scarce), group=80)
    reference = Send(compiled, other, people, folder / "reference")
    for own in (log, other):
        with closing(open_store(own.url)) as store:
            _past(send, store, seed)
    with closing(open_store(other.url)) as store:
        one_by_one(compiled, store, reference.population)
    summary = send.run()
    assert summary is not None
    assert summary.evaluated < 80, "columns decide most"
    assert state_of(log) == state_of(other)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.booleans())
def test_any_past_is_sent_to_as_one_by_one(seed: int, is_scarce: bool, is_pausing: bool) -> None:
    """What each gets, their contacts and counters are those of single calls, and columns decide most."""
    text = (BOOK if is_scarce else UNSHARED) + (PAUSING if is_pausing else "")
    with TemporaryDirectory() as folder:
        _check(text, sqlite_log(Path(folder)), Path(folder), seed)


def test_any_past_on_every_store(any_log: Log, tmp_path: Path) -> None:
    """With campaigns for who did something, which the log remembers."""
    text = f"events: {{stored: true}}\n{UNSHARED}{PAUSING}".replace(VISITED, BEHAVING)
    _check(text, any_log, tmp_path, 7)


def test_histories_that_are_overlooked_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns that forget what was reported send something else: the comparison can fail."""
    monkeypatch.setattr(AlikeHistories, "_said", lambda *_: ())
    with pytest.raises(AssertionError):
        _check(UNSHARED + PAUSING, sqlite_log(tmp_path), tmp_path, 7)
