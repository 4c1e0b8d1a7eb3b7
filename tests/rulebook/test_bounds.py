"""Files with very many mistakes: loading stops at a stated number of errors, whatever kind they are of."""

import json
from pathlib import Path

import pytest

from engine.decide.compiled import compile_book
from engine.rulebook.load import load, load_files
from engine.rulebook.report.diagnostics import Code, Severity
from engine.rulebook.report.findings import MOST_ERRORS, MOST_REMARKS, Findings
from engine.rulebook.text import files, merge, nodes
from engine.scenario.context_file import load_context
from engine.scenario.read import load_scenario_files
from engine.server.access.callers_file import MOST_BYTES, CallersFile, WrongCallers
from engine.server.access.limits import Limits
from tests.books import write_book
from tests.forked import tact

MANY = 3 * MOST_ERRORS

KINDS = {
    "unknown keys": "campaigns:\n" + "".join(f"  c{i}: {{offr: tea}}\n" for i in range(MANY)),
    "wrong types": "offers:\n" + "".join(f"  o{i}: {{name: 1, value: x}}\n" for i in range(MANY)),
    "unknown sections": "".join(f"k{i}: 1\n" for i in range(MANY)),
    "empty values": "campaigns:\n" + "".join(f"  c{i}:\n    offer:\n" for i in range(MANY)),
    "lists for mappings": "campaigns:\n" + "".join(f"  - c{i}:\n" for i in range(MANY)),
    "the same key": "book:\n" + "  salt: 1\n" * MANY,
    "keys without values": "channels: {sms: {kind: [" + "{a}, " * MANY + "]}}",
    "one after another": "book: {name: x}\n" + "".join(f"audiences{i}: {{}}\n" for i in range(MANY)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_book_has_so_many_errors_at_most(kind: str) -> None:
    """And the last line says that it stopped, unless reading the file did."""
    loaded = load_files({f"{number}.yaml": KINDS[kind].encode() for number in range(3)})
    assert loaded.book is None
    errors = [diagnostic for diagnostic in loaded.diagnostics if diagnostic.severity is Severity.ERROR]
    assert len(errors) <= MOST_ERRORS + 1
    assert errors[-1].code is Code.TOO_LARGE
    assert f"{MOST_ERRORS:,} errors" in errors[-1].message


def test_the_command_says_it_last(tmp_path: Path) -> None:
    """`tact check` prints the errors in order, that it stopped, and how many there are."""
    (tmp_path / "book.yaml").write_text(KINDS["unknown keys"])
    done = tact("check", str(tmp_path))
    assert done.returncode == 3
    assert f"stopped after {MOST_ERRORS:,} errors; there may be more" in done.stdout
    assert f"{MOST_ERRORS + 1:,} errors" in done.stdout.splitlines()[-2]
    report = json.loads(tact("check", str(tmp_path), "--json").stdout)
    assert len(report["diagnostics"]) == MOST_ERRORS + 1


def test_further_warnings_are_counted() -> None:
    """A book may load with any number of them; those beyond the bound are a number."""
    findings = Findings()
    for number in range(MOST_REMARKS + 7):
        findings.report(("a.yaml", number + 1, 1), Code.UNUSED, "unused", severity=Severity.WARNING)
    kept = findings.sorted()
    assert len(kept) == MOST_REMARKS + 1
    assert kept[-1].message == "and 7 more warnings and notes"
    assert not findings.failed


def test_values_inside_each_other_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's paths have a length together, a book a number of values: both are errors, and reading ends."""
    monkeypatch.setattr(nodes, "MAX_STEPS", 1000)
    (deep,) = load_files({"a.yaml": ("book: " + "[" * 90 + "1," * 100 + "]" * 90).encode()}).diagnostics
    assert "too many values inside each other" in deep.message
    monkeypatch.undo()
    monkeypatch.setattr(merge, "MAX_VALUES", 100)
    text = "places:\n" + "".join(f"  p{i}: {{latitude: 1, longitude: 2}}\n" for i in range(50))
    loaded = load_files({"a.yaml": text.encode(), "b.yaml": b"nonsense: 1"})
    assert "the book has more than 100 values: what follows this file is not read" in [
        diagnostic.message for diagnostic in loaded.diagnostics
    ]
    assert not any(diagnostic.file == "b.yaml" for diagnostic in loaded.diagnostics)


def test_no_more_is_read_than_a_book_may_have(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The files behind the bound are left alone."""
    monkeypatch.setattr(files, "MAX_BOOK_BYTES", 100)
    for number in range(9):
        (tmp_path / f"{number}.yaml").write_text("#" * 60)
    assert len(files.read_folder(tmp_path).files) == 2


def test_scenarios_and_contexts_are_bounded_alike(tmp_path: Path) -> None:
    """In number of errors and in size; the end says so."""
    book = load(write_book(tmp_path / "book")).book
    assert book is not None
    compiled = compile_book(book)
    scenarios = "tests:\n" + "- {nam: x, expct: {}}\n" * MANY
    read = load_scenario_files({"tests/a.yaml": scenarios.encode()}, compiled).diagnostics
    assert len(read) <= MOST_ERRORS + 1
    assert f"{MOST_ERRORS:,} errors" in read[-1].message
    context = tmp_path / "context.json"
    context.write_text(json.dumps({"customer": "ann", "profile": {f"a{i}": {"x": [1]} for i in range(MANY)}}))
    diagnostics = load_context(context, compiled).diagnostics
    assert 0 < len(diagnostics) <= MOST_ERRORS + 1
    context.write_text('{"customer": "' + r"\ud83d\ude00" * 90_000 + '"}')
    (large,) = load_context(context, compiled).diagnostics
    assert "larger than 1 MiB" in large.message


def test_a_callers_file_is_bounded_alike(tmp_path: Path) -> None:
    """Twenty faults are named, the others counted; a file that is too large is refused."""
    with pytest.raises(WrongCallers, match=r"; and 2,980 more$"):
        CallersFile(Limits()).read("[[certificates]]\nname = 'a'\nroles = ['decide']\nsubject = ''\n" * MANY)
    with pytest.raises(WrongCallers, match="larger than 1 MiB"):
        CallersFile(Limits()).read("#" * (MOST_BYTES + 1))


def test_a_file_of_customers_has_lines(tmp_path: Path) -> None:
    """A line without an end is not read whole."""
    ids = tmp_path / "ids.txt"
    ids.write_bytes(b"ann\n" + b"x" * 1_100_000)
    done = tact("buckets", str(write_book(tmp_path / "book")), "--file", str(ids))
    assert done.returncode == 2
    assert f"{ids}:2: the line is longer than 1,048,576 bytes" in done.stderr
