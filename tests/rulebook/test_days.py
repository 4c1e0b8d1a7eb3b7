"""Days are written YYYY-MM-DD and in no other form of ISO 8601, by books, requests, scenarios and context files."""

import pytest

from engine.api.v1.values_pb2 import Value
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text.datetimes import parse_date
from engine.rulebook.text.regions import wrong_tag
from engine.wire.values import READERS

OTHER_FORMS = ("2026-W10-1", "2026W101", "20260302", "2026-061", "2026-3-2", "31/12/2026")


@pytest.mark.parametrize("text", OTHER_FORMS)
def test_other_forms_of_a_day_are_refused(text: str) -> None:
    """Python reads week dates and dates without hyphens; Tact does not."""
    with pytest.raises(ParseError, match="not a date"):
        parse_date(text)
    with pytest.raises(ValueError, match="must be a day as YYYY-MM-DD"):
        READERS["date"](Value(date=text).date)


@pytest.mark.parametrize(
    "tag",
    [
        "de",
        "en-GB",
        "zh-Hant-TW",
        "es-419",
        "sl-rozaj-biske-1994",
        "de-DE-u-co-phonebk",
        "sq-XK",
        "en-EU",
        "gsw-CH",
    ],
)
def test_tags_of_bcp_47_are_languages(tag: str) -> None:
    """Scripts, regions, variants, extensions and private use are parts of a tag."""
    assert wrong_tag(tag) is None
