"""Comments `# tact: ignore CODE` take warnings and notes of their line out, and nothing else."""

import random
from pathlib import Path

import pytest

from engine.rulebook.load import LoadedBook, load_files
from engine.rulebook.report.diagnostics import Code, Diagnostic, Severity
from engine.rulebook.report.findings import Findings
from engine.rulebook.text import ignores

GOLDEN = Path(__file__).parent / "golden"
HEAD = "book: {name: x, timezone: UTC}\n"


def book_of(text: str) -> LoadedBook:
    """The book with the text below its head; the text's first line is line 2."""
    return load_files({"book.yaml": (HEAD + text).encode()})


def reported(text: str) -> list[str]:
    """`line:column: code (severity)` of all diagnostics."""
    return [in_short(diagnostic) for diagnostic in book_of(text).diagnostics]


def in_short(diagnostic: Diagnostic) -> str:
    """Where the diagnostic is, and what."""
    return f"{diagnostic.line}:{diagnostic.column}: {diagnostic.code} ({diagnostic.severity})"


UNUSED = "attributes: {profile.age: {type: integer}}"


def test_a_comment_drops_what_is_reported_in_its_line() -> None:
    """The note is gone, and counted as ignored; the book and its version are as without the comment."""
    plain, ignored = book_of(UNUSED), book_of(f"{UNUSED}  # tact: ignore unused")
    assert [in_short(diagnostic) for diagnostic in plain.diagnostics] == ["2:14: unused (note)"]
    assert (plain.ignored, ignored.ignored) == (0, 1)
    assert ignored.diagnostics == ()
    assert plain.book is not None
    assert plain.book == ignored.book


@pytest.mark.parametrize(
    "comment",
    [
        "#tact:ignore unused",
        "# tact: ignore unused",
        "#  tact:  ignore\tunused , ",
        "# an age # tact: ignore unused",
        "# tact: ignore unused # the app sends it from May",
    ],
)
def test_how_the_comment_may_be_written(comment: str) -> None:
    """Blanks do not matter; other comments may stand before it, and a reason after a further #."""
    assert reported(f"{UNUSED} {comment}") == []


@pytest.mark.parametrize(
    "comment", ["# tact: ignored unused", "# tact: ignore-next unused", "# ignore unused"]
)
def test_other_comments_ignore_nothing(comment: str) -> None:
    """Only the exact words are the comment."""
    assert reported(f"{UNUSED} {comment}") == ["2:14: unused (note)"]


def test_several_codes() -> None:
    """Codes are separated by commas; each has to be reported in the line."""
    text = "channels: {post: {kind: outbound, address: profile.phone, consent: not_needed}}"
    phone = "attributes: {profile.phone: {type: text}}"
    assert reported(f"{text}  # tact: ignore no-consent, segments\n{phone}") == [
        "2:109: unused-ignore (note)"
    ]


def test_only_its_line() -> None:
    """A comment on a line of its own, or on another line, ignores nothing and is noted as unused."""
    assert reported(f"# tact: ignore unused\n{UNUSED}") == [
        "2:16: unused-ignore (note)",
        "3:14: unused (note)",
    ]


def test_errors_are_never_ignored() -> None:
    """An error stays, and so does the warning that its code cannot be ignored."""
    text = "audiences: {old: {profile.age: 3}}  # tact: ignore unknown, type"
    assert reported(text) == ["2:19: unknown (error)", "2:52: ignore (warning)", "2:61: ignore (warning)"]
    loaded = book_of(text)
    assert loaded.book is None
    assert "'unknown' is an error" in loaded.diagnostics[1].message


def test_a_code_that_is_an_error_elsewhere_only() -> None:
    """A code that is always an error cannot be named, even where it is not reported."""
    assert reported(f"{UNUSED}  # tact: ignore unused, cycle") == ["2:68: ignore (warning)"]


def test_an_unknown_code() -> None:
    """It is reported with the code that was meant; case counts."""
    unknown = book_of(f"{UNUSED}  # tact: ignore unusd, Unused").diagnostics
    assert [in_short(diagnostic) for diagnostic in unknown] == [
        "2:14: unused (note)",
        "2:60: ignore (warning)",
        "2:67: ignore (warning)",
    ]
    assert [diagnostic.hint for diagnostic in unknown] == [
        "",
        "did you mean 'unused'?",
        "did you mean 'unused'?",
    ]


def test_no_code() -> None:
    """A comment without a code is a warning."""
    assert reported(f"{UNUSED}  # tact: ignore") == ["2:14: unused (note)", "2:45: ignore (warning)"]


