"""Quick fixes of what the linter remarks: each takes its remark away, and changes no more than it says."""

import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from engine.authoring.analyse import Analysis, analyse
from engine.authoring.edits import BookText, edited
from engine.authoring.fixes import Fix
from engine.authoring.mends import sound_fixes
from engine.authoring.scenario_names import read_scenarios
from engine.decide.compiled import compile_book
from engine.rulebook.report.diagnostics import Diagnostic, Severity
from engine.scenario.play import play
from engine.scenario.read import load_scenario_files
from tests.authoring.books import BOOKS, RULES, contents
from tests.rulebook.lint.loading import NOW

EXAMPLES = Path(__file__).parents[1] / "rulebook" / "lint" / "examples"
MENDED = {
    "always-true": 1,
    "contains-empty": 1,
    "dominated": 1,
    "ignore": 1,
    "lapses": 1,
    "locale-field": 1,
    "locale-missing": 1,
    "may-be-missing": 2,
    "midnight-hole": 1,
    "no-effect": 1,
    "no-end": 2,
    "nothing-scarce": 1,
    "past": 1,
    "stock-by-views": 1,
    "template": 1,
    "unreachable-variant": 1,
    "unused": 1,
    "unused-ignore": 1,
}
"""Of a code, how many fixes mend the book of its example."""

MESS = """book: {name: mess, timezone: UTC, locale: en}
attributes:
  profile.age: {type: integer, min: 0, max: 130}
  profile.city: {type: text}
  profile.email: {type: text}
  profile.party: {type: text}
events: {stored: true, newest: 500, keep: 30d}
channels:
  web: {kind: inbound, confirm: on_impression, on_silence: confirm}
  mail: {kind: outbound, address: profile.email, consent: mail, hold: 2d}
placements:
  hero:
    channel: web
    max_offers: 2
    max_per_category: 2
audiences:
  袜子: {profile.age: 1}
  grown: {profile.age: {gte: 18}, now.hour: {gte: 0}}
  either:
    any:
      - profile.age: {gt: 130}
      - profile.city: {contains: ""}
      - {behaviour: {event: visit, within: 90d, count: {gte: 3}}, profile.city: {ne: 茶}}
  seldom: {behaviour: {event: visit, within: 10d, count: {gte: 0}}, profile.age: {lt: 9}}
offers:
  socks:
    name: Socks 🧦
    content:
      default: {title: "🧦 for you, {profile.city|you}", text: Warm feet}
      mail: {subject: New socks, text: Come and see}
    locales:
      fr: {default: {title: Des chaussettes}, mail: {subject: Des chaussettes}}
campaigns:
  c: {offer: socks, placements: [hero], when: {all: [{audience: grown}, {audience: [either, seldom]}]}, group: alone}
  d:
    offer: socks
    channels: [mail]
    when: {profile.age: {lt: 30}}
    variants:
      a: {content: {default: {subject: A}}, locales: {fr: {subject: Un}}}
      b:
        when: {profile.age: {gte: 30}}
        content: {default: {subject: B}}
      "c":
        content: {default: {subject: C}}
  e: {offer: socks, placements: [hero], active: {until: 2020-01-31}}
pressure:
  caps:
    some: {limit: 2, per: rolling 7d, clock: book, count: {channel: mail}}
    more:
      limit: 3
      per: rolling 7d
      count: {channel: mail}
"""


def _again(files: Mapping[str, bytes]) -> Analysis:
    return analyse(files, now=lambda _: NOW)


def _mends(read: Analysis, files: Mapping[str, bytes], remark: Diagnostic) -> list[Fix]:
    """Of the fixes those that are no comment."""
    return [fix for fix in sound_fixes(read, files, remark, _again) if "tact: ignore" not in fix.title]


def _says(read: Analysis) -> Counter[str]:
    return Counter(
        f"{diagnostic.severity} {diagnostic.code}"
        for diagnostic in read.diagnostics
        if diagnostic.severity is not Severity.NOTE
    )


def _check(read: Analysis, files: Mapping[str, bytes], remark: Diagnostic, fix: Fix) -> Analysis:
    """The book after the fix: it loads and no longer has the remark, nor an error or a warning more."""
    after = _again(edited(files, fix.edits))
    assert after.book is not None, fix
    words = re.sub("line [0-9]+", "", remark.message)
    before = sum(re.sub("line [0-9]+", "", other.message) == words for other in read.diagnostics)
    left = sum(re.sub("line [0-9]+", "", other.message) == words for other in after.diagnostics)
    assert left < before, fix
    assert not _says(after) - _says(read), fix
    return after


@pytest.mark.parametrize("code", MENDED)
def test_the_example_of_each_code_is_mended(code: str) -> None:
    """By as many fixes as there are obvious ways, of which each one is enough."""
    files = {"book.yaml": (EXAMPLES / code / "book.yaml").read_bytes()}
    read = _again(files)
    (remark,) = (diagnostic for diagnostic in read.diagnostics if diagnostic.code == code)
    fixes = _mends(read, files, remark)
    assert len(fixes) == MENDED[code], [fix.title for fix in fixes]
    for fix in fixes:
        _check(read, files, remark, fix)


