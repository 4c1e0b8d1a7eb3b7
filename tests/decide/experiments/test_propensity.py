"""Learned propensities: from what is reported of offers to which of two campaigns goes first, through a real ledger."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.posteriors import rate
from engine.explain import explain, explain_logged
from engine.explain.sentences import sentence
from engine.model.decision import Decision
from engine.model.instant import DAY, SECOND
from engine.model.request import Request
from tests.decide.arbitrate.shop import NOW, SHOP, compiled_book, shelf, taken
from tests.decide.experiments.test_learning import HOUR, VARIANTS, Shop, variants
from tests.logs import Log

MINUTE = 60 * SECOND


def two_campaigns(pen: str = "{learned: {prior: 0.2, delay: 1h}}", pad: str = "0.1") -> CompiledBook:
    """A pen whose propensity is learned, and a pad."""
    return compiled_book(
        SHOP,
        f"campaigns: {{pen: {{offer: pen, placements: [shelf], propensity: {pen}}},"
        f" pad: {{offer: pad, placements: [shelf], propensity: {pad}}}}}",
    )


@pytest.fixture
def shop(any_log: Log) -> Iterator[Shop]:
    """Two servers on one log."""
    opened = Shop(two_campaigns(), any_log.url, servers=2)
    yield opened
    for ledger in opened.ledgers:
        ledger.close()


def first(decisions: list[Decision]) -> set[tuple[str, float]]:
    """The campaigns that they show, with their scores."""
    return {(decision.offers[0].campaign, decision.offers[0].score) for decision in decisions}


def counted(log: Log, campaign: str, since: int, until: int) -> tuple[int, int]:
    """How many offers of the campaign the log has from then until then, and how many were clicked within the hour."""
    shown = log.rows(
        f"select decision_id, at from decisions where campaign = '{campaign}' and outcome = 'offer'"
        f" and at >= {since} and at < {until}"
    )
    clicks = log.rows("select decision_id, at from outcomes where type = 'clicked'")
    return len(shown), sum(
        any(decision_id == who and at <= then + HOUR for who, at in clicks) for decision_id, then in shown
    )


async def test_two_campaigns_turn_round(shop: Shop) -> None:
    """The pen goes first by its prior, falls behind when few click, and both servers see that from the same moment."""
    shown = await shop.decide(100, NOW)
    assert first(shown) == {("pen", 0.2)}
    await shop.report(shown[:3], "clicked", NOW + MINUTE)
    await shop.report(shown[3:4], "clicked", NOW + 2 * HOUR)
    await shop.learn(NOW + 3 * HOUR)
    for server in range(2):
        before = await shop.decide(2, NOW + 3 * HOUR + 29 * SECOND, f"before{server}", server)
        assert first(before) == {("pen", 0.2)}
        after = await shop.decide(2, NOW + 3 * HOUR + 30 * SECOND, f"after{server}", server)
        assert first(after) == {("pad", 0.1)}


async def test_it_is_what_a_naive_count_of_the_log_says(shop: Shop) -> None:
    """(1 + rewarded) / (1 / prior + offers), of the offers that the log has in the window and that are old enough."""
    log, engine = Log(shop.url), shop.engines[1]
    for days, clicks in ((0, 5), (6, 9), (10, 13)):
        shown = await shop.decide(40, NOW + days * DAY, f"on{days}")
        await shop.report(
            [decision for decision in shown if decision.offers[0].campaign == "pen"][:clicks],
            "clicked",
            NOW + days * DAY + MINUTE,
        )
        await shop.learn(NOW + days * DAY + 2 * HOUR)
    for days in (10, 15, 21):
        now = NOW + days * DAY + 3 * HOUR
        await shop.learn(now)
        offers, rewarded = counted(log, "pen", now - 14 * DAY, now - HOUR - MINUTE)
        explained = await explain(engine, Request("ann", now + MINUTE, {}, placement="shelf", max_offers=1))
        pen = next(campaign for campaign in explained.campaigns if campaign.campaign == "pen")
        assert pen.propensity is not None
        assert (pen.propensity.shown, pen.propensity.rewarded) == (offers, rewarded)
        assert pen.score == pytest.approx((1 + rewarded) / (1 / 0.2 + offers))
        assert offers > 0


async def test_a_decision_is_made_again_by_what_was_known_then(shop: Shop) -> None:
    """A past decision has its logged propensity, score and competitor, although more was learned since."""
    shown = await shop.decide(100, NOW)
    await shop.report(shown[:3], "clicked", NOW + MINUTE)
    await shop.learn(NOW + 2 * HOUR)
    engine, later = shop.engines[0], NOW + 3 * HOUR
    request = Request("ann", later, {}, placement="shelf", max_offers=1)
    explained = await explain(engine, request, counterfactuals=True)
    made = await engine.decide(request)
    await shop.report(shown[3:], "clicked", NOW + MINUTE)
    for learned in shop.learned:
        learned.take({})
    again = await explain_logged(engine, made.decision_id, counterfactuals=True)
    assert again.notes == ()
    assert again.campaigns == explained.campaigns
    pen = next(campaign for campaign in again.campaigns if campaign.campaign == "pen")
    text = sentence(pen, engine.compiled.book.timezone)
    assert text.startswith("pen fits, but pad goes before it (score 0.1 against 0.0380952); ")
    assert "propensity 0.038, learned from 100 offers." in text
    assert "It would be chosen with a value of" in text


async def test_what_another_book_decided_is_told_with_its_propensity(shop: Shop) -> None:
    """If a decision cannot be evaluated again, its logged propensity is shown nevertheless."""
    (made,) = await shop.decide(1, NOW)
    shop.engines[0].compiled = two_campaigns(pad="0.15")
    explained = await explain_logged(shop.engines[0], made.decision_id)
    assert len(explained.notes) == 1
    rates = {
        campaign.campaign: campaign.propensity and campaign.propensity.rate
        for campaign in explained.campaigns
    }
    assert rates == {"pen": 0.2, "pad": None}


async def test_variants_and_propensity_learn_from_the_same(tmp_path: Path) -> None:
    """A campaign that learns which variant does best is as likely taken as all of its variants together."""
    how = "learn: {reward: clicked, explore: 10%, delay: 1h}, propensity: learned"
    compiled = compiled_book(
        SHOP, f"campaigns: {{x: {{offer: pen, placements: [shelf], {how}, variants: {VARIANTS}}}}}"
    )
    shop = Shop(compiled, f"sqlite:///{tmp_path}/tact.db")
    shown = await shop.decide(300, NOW)
    assert {decision.offers[0].score for decision in shown} == {0.05}
    await shop.report(
        [decision for decision in shown if decision.offers[0].variant == "b"][:60], "clicked", NOW + MINUTE
    )
    await shop.learn(NOW + 2 * HOUR)
    later = await shop.decide(100, NOW + 3 * HOUR)
    shop.ledgers[0].close()
    assert variants(later).most_common(1)[0][0] == "b"
    ((campaign, score),) = first(later)
    assert campaign == "x"
    assert score == pytest.approx(61 / 320)


def test_before_anything_is_known_it_is_the_prior() -> None:
    """Without a ledger, and in scenarios, the prior is used; of `learned` alone it is 0.05."""
    assert taken(shelf(two_campaigns())) == ["pen", "pad"]
    assert taken(shelf(two_campaigns("learned"))) == ["pad", "pen"]
    assert {offer.campaign: offer.score for offer in shelf(two_campaigns("learned")).offers} == {
        "pad": 0.1,
        "pen": 0.05,
    }


@given(
    rewarded=st.integers(0, 10**9),
    missed=st.integers(0, 10**9),
    prior=st.floats(1e-6, 1.0),
)
def test_a_rate_is_a_rate(rewarded: int, missed: int, prior: float) -> None:
    """It is what exact fractions say, lies above 0 and not above 1, and begins with the prior."""
    exact = (1 + rewarded) / (1 / Fraction(prior) + rewarded + missed)
    actual = rate(rewarded + missed, rewarded, prior)
    assert actual == pytest.approx(float(exact), rel=1e-14)
    assert 0.0 < actual <= 1.0
    assert rate(0, 0, prior) == prior
