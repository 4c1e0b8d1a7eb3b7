"""Bid prices: who gets what is scarce, what the log keeps of it, and that replay gives the same bytes."""

import json
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.decide.answer import answer
from engine.decide.arbitrate.prices import tie_of
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.experiments.bid_prices import BidPrice, BidPrices
from engine.decide.experiments.bucketing import identity
from engine.decide.experiments.learning import Learned
from engine.decide.select import select
from engine.explain.explain import paid_prices
from engine.explain.model import CampaignExplained
from engine.explain.sentences import sentence
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.queries.decisions import decision_of
from engine.ledger.queries.prices import AHEAD, bid_prices, price_rows, write_prices
from engine.ledger.store.open import open_store
from engine.measure.replay import ReplayResult, replay
from engine.model.decision import Decision, Reason, ReasonCode
from engine.model.request import Request
from engine.model.values import Value
from tests.decide.arbitrate.shop import NOW, compiled_book
from tests.logs import Log

BOOK = """
book: {{name: shop, timezone: Europe/Paris, salt: s, currency: EUR, arbitration: {{scarce: {scarce}}}}}
attributes: {{profile.want: {{type: number, min: 0, max: 1}}, profile.phone: {{type: text}}}}
channels:
  push: {{kind: outbound, address: profile.phone, consent: push}}
  sms: {{kind: outbound, address: profile.phone, consent: sms, cost: 0.5, budget: {{limit: 100 EUR, per: calendar month}}}}
offers:
  cream: {{name: Cream, value: 10, stock: 20, content: {{default: {{text: x}}}}}}
  oil: {{name: Oil, value: 3, content: {{default: {{text: x}}}}}}
campaigns:
  cream: {{offer: cream, channels: [sms, push], propensity: {{attribute: profile.want, default: 0.1}}}}
  oil: {{offer: oil, channels: [push]}}
"""


def priced(*prices: BidPrice) -> Learned:
    """What a server has read."""
    learned = Learned()
    learned.bid_prices = BidPrices(prices)
    return learned


def price(counter: str, number: float, cut_off: float | None = None, tier: int | None = 0) -> BidPrice:
    """A price that holds."""
    return BidPrice(counter, tier, number, cut_off, NOW - 1, None)


def request(want: float) -> Request:
    """Of a customer who wants the cream so much."""
    attributes: dict[str, Value] = {"profile.want": want, "profile.phone": "1"}
    return Request("ann", NOW, attributes, consents=frozenset(("push", "sms")))


def decided(compiled: CompiledBook, want: float, *prices: BidPrice) -> Decision:
    """The decision under prices."""
    evaluation = evaluate(compiled, request(want), priced(*prices))
    return answer(evaluation, select(evaluation, (), "ann"), "")


def campaign_of(decision: Decision) -> tuple[str, str]:
    """What is offered, and on which channel."""
    return decision.offers[0].campaign, decision.offers[0].channel


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """A book that goes by prices."""
    return compiled_book(BOOK.format(scarce="prices"))


def test_campaigns_rank_by_their_score_less_prices(compiled: CompiledBook) -> None:
    """The cream goes to who is worth its price more than the oil is worth to them."""
    assert campaign_of(decided(compiled, 0.5)) == ("cream", "sms")
    cream = price("cream/stock", 3.2)
    assert campaign_of(decided(compiled, 0.5, cream)) == ("oil", "push")
    assert campaign_of(decided(compiled, 0.7, cream)) == ("cream", "sms")
    assert decided(compiled, 0.7, cream).offers[0].score == pytest.approx(7 - 3.2)


def test_a_budget_has_its_price_by_the_amount(compiled: CompiledBook) -> None:
    """A text for 0.50 pays half the price of one of the currency; the push pays nothing, and is second by preference."""
    dear = decided(compiled, 0.7, price("sms/channel_budget", 4.0))
    assert dear.offers[0].score == pytest.approx(5.0)
    assert campaign_of(decided(compiled, 0.7, price("sms/channel_budget", 20.0))) == ("cream", "push")


def test_a_cut_off_refuses_scores_up_to_it(compiled: CompiledBook) -> None:
    """And changes no rank above it."""
    cut = price("cream/stock", 0.0, cut_off=5.0)
    assert campaign_of(decided(compiled, 0.5, cut)) == ("oil", "push")
    above = decided(compiled, 0.51, cut)
    assert campaign_of(above) == ("cream", "sms")
    assert above.offers[0].score == pytest.approx(5.1)
    evaluation = evaluate(compiled, request(0.5), priced(cut))
    refused = {
        own.candidate.compiled_campaign.campaign.name: own.reason
        for own in select(evaluation, (), "ann").tried
    }
    assert refused["cream"] == Reason(ReasonCode.OUT_OF_STOCK, "cream/stock")


def test_equal_scores_go_by_their_tie(compiled: CompiledBook) -> None:
    """At the cut-off itself only larger ties get it, as the hash of customer and campaign has them."""
    own = tie_of(identity("s", "ann"), compiled.compiled_campaigns[0])
    cut = price("cream/stock", 0.0, cut_off=5.0)
    assert campaign_of(decided(compiled, 0.5, cut._replace(tie=own))) == ("oil", "push")
    assert campaign_of(decided(compiled, 0.5, cut._replace(tie=own - 1))) == ("cream", "sms")


