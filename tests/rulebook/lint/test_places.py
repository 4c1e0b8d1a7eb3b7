"""Where the linter reports conditions, which languages it misses, and which files it takes for forgotten ones."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.cli.exits import USAGE
from engine.rulebook.load import load, load_linted
from tests.rulebook.lint.loading import NOW, lines_of, linted

HEAD = """\
book: {name: example, timezone: Europe/Paris}
attributes: {profile.name: {type: text}, profile.age: {type: integer, min: 0, max: 130}, profile.tags: {type: list of text}}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
places: {shop: {latitude: 48.8, longitude: 2.3}}
offers: {cream: {name: Cream, content: {default: {title: A cream}}}}
"""

CONDITIONS = """\
audiences:
  grown-up: {profile.age: {gte: 18}}
  child: {profile.age: {lt: 18}}
  nobody:
    profile.age: {gt: 10}
    any:
      - profile.name: x
      - {profile.age: {gt: 130}}
  nobody-either: {audience: nobody}
  both:
    audience: [grown-up]
    all:
      - audience: child
    near: {place: shop, within_km: 3}
  three:
    none:
      - profile.tags: {has: a}
      - profile.tags: {has: b}
    profile.tags: {has_any: [a, b]}
  events:
    behaviour:
      event: buy
      where: {value: {lt: 3}, all: [{value: {gt: 3}}]}
      count: {gte: 1}
  not-named:
    none:
      - profile.name: {ne: x}
    profile.age: {gte: 18, ne: 30}
  not-named-minded:
    any:
      - profile.name: {ne: x}
      - profile.name: {exists: false}
patterns:
  left:
    first: {event: view, page: /a, within: 1d}
    then: [{event: buy, all: [{page: /a}, {page: /b}], within: 1h}]
    not_after:
      - {event: buy, page: {starts_with: /a}, none: [{page: {contains: a}}], same: item}
signals:
  odd:
    when: {now.hour: {gt: 23}}
    until: {pattern: left}
    hold: 1d
campaigns:
  cream:
    offer: cream
    placements: [hero]
    when: {audience: child}
    boosts:
      - when: {audience: grown-up}
        by: 2