def test_comments_about_comments() -> None:
    """What is reported of a comment can be ignored by it; `unused-ignore` that ignores nothing is noted itself."""
    assert reported(f"{UNUSED}  # tact: ignore unused, segments, unused-ignore") == []
    assert reported(f"{UNUSED}  # tact: ignore unused, unusde, ignore") == []
    assert reported(f"{UNUSED}  # tact: ignore unused, unused-ignore") == ["2:68: unused-ignore (note)"]


def test_unused_is_not_noted_beside_errors() -> None:
    """With an error some checks are not made, so nothing is said of comments that their results would need."""
    assert reported(f"{UNUSED}  # tact: ignore unused\naudiences: {{a: {{audience: b}}}}") == [
        "3:27: unknown (error)"
    ]


def test_unused_is_not_noted_where_checks_are_left_out() -> None:
    """Of a code whose checks were not made it is not known whether the line has it."""
    findings = Findings()
    comments = {"book.yaml": ignores.read("a: b # tact: ignore unused, segments, unusde")}
    assert ignores.apply(comments, findings, unchecked=[Code.UNUSED]) == 0
    assert [(diagnostic.code, diagnostic.column) for diagnostic in findings.sorted()] == [
        (Code.UNUSED_IGNORE, 29),
        (Code.IGNORE, 39),
    ]


@pytest.mark.parametrize(
    "scalar",
    [
        '"# tact: ignore unused"',
        "'a\n\n      # tact: ignore unused'",
        "|\n      a # tact: ignore unused\n      # tact: ignore unused",
        ">-\n      a\n\n      # tact: ignore unused\n",
        "a# tact: ignore unused",
    ],
)
def test_only_comments(scalar: str) -> None:
    """The words inside a text are a part of it."""
    assert ignores.read(f"audiences:\n  a:\n    b: {scalar}\n") == ()


@pytest.mark.parametrize(
    ("scalar", "line", "lines"),
    [
        ("x # tact: ignore a", 3, range(3, 4)),
        ("| # tact: ignore a\n      text", 3, range(3, 4)),
        ("|\n      text\n# tact: ignore a", 5, range(5, 6)),
        ('"text\n      text" # tact: ignore a', 4, range(3, 5)),
        ("text\n      text\n      text # tact: ignore a", 5, range(3, 6)),
        ("{a: 1, # tact: ignore a\n      b: 2}", 3, range(3, 4)),
        ("茶 # tact: ignore a", 3, range(3, 4)),
    ],
)
def test_where_comments_are(scalar: str, line: int, lines: range) -> None:
    """A comment behind the `|` of a block is one; behind a text of several lines it is for each of them."""
    (comment,) = ignores.read(f"audiences:\n  a:\n    b: {scalar}\n")
    assert (comment.position[0], comment.lines, comment.codes[0][0]) == (line, lines, "a")


def test_a_file_with_a_syntax_error() -> None:
    """Comments before the error count, the rest of the file is not looked at."""
    assert reported("a: [1 # tact: ignore unused\nb: {") != []
    assert [comment.position[0] for comment in ignores.read("a: 1 # tact: ignore a\nb: 'x\n")] == [1]


def test_many_comments() -> None:
    """A file full of comments and texts is read in one pass."""
    text = "".join(f"profile.a{number}: 'x' # tact: ignore unused\n" for number in range(10_000))
    assert len(ignores.read(text)) == 10_000


def test_errors_stay_whatever_the_text() -> None:
    """In 300 mangled books the comments change neither the errors nor the version."""
    rng = random.Random(12)
    books = [
        path.read_text(encoding="utf-8", errors="replace") for path in sorted(GOLDEN.parent.rglob("*.yaml"))
    ]
    comments = (" # tact: ignore unused, type", " # tact: ignore")
    pieces = [*comments * 5, "'", '"', "|\n", ">", "{", "}", "\n", "#", "\t", ": "]
    loaded_books = 0
    for _ in range(300):
        lines = rng.choice(books).split("\n")
        for _ in range(rng.randrange(1, 4)):
            number = rng.randrange(len(lines))
            column = rng.randrange(len(lines[number]) + 1) if rng.random() < 0.4 else len(lines[number])
            lines[number] = lines[number][:column] + rng.choice(pieces) + lines[number][column:]
        text = "\n".join(lines)
        plain = load_files({"book.yaml": text.replace("tact: ignore", "tact: ignora").encode()})
        ignoring = load_files({"book.yaml": text.encode()})
        assert errors_of(plain) == errors_of(ignoring), text
        loaded_books += plain.book is not None
        if plain.book and ignoring.book and "tact: ignora" not in str(plain.book):
            assert plain.book.version == ignoring.book.version, text
    assert loaded_books > 10


def errors_of(loaded: LoadedBook) -> list[tuple[int, int, Code]]:
    """Where the errors are, and which."""
    return [
        (diagnostic.line, diagnostic.column, diagnostic.code)
        for diagnostic in loaded.diagnostics
        if diagnostic.severity is Severity.ERROR
    ]
