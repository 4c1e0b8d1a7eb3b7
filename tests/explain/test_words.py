"""Reasons and rules in words."""

from zoneinfo import ZoneInfo

import pytest

from engine.explain.words import (
    line_of,
    ranks_in_words,
    rule_in_brief,
    rule_in_words,
    seen_in_words,
    sentence_of,
    summary_of,
    then_of,
)
from engine.model.decision import Lapsed, Reason, ReasonCode, RuleKind, RuleReading
from engine.model.instant import DAY

AT = 1_773_108_000_000_000  # 2026-03-10T10:00+08:00
CAP = RuleReading("c", "sms", "r", RuleKind.CAP, True, 2, 2, "calendar week", ("Asia/Shanghai",), AT)

PLACE = RuleReading(
    "c",
    "phone",
    "phone/capacity_each",
    RuleKind.CAPACITY,
    True,
    3,
    3,
    "calendar day at Lyon at Est",
    ("UTC",),
    AT,
)


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (CAP, "2 of 2 in calendar week in Asia/Shanghai, until 2026-03-10T10:00+08:00"),
        (CAP._replace(blocks=False, counted=1), "1 of 2 in calendar week in Asia/Shanghai"),
        (CAP._replace(window="rolling 7d", zones=(), next_allowed_at=AT + 1),
         "2 of 2 in rolling 7d, until 2026-03-10T10:00:00.000001+08:00"),
        (CAP._replace(limit=0, counted=0, zones=(), next_allowed_at=None, kind=RuleKind.LIMIT),
         "0 of 0 in calendar week, for more than 400 days"),
        (CAP._replace(kind=RuleKind.STOCK, counted=1000, limit=1000, window="", zones=(), next_allowed_at=None),
         "1,000 of 1,000 in all, until one is given back"),
        (CAP._replace(counted=5, window="rolling 7d", zones=(), next_allowed_at=None),
         "5 or more of 2 in rolling 7d, for more than 400 days"),
        (CAP._replace(kind=RuleKind.TOTAL, counted=7, limit=5, window="", zones=(), next_allowed_at=None),
         "7 of 5 in all, until one is given back"),
        (CAP._replace(kind=RuleKind.GAP, window="2d", zones=()), "2d after the latest, until 2026-03-10T10:00+08:00"),
        (CAP._replace(kind=RuleKind.QUIET, window="21:00-08:00", counted=None, limit=None, blocks=False,
                      zones=("Asia/Shanghai", "Asia/Urumqi")),
         "21:00-08:00 in Asia/Shanghai and Asia/Urumqi"),
        (CAP._replace(blocks=False, zones=tuple("ABCD")), "2 of 2 in calendar week in A, B, C and D"),
        (CAP._replace(blocks=False, zones=tuple("ABCDEFG")), "2 of 2 in calendar week in A, B, C and 4 more zones"),
        (CAP._replace(blocks=False, counted=0, window="rolling 7d", zones=(), lapsed=Lapsed(1, AT - DAY, AT)),
         "0 of 2 in rolling 7d: the contact of 2026-03-09T10:00+08:00 lapsed unreported at 2026-03-10T10:00+08:00"),
        (CAP._replace(blocks=False, counted=1, window="rolling 7d", zones=(), lapsed=Lapsed(1234, AT - DAY, AT)),
         "1 of 2 in rolling 7d: 1,234 contacts lapsed unreported, the latest, of 2026-03-09T10:00+08:00,"
         " at 2026-03-10T10:00+08:00"),
        (CAP._replace(kind=RuleKind.GAP, blocks=False, counted=0, window="2d", zones=(), lapsed=Lapsed(1, AT - DAY, AT)),
         "2d after the latest: the contact of 2026-03-09T10:00+08:00 lapsed unreported at 2026-03-10T10:00+08:00"),
        (PLACE, "Lyon at Est has taken 3 of 3 in calendar day in UTC, until 2026-03-10T10:00+08:00"),
        (PLACE._replace(blocks=False, counted=0), "Lyon at Est has taken 0 of 3 in calendar day in UTC"),
        (PLACE._replace(counted=0, limit=0, next_allowed_at=None), "Lyon at Est takes none"),
        (PLACE._replace(counted=0, limit=0, window="calendar day, and no place is known", next_allowed_at=None),
         "the customer's nearest place is not known"),
        (CAP._replace(zones=(), lapsed=Lapsed(1, AT - DAY, AT)),
         "2 of 2 in calendar week, until 2026-03-10T10:00+08:00"),
    ],
)  # fmt: skip
def test_words(reading: RuleReading, words: str) -> None:
    """What was seen, where, and until when it holds back."""
    assert rule_in_words(reading, ZoneInfo("Asia/Shanghai")) == words


