"""The length of short messages, by the numbers of 3GPP TS 23.038 and 23.040."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rulebook.content.sms import Alphabet, Length, length, longest
from engine.rulebook.model.book import Attribute, AttributeType, Placeholder, Template

GSM, UCS = Alphabet.GSM_7, Alphabet.UCS_2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Length(GSM, 0, 1)),
        ("a" * 160, Length(GSM, 160, 1)),
        ("a" * 161, Length(GSM, 161, 2)),
        ("a" * 306, Length(GSM, 306, 2)),
        ("a" * 307, Length(GSM, 307, 3)),
        ("€" * 80, Length(GSM, 160, 1)),
        ("€" * 81, Length(GSM, 162, 2)),
        ("€" * 152, Length(GSM, 304, 2)),
        ("€" * 153, Length(GSM, 306, 3)),
        ("[{~}]^|\\\f", Length(GSM, 18, 1)),
        ("Àé", Length(UCS, 2, 1)),
        ("èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà", Length(GSM, 38, 1)),
        ("好" * 70, Length(UCS, 70, 1)),
        ("好" * 71, Length(UCS, 71, 2)),
        ("好" * 134, Length(UCS, 134, 2)),
        ("好" * 135, Length(UCS, 135, 3)),
        ("😀" * 35, Length(UCS, 70, 1)),
        ("😀" * 36, Length(UCS, 72, 2)),
        ("😀" * 66, Length(UCS, 132, 2)),
        ("😀" * 67, Length(UCS, 134, 3)),
        ("ç", Length(UCS, 1, 1)),
    ],
)
def test_lengths(text: str, expected: Length) -> None:
    """The limits are 160 and 153 septets, 70 and 67 units; escapes and surrogate pairs take two and are never split."""
    assert length(text) == expected


@given(st.text(), st.characters())
def test_more_text_is_never_shorter(text: str, more: str) -> None:
    """A character more never makes fewer segments."""
    assert length(text + more).segments >= length(text).segments


def test_the_longest_known_values() -> None:
    """Choices, bounds and truth values count with their longest, a value of no known length with its fallback."""
    attributes = {
        attribute.name: attribute
        for attribute in (
            Attribute("profile.tier", AttributeType.TEXT, one_of=frozenset({"gold", "bronze"})),
            Attribute("profile.age", AttributeType.INTEGER, -5, 130),
            Attribute("profile.vip", AttributeType.BOOLEAN),
            Attribute("profile.born", AttributeType.DATE),
            Attribute("profile.name", AttributeType.TEXT),
        )
    }
    names = ("tier", "age", "vip", "born", "name", "name")
    parts = tuple(Placeholder(f"profile.{name}", "you" if name == "name" else None) for name in names)
    assert longest(Template(("To ", *parts)), attributes) == (
        "To bronze130false2026-03-01youyou",
        ("profile.name",),
    )


def test_a_short_value_beyond_gsm_7_can_be_the_longest() -> None:
    """A shorter value that brings the message to UCS-2 counts where it takes more segments."""
    attributes = {
        "profile.city": Attribute(
            "profile.city", AttributeType.TEXT, one_of=frozenset({"Kraków", "Warszawa"})
        )
    }
    text, _ = longest(Template(("a" * 65, Placeholder("profile.city", None))), attributes)
    assert text == "a" * 65 + "Kraków"
    text, _ = longest(Template(("a" * 155, Placeholder("profile.city", None))), attributes)
    assert length(text).segments == 3
