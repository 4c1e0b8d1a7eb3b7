"""The files in a book's folder tests/ as plain data; the findings get each value's position by file and path."""

from collections.abc import Callable, Mapping
from pathlib import Path as Folder

from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.text import files, nodes, yaml_events
from engine.rulebook.text.files import MAX_FILE_BYTES, Sources
from engine.rulebook.text.nodes import Document, PlainData, Problem
from engine.rulebook.text.yaml_events import Unreadable

FOLDER = "tests"


BUDGETS = "budgets.yaml"
"""The file in it that holds budgets, and no scenarios."""


_NULLS = ("null", "Null", "NULL", "~")


def read_folder(book: Folder) -> Sources:
    """The scenario files of a book, by their path in it; none if there is no folder tests/."""
    folder = book / FOLDER
    if not folder.is_dir():
        return Sources()
    read = files.read_folder(folder)
    scenarios = {name: content for name, content in read.files.items() if name != BUDGETS}
    sources = Sources({f"{FOLDER}/{name}": content for name, content in scenarios.items()})
    for problem in read.problems:
        sources.problem(f"{FOLDER}/{problem.file}", problem.code, problem.message, problem.hint)
    return sources


def compose(contents: Mapping[str, bytes], findings: Findings) -> dict[str, PlainData]:
    """The data of every file that could be read; reports what is wrong with the others."""
    data: dict[str, PlainData] = {}
    for name, content in sorted(contents.items()):
        document = read_document(name, content, findings, _in_context)
        if document is not None and document.whole and document.data is not None:
            data[name] = document.data
    return data


def read_document(
    name: str, content: bytes, findings: Findings, in_context: Callable[[Path], bool]
) -> Document | None:
    """The file's content, its problems reported and its positions put into the findings below the file's name.

    None if it is no text. in_context: whether a path is one of a context, where values may be empty.
    """
    try:
        if len(content) > MAX_FILE_BYTES:
            raise Unreadable(Code.TOO_LARGE, (1, 1), "the file is larger than 1 MiB", "split it into several")
        text = yaml_events.decode(content)
    except Unreadable as reason:
        if reason.code is Code.ENCODING:
            findings.sources[name] = yaml_events.escaped_lines(content)
        findings.report((name, *reason.position), reason.code, reason.message, reason.hint)
        return None
    findings.sources[name] = yaml_events.LINE_BREAK.split(text)
    document = nodes.compose(text)
    _allow_empty(document, in_context)
    for problem in document.problems:
        findings.report(
            (name, *problem.position), problem.code, problem.message, problem.hint, severity=problem.severity
        )
    for where, into in ((document.values, findings.values), (document.keys, findings.keys)):
        for path, (line, column) in where.items():
            into[name, *path] = (name, line, column)
    findings.poisoned.update((name, *path) for path in document.poisoned)
    return document


def _allow_empty(document: Document, in_context: Callable[[Path], bool]) -> None:
    """Allow empty values in contexts: an empty list means none, null an unknown value, `decide: {}` no changes."""
    allowed = {path for path in document.poisoned if in_context(path) and _is_written(document, path)}
    places = {document.values[path] for path in allowed}

    def stays(problem: Problem) -> bool:
        return problem.code is not Code.EMPTY or problem.position not in places

    document.problems = [problem for problem in document.problems if stays(problem)]
    document.poisoned -= allowed


def _in_context(path: Path) -> bool:
    match path:
        case ("customers", _, _, *_) | ("tests", int(), "customer", _, *_) | ("tests", int(), "with", *_):
            return True
        case ("tests", int(), "story", int(), key, *_):
            return key != "expect"
    return False


def _is_written(document: Document, path: Path) -> bool:
    """Whether the empty value at the path is written out, and not just left away after its key."""
    value: PlainData = document.data
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
    return value in ([], {}) or (value is None and document.lexemes.get(path) in _NULLS)