@pytest.mark.parametrize(
    "code",
    [
        "never-true",
        "night",
        "shadowed",
        "tie",
        "segments",
        "sensitive-name",
        "no-consent",
        "only-personalised",
    ],
)
def test_where_only_the_author_knows_there_is_the_comment_alone(code: str) -> None:
    """What a customer is to get, which offer comes first, or why data is lawful, no program knows."""
    files = {"book.yaml": (EXAMPLES / code / "book.yaml").read_bytes()}
    read = _again(files)
    (remark,) = (diagnostic for diagnostic in read.diagnostics if diagnostic.code == code)
    assert [fix.title for fix in sound_fixes(read, files, remark, _again)] == [
        f"Say that it is meant so: # tact: ignore {code}"
    ]


def test_a_book_with_everything_wrong_ends_with_what_only_its_author_knows() -> None:
    """When its first fix is taken again and again, in lines, in braces, and beside wide characters."""
    files: Mapping[str, bytes] = {"book.yaml": MESS.encode()}
    taken: list[str] = []
    read = _again(files)
    while first := _first(read, files):
        remark, fix = first
        read = _check(read, files, remark, fix)
        files = edited(files, fix.edits)
        taken.append(fix.title)
    assert len(taken) == 19, taken
    assert [remark.code for remark in read.diagnostics] == ["only-personalised"]


def _first(read: Analysis, files: Mapping[str, bytes]) -> tuple[Diagnostic, Fix] | None:
    fixes = ((remark, fix) for remark in read.diagnostics for fix in _mends(read, files, remark)[:1])
    return next(fixes, None)


def _differences(before: Any, after: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Where two models differ, by the keys and the fields that lead there."""
    if before == after:
        return set()
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        gone = {(*path, str(key)) for key in before.keys() ^ after.keys()}
        inner = (
            _differences(before[key], after[key], (*path, str(key))) for key in before.keys() & after.keys()
        )
        return gone.union(*inner)
    if (
        isinstance(before, tuple)
        and isinstance(after, tuple)
        and {hasattr(x, "name") for x in before + after} == {True}
    ):
        return _differences({x.name: x for x in before}, {x.name: x for x in after}, path)
    if is_dataclass(before) and is_dataclass(after) and type(before) is type(after):
        names = [field.name for field in fields(before) if field.compare and field.name != "version"]
        return set().union(
            *(_differences(getattr(before, name), getattr(after, name), (*path, name)) for name in names)
        )
    return {path}


@cache
def _scenarios(book: str) -> dict[str, bytes]:
    return read_scenarios(RULES / book)


def _played(read: Analysis, book: str) -> list[object]:
    """What each scenario of the book gives; nothing where the book is changed so that they do not load."""
    assert read.book is not None
    compiled = compile_book(read.book)
    loaded = load_scenario_files(_scenarios(book), compiled)
    return [(result.ok, [str(x) for x in result.differences]) for result in play(compiled, loaded.scenarios)]


def _mutated(book: str) -> list[dict[str, bytes]]:
    """The book without one of its entries or another, and with entries that nothing needs."""
    files, chance = contents(book), random.Random(f"{book} mutated")
    read = _again(files)
    fixes = [path for path in read.keys if len(path) > 2]
    changed = []
    for path in chance.sample(fixes, min(4, len(fixes))):
        edit = BookText(read).deletion(path, above=1)
        if edit is not None:
            changed.append(edited(files, [edit]))
    added = (
        "audiences:\n  zz-nobody: {profile.zz: {gte: 0}}\nattributes:\n  profile.zz: {type: integer, min: 0}\n",
        "pressure: {caps: {zz: {limit: 90000, per: rolling 1h, clock: book, count: {kind: [inbound, outbound]}}}}\n",
        "offers: {zz: {name: 茶 🍵, content: {default: {title: Tea for you}}, locales: {zz: {title: x}}}}\n",
    )
    return [*changed, *({**files, "zz.yaml": text.encode()} for text in added)]


DELETED = {
    "unused": ("attributes", "places", "patterns", "signals", "audiences", "offers", "layers"),
    "dominated": ("caps", "gaps", "per_customer"),
    "no-effect": ("caps", "gaps", "quiet", "group", "hold", "budget", "until", "max_per_category", "formats"),
    "unreachable-variant": ("variants",),
    "past": ("campaigns", "offers", "quiet"),
    "no-end": ("per_customer", "stop"),
    "stock-by-views": ("per_customer",),
    "nothing-scarce": ("scarce",),
    "locale-missing": ("locales",),
    "locale-field": ("locales",),
    "lapses": ("on_silence", "hold"),
    "beyond-kept": ("keep", "audiences", "when", "aggregates"),
}
"""Of a code, what its fix may change in the model of a book."""

NEUTRAL = {
    "unused",
    "dominated",
    "no-effect",
    "unreachable-variant",
    "always-true",
    "never-true",
    "contains-empty",
}


@pytest.mark.parametrize("book", BOOKS)
def test_fixes_of_a_mutated_book_change_what_they_say(book: str) -> None:
    """Nothing else of its model, and where they say that nothing changes, the scenarios give what they gave."""
    for files in _mutated(book):
        read = _again(files)
        if read.book is None:
            continue
        for remark in [remark for remark in read.diagnostics if remark.severity is not Severity.ERROR][:2]:
            for fix in _mends(read, files, remark):
                after = _check(read, files, remark, fix)
                touched = _differences(read.book, after.book)
                allowed = {*DELETED.get(remark.code, ()), "aggregates", "contacts", "anniversaries"}
                assert remark.code not in DELETED or all(allowed & set(path) for path in touched), (
                    fix,
                    touched,
                )
                played = _played(after, book) if remark.code in NEUTRAL else []
                if played:
                    assert played == _played(read, book), fix
