"""Languages and formats, by the tables of their page in the reference."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.values import Value
from engine.rulebook.content.formats import FITTING, FormatError, parse_format, written
from engine.rulebook.model.book import AttributeType, FormatKind, ValueFormat
from engine.rulebook.text.languages import accepted, nearest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "languages.md"
_DIRECTION = ("\u200e", "\u200f", "\u061c")


def rows(header: str) -> list[list[str]]:
    """The rows of the table with this header, without their code quotes."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition(f"{header}\n")
    lines = table.partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]


MATCHES = rows("| customer | content | gets | since |")
HEADERS = rows("| header | languages |")
FORMATS = rows("| format | value | `en` | `en-GB` | `fr` | `de-CH` | `zh-CN` | `pt-BR` | `ar` | `hi` |")
TAGS = ("en", "en-GB", "fr", "de-CH", "zh-CN", "pt-BR", "ar", "hi")


def test_the_table_of_cases_is_long() -> None:
    """As many cases as the rules need, so that none of them is left to guess."""
    assert (len(MATCHES) >= 60, len(HEADERS) >= 10, len(FORMATS) >= 12) == (True, True, True)


@pytest.mark.parametrize(("requested", "offered", "expected", "_since"), MATCHES)
def test_the_nearest_language(requested: str, offered: str, expected: str, _since: str) -> None:
    """Each row of the page, in any order and case of the content's tags."""
    tags = offered.lower().split(", ")
    assert (nearest(frozenset(tags), requested) or "none") == expected.lower()


@pytest.mark.parametrize(("header", "expected"), HEADERS)
def test_accept_language(header: str, expected: str) -> None:
    """Each row of the page."""
    assert (", ".join(accepted(header)) or "none") == expected


def test_hostile_headers_are_cut() -> None:
    """Long headers cost no more than their beginning."""
    assert len(accepted("de," * 100_000)) == 50
    assert accepted("x" * 100_000) == ()
    assert nearest(frozenset({"en"}), "en-" * 50_000) is None


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: f"{row[0]} {row[1]}")
def test_formats(row: list[str]) -> None:
    """Each row of the page; there ⍽ is a no-break space, and marks of direction are left out."""
    name, text, *cells = row
    value_format = parse_format(name, lambda word, candidates: "")
    assert isinstance(value_format, ValueFormat)
    for tag, cell in zip(TAGS, cells, strict=True):
        shown = written(_value(value_format, text), value_format, tag)
        for mark in _DIRECTION:
            shown = shown.replace(mark, "")
        assert re.sub("[\u00a0\u202f]", "⍽", shown) == cell


def _value(value_format: ValueFormat, text: str) -> Value:
    if value_format.kind is FormatKind.DATE:
        return date.fromisoformat(text)
    return text if value_format.kind is FormatKind.URL else float(text)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (1e300, "1" + ",000" * 100),
        (10**25, "10" + ",000" * 8),
        (-0.0, "0"),
        (-0.0001, "0"),
        (5e-324, "0"),
        (-12.5, "-12.5"),
    ],
)
def test_numbers_of_any_size(number: float, shown: str) -> None:
    """All digits of large numbers; no negative zero."""
    assert written(number, ValueFormat(FormatKind.NUMBER), "en") == shown


def test_a_language_without_data_is_written_as_english() -> None:
    """As are private tags; a region without data is left out."""
    money = ValueFormat(FormatKind.MONEY, currency="EUR")
    for tag in ("tlh", "x-mine", "qqq-QQ", "en-QQ"):
        assert written(2.5, money, tag) == "€2.50"
    assert written(2.5, money, "de-x-mine") == written(2.5, money, "de-QQ") == "2,50\u00a0€"


def test_values_of_another_type_are_as_they_are() -> None:
    """What is exposed by an event may be of any type."""
    assert written("soon", ValueFormat(FormatKind.DATE), "fr") == "soon"
    assert written(True, ValueFormat(FormatKind.NUMBER), "fr") == "true"


def test_links_take_whatever_a_text_can_show() -> None:
    """All types but lists and times, as the table of formats says; versions and addresses too."""
    others = {kind for kind in AttributeType if kind is AttributeType.TIME or kind.startswith("list of ")}
    assert FITTING[FormatKind.URL] == set(AttributeType) - others


def _tags() -> Iterator[str]:
    for requested, offered, *_ in MATCHES:
        yield requested
        yield from offered.split(", ")


tags = st.sampled_from(sorted({tag.replace("_", "-").split(".")[0].split("@")[0].lower() for tag in _tags()}))


@given(requested=tags, offered=st.frozensets(tags, min_size=1, max_size=6))
def test_the_tag_itself_always_wins(requested: str, offered: frozenset[str]) -> None:
    """What is found is offered; the tag itself is found where it is offered; more languages never take the answer away."""
    tag = nearest(offered, requested)
    assert tag is None or tag in offered
    assert requested not in offered or tag == requested
    assert tag is None or nearest(offered | {"en"}, requested) is not None


@given(st.text(max_size=40))
def test_any_text_is_read(text: str) -> None:
    """No tag and no header is too strange, and no format."""
    assert nearest(frozenset({"en", "zh-hant"}), text) in (None, "en", "zh-hant")
    assert all(accepted(text))
    assert isinstance(parse_format(text, lambda word, candidates: ""), ValueFormat | FormatError)
