"""Any story, by chance, under any rules: what was decided, recorded and linked is audited from the log alone."""

import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.evaluate import evaluate
from engine.ledger.commit.commands import AnyCommand
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.request import Request
from engine.rulebook.model.book import Book
from engine.rulebook.model.policies import (
    Calendar,
    Cap,
    Clock,
    Gap,
    Pause,
    Period,
    Policies,
    Rolling,
    Scope,
    Selector,
)
from tests.books import compiled_book
from tests.decide.pressure import rules, strategies
from tests.ledger.commit.auditor import Auditor
from tests.logs import Log, sqlite_log

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
NOW = 1_774_742_400_000_000  # 2026-03-29T00:00Z, an hour before Europe's clocks change
BOOK = """
book: {name: audited, timezone: Europe/Paris}
attributes:
  profile.to: {type: text}
  profile.wish: {type: number}
channels:
  web: {kind: inbound, confirm: on_impression, hold: 30m}
  sms: {kind: outbound, address: profile.to, consent: sms, hold: 6h, on_silence: release}
  wechat: {kind: outbound, address: profile.to, consent: wechat, on_silence: confirm}
placements: {page: {channel: web, max_offers: 2}}
offers:
  x: {name: X, value: 2, tags: [t], content: {default: {text: X}}}
  y: {name: Y, value: 1, tags: [u], content: {default: {text: Y}}}
campaigns:
  a: {offer: x, channels: [sms, wechat], placements: [page]}
  b: {offer: y, category: service, channels: [wechat, sms], placements: [page]}
"""
NAMES = ("ann", "bob", "cat")
REPORTS = (
    *("delivered", "bounced", "bounced", "bounced", "complained", "ignored", "clicked"),
    *("subscribed", "subscribed", "unsubscribed"),
)


class Act(NamedTuple):
    """One thing that somebody does: decide, report or link; the numbers choose about what."""

    what: str
    name: str
    pick: int
    other: int


acts = st.builds(
    Act,
    st.sampled_from(("decide", "decide", "decide", "report", "report", "link")),
    st.sampled_from(NAMES),
    st.integers(0, 60),
    st.integers(0, 60),
)
groups = st.lists(
    st.tuples(
        st.lists(acts, min_size=1, max_size=4),
        st.sampled_from((1, MINUTE, 20 * MINUTE, HOUR, 7 * HOUR, DAY, 3 * DAY, -5, -10 * MINUTE, -2 * HOUR)),
    ),
    min_size=1,
    max_size=12,
)
pressures = st.lists(
    st.one_of(
        strategies.caps, strategies.gaps, strategies.pauses, strategies.quiet(), strategies.quiet("second")
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.name,
).map(lambda some: rules.policies(*some))


class Story:
    """A story under way: what is done, in a log."""

    def __init__(self, compiled: CompiledBook, store: Store) -> None:
        self.compiled, self._store = compiled, store
        self.links: list[tuple[str, Sequence[str]]] = []
        self.decided: list[str] = []
        self._now, self._group = NOW, 0

    def tell(self, some: Sequence[tuple[Sequence[Act], int]]) -> None:
        """Does the groups of acts, each after the time that passes before it, which may be negative."""
        for together, wait in some:
            self._now += wait
            self._group += 1
            asks = [self._ask(act, place) for place, act in enumerate(together)]
            for answer in commit_group(self._store, [one for one in asks if one is not None]):
                assert not isinstance(answer, LedgerError), answer
                if isinstance(answer, Decision) and answer.offers:
                    self.decided.append(answer.decision_id)

    def _ask(self, act: Act, place: int) -> AnyCommand | None:
        match act.what:
            case "decide":
                return DecideCommand(evaluate(self.compiled, self._request(act, self._step(2, place))))
            case "report":
                return self._report(act, self._step(1, place))
        names = tuple(dict.fromkeys((act.name, NAMES[act.pick % 3])))
        if len(names) == 2:
            self.links.append((self._step(0, place), names))
            return LinkCommand(names, self._now)
        return None

    def _step(self, kind: int, place: int) -> str:
        """In a group links go first, then what is reported, then what is decided."""
        return f"{self._group:04}-{kind}-{place:02}"

    def _request(self, act: Act, step: str) -> Request:
        attributes: dict[str, Any] = {"profile.to": "1", "profile.time_zone": "Asia/Kathmandu"}
        if act.other % 4 == 0:
            attributes["profile.wish"] = float(act.other % 3)
        channels, placement = ((("sms",), ""), (("wechat",), ""), (("sms", "wechat"), ""), ((), "page"))[
            act.pick % 4
        ]
        return Request(
            customer=act.name,
            now=self._now,
            attributes={
                name: value for name, value in attributes.items() if name in self.compiled.referenced
            },
            consents=frozenset(("sms", "wechat")),
            channels=channels,
            placement=placement,
            max_offers=2 if placement else 1,
            request_id=step,
        )

    def _report(self, act: Act, step: str) -> ReportCommand | None:
        kind = REPORTS[act.other % len(REPORTS)]
        at = self._now - (0, 0, MINUTE, HOUR, 8 * HOUR)[act.pick % 5]
        event = Event(step, kind, at, {"item": act.name})
        if kind in ("unsubscribed", "subscribed") or not self.decided:
            channel = ("sms", "wechat")[act.pick % 2]
            return ReportCommand(self.compiled, act.name, "", event, self._now, channel)
        about = self.decided[-1 - act.pick % min(5, len(self.decided))]
        return ReportCommand(self.compiled, "", about, event, self._now)


def with_rules(folder: Path, policies: Policies) -> CompiledBook:
    """The book with these rules."""
    return compile_book(replace(compiled_book(folder, BOOK).book, pressure=policies))


def audit(story: Story, log: Log) -> list[str]:
    """What the auditor finds."""
    book: Book = story.compiled.book
    return list(Auditor(book, log, story.links, ("a", "b")).violations())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pressures, groups)
