"""Names in scenarios: renamed with the book, so that what passed still passes."""

import hashlib
from collections.abc import Mapping

import pytest

from engine.authoring.analyse import Analysis, analyse
from engine.authoring.documents import Documents
from engine.authoring.edits import edited
from engine.authoring.names import RenameError, check_meaning, is_declaration, rename, replaced
from engine.authoring.scenario_names import REASONS, in_scenarios, read_scenarios, renamed_in_scenarios
from engine.decide.compiled import compile_book
from engine.rulebook.report.findings import Path
from engine.scenario.expectations import NAMED_BY
from engine.scenario.play import play
from engine.scenario.read import load_scenario_files
from tests.authoring.books import BOOKS, RULES, analysis, contents

SCENARIOS = """customers:
  sms: {assigned: {drive: control, layers: {prices: low}, holdouts: {nobody: in}, trials: {few: out}, ramps: {drive: 4%}}}
tests:
  - name: sms
    customer: {customer: sms, profile: {channel: sms, tier: gold, scores: {🍵: 1}}, preferred_channels: [sms, web]}
    channels: [sms, web]
    contacts: [{campaign: "drive", at: 1d ago, channel: sms, variant: low}]
    prices: {drive/stock: {price: 1}, sms/capacity: {price: 1}}
    trends: [{event: click, by: campaign, value: drive}]
    expect: {campaign: drive, channel: sms, content: {channel: sms}, not: {campaign: [other, drive], variant: low}}
    story:
      - {at: x, record: [{type: click, offer: drive, channel: sms}], decide: {events: [{type: click, campaign: drive}]}}
      - {expect: {variant: low, by: few, reasons: [capped few, no_consent sms, capped drive/per_customer, held_out nobody]}}
      - {expect: {blocked_by: [sms/capacity, drive/stock], reasons: [out_of_stock drive/stock, other_slot prices, paused]}}
"""

_DRIVE = ("drive: contr", "drive: 4%}}}", 'drive", at: ', "drive, chann", "drive], vari", "drive/per_cu")


