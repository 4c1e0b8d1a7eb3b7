"""Positions of the protocol count in UTF-16, and lines otherwise than YAML does."""

from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from pygls.workspace import PositionCodec

from engine.lsp.convert import EditedText

UNITS = PositionCodec("utf-16").client_num_units
TEXTS = st.text(st.sampled_from("ab茶🍵é\u2028\x85\n\r \t"), max_size=40)


@given(TEXTS, st.integers(0, 60))
def test_a_place_and_its_position_lead_to_each_other(text: str, offset: int) -> None:
    """Behind any characters, and over line breaks of all kinds; the position is the one that an editor means."""
    converted = EditedText(text, UNITS)
    offset = min(offset, len(text))
    before = text[:offset]
    if before.endswith("\r") and text[offset : offset + 1] == "\n":
        return  # inside of a line break
    lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    position = types.Position(len(lines) - 1, len(lines[-1].encode("utf-16-le")) // 2)
    assert converted.position(*converted.line_and_column(position)) == position
    line, column = converted.line_and_column(position)
    own = converted.lines
    assert sum(map(len, own[: line - 1])) <= offset
    assert own[line - 1][: column - 1] == "" or before.endswith(own[line - 1][: column - 1])


def test_a_position_behind_the_text_is_its_end() -> None:
    """Editors and servers may be a change apart."""
    text = EditedText("ab\n茶", UNITS)
    assert text.line_and_column(types.Position(9, 9)) == (2, 2)
    assert text.line_and_column(types.Position(0, 99)) == (1, 3)
    assert text.position(7, 7) == types.Position(1, 1)
