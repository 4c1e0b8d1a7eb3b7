"""Distances from now, anniversaries and other attributes in explanations, in the log, and as changes that come true."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.explain import explain
from engine.explain.sentences import sentence
from engine.model.instant import from_datetime
from engine.model.request import Request
from engine.model.values import Value
from tests.books import compiled_book
from tests.explain.engines import changed_request, engine_on, stage
from tests.logs import sqlite_log
from tests.replays import assert_replays

NOW = from_datetime(datetime(2026, 3, 10, 10, 30, tzinfo=UTC))
BOOK = """
book: {name: dates, timezone: UTC, salt: s}
attributes:
  profile.born: {type: date}
  profile.ends: {type: date}
  profile.login: {type: time}
  profile.used: {type: number}
  profile.limit: {type: integer}
channels: {web: {kind: inbound}}
offers: {news: {name: News}}
campaigns:
  WHENS
"""
WHENS = {
    "coming": ("{profile.ends: {in_next: 2w}}", "profile.ends in_next 2w does not hold, it is 2026-03-10"),
    "long-ago": ("{profile.login: {more_than_ago: 36h}}", "profile.login more_than_ago 36h does not hold, it is missing"),
    "lately": ("{profile.ends: {less_than_ago: 1d}}", "profile.ends less_than_ago 1d does not hold, it is 2026-03-10"),
    "over": ("{profile.ends: {after: today}}", "profile.ends after today does not hold, it is 2026-03-10"),
    "birthday": ("{profile.born: {anniversary: today}}", "profile.born anniversary today does not hold, it is 1990-02-12"),
    "soon": (
        "{profile.born: {anniversary: {within: 1w}}}",
        "profile.born anniversary within 1w does not hold, it is 1990-02-12",
    ),
    "too-much": (
        "{profile.used: {gt: {attribute: profile.limit}}}",
        "profile.used gt profile.limit (5) does not hold, it is 4.5",
    ),
}  # fmt: skip
TEXT = "{profile.born.days_to_anniversary|many} days to go"
GIVEN: dict[str, Value] = {
    "profile.born": date(1990, 2, 12),
    "profile.ends": date(2026, 3, 10),
    "profile.used": 4.5,
    "profile.limit": 5,
    "profile.time_zone": "Pacific/Kiritimati",  # where it is the 11th
}


def book_of(tmp_path: Path, text: str = TEXT) -> CompiledBook:
    """A book with a campaign for each condition."""
    content = json.dumps({"default": {"text": text}})
    lines = [
        f"{name}: {{offer: news, channels: [web], when: {when}, variants: {{only: {{content: {content}}}}}}}"
        for name, (when, _) in WHENS.items()
    ]
    return compiled_book(tmp_path / "book", BOOK.replace("WHENS", "\n  ".join(lines)))


async def test_in_words_and_what_would_change_it(tmp_path: Path) -> None:
    """Each test is told as the book writes it, with both values; the changes that are proposed come true."""
    compiled = book_of(tmp_path)
    request = Request("ann", NOW, GIVEN, channels=("web",))
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        explained = await explain(engine, request, counterfactuals=True)
        for campaign in explained.campaigns:
            expected = WHENS[campaign.campaign][1]
            text = sentence(campaign, compiled.book.timezone)
            assert text.startswith(f"{campaign.campaign} does not fit: {expected}. It would "), text
            change = campaign.counterfactuals[0].change
            changed = changed_request(request, change, compiled)
            reason = await stage(engine, changed, campaign.campaign)
            assert reason == campaign.counterfactuals[0].then, text
    assert len(explained.campaigns) == len(WHENS)


async def test_the_other_attribute_may_be_what_is_missing(tmp_path: Path) -> None:
    """Then the test is unknown, and the explanation says which."""
    compiled = book_of(tmp_path)
    given = {name: value for name, value in GIVEN.items() if name != "profile.limit"}
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        explained = await explain(engine, Request("ann", NOW, given, channels=("web",)), counterfactuals=True)
    too_much = next(campaign for campaign in explained.campaigns if campaign.campaign == "too-much")
    assert too_much.condition is not None
    assert too_much.condition.verdict == "unknown"
    assert "profile.used gt profile.limit (missing) does not hold" in sentence(
        too_much, compiled.book.timezone
    )


@pytest.mark.parametrize(
    ("born", "days"), [(date(1990, 3, 11), "0"), (date(1990, 3, 18), "7"), (None, "many")]
)
async def test_texts_and_the_log(tmp_path: Path, born: date | None, days: str) -> None:
    """Texts show the days by the customer's clock; the log has all that was read, and gives the same bytes again."""
    compiled = compiled_book(
        tmp_path / "book",
        BOOK.replace("WHENS", f'birthday: {{offer: news, channels: [web], when: {WHENS["too-much"][0]}, '
                     f'variants: {{only: {{content: {{default: {{text: "{TEXT}"}}}}}}}}}}'),
    )  # fmt: skip
    given = {name: value for name, value in GIVEN.items() if name not in ("profile.born", "profile.used")}
    given |= {"profile.used": 6.0} | ({"profile.born": born} if born else {})
    log = sqlite_log(tmp_path)
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        await engine.keep_book(NOW)
        decision = await engine.decide(Request("ann", NOW, given, channels=("web",)))
        assert decision.offers[0].content == {"text": f"{days} days to go"}
    ((inputs,),) = log.rows("select inputs from decisions")
    read = json.loads(inputs)["attributes"]
    assert {"profile.used", "profile.limit", "profile.time_zone"} <= read.keys()
    assert ("profile.born" in read) is (born is not None)
    assert assert_replays(log.url) == 1
