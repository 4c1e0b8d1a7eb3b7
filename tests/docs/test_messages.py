"""The page of messages and what the program says."""

import ast
import re
from collections.abc import Iterator

from tests.docs.pages import ROOT

_ROW = re.compile(r"^\| `(?P<message>[^`]+)` \| (?P<level>\w+) \|(?P<fields>[^|]*)\|", re.MULTILINE)
_LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}


def said() -> Iterator[tuple[str, str, set[str]]]:
    """Every message in the program: its words, its level, and what it is said with."""
    for path in (ROOT / "engine").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log"), attr=level),
                    args=[ast.Constant(value=str(words))],
                ) if level in _LEVELS:
                    yield (
                        words,
                        _LEVELS[level],
                        {keyword.arg for keyword in node.keywords if keyword.arg} - {"exc_info"},
                    )


def test_every_message_has_a_row() -> None:
    """The page has exactly the messages that there are, each with its level and what it is said with."""
    page = (ROOT / "docs" / "reference" / "messages.md").read_text(encoding="utf-8")
    rows = {
        row["message"]: (row["level"], set(re.findall(r"`(\w+)`", row["fields"])))
        for row in _ROW.finditer(page)
    }
    messages = {words: (level, fields) for words, level, fields in said()}
    assert set(rows) == set(messages)
    for words, (level, fields) in messages.items():
        assert rows[words][0] == level, words
        assert fields <= rows[words][1], words


def test_no_message_is_about_somebody() -> None:
    """None is said with a customer, a person, or the text of a value."""
    named = {name for _, _, fields in said() for name in fields}
    assert not named & {"customer", "person", "aliases", "value", "values", "profile", "event", "request"}
