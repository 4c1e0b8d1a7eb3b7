"""Names in scenarios: renamed with the book, so that what passed still passes."""

import pytest

from engine.authoring.analyse import analyse
from engine.authoring.names import RenameError, is_declaration, rename, replaced
from engine.authoring.scenario_names import in_scenarios, read_scenarios
from engine.decide.compiled import compile_book
from engine.rulebook.report.findings import Path
from engine.scenario.read import load_scenario_files
from tests.authoring.books import RULES, contents

BOOK = "car-drive-to-store"
SCENARIOS = """tests:
  - name: sms
    customer: {customer: sms, profile: {channel: sms, tier: gold}, preferred_channels: [sms, web]}
    channels: [sms, web]
    contacts: [{campaign: "drive", at: 1d ago, channel: sms}]
    expect: {campaign: drive, channel: sms, content: {channel: sms}, not: {campaign: [other, drive]}}
"""


def occurrences(target: Path, text: str = SCENARIOS) -> list[str]:
    """The lines on which the name is written, from the name on."""
    lines = text.split("\n")
    return [
        lines[here.line - 1][here.column - 1 :][:12]
        for here in in_scenarios({"tests/a.yaml": text.encode()}, target)
    ]


def test_a_name_is_found_where_it_is_meant() -> None:
    """Not as the id of a customer, a value of the profile, or a text; in quotes and in lists, too."""
    assert occurrences(("channels", "sms")) == ["sms, web]}", "sms, web]", "sms}]", "sms, content"]
    assert occurrences(("campaigns", "drive")) == ['drive", at: ', "drive, chann", "drive]}}"]
    assert occurrences(("attributes", "profile.tier")) == ["tier: gold},"]
    assert occurrences(("audiences", "sms")) == []
    objects = "tests:\n  - {name: t, objections: [sms, 'channel:sms', channel:sms, channel:smss]}\n"
    assert occurrences(("channels", "sms"), objects) == ["sms', channe", "sms, channel"]


@pytest.mark.parametrize("text", ["tests: [", "tests: 1", "", "a\n- b", "\x00"])
def test_files_that_are_no_scenarios_are_left_as_they_are(text: str) -> None:
    """Whatever they hold."""
    assert occurrences(("channels", "sms"), text) == []


def test_scenarios_load_after_every_name_of_their_book_was_renamed() -> None:
    """Campaigns, offers, channels, placements and attributes: each in turn, in the book and in its scenarios."""
    files, scenarios = contents(BOOK), read_scenarios(RULES / BOOK)
    before, used = analyse(files), 0
    assert before.book is not None
    for target in filter(is_declaration, before.keys):
        if target[0] not in ("campaigns", "offers", "channels", "placements", "attributes"):
            continue
        name = f"{target[-1]}_2" if target[0] == "attributes" else f"{target[-1]}-2"
        try:
            written = rename(before, target, name)
        except RenameError:
            continue
        after = analyse(replaced(files, written, name)).book
        places = list(in_scenarios(scenarios, target))
        used += bool(places)
        if after is None or not places:
            continue
        short = name.removeprefix("profile.") if target[0] == "attributes" else name
        loaded = load_scenario_files(replaced(scenarios, places, short), compile_book(after))
        assert loaded.diagnostics == (), target
    assert used > 5