def test_people_read_what_a_price_took(compiled: CompiledBook) -> None:
    """In words: which counter is scarce, and what it took from the score, or that it goes to others."""
    for scarce, words in (
        (price("cream/stock", 3.2), "its score is 3.2 less for cream/stock, which is scarce"),
        (price("cream/stock", 0.0, cut_off=5.0), "cream/stock went to customers with a score above 5"),
        (price("cream/stock", 0.0, tier=1), "cream/stock went to campaigns of a higher tier"),
    ):
        evaluation = evaluate(compiled, request(0.5), priced(scarce))
        cream, oil = compiled.compiled_campaigns
        paid = paid_prices(evaluation, cream)
        explained = CampaignExplained("cream", Reason(ReasonCode.OUTRANKED, "oil"), None, 1.0, paid=paid)
        assert words in sentence(explained, compiled.book.timezone)
        assert paid_prices(evaluation, oil) == ()


def test_tiers_above_pay_nothing_and_tiers_below_get_nothing(compiled: CompiledBook) -> None:
    """A counter that runs short in one tier is used up for those below."""
    assert campaign_of(decided(compiled, 0.5, price("cream/stock", 9.0, tier=-1))) == ("cream", "sms")
    assert campaign_of(decided(compiled, 0.9, price("cream/stock", 0.1, tier=1))) == ("oil", "push")
    assert campaign_of(decided(compiled, 0.5, price("cream/stock", 9.0, tier=None))) == ("cream", "sms")


def test_prices_hold_from_their_moment_until_they_end(compiled: CompiledBook) -> None:
    """The last one that began counts; one that ended hides those before it."""
    old = BidPrice("cream/stock", 0, 3.2, None, NOW - 10, None)
    assert campaign_of(decided(compiled, 0.5, old._replace(since=NOW + 1))) == ("cream", "sms")
    assert campaign_of(decided(compiled, 0.5, old, old._replace(since=NOW - 5, price=0.1))) == (
        "cream",
        "sms",
    )
    assert campaign_of(decided(compiled, 0.5, old, old._replace(since=NOW - 5, until=NOW))) == (
        "cream",
        "sms",
    )


def test_a_book_without_the_word_does_not_read_prices() -> None:
    """It gives what is scarce to who comes first."""
    plain = compiled_book(BOOK.format(scarce="order"))
    assert campaign_of(decided(plain, 0.5, price("cream/stock", 9.0))) == ("cream", "sms")


def test_the_log_holds_the_prices_and_replay_gives_the_same(compiled: CompiledBook, any_log: Log) -> None:
    """Read from the log, decided by, logged, and decided again without the prices that hold now."""
    with closing(open_store(any_log.url)) as store:
        with store.transaction():
            write_prices(
                store,
                [price("cream/stock", 3.2)._replace(since=NOW), price("gone/stock", 1.0)._replace(since=NOW)],
                run="r",
                now=NOW - AHEAD,
            )
            with pytest.raises(ValueError, match="two minutes"):
                write_prices(store, [price("cream/stock", 1.0)], run="r", now=NOW)
            learned = Learned()
            learned.bid_prices = bid_prices(store)
            assert [row.counter for row in price_rows(store)] == ["cream/stock", "gone/stock"]
        evaluation = evaluate(compiled, request(0.5), learned)
        (decision,) = commit_group(store, [DecideCommand(evaluation)])
        assert isinstance(decision, Decision)
        assert campaign_of(decision) == ("oil", "push")
        with store.transaction(writes=False):
            row = decision_of(store, decision.decision_id)
        assert row is not None
        assert orjson.loads(row.trace)["prices"] == [["cream/stock", 0, 3.2, None, NOW, None]]
        assert replay(row, compiled).result is ReplayResult.EQUAL
        without = row._replace(trace=row.trace.replace('"prices"', '"prizes"'))
        assert replay(without, compiled).result is not ReplayResult.EQUAL


def test_prices_are_set_from_a_preview_and_listed(tmp_path: Path) -> None:
    """Also refused where the file is another, or was shared out in order."""
    url, path = f"sqlite:///{tmp_path}/tact.db", tmp_path / "preview.json"
    open_store(url).close()

    def run(*arguments: object) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["prices", url, *map(str, arguments)])
        return result.exit_code, result.output

    assert run() == (0, "there are no prices: what is scarce goes to who comes first\n")
    counter = {"counter": "cream/stock", "cut_off": None, "price": 3.2, "price_tier": 0, "until": None}
    document = {
        "book": "shop",
        "book_version": "v",
        "now": "2026",
        "scarce": {"way": "value", "counters": [counter]},
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    code, output = run("--set", path)
    assert code == 0, output
    assert "cream/stock" in output
    assert "3.2" in output
    with closing(open_store(url)) as store, store.transaction(writes=False):
        (row,) = price_rows(store)
    assert (row.counter, row.tier, row.price, row.cut_off, row.until) == ("cream/stock", 0, 3.2, None, None)
    assert row.since >= row.created_at + AHEAD
    assert row.run == "shop v value 2026"
    document["scarce"] = {"way": "order", "counters": [counter]}
    path.write_text(json.dumps(document), encoding="utf-8")
    assert run("--set", path)[0] == 2
    path.write_text("[]", encoding="utf-8")
    code, output = run("--set", path)
    assert code == 2
    assert "is not what tact presend" in output
    assert run("--set", tmp_path / "none")[0] == 2
