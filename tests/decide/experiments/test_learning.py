"""A campaign that learns, from outcomes of its offers to the next customer's variant, through a real ledger."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.learning import Learned
from engine.engine import Engine
from engine.explain import explain, explain_logged
from engine.ledger.commit.learning import LearnCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.model.request import Request
from engine.telemetry.counters import LEARNING_SKIPPED
from tests.decide.arbitrate.shop import NOW, SHOP, compiled_book
from tests.logs import Log

VARIANTS = (
    "{a: {content: {default: {t: A}}}, b: {content: {default: {t: B}}}, c: {content: {default: {t: C}}}}"
)
HOUR = 3600 * SECOND


def learning_book(learn: str = "{reward: clicked, explore: 10%, window: 14d, delay: 1h}") -> CompiledBook:
    """A campaign of three variants that learns."""
    return compiled_book(
        SHOP, f"campaigns: {{x: {{offer: pen, placements: [shelf], learn: {learn}, variants: {VARIANTS}}}}}"
    )


class Shop:
    """Servers on one log: each with an engine of its own."""

    def __init__(self, compiled: CompiledBook, url: str, servers: int = 1) -> None:
        self.compiled, self.url = compiled, url
        self.ledgers = [Ledger(open_store(url)) for _ in range(servers)]
        self.learned = [Learned() for _ in range(servers)]
        self.engines = [
            Engine(compiled, ledger, None, learned)
            for ledger, learned in zip(self.ledgers, self.learned, strict=True)
        ]

    async def decide(self, count: int, now: int, prefix: str = "", server: int = 0) -> list[Decision]:
        """The decisions for `count` customers."""
        requests = [
            Request(f"{prefix}{number}", now, {}, placement="shelf", max_offers=1) for number in range(count)
        ]
        results = await self.engines[server].decide_all(requests)
        return [result for result in results if isinstance(result, Decision)]

    async def report(self, decisions: list[Decision], kind: str, at: int, value: float | None = None) -> None:
        """Report an outcome of each decision."""
        fields = {} if value is None else {"value": value}
        events = [Event(f"{kind} {decision.decision_id} {at}", kind, at, fields) for decision in decisions]
        for start in range(0, len(decisions), 500):
            chunk = zip(decisions[start : start + 500], events[start : start + 500], strict=True)
            await self.engines[0].record(
                [
                    ReportCommand(self.compiled, "", decision.decision_id, event, at)
                    for decision, event in chunk
                ]
            )

    async def learn(self, now: int) -> None:
        """Every server reads the learned states."""
        for ledger, learned in zip(self.ledgers, self.learned, strict=True):
            learned.take(await ledger.commit(LearnCommand(self.compiled, now)))


@pytest.fixture
def shop(any_log: Log) -> Iterator[Shop]:
    """Two servers on one log."""
    opened = Shop(learning_book(), any_log.url, servers=2)
    yield opened
    for ledger in opened.ledgers:
        ledger.close()


EQUAL = {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}


def chances(decisions: list[Decision]) -> dict[str, float]:
    """With which probability each variant was shown."""
    return {decision.offers[0].variant: decision.offers[0].selection_probability for decision in decisions}


def variants(decisions: list[Decision]) -> Counter[str]:
    """How often each variant was shown."""
    return Counter(decision.offers[0].variant for decision in decisions)


async def test_the_better_variant_is_shown_more_by_every_server(shop: Shop) -> None:
    """Clicks on one variant make it the most shown, by both servers with the same probabilities, the others at their floor."""
    first = await shop.decide(600, NOW)
    assert chances(first) == pytest.approx(EQUAL)
    for name, share in (("a", 0.5), ("b", 0.05), ("c", 0.05)):
        shown = [decision for decision in first if decision.offers[0].variant == name]
        await shop.report(shown[: int(len(shown) * share)], "clicked", NOW + 60 * SECOND)
    await shop.learn(NOW + 30 * 60 * SECOND)
    young = await shop.decide(50, NOW + 31 * 60 * SECOND)
    assert chances(young) == pytest.approx(EQUAL), "what is younger than the delay does not count"
    await shop.learn(NOW + 2 * HOUR)
    before = await shop.decide(50, NOW + 2 * HOUR + 29 * SECOND, "before")
    assert chances(before) == pytest.approx(EQUAL)
    later = NOW + 2 * HOUR + 30 * SECOND
    here, there = await shop.decide(600, later, "later"), await shop.decide(600, later, "later", server=1)
    assert [decision.offers[0].variant for decision in here] == [
        decision.offers[0].variant for decision in there
    ]
    by_variant = chances(here + there)
    assert by_variant["a"] == pytest.approx(1 - 2 * 0.1 / 3, abs=0.001)
    assert by_variant["b"] == pytest.approx(0.1 / 3, abs=0.001)
    for name, times in variants(here).items():
        assert (
            abs(times / 600 - by_variant[name]) < 4 * (by_variant[name] * (1 - by_variant[name]) / 600) ** 0.5
        )


async def test_each_offer_counts_once_and_only_if_it_went_out(shop: Shop) -> None:
    """However often servers look, an offer is counted once, with the reward that came in time; what bounced is none."""
    shown = await shop.decide(30, NOW)
    mine = [decision for decision in shown if decision.offers[0].variant == "a"]
    await shop.report(mine[:2], "clicked", NOW + 60 * SECOND)
    await shop.report(mine[:1], "clicked", NOW + 70 * SECOND)
    await shop.report(mine[2:3], "clicked", NOW + HOUR + 60 * SECOND)
    await shop.report(mine[3:4], "bounced", NOW + 60 * SECOND)
    for minutes in (70, 80, 90, 100):
        await shop.learn(NOW + minutes * 60 * SECOND)
    rows = Log(shop.url).rows("select variant, shown, rewarded from arms order by variant")
    counted = variants(shown)
    assert [(name, int(times), int(rewarded)) for name, times, rewarded in rows] == [
        ("a", counted["a"] - 1, 2),
        ("b", counted["b"], 0),
        ("c", counted["c"], 0),
    ]
    assert Log(shop.url).rows("select count(*) from trials") == [(0,)]
    await shop.learn(NOW + 15 * DAY)
    assert Log(shop.url).rows("select count(*) from arms") == [(0,)]


async def test_a_decision_is_made_again_from_the_log(shop: Shop) -> None:
    """A past decision is explained with its logged weights and variant, although more was learned since."""
    first = await shop.decide(300, NOW)
    await shop.report(
        [decision for decision in first if decision.offers[0].variant == "b"], "clicked", NOW + 60 * SECOND
    )
    await shop.learn(NOW + 2 * HOUR)
    later = NOW + 3 * HOUR
    engine, request = shop.engines[0], Request("ann", later, {}, placement="shelf", max_offers=1)
    explained = await explain(engine, request)
    made = await engine.decide(request)
    await shop.report(
        [decision for decision in first if decision.offers[0].variant != "b"], "clicked", NOW + 60 * SECOND
    )
    shop.learned[0].take({})
    again = await explain_logged(engine, made.decision_id)
    assert again.notes == ()
    assert again.campaigns == explained.campaigns
    assert {creative.variant: round(creative.share, 2) for creative in again.campaigns[0].creatives} == {
        "a": 0.03,
        "b": 0.93,
        "c": 0.03,
    }


async def test_values_are_learned(tmp_path: Path) -> None:
    """Of two variants that sell as often, the one that sells for more is shown more."""
    compiled = learning_book("{reward: value, explore: 10%, delay: 1h}")
    shop = Shop(compiled, f"sqlite:///{tmp_path}/tact.db")
    shown = await shop.decide(400, NOW)
    for name, value in (("a", 10.0), ("b", 10.0), ("c", 30.0)):
        sold = [decision for decision in shown if decision.offers[0].variant == name][::2]
        await shop.report(sold, "converted", NOW + 60 * SECOND, value)
    await shop.learn(NOW + 2 * HOUR)
    weights = chances(await shop.decide(200, NOW + 3 * HOUR))
    shop.ledgers[0].close()
    assert weights["c"] > 0.9


@pytest.mark.parametrize("value", [1e200, -1e308, 1.4e154])
async def test_values_too_large_to_square_do_not_stop_learning(any_log: Log, value: float) -> None:
    """A log that holds such values is learned from without them, which is counted; what was learned with them is left out."""
    compiled = learning_book("{reward: value, explore: 10%, delay: 1h}")
    shop = Shop(compiled, any_log.url)
    shown = await shop.decide(400, NOW)
    for name, price in (("a", 10.0), ("b", 10.0), ("c", 30.0)):
        sold = [decision for decision in shown if decision.offers[0].variant == name][::2]
        await shop.report(sold[:2], "converted", NOW + 60 * SECOND, value if name == "a" else price)
        await shop.report(sold[2:], "converted", NOW + 60 * SECOND, price)
    skipped = LEARNING_SKIPPED.value
    await shop.learn(NOW + 2 * HOUR)
    assert LEARNING_SKIPPED.value == skipped + 2
    weights = chances(await shop.decide(200, NOW + 3 * HOUR))
    any_log.execute("update arms set squares = 1e300 where variant = 'a'")
    any_log.execute("""update learned set arms = replace(arms, '"a":[', '"a":[null,')""")
    await shop.learn(NOW + 4 * HOUR)
    assert chances(await shop.decide(200, NOW + 5 * HOUR, "later")).keys() <= weights.keys()
    assert LEARNING_SKIPPED.value == skipped + 2, "each is counted once"
    shop.ledgers[0].close()
    assert weights["c"] > 0.9
