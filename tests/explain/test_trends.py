"""Conditions on trends are explained in plain words: what was counted, in which hours, against what, and what is needed."""

from pathlib import Path

import pytest

from engine.explain import ChangeKind, explain, explain_logged
from engine.explain.model import Change, Counterfactual
from engine.explain.sentences import counterfactual_sentence, sentence
from engine.model.decision import Reason, ReasonCode
from engine.model.request import Request
from engine.model.trends import GivenTrends, TrendReading
from tests.books import compiled_book
from tests.explain.engines import engine_on
from tests.ledger.commit.test_trends import BOOK, NOW, SERIES

ANY = BOOK.replace("value: {attribute: profile.product}, within: 2h,", "within: 1h, against: 12h,")
NOUGAT = "complaint events of all customers with product nougat in the last 2 to 3 hours"
ONE = NOUGAT.replace("events", "event")
USUAL = "times the usual number of the 7 days before"


def asked(number: int | None, usual: float = 0, product: str = "nougat") -> Request:
    """A customer, while so many complain of nougat; None: too little is known."""
    attributes = {"profile.phone": "1", **({"profile.product": product} if product else {})}
    given = None if number is None else GivenTrends({SERIES: {"nougat": TrendReading(number, usual)}})
    return Request("ann", NOW, attributes, trends=given)


async def say(book: Path, log: Path, request: Request, text: str = BOOK) -> dict[str, str]:
    """The sentence of each campaign, before the decision; the log says the same."""
    compiled = compiled_book(book, text)
    with engine_on(compiled, log) as engine:
        explained = await explain(engine, request, counterfactuals=True)
        decision = await engine.decide(request)
        logged = await explain_logged(engine, decision.decision_id, counterfactuals=True)
    before, after = (
        {campaign.campaign: sentence(campaign, compiled.book.timezone) for campaign in how.campaigns}
        for how in (explained, logged)
    )
    assert before == after
    return before


@pytest.mark.parametrize(
    ("request_", "campaign", "words"),
    [
        (asked(3, 2), "apologise", f"3 {NOUGAT}, 1.5 {USUAL}, where at least 5 and at least 3 times are needed."),
        (asked(9, 6.5), "apologise", f"9 {NOUGAT}, 1.38 {USUAL}, where at least 3 times are needed."),
        (asked(3, 1), "apologise", f"3 {NOUGAT}, 3 {USUAL}, where at least 5 are needed."),
        (asked(1234, 2), "sell", f"1,234 {NOUGAT}, 617 {USUAL}, which rules it out."),
        (asked(0, 2), "apologise", f"no {ONE}, where at least 5 and at least 3 times are needed."),
        (asked(None), "apologise", f"how many {NOUGAT} there are is not known, since too little of the time before is known."),
        (
            asked(9, 1, product=""),
            "apologise",
            "how many complaint events of all customers with product as profile.product in the last 2 to 3 hours there are"
            " is not known, since profile.product is missing.",
        ),
    ],
)  # fmt: skip
async def test_a_trend_is_explained(request_: Request, campaign: str, words: str, tmp_path: Path) -> None:
    """Number, value, window, usual number and need, once for both tests of a trend; why nothing is known of it."""
    sentences = await say(tmp_path / "book", tmp_path / "tact.db", request_)
    assert sentences[campaign].startswith(f"{campaign} does not fit: {words}")


async def test_any_value(tmp_path: Path) -> None:
    """Of any value it says so; the window and what it is compared with are those of the condition."""
    sentences = await say(tmp_path / "book", tmp_path / "tact.db", asked(6, 4), ANY)
    assert sentences["apologise"].startswith(
        "apologise does not fit: 6 complaint events of all customers with any one product in the last 1 to 2 hours,"
        " 1.5 times the usual number of the 12 hours before, where at least 3 times are needed."
    )


async def test_what_would_change_it(tmp_path: Path) -> None:
    """The nearest change that brings it further, in the same words."""
    few = await say(tmp_path / "few", tmp_path / "few.db", asked(3, 1))
    assert few["apologise"].endswith(f" It would be chosen if there were 5 {NOUGAT} instead of 3.")
    usual = await say(tmp_path / "usual", tmp_path / "usual.db", asked(9, 6))
    assert usual["apologise"].endswith(
        f" It would be chosen if the {NOUGAT} were 3 {USUAL} instead of 1.5 times."
    )
    many = await say(tmp_path / "many", tmp_path / "many.db", asked(9, 1))
    assert many["sell"].endswith(f" if there were 4 {NOUGAT} instead of 9.")


@pytest.mark.parametrize(
    ("name", "after", "words"),
    [
        ("trend count of", 0, f"if there were no {ONE} instead of 9."),
        ("trend count of", None, f"if it were not known how many {NOUGAT} there are."),
        ("trend ratio of", None, f"if it were not known how many {NOUGAT} there are."),
    ],
)
async def test_other_changes(name: str, after: int | None, words: str, tmp_path: Path) -> None:
    """A number that falls to nothing, and one that is no longer known."""
    compiled = compiled_book(tmp_path / "book", BOOK)
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        explained = await explain(engine, asked(9, 1), only=["sell"])
    (campaign,) = explained.campaigns
    about = f"{name} complaint by product of profile.product within 2h against 7d"
    change = Change(ChangeKind.ATTRIBUTE, about, 9, after)
    counterfactual = Counterfactual(change, Reason(ReasonCode.CHOSEN, "sms"))
    text = counterfactual_sentence(counterfactual, compiled.book.timezone, campaign)
    assert text == f"It would be chosen {words}"
