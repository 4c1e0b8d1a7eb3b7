"""What an editor learns of the files of a book, whatever is in them."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.authoring.analyse import analyse
from engine.authoring.documents import Documents
from engine.authoring.names import occurrence_of
from engine.rulebook.load import load_files
from engine.rulebook.model.derived import RFM
from engine.rulebook.report.findings import Superseded
from tests.authoring.books import BOOKS, analysis, contents

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BASE = b"""
book: {name: b, timezone: UTC}
attributes: {profile.age: {type: integer}}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
offers: {socks: {name: Socks, content: {default: {title: "{profile.age|0} socks"}}}}
audiences: {young: {profile.age: {lt: 30}}}
campaigns: {c: {offer: socks, placements: [hero], when: {audience: young}}}
"""


@QUICK
@given(st.binary(max_size=80), st.text(max_size=80), st.integers(0, len(BASE)))
def test_no_content_makes_an_analysis_raise(junk: bytes, text: str, cut: int) -> None:
    """Neither bytes, nor text, nor a file that is cut off anywhere and goes on with them."""
    for content in (junk, text.encode("utf-8", "replace"), BASE[:cut] + junk, BASE[:cut] + text.encode()):
        result = analyse({"a.yaml": content, "b.yaml": BASE})
        assert result.book is None or not [error for error in result.diagnostics if error.severity == "error"]
        for use in result.uses:
            occurrence_of(result, use)


@pytest.mark.parametrize("book", BOOKS)
def test_every_use_in_the_shipped_books_is_found_in_the_text(book: str) -> None:
    """Each name that was looked up stands where the analysis says, unless an alias repeats it or `rfm` implies it."""
    result = analysis(book)
    assert result.book is not None
    for use in result.uses:
        here = occurrence_of(result, use)
        if here is None:
            file, line, column = (result.keys if use.key else result.values)[result.written(use)]
            assert use.path[-1] in RFM or result.lines[file][line - 1][column - 1] == "*"
        else:
            written = result.lines[here.file][here.line - 1][here.column - 1 :][: here.length]
            assert written == use.target[-1]


def test_files_that_did_not_change_are_not_read_again_and_say_the_same() -> None:
    """The second analysis composes only the changed file, and gives what an analysis without documents gives."""
    files, documents = contents("cosmetics-cn"), Documents()
    first = analyse(files, documents=documents)
    kept = dict(documents.kept)
    changed = {**files, "more.yaml": b"audiences: {everybody: {profile.age: {gte: 0}}}"}
    second = analyse(changed, documents=documents)
    assert [document for key, document in documents.kept.items() if key in kept] == list(kept.values())
    assert len(documents.kept) == len(kept) + 1
    assert second.diagnostics == analyse(changed).diagnostics
    again = analyse(files, documents=documents)
    assert (again.book, again.diagnostics) == (first.book, first.diagnostics)


def test_a_misspelt_name_carries_its_suggestion_and_its_length() -> None:
    """Programs read what to write from fields, and need not parse the hint."""
    changed = BASE.replace(b"audience: young", b"audience: yuong")
    (error,) = [error for error in load_files({"a.yaml": changed}).diagnostics if error.severity == "error"]
    assert (error.word, error.suggestion, error.length) == ("yuong", "young", 5)
    assert error.source[error.column - 1 :].startswith("yuong")


def test_an_analysis_stops_when_there_is_newer_text() -> None:
    """In the middle of the work, not only at its end; without newer text it says what it always says."""
    answers = iter([False] * 20)
    with pytest.raises(Superseded):
        analyse(contents("cosmetics-cn"), superseded=lambda: next(answers, True))
    assert next(answers, None) is None
    assert (
        analyse(contents("cosmetics-cn"), superseded=bool).diagnostics == analysis("cosmetics-cn").diagnostics
    )