def test_any_story_is_as_the_rules_say(policies: Policies, told: list[tuple[list[Act], int]]) -> None:
    """Whatever is decided, reported and linked, however grouped, while clocks go on and back: answers are the rules'."""
    with TemporaryDirectory() as folder:
        log = sqlite_log(Path(folder))
        with closing(open_store(log.url)) as store:
            story = Story(with_rules(Path(folder) / "book", policies), store)
            story.tell(told)
        assert audit(story, log) == []


CAPPED = Policies(
    caps={
        "weekly": Cap("weekly", 2, Rolling(7 * DAY), Selector(kind=frozenset(("outbound",)))),
        "daily": Cap("daily", 1, Calendar(Period.DAY, Clock.BOOK), Selector(channel=frozenset(("web",)))),
    },
    gaps={"breath": Gap("breath", 3 * HOUR, Selector(channel=frozenset(("sms",))))},
    pauses={
        "peace": Pause("peace", frozenset(("complained",)), 2 * DAY, scope=Scope.CHANNEL),
        "tired": Pause("tired", frozenset(("ignored",)), DAY, 2, 3 * DAY),
    },
)


def chance(seed: int, length: int) -> list[tuple[list[Act], int]]:
    """A long story by chance, the same for the same seed."""
    one = random.Random(seed)
    waits = (1, MINUTE, HOUR, HOUR, 5 * HOUR, 9 * HOUR, DAY, -3, -HOUR)

    def act() -> Act:
        what = one.choice(
            ("decide", "decide", "decide", "report", "report", "link" if one.random() < 0.1 else "decide")
        )
        return Act(what, one.choice(NAMES), one.randrange(60), one.randrange(60))

    return [([act() for _ in range(one.randint(1, 5))], one.choice(waits)) for _ in range(length)]


def test_a_long_story_on_both_stores(any_log: Log, tmp_path: Path) -> None:
    """Hundreds of answers about three people, on either store; and nothing is left unused: all outcomes occur."""
    with closing(open_store(any_log.url)) as store:
        story = Story(with_rules(tmp_path / "book", CAPPED), store)
        story.tell(chance(7, 120))
    assert audit(story, any_log) == []
    found = dict(any_log.rows("select outcome, count(*) from decisions group by 1"))
    assert min(found["offer"], found["blocked"]) > 20
    states = {state for (state,) in any_log.rows("select distinct state from contacts")}
    assert states == {"reserved", "confirmed", "released"}


def test_the_auditor_notices(tmp_path: Path) -> None:
    """A log from which the bounces are taken, or into which one is put, is not in order: the audit can fail."""
    for tampering in ("delete from outcomes where type = 'bounced'", "update outcomes set type = 'bounced'"):
        log = sqlite_log(tmp_path)
        with closing(open_store(log.url)) as store:
            story = Story(with_rules(tmp_path / "book", CAPPED), store)
            story.tell(chance(7, 120))
        log.execute(tampering)
        assert audit(story, log)
        (tmp_path / "tact.db").unlink()
