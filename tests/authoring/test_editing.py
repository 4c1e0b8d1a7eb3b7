"""What an editor shows and changes: completion, hover, fixes, lenses."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.authoring.analyse import analyse
from engine.authoring.complete import complete
from engine.authoring.edits import edited
from engine.authoring.fixes import fixes
from engine.authoring.hover import hover
from engine.authoring.lenses import Reach, ReachSummary, lenses, read_summary, summary_text, write_summary
from engine.authoring.place import cut
from engine.authoring.schema import schema
from engine.rulebook.report.diagnostics import Severity
from tests.authoring.books import BOOKS, analysis, contents

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXT = """book: {name: b, timezone: UTC}
attributes:
  profile.age: {type: integer}
  profile.city: {type: text, one_of: [x, y]}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
audiences:
  young: {profile.age: {lt: 30}}
  mixed: {any: [{audience: young}, {none: [{profile.city: x}]}], weather.is_day: true}
offers:
  socks: {name: Socks, content: {default: {title: "{profile.age|0} socks"}}}
campaigns:
  c:
    offer: socks
    placements: [hero]
    when: {audience: young}
"""
RESULT = analyse({"book.yaml": TEXT.encode()})
WHOLE = schema(RESULT.data)


def labels(text: str) -> set[str]:
    """What is offered at the mark ¦ in the text."""
    lines = text.split("\n")
    line = next(number for number, content in enumerate(lines) if "¦" in content)
    column = lines[line].index("¦")
    lines[line] = lines[line].replace("¦", "")
    result = complete(WHOLE, lines, line, column)
    return {item.label for item in result.items} if result else set()


@pytest.mark.parametrize(
    ("before", "after", "offered"),
    [
        ("offer: socks", "offer: s¦", {"socks"}),
        ("offer: socks", "¦", {"offer", "tier", "variants"}),
        ("placements: [hero]", "placements: [¦]", {"hero"}),
        ("placements: [hero]", "placements: ¦", {"hero"}),
        ("audience: young", "audience: ¦", {"young", "mixed"}),
        ("{audience: young}", "{¦}", {"audience", "any", "profile.age", "weather.is_day", "behaviour"}),
        ("{audience: young}", "{profile.age: {¦}}", {"lt", "between", "exists"}),
        ("{audience: young}", "{profile.city: ¦}", {"x", "y"}),
        ("{audience: young}", "{profile.city: {in: [¦]}}", {"x", "y"}),
        ("{audience: young}", "{contact: {outcome: ¦}}", {"clicked", "none"}),
        ("{audience: young}", "\n      ¦", {"audience", "profile.age"}),
        ("{profile.age|0} socks", "{prof¦", {"profile.age", "profile.city", "offer.price"}),
        ("{type: integer}", "{type: ¦}", {"integer", "list of text"}),
        ("campaigns:", "¦", {"pressure", "layers"}),
        ("kind: inbound", "kind: ¦", {"inbound", "outbound"}),
    ],
)
def test_what_can_be_written_is_offered(before: str, after: str, offered: set[str]) -> None:
    """Keys, names, attributes, operators and values, in every position where one can stand."""
    assert offered <= labels(TEXT.replace(before, after, 1))


def test_purposes_of_other_channels_are_offered() -> None:
    """What customers agree to is a name that nothing declares: those that the book has already, and that none is needed."""
    whole = schema(
        {"channels": {"mail": {"kind": "outbound", "consent": "newsletter"}, "web": {"kind": "inbound"}}}
    )
    result = complete(whole, ["channels:", "  sms:", "    consent: "], 2, len("    consent: "))
    assert result is not None
    assert {item.label for item in result.items} == {"newsletter", "not_needed"}


def test_keys_that_are_there_are_not_offered_again() -> None:
    """And a name is not offered where no name of its section can stand."""
    offered = labels(TEXT.replace("    offer: socks", "    ¦\n    offer: socks"))
    assert "tier" in offered
    assert not {"offer", "when", "socks", "hero"} & offered


@pytest.mark.parametrize("book", BOOKS[::3])
def test_a_word_that_is_cut_out_of_a_shipped_book_is_found_where_it_was(book: str) -> None:
    """The path of keys and of values, in block and in flow style."""
    result, chance = analysis(book), random.Random(book)
    for file, entries in result.by_file.items():
        for line, column, path, key in chance.sample(entries, min(25, len(entries))):
            source = result.lines[file][line - 1][column - 1 :]
            if key and source[0] not in "*\"'-":
                word = cut(result.lines[file], line - 1, column)
                assert word is not None
                assert (word.path, word.key) == (path[:-1], True)


@QUICK
@given(st.text(max_size=60), st.integers(0, len(TEXT)), st.integers(0, 20), st.integers(0, 80))
def test_nothing_that_is_typed_makes_completion_or_hover_raise(
    typed: str, at: int, line: int, column: int
) -> None:
    """Whatever stands in the file, and wherever the cursor is, also where nothing is."""
    text = TEXT[:at] + typed + TEXT[at:]
    result = analyse({"book.yaml": text.encode("utf-8", "replace")})
    lines = result.lines.get("book.yaml", [])
    if line < len(lines):
        complete(WHOLE, lines, line, min(column, len(lines[line])))
    hover(result, WHOLE, "book.yaml", line, column)
    for diagnostic in result.diagnostics:
        list(fixes(diagnostic))


def test_a_name_says_what_it_means_and_who_uses_it() -> None:
    """An audience in words, the text of its entry, and the entries that use it; a key what it is for."""
    line = next(number for number, text in enumerate(TEXT.split("\n"), 1) if "mixed" in text)
    known = hover(RESULT, WHOLE, "book.yaml", line, 4)
    assert known is not None
    assert "(audience young or not (profile.city eq x)) and weather.is_day eq true" in known.text
    assert "used by nothing" in known.text
    young = hover(RESULT, WHOLE, "book.yaml", line - 1, 4)
    assert young is not None
    assert "used by `audiences/mixed`, `campaigns/c`" in young.text
    assert "young: {profile.age: {lt: 30}}" in young.text
    key = hover(RESULT, WHOLE, "book.yaml", TEXT[: TEXT.index("    offer")].count("\n") + 1, 6)
    assert key is not None
    assert key.text == "**offer**: The offer."


def test_every_fix_of_a_remark_takes_it_away() -> None:
    """Of the linter's notes the comment that ignores them, and of a comment that ignores nothing its deletion."""
    text = TEXT.replace("    offer: socks", "    offer: socks  # tact: ignore unused, tie")
    seen = 0
    for remark in analyse({"book.yaml": text.encode()}).diagnostics:
        for fix in fixes(remark):
            after = analyse(edited({"book.yaml": text.encode()}, fix.edits)).diagnostics
            assert (remark.line, remark.code, remark.message) not in {
                (other.line, other.code, other.message) for other in after
            }
            seen += 1
    assert seen >= 3


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("audience: young", "audience: yung"),
        ("offer: socks", "ofer: socks"),
        ("{lt: 30}", "{lte_: 30}"),
        ("inbound", "inbuond"),
        ("{profile.age|0}", "{profile.aeg|0}"),
        ("placements: [hero]", "placements: [her]"),
        ("    when:", "    wehn:"),
    ],
)
def test_the_fix_of_a_misspelt_word_mends_the_book(right: str, wrong: str) -> None:
    """In keys, names, operators, values and placeholders; the rest of the line stays."""
    text = TEXT.replace(right, wrong, 1)
    first = next(
        error
        for error in analyse({"book.yaml": text.encode()}).diagnostics
        if error.severity is Severity.ERROR
    )
    mended = edited({"book.yaml": text.encode()}, next(fixes(first)).edits)["book.yaml"].decode()
    assert mended == (TEXT.replace("{lt: 30}", "{lte: 30}") if "lte_" in wrong else TEXT)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("timezone: UTC", "timezone: UTC, locale: en_GB.UTF-8"),
        ("timezone: UTC", "timezone: UTC, locale: jp-JP"),
        ("{profile.age|0}", "{profile.age:money eur|0}"),
        ("    when:", "    stop: {buyed: 3d}\n    when:"),
    ],
)
def test_the_fix_of_a_code_mends_the_book(right: str, wrong: str) -> None:
    """Languages, countries, currencies and outcomes that are nearly one that exists."""
    text = TEXT.replace(right, wrong, 1)
    (error,) = (
        error
        for error in analyse({"book.yaml": text.encode()}).diagnostics
        if error.severity is Severity.ERROR
    )
    mended = edited({"book.yaml": text.encode()}, next(fixes(error)).edits)
    assert analyse(mended).book is not None, error


