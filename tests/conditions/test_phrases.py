"""A whole condition in one line, as explanations have those of pressure rules."""

import pytest

from engine.conditions.model import ALWAYS, All, Any_, Audience, Condition, None_, Operator, Test
from engine.conditions.trace import phrase_of

GOLD = Test("profile.tier", Operator.EQ, "gold")
ADULT = Test("profile.age", Operator.GTE, 18)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (ALWAYS, "always"),
        (GOLD, "profile.tier eq gold"),
        (All((GOLD, ADULT)), "profile.tier eq gold and profile.age gte 18"),
        (
            All((GOLD, Any_((ADULT, GOLD)))),
            "profile.tier eq gold and (profile.age gte 18 or profile.tier eq gold)",
        ),
        (
            Any_((GOLD, All((ADULT, GOLD)))),
            "profile.tier eq gold or (profile.age gte 18 and profile.tier eq gold)",
        ),
        (
            All((GOLD, None_((ADULT, GOLD)))),
            "profile.tier eq gold and none of (profile.age gte 18, profile.tier eq gold)",
        ),
        (Audience("gold", GOLD), "audience gold"),
    ],
)
def test_a_condition_in_one_line(condition: Condition, text: str) -> None:
    """Groups of several stand in brackets inside of others; an audience is named."""
    assert phrase_of(condition) == text
