"""Names of a book: definition, references, renaming."""

import pytest

from engine.authoring.analyse import analyse
from engine.authoring.documents import Documents
from engine.authoring.names import (
    RenameError,
    check_meaning,
    declaration,
    is_declaration,
    name_at,
    references,
    rename,
    replaced,
)
from engine.rulebook.report.findings import Path
from tests.authoring.books import analysis, contents

STORY = {
    "book.yaml": """
book: {name: b, timezone: UTC}
attributes: {profile.名: {type: text}, profile.age: {type: integer}}
channels: {web: {kind: inbound}, sms: {kind: outbound, consent: sms, address: profile.名}}
placements: {hero: {channel: web}}
layers: {prices: {slots: {low: 0-50%, high: 50-100%}}}
""".encode(),
    "more.yaml": """
offers: {socks: {name: 袜子 🧦, tags: [warm], content: {default: {title: "🧦 {profile.名|你} 🧦", text: x}}}}
audiences: {young: {profile.age: {lt: 30}}, old: {none: [audience: young]}}
campaigns:
  c: {offer: socks, placements: [hero], when: {audience: [young, old]}, slot: prices/low,
      variants: {v: {content: {default: {title: x}}}}}
pressure: {caps: {few: {limit: 2, per: rolling 7d, count: {tag: warm, channel: sms}}}}
""".encode(),
}


def _renamed(files: dict[str, bytes], target: Path, name: str) -> dict[str, bytes]:
    return replaced(files, rename(analyse(files), target, name), name)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (("audiences", "young"), "jung"),
        (("attributes", "profile.名"), "profile.first_name"),
        (("layers", "prices"), "价格"),
        (("layers", "prices", "slots", "low"), "cheap"),
        (("tags", "warm"), "cosy"),
        (("placements", "hero"), "top"),
        (("channels", "web"), "site"),
        (("campaigns", "c", "variants", "v"), "w"),
        (("offers", "socks"), "🧦"),
    ],
)
def test_a_renamed_book_loads_and_renamed_back_is_the_same(target: Path, name: str) -> None:
    """Every use follows, over files and behind wide characters; what cannot be a name is refused."""
    if name == "🧦":
        with pytest.raises(RenameError, match="cannot be the name"):
            rename(analyse(STORY), target, name)
        return
    renamed = _renamed(STORY, target, name)
    after = analyse(renamed)
    assert after.book is not None
    assert str(target[-1]) not in {str(use.target[-1]) for use in after.uses}
    back = _renamed(renamed, (*target[:-1], name), str(target[-1]))
    assert back == STORY


@pytest.mark.parametrize("book", ["cosmetics-cn", "fan-days"])
def test_every_name_of_a_shipped_book_can_be_renamed(book: str) -> None:
    """The book loads with the same warnings, and renamed back it has its version."""
    before, documents = analysis(book), Documents()
    assert before.book is not None
    targets = sorted(path for path in before.keys if is_declaration(path) and path[:1] != ("events",))
    for target in targets[::6]:
        if target == ("channels", "sms"):
            continue  # its name says what its format is
        name = "profile.another" if target[0] == "attributes" else "another"
        files = replaced(contents(book), rename(before, target, name), name)
        after = analyse(files, documents=documents)
        check_meaning(before, after, target, name)
        assert len(after.diagnostics) == len(before.diagnostics)
        back = rename(after, (*target[:-1], name), str(target[-1]))
        assert replaced(files, back, str(target[-1])) == contents(book)


def test_a_name_is_found_at_each_place_where_it_is_written() -> None:
    """Definition and references lead to each other, in keys, lists, texts, and inside of longer names."""
    result = analyse(STORY)
    for target in (
        ("audiences", "young"),
        ("attributes", "profile.名"),
        ("layers", "prices", "slots", "low"),
    ):
        own = declaration(result, target)
        assert own is not None
        written = [own, *references(result, target)]
        assert len(written) > 1
        for here in written:
            assert name_at(result, here.file, here.line, here.column + here.length) == (target, here)


def test_a_name_that_is_taken_or_of_a_broken_book_is_not_given() -> None:
    """Renaming says why not."""
    with pytest.raises(RenameError, match="already"):
        rename(analyse(STORY), ("audiences", "young"), "old")
    for word in ("12", "null", "true"):
        with pytest.raises(RenameError, match="read as a number"):
            rename(analyse(STORY), ("audiences", "young"), word)
    with pytest.raises(RenameError, match="has errors"):
        rename(
            analyse({**STORY, "c.yaml": b"audiences: {x: {profile.nobody: 1}}"}), ("audiences", "young"), "x"
        )
    with pytest.raises(RenameError, match="not declared"):
        rename(analyse(STORY), ("attributes", "location.city"), "profile.city")


def test_a_channel_that_is_named_sms_keeps_its_format() -> None:
    """Its texts would become plain ones without anybody noticing."""
    after = analyse(_renamed(STORY, ("channels", "sms"), "texts"))
    with pytest.raises(RenameError, match="format"):
        check_meaning(analyse(STORY), after, ("channels", "sms"), "texts")