def occurrences(target: Path, text: str = SCENARIOS, data: Mapping[str, object] | None = None) -> list[str]:
    """What stands where the name is written, from the name on."""
    lines = text.split("\n")
    return [
        lines[here.line - 1][here.column - 1 :][:12]
        for here in in_scenarios({"tests/a.yaml": text.encode()}, target, data)  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize(
    ("target", "written"),
    [
        (
            ("campaigns", "drive"),
            ["drive: contr", "drive: 4%}}}", 'drive", at: ', "drive, chann", "drive], vari", "drive/per_cu"],
        ),
        (("offers", "drive"), ["drive/stock:", "drive/stock]", "drive/stock,"]),
        (("attributes", "profile.tier"), ["tier: gold, "]),
        (("attributes", "profile.scores.🍵"), ["🍵: 1}}, pref"]),
        (("audiences", "sms"), []),
        (("layers", "prices"), ["prices: low}", "prices, paus"]),
        (("layers", "prices", "slots", "low"), ["low}, holdou"]),
        (("holdouts", "nobody"), ["nobody: in},", "nobody]}}"]),
        (("pressure", "caps", "few"), ["few: out}, r", "few, reasons", "few, no_cons"]),
        (("events", "types", "click"), ["click, by: c", "click, offer", "click, campa"]),
        (("campaigns", "drive", "variants", "low"), ["low}]", "low}}"]),
        (("campaigns", "other", "variants", "low"), []),
    ],
)
def test_a_name_is_found_where_it_is_meant(target: Path, written: list[str]) -> None:
    """Not as the id of a customer, a value of the profile, a field of an event, a text, or the name of something else."""
    assert occurrences(target) == written


def test_a_channel_is_found_wherever_it_stands() -> None:
    """In quotes and in lists, and before the slash of its own rules."""
    assert len(occurrences(("channels", "sms"))) == 8
    objections = "tests:\n  - {name: t, objections: [sms, 'channel:sms', channel:sms, channel:smss]}\n"
    assert occurrences(("channels", "sms"), objections) == ["sms', channe", "sms, channel"]


def test_a_variant_without_its_campaign_is_of_the_only_one_that_has_it() -> None:
    """Otherwise it is left to the author."""
    target = ("campaigns", "drive", "variants", "low")
    data: dict[str, object] = {"campaigns": {"drive": {"variants": {"low": {}}}, "other": {}}}
    assert len(occurrences(target, data=data)) == 3
    data["campaigns"] = {"drive": {"variants": {"low": {}}}, "other": {"variants": {"low": {}}}}
    assert len(occurrences(target, data=data)) == 2


def test_reasons_are_followed_by_what_scenarios_expect() -> None:
    """The sections are those of the reader of expectations."""
    sections = {
        "campaign": "campaigns",
        "channel": "channels",
        "placement": "placements",
        "holdout": "holdouts",
    }
    sections["layer"] = "layers"
    assert {code: sections[key] for code, key in NAMED_BY.items() if key in sections} == REASONS


@pytest.mark.parametrize(
    "text", ["tests: [", "tests: 1", "", "a\n- b", "\x00", "tests: [{expect: {variant: [[a]]}}]"]
)
def test_files_that_are_no_scenarios_are_left_as_they_are(text: str) -> None:
    """Whatever they hold."""
    for target in (("channels", "sms"), ("campaigns", "a", "variants", "b"), ("attributes", "profile.a")):
        assert occurrences(target, text) == []


def test_an_attribute_in_parts_keeps_those_above_the_last() -> None:
    """Another last part is written; other parts are for the author to move."""
    files = {"tests/a.yaml": SCENARIOS.encode()}
    target = ("attributes", "profile.scores.🍵")
    edits = renamed_in_scenarios(files, target, "profile.scores.tea", {})
    assert edited(files, edits)["tests/a.yaml"].decode() == SCENARIOS.replace("🍵", "tea")
    with pytest.raises(RenameError, match="in parts"):
        renamed_in_scenarios(files, target, "profile.tea", {})


def _renamed(
    read: Analysis, files: dict[str, bytes], scenarios: dict[str, bytes], target: Path, name: str
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    changes = renamed_in_scenarios(scenarios, target, name, read.data)
    return replaced(files, rename(read, target, name), name), edited(scenarios, changes)


BUDGETS = """pressure:
  - p99 contacts on sms a person-week <= 2
fairness: ["rate ratio of offer cream between values of profile.tier within 0.8..1.25"]
stock: [cream/stock taken <= 90%, book/budget taken <= 3]
"""


@pytest.mark.parametrize(
    ("target", "name", "old"),
    [
        (("channels", "sms"), "texts", "sms"),
        (("offers", "cream"), "soap", "cream"),
        (("attributes", "profile.tier"), "profile.rank", "profile.tier"),
        (("campaigns", "book"), "x", "nothing"),
    ],
)
def test_budgets_are_renamed_too(target: Path, name: str, old: str) -> None:
    """They are written in words, with attributes as a whole; the book's own budget is no campaign's."""
    files = {"tests/budgets.yaml": BUDGETS.encode()}
    edits = renamed_in_scenarios(files, target, name, {})
    assert edited(files, edits)["tests/budgets.yaml"].decode() == BUDGETS.replace(old, name)


def hash_of(book: str, path: Path) -> str:
    """An order of paths that is another for each book."""
    return hashlib.sha256(f"{book} {path}".encode()).hexdigest()


DRAWN = ("campaigns", "layers", "holdouts", "pressure")
"""Sections by whose names persons are drawn."""


@pytest.mark.parametrize("book", BOOKS[::3])
@pytest.mark.parametrize("drawn", [True, False])
def test_scenarios_pass_after_names_of_their_book_were_renamed(book: str, drawn: bool) -> None:
    """One of every kind, in the book and in its scenarios; renamed back, both are the same bytes as before."""
    read, files, documents = analysis(book), contents(book), Documents()
    scenarios = {
        name: text for name, text in read_scenarios(RULES / book).items() if b"simulate:" not in text
    }
    by_kind: dict[tuple[object, ...], Path] = {}
    for target in sorted(filter(is_declaration, read.keys), key=lambda path: hash_of(book, path)):
        if (target[0] in DRAWN) is drawn:
            by_kind.setdefault((target[0], len(target)), target)
    done: list[tuple[Path, str, dict[str, bytes], dict[str, bytes]]] = []
    for target in sorted(
        by_kind.values(), key=len, reverse=True
    ):  # what is inside of an entry before the entry
        name = f"{target[-1]}_2"
        try:
            renamed, in_tests = _renamed(read, files, scenarios, target, name)
            after = analyse(renamed, documents=documents)
            check_meaning(read, after, target, name)
        except RenameError:
            continue
        done.append((target, name, files, scenarios))
        read, files, scenarios = after, renamed, in_tests
    assert read.book is not None
    assert len(done) >= 3
    compiled = compile_book(read.book)
    tests = {name: text for name, text in scenarios.items() if not name.endswith("budgets.yaml")}
    loaded = load_scenario_files(tests, compiled)
    assert loaded.diagnostics == ()
    if not drawn:
        assert [result for result in play(compiled, loaded.scenarios) if not result.ok] == []
    for target, name, book_files, scenario_files in reversed(done):
        files, scenarios = _renamed(read, files, scenarios, (*target[:-1], name), str(target[-1]))
        assert (files, scenarios) == (book_files, scenario_files), target
        read = analyse(files, documents=documents)
