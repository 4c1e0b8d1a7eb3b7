"""A shop in which everything is on, visited by chance: for logs that hold whatever a log can hold."""

import asyncio
from collections.abc import Sequence
from datetime import date
from random import Random
from typing import Any

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.learning import Learned
from engine.engine import Engine
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.learning import LearnCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.ledger import Ledger
from engine.ledger.store.store import Store
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.model.outcome import OutcomeType
from engine.model.request import Request
from tests.server.everything import EVERYTHING

NOW = 1_773_108_000_000_000  # 2026-03-10T02:00Z

MANY = "\n".join(
    f"  many-{number:02}: {{offer: last, when: {{profile.crowd: true}}, channels: [push], tier: 1, placements: [hero]}}"
    for number in range(60)
)
"""More campaigns than the log lists candidates."""

BUSY = (
    EVERYTHING.replace("name: everything", "name: busy")
    .replace("address: profile.tier", "address: profile.token")
    .replace(
        "  profile.wish: {type: integer}\n",
        "  profile.wish: {type: integer}\n  profile.token: {type: text}\n"
        "  profile.first_name: {type: text}\n  profile.crowd: {type: boolean}\n"
        "  profile.born: {type: date}\n  profile.seen: {type: time}\n  profile.likes: {type: list of text}\n",
    )
    .replace(
        "offers:\n",
        "offers:\n  last: {name: Last, value: 1, stock: 9, content: {default: {title: Last}}}\n"
        '  rare: {name: Rare, value: 8, stock: 12, content: {default: {title: "For {profile.first_name|you}"}}}\n'
        "  slow: {name: Slow, value: 2, content: {default: {title: Slow}}}\n",
    )
    .replace(
        "campaigns:\n",
        "campaigns:\n"
        "  rare: {offer: rare, channels: [mail, push], placements: [hero], control: 20%,"
        " propensity: {learned: {reward: clicked, prior: 0.3}}}\n"
        "  slow: {offer: slow, channels: [mail, push], placements: [hero], ramp: {start: 20%, full_after: 8 conversions},"
        " learn: {reward: value, window: 1d, delay: 1h}, variants: {a: {content: {default: {title: A}}},"
        " b: {content: {default: {title: B}}}, c: {when: {profile.born: {before: 2000-01-01}},"
        " content: {default: {title: C}}}}}\n" + MANY + "\n",
    )
)


class Visits:
    """Visitors of the shop, by a seed: they are decided about in groups, do things, report, link names, and object."""

    def __init__(self, compiled: CompiledBook, store: Store, seed: int) -> None:
        self.rng, self._compiled = Random(seed), compiled
        self._ledger, self._learned, self._at = Ledger(store), Learned(), NOW
        self._engine = Engine(compiled, self._ledger, learned=self._learned)
        self._made: list[Decision] = []

    def run(self, groups: int) -> None:
        """So many groups of decisions, with what happens between them; then the log is closed."""
        try:
            asyncio.run(self._run(groups))
        finally:
            self._ledger.close()

    def decide_each(self, attributes: Sequence[dict[str, Any]]) -> None:
        """Decides about a person for each of the attributes; then the log is closed."""
        requests = [Request(f"only-{index}", NOW, values) for index, values in enumerate(attributes)]
        try:
            asyncio.run(self._engine.decide_all(requests))
        finally:
            self._ledger.close()

    async def _run(self, groups: int) -> None:
        for _ in range(groups):
            self._at += self.rng.choice((1, 40 * SECOND, 3_000 * SECOND, DAY // 3))
            requests = [self._request() for _ in range(self.rng.randint(1, 6))]
            answers = await self._engine.decide_all(requests)
            self._made += [answer for answer in answers if isinstance(answer, Decision)]
            assert len(answers) == sum(isinstance(answer, Decision) for answer in answers), answers
            await self._engine.record([self._event() for _ in range(3)])
            if made := self.rng.sample(self._made[-40:], min(6, len(self._made))):
                await self._engine.record([self._outcome(decision) for decision in made])
            if self.rng.random() < 0.05:
                await self._engine.link(LinkCommand((self._name(), f"alias-{self._at}"), self._at))
            self._learned.take(await self._ledger.commit(LearnCommand(self._compiled, self._at)))

    def _name(self) -> str:
        return f"person-{self.rng.randrange(40)}"

    def _request(self) -> Request:
        rng, number = self.rng, self.rng.random()
        placement = "hero" if number < 0.5 else ""
        return Request(
            self._name(),
            self._at,
            self._attributes(),
            consents=frozenset(["mail"] if rng.random() < 0.8 else []),
            preferred_channels=self._some(("push", "mail")),
            channels=() if placement else self._some(("mail", "push")),
            placement=placement,
            max_offers=rng.choice((1, 2, 5)) if placement else rng.choice((1, 3)),
            request_id=f"r-{rng.random()}" if rng.random() < 0.7 else "",
            aliases=(f"cookie-{rng.randrange(30)}",) if rng.random() < 0.2 else (),
        )

    def _some(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.rng.sample(names, self.rng.randint(0, len(names))))

    def _attributes(self) -> dict[str, Any]:
        rng = self.rng
        values = {
            "profile.score": rng.choice((0.1, 0.85, 0.9)),
            "profile.age": rng.randrange(90),
            "profile.tier": rng.choice(("gold", " ", "")),
            "profile.token": rng.choice(("t-1", "t-2", " ", "")),
            "profile.mail": rng.choice(("a@example.com", "b@example.com")),
            "profile.wish": rng.randrange(6),
            "profile.first_name": rng.choice(("Ann", "Zoë", " ")),
            "profile.crowd": rng.random() < 0.3,
            "profile.likes": ("tea", "cream"),
            "profile.born": date(1990 + rng.randrange(20), 2, 3),
            "profile.time_zone": rng.choice(("Asia/Shanghai", "Europe/Paris")),
            "location.latitude": rng.choice((48.85, 31.2)),
            "location.longitude": rng.choice((2.35, 121.5)),
            "weather.condition": rng.choice(("snow", "clear")),
            "weather.tomorrow.temperature_min_c": rng.choice((-2.5, 3.0)),
        }
        kept = {name: value for name, value in values.items() if rng.random() < 0.8}
        return {name: value for name, value in kept.items() if name in self._compiled.referenced}

    def _event(self) -> RecordCommand:
        rng = self.rng
        fields: dict[str, Any] = {
            "item": rng.choice(("cream", "tea")),
            "category": "cream",
            "value": rng.random() * 9,
        }
        event = Event(f"e-{rng.random()}", rng.choice(("view", "add_to_cart", "purchase")), self._at, fields)
        return RecordCommand(self._compiled, self._name(), event, self._at)

    def _outcome(self, decision: Decision) -> ReportCommand:
        rng = self.rng
        type_ = rng.choice([*OutcomeType, OutcomeType.CLICKED, OutcomeType.CONVERTED, OutcomeType.CONVERTED])
        if type_ is OutcomeType.UNSUBSCRIBED and rng.random() < 0.7:
            type_ = OutcomeType.CLICKED
        event = Event(f"o-{rng.random()}", type_, self._at, {"value": rng.random() * 9})
        return ReportCommand(self._compiled, "", decision.decision_id, event, self._at)