def test_lenses_show_the_summary_that_was_written(tmp_path: Path) -> None:
    """At each campaign that it knows; what is no summary counts as none."""
    assert read_summary(tmp_path) is None
    summary = ReachSummary(7, 200, {"c": Reach(24, 1), "gone": Reach(1, 0)})
    path = write_summary(tmp_path, summary_text(summary))
    assert read_summary(tmp_path) == summary
    ((here, words),) = lenses(RESULT, "book.yaml", summary)
    assert (here.line, words) == (
        TEXT[: TEXT.index("  c:")].count("\n") + 1,
        "reach 12 % of 7 days, 1 scenario",
    )
    for broken in ("", "[]", '{"campaigns": 3}', '{"campaigns": {"c": 3}, "days": 1, "persons": 1}'):
        path.write_text(broken, encoding="utf-8")
        assert read_summary(tmp_path) is None


def test_a_large_file_is_completed_by_the_entry_around_the_word() -> None:
    """Of 400 lines and more the rest is not read, and the result is the same."""
    text = contents("cosmetics-cn")["campaigns.yaml"].decode().split("\n")
    many = text + [""] + [line.replace("rich-cream", f"c{n}") for n in range(5) for line in text[1:]]
    line = next(number for number, content in enumerate(many) if content.strip().startswith("offer:"))
    column = many[line].index("offer:") + 7
    assert len(many) > 400
    (small, large) = cut(text, line, column), cut(many, line, column)
    assert small == large
    assert small is not None
    assert small.path[-1] == "offer"
