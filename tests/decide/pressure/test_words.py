"""How a rule stood, in words."""

from zoneinfo import ZoneInfo

import pytest

from engine.explain.words import rule_in_words
from engine.model.decision import RuleKind, RuleReading

AT = 1_773_108_000_000_000  # 2026-03-10T10:00+08:00
CAP = RuleReading("c", "sms", "r", RuleKind.CAP, True, 2, 2, "calendar week", ("Asia/Shanghai",), AT)


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
        (CAP._replace(kind=RuleKind.GAP, window="2d", zones=()), "2d after the latest, until 2026-03-10T10:00+08:00"),
        (CAP._replace(kind=RuleKind.QUIET, window="21:00-08:00", counted=None, limit=None, blocks=False,
                      zones=("Asia/Shanghai", "Asia/Urumqi")),
         "21:00-08:00 in Asia/Shanghai and 1 other zone"),
    ],
)  # fmt: skip
def test_words(reading: RuleReading, words: str) -> None:
    """What was seen, where, and until when it holds back."""
    assert rule_in_words(reading, ZoneInfo("Asia/Shanghai")) == words