@pytest.mark.parametrize(
    ("kind", "counted", "limit", "window", "words"),
    [
        (RuleKind.CAP, 1, 2, "rolling 7d", "1 of 2 in rolling 7d"),
        (RuleKind.GAP, 1, 1, "2d", "1 of 1 in 2d"),
        (RuleKind.CAP, 5, 5, "rolling 7d", "5 of 5 in rolling 7d"),
        (RuleKind.CAP, 6, 5, "rolling 7d", "6+ of 5 in rolling 7d"),
        (RuleKind.PAUSE, 1, 1, "30d", "1 of 1 outcomes, a pause of 30d"),
        (
            RuleKind.STOP,
            1,
            1,
            "after converted for 30d",
            "1 of 1 outcomes, stops after converted for 30d",
        ),
        (RuleKind.STOCK, 7, 1000, "", "7 of 1000 in all"),
        (RuleKind.QUIET, 0, 0, "21:00-08:00", "21:00-08:00"),
        (RuleKind.CONSENT, 0, 0, "withdrawn 2026-03-10", "withdrawn 2026-03-10"),
    ],
)
def test_words_in_brief(kind: RuleKind, counted: int, limit: int, window: str, words: str) -> None:
    """For a list, without zones and moments."""
    assert rule_in_brief(kind, counted, limit, window) == words


CAMPAIGN_CODES = sorted(set(ReasonCode) - {ReasonCode.FALLBACK, ReasonCode.DEGRADED})
"""The reasons that a campaign can have."""


@pytest.mark.parametrize("code", CAMPAIGN_CODES)
def test_each_reason_of_a_campaign_has_words(code: ReasonCode) -> None:
    """No reason falls back to its bare code where a sentence is told."""
    reason = Reason(code, "name")
    assert not sentence_of(reason).startswith("fell at ")
    assert summary_of(code) != code.replace("_", " ") or code is ReasonCode.CHOSEN
    assert line_of(reason)
    assert "{" not in sentence_of(reason) + line_of(reason) + then_of(reason) + summary_of(code)


@pytest.mark.parametrize(
    ("ranks", "words"),
    [
        ((1, 5.0, 2, 1.0), " (tier 1 against 2)"),
        ((1, 5.0, 1, 7.5), " (score 5 against 7.5)"),
        ((1, 1.0, 1, 1.0), " (score 1 for both, a tie that a hash of the customer's id breaks)"),
        ((0, None, 0, 0.0), " (score 0 for both, a tie that a hash of the customer's id breaks)"),
        ((1, 1.0, 1, 1.0000001), " (score 1 against 1.0000001)"),
        ((1, 0.1, 1, 0.1 + 2**-56), " (score 0.10000000000000001 against 0.10000000000000002)"),
        ((1, 2.0**60, 1, 2.0**60 + 256), " (score 1.152921504606847e+18 against 1.1529215046068472e+18)"),
    ],
)
def test_ranks_say_where_they_differ(ranks: tuple[int, float | None, int, float | None], words: str) -> None:
    """Or that they do not, and what decides then; never the same number on both sides."""
    assert ranks_in_words(*ranks) == words


def test_nothing_is_said_to_be_empty() -> None:
    """An empty list, or text, where a sentence needs a word."""
    assert [seen_in_words(value) for value in ((), "", (4, 8), 0)] == ["empty", "empty", "4, 8", "0"]
