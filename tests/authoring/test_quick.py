"""Errors of a large book before it is analysed as a whole."""

import pytest

from engine.authoring.analyse import Analysis, analyse
from engine.authoring.documents import Documents
from engine.authoring.quick import MANY_CAMPAIGNS, changed_diagnostics, is_large
from engine.rulebook.report.diagnostics import Diagnostic, Severity

HEAD = b"""book: {name: b, timezone: UTC}
attributes: {profile.age: {type: integer}}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
audiences: {young: {profile.age: {lt: 30}}}
offers: {socks: {name: Socks, price: 1.5, content: {default: {title: 1.50}}}}
pressure: {caps: {few: {limit: 1, per: rolling 7d, count: {campaign: c7}}}}
"""
FILES = {
    "book.yaml": HEAD,
    **{
        f"{letter}.yaml": b"campaigns:\n"
        + b"".join(
            b"  %s%d:\n    offer: socks\n    placements: [hero]\n    tier: %d\n    when: {audience: young}\n"
            % (letter.encode(), number, number)
            for number in range(MANY_CAMPAIGNS // 2)
        )
        for letter in "cd"
    },
}
DOCUMENTS = Documents()


@pytest.fixture(scope="module")
def before() -> Analysis:
    """The book without mistakes."""
    return analyse(FILES, documents=DOCUMENTS)


def errors(diagnostics: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    """Without warnings and notes."""
    return [diagnostic for diagnostic in diagnostics if diagnostic.severity is Severity.ERROR]


def test_the_book_is_large_and_has_no_error(before: Analysis) -> None:
    """So that the others say something."""
    assert is_large(before)
    assert before.book is not None
    assert errors(changed_diagnostics(FILES, before, DOCUMENTS)) == []


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("c.yaml", b"  c5:\n    offer: socks", b"  c5:\n    offer: sock"),
        ("c.yaml", b"  c5:\n    offer: socks", b"  c5:\n\n\n    offer: socks\n    ofer: socks"),
        (
            "d.yaml",
            b"    tier: 50\n",
            b"    tier: fifty\n    when: {contact: {campaign: c9, outcome: cliked}}\n",
        ),
        ("d.yaml", b"  d50:\n", b"  d50: {offer: [\n"),
        ("book.yaml", b"kind: inbound", b"kind: inbuond"),
        ("book.yaml", b"campaign: c7", b"channel: wep"),
    ],
)
def test_the_errors_are_those_of_the_whole_analysis(
    before: Analysis, file: str, right: bytes, wrong: bytes
) -> None:
    """In a campaign, beside campaigns, and where the rest of a file cannot be read."""
    changed = {**FILES, file: FILES[file].replace(right, wrong, 1)}
    assert changed != FILES
    quick = errors(changed_diagnostics(changed, before, DOCUMENTS))
    assert quick
    whole = errors(analyse(changed, documents=DOCUMENTS).diagnostics)
    assert set(quick) <= set(whole)
    if file != "book.yaml":
        assert quick == whole


def test_what_was_wrong_stays_where_it_is_written_now(before: Analysis) -> None:
    """An error and the notes of campaigns that did not change move with their lines; a mended error goes."""
    broken = {
        **FILES,
        "c.yaml": FILES["c.yaml"].replace(b"  c70:\n    offer: socks", b"  c70:\n    offer: sock"),
    }
    analysis = analyse(broken, documents=DOCUMENTS)
    longer = {
        **broken,
        "c.yaml": broken["c.yaml"].replace(b"  c5:\n", b"  # more\n\n  c5:\n    description: x\n"),
    }
    moved = changed_diagnostics(longer, analysis, DOCUMENTS)
    assert errors(moved) == errors(analyse(longer, documents=DOCUMENTS).diagnostics)
    (error,) = errors(moved)
    assert longer["c.yaml"].decode().split("\n")[error.line - 1] == error.source == "    offer: sock"
    assert errors(changed_diagnostics(FILES, analysis, DOCUMENTS)) == []
    assert before.book is not None