"""


def line(text: str, last: bool = False) -> int:
    """The line of the book that has the text, the first or the last of several."""
    lines = [number for number, row in enumerate((HEAD + CONDITIONS).splitlines(), 1) if text in row]
    return lines[-1] if last else lines[0]


def test_conditions_are_reported_where_they_are_written(tmp_path: Path) -> None:
    """The smallest part that never holds is reported once: not what contains it, nor the audiences that use it."""
    loaded = linted(tmp_path, HEAD + CONDITIONS)
    assert loaded.book is not None
    assert lines_of(loaded, "never-true") == [
        line("gt: 130"),
        line("- audience: child"),
        line("has_any: [a, b]"),
        line("where: {value"),
        line("then: ["),
        line("starts_with: /a"),
        line("gt: 23"),
        line("when: {audience: grown-up}"),
    ]
    assert lines_of(loaded, "always-true") == []


def test_what_always_holds_in_a_decision_may_be_unknown_to_a_signal(tmp_path: Path) -> None:
    """A signal that asks for the hour is not concluded from recorded events alone: the test has an effect."""
    book = HEAD + "audiences:\n  a: {now.hour: {gte: 0}}\nsignals:\n  s: {when: {now.hour: {gte: 0}}}\n"
    assert lines_of(linted(tmp_path, book), "always-true") == [HEAD.count("\n") + 2]


def test_every_decision_knows_whether_the_customer_is_new(tmp_path: Path) -> None:
    """So a test with `ne` is not noted."""
    book = HEAD + "audiences:\n  a: {customer.is_new: {ne: true}}\n"
    assert lines_of(linted(tmp_path, book), "may-be-missing") == []


def test_another_file_is_named(tmp_path: Path) -> None:
    """A message that speaks of another line says in which file, if it is another one."""
    (tmp_path / "more.yaml").write_text("pressure: {gaps: {weekly: {at_least: 7d}}}\n", encoding="utf-8")
    loaded = linted(tmp_path, HEAD + "pressure: {gaps: {daily: {at_least: 1d}}}\n")
    (message,) = [entry.message for entry in loaded.diagnostics if entry.code == "dominated"]
    assert (
        message
        == "the gap 'daily' never blocks: the gap 'weekly' (more.yaml, line 1) blocks whenever it would"
    )


def test_missing_attributes_are_noted_where_the_author_did_not_think_of_them(tmp_path: Path) -> None:
    """Not beside a test that a missing attribute fails anyway, nor where the condition asks whether it is there."""
    loaded = linted(tmp_path, HEAD + CONDITIONS)
    assert lines_of(loaded, "may-be-missing") == [line("- profile.name: {ne: x}")]
    (note,) = [diagnostic for diagnostic in loaded.diagnostics if diagnostic.code == "may-be-missing"]
    assert (
        note.message
        == "customers without 'profile.name' pass this `none`, as a missing attribute does not pass `ne`"
    )


def content(default: str, french: str = "") -> str:
    """The content of a variant, with a language."""
    return f"content: {{default: {{{default}}}}}" + (f", locales: {{fr: {{{french}}}}}" if french else "")


LANGUAGES = {
    "a sentence": (content("title: One, text: Two words", "title: Un"), 1),
    "another script": (content("title: One, text: 面霜", "title: Un"), 1),
    "a picture": (content("title: One, image: two-words.jpg", "title: Un"), 0),
    "a code": (content("title: One, code: SPRING20", "title: Un"), 0),
    "a value": (content("title: One, name: '{profile.name|x}'", "title: Un"), 0),
    "everything": (content("title: One, text: Two words", "title: Un, text: Deux mots"), 0),
}


@pytest.mark.parametrize(("written", "count"), LANGUAGES.values(), ids=LANGUAGES.keys())
def test_texts_that_a_language_leaves_out(written: str, count: int, tmp_path: Path) -> None:
    """What has words is noted; pictures, codes and values read the same in every language."""
    book = f"{HEAD}campaigns: {{a: {{offer: cream, placements: [hero], variants: {{v: {{{written}}}}}}}}}\n"
    assert len(lines_of(linted(tmp_path, book), "locale-field")) == count


@pytest.mark.parametrize(
    ("locales", "count"), [("", 1), ("locales: {fr: {title: Un}}", 0), ("locales: {de: {title: Ein}}", 1)]
)
def test_fallbacks_without_a_language(locales: str, count: int, tmp_path: Path) -> None:
    """A fallback serves a language by its own tag or a more general one; the book's own needs no `locales`."""
    story = f"story: {{name: Story, content: {{default: {{title: One}}}}, {locales}}}".replace(", }", "}")
    book = (
        HEAD.replace("{channel: web}", "{channel: web, fallback: story}").replace(
            "offers: {", f"offers: {{{story}, "
        )
        + "campaigns: {a: {offer: cream, placements: [hero], variants: {v: {content: {default: {title: One}}, "
        + "locales: {fr-CA: {title: Un}, en-US: {title: One}}}}}}\n"
    )
    loaded = linted(tmp_path, book)
    assert loaded.book is not None
    assert len(lines_of(loaded, "locale-missing")) == count


def test_files_that_are_not_read(tmp_path: Path) -> None:
    """Names that are nearly those of YAML files are reported, also if the book does not load; of backups only if it does."""
    warned = ["a.yaml.txt", "b.ymal", "c.YAML2", "sub/d.yml.pdf"]
    noted = ["e.yaml~", "f.yml.bak"]
    silent = ["g.md", ".h.yaml", ".git/i.yaml.txt", "tests/j.yaml.txt", "yaml.py", "k.json"]
    for name in (*warned, *noted, *silent):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    loaded = load_linted(tmp_path, lambda _: NOW)
    assert loaded.book is None
    reported = {d.file: d.severity.value for d in loaded.diagnostics if d.code == "ignored-file"}
    assert reported == dict.fromkeys(warned, "warning")
    loaded = linted(tmp_path, HEAD)
    assert loaded.book is not None
    reported = {d.file: d.severity.value for d in loaded.diagnostics if d.code == "ignored-file"}
    assert reported == dict.fromkeys(warned, "warning") | dict.fromkeys(noted, "note")


def test_check_lints_as_of_the_day_that_is_named(tmp_path: Path) -> None:
    """`tact check --on` holds periods against a day; a server's `load` does not lint."""
    book = HEAD + "campaigns: {a: {offer: cream, placements: [hero], active: {until: 2026-03-02}}}\n"
    (tmp_path / "book.yaml").write_text(book, encoding="utf-8")
    run = CliRunner().invoke
    assert " past: " in run(app, ["check", str(tmp_path), "--on", "2026-03-03"]).output
    assert " past: " not in run(app, ["check", str(tmp_path), "--on", "2026-03-02"]).output
    assert run(app, ["check", str(tmp_path), "--on", "3 March"]).exit_code == USAGE
    missing = run(app, ["check", str(tmp_path / "nowhere"), "--on", "31/12/2026"])
    assert missing.exit_code == USAGE
    assert "the folder of the book does not exist" in missing.output
    assert "--on 31/12/2026: not a date such as 2026-03-01; write 2026-12-31" in missing.output
    assert lines_of(load(tmp_path), "past") == []
