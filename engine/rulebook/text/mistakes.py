"""Say which mistake of the author is behind an error of the YAML parser, and where it was made.

A parser reports where it could not go on, which is mostly a line after the mistake. Each rule below looks at the lines
between the two marks of the error and recognises one mistake.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

import yaml

from engine.rulebook.report.findings import SourcePosition

INVISIBLE = re.compile(
    "[\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    "\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
"""Characters that look like a blank or like nothing, and that YAML takes for letters."""

CURLY = "“”„‟«»‘’‚‛"
"""Quotes that YAML takes for letters."""

_KEY = re.compile(r"[ ]*(?:- +)*([^\s:;{}\[\],\"'#]+)")
_BESIDE = re.compile(r"(\[[^\]]*\]|\{[^{}|]*: [^{}|]*\}), +([\w.-]+: .*)")
_HEAD = re.compile(r"([ ]*(?:- +)*[^\s:#\"'{\[][^:#]*?): +(?=\S)")
_UNSEEN = re.compile(rf"[ ]*(?:- +)*[\w.-]*:?({INVISIBLE.pattern})")
_GLUED = re.compile(r"[ ]*(?:- +)*([\w.-]+):([^\s:].*)")
_GREATER = re.compile(r"[ {,](\w+\.[\w.-]+): +(>=|>) *([-+]?[0-9][0-9.-]*)(?= *(?:[,}]|$))")
_SPECIAL = "%@`*&!>|"


class Mistake(NamedTuple):
    """A mistake in the text of a book."""

    position: SourcePosition
    message: str
    hint: str = ""


def name_of(character: str) -> str:
    """What messages call an invisible character: `U+00A0 (no-break space)`."""
    name = unicodedata.name(character, "").lower() or "control character"
    return f"U+{ord(character):04X} ({name})"


def invisible(character: str, position: SourcePosition) -> Mistake:
    """An invisible character where it cannot be part of a text."""
    where = "delete it, or type a blank in its place"
    return Mistake(position, f"the invisible character {name_of(character)}", where)


def behind(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> Mistake:
    """The mistake behind the error of the parser; in the parser's words if no rule recognises it."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Mistake((1, 1), error.problem or error.context or "not YAML")
    opened = error.context_mark
    attempt = _Attempt(
        lines, mark.line, mark.column, opened.line if opened else mark.line, opened.column if opened else 0
    )
    context, problem = error.context or "", error.problem or "not YAML"
    recognised = attempt.characters() or attempt.comparison() or attempt.quotes(context, problem)
    if recognised is None and "mapping values" in problem:
        recognised = attempt.second_colon() or attempt.line_before()
    elif recognised is None and "expected ':'" in problem:
        recognised = attempt.no_dash() or attempt.no_colon(attempt.opened)
    elif recognised is None and "flow" in context:
        recognised = attempt.flow(context)
    elif recognised is None:
        recognised = attempt.dash() or attempt.deeper() or attempt.block()
    return recognised or Mistake((mark.line + 1, mark.column + 1), problem)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Where the parser gave up, and where the construct began that it was in. Lines and columns count from 0."""

    lines: Sequence[str]
    line: int
    column: int
    opened: int
    opened_column: int

    def characters(self) -> Mistake | None:
        """A tab in the indentation, or an invisible character before a value."""
        for number in range(self._before(), min(self.line + 1, len(self.lines))):
            match = _UNSEEN.match(self.lines[number])
            if match:
                return invisible(match[1], (number + 1, match.start(1) + 1))
        tab = re.match(r" *\t", self._source())
        if tab:
            return Mistake((self.line + 1, tab.end()), "a tab in the indentation", "indent with blanks")
        return None

    def comparison(self) -> Mistake | None:
        """A test such as `profile.age: > 100`: a value that begins with > opens a block text, or an error."""
        match = next(
            (m for m in _GREATER.finditer(self._source()) if m.start(2) <= self.column <= m.end()), None
        )
        if match is None:
            return None
        operator = "gt" if match[2] == ">" else "gte"
        position = (self.line + 1, match.start(2) + 1)
        hint = f"write {match[1]}: {{{operator}: {match[3]}}}"
        return Mistake(position, f"'{match[2]}' is no operator here", hint)

    def quotes(self, context: str, problem: str) -> Mistake | None:
        """A quote that is not closed, or text after the closing one."""
        if "quoted scalar" in context and "end of stream" in problem:
            return self._unclosed_quote(self.opened, self.opened_column)
        before = self._source()[: self.column].rstrip()
        for quote in ('"', "'"):
            if not before.endswith(quote):
                continue
            if before.count(quote) % 2 == 0:
                inside = '\\"' if quote == '"' else "''"
                hint = f"put the whole text into quotes; {inside} is a quote inside"
                return Mistake((self.line + 1, self.column + 1), "text after the closing quote", hint)
            for number in range(self.line - 1, -1, -1):
                if self.lines[number].count(quote) % 2:
                    return self._unclosed_quote(number, self.lines[number].rfind(quote))
        return None

    def second_colon(self) -> Mistake | None:
        """A text with a colon and a blank that is not in quotes."""
        source = self._source()
        head = _HEAD.match(source[: self.column + 1])
        if head is None:
            return None
        hint = _of_condition(head[1].strip(), source[head.end() :].rstrip()) or _quoted(source, head)
        return Mistake((self.line + 1, self.column + 1), "a second colon in the line", hint)

    def line_before(self) -> Mistake | None:
        """A line without its colon, or with a value, above lines that are indented below it."""
        number = self._before()
        source = self.lines[number]
        if _HEAD.match(source):
            message = f"indented below line {number + 1}, which has a value already"
            hint = "give it the indentation of the keys beside it"
            return Mistake((self.line + 1, _indentation(self._source()) + 1), message, hint)
        return self.no_colon(number)

    def no_colon(self, number: int) -> Mistake | None:
        """A line with a key and no colon, or with no blank after the colon."""
        source = self.lines[number]
        glued = _GLUED.match(source)
        if glued:
            return no_blank(glued[1], glued[2], (number + 1, glued.end(1) + 1))
        key = _KEY.match(source)
        if key is None:
            return None
        if key[1].startswith("//"):
            return Mistake(
                (number + 1, key.start(1) + 1), "a comment begins with #", "write # in place of //"
            )
        rest = source[key.end() :].lstrip(" =;")
        hint = f"write {key[1]}: {rest}".rstrip()
        return Mistake((number + 1, key.start(1) + 1), f"no colon after '{key[1]}'", hint)

    def flow(self, context: str) -> Mistake | None:
        """A brace or a bracket that is not closed, or a colon inside of a text."""
        source = self._source()
        ended = self.line > self.opened and (
            not source.strip() or _indentation(source) <= _indentation(self.lines[self.opened])
        )
        if ended:
            bracket, closing = ("{", "}") if "mapping" in context else ("[", "]")
            comment = re.search(rf"\s#[^\"']*\{closing}", self.lines[self.opened][self.opened_column :])
            if comment:
                column = self.opened_column + comment.start() + 2
                message = f"a comment begins at ' #', and the {closing} behind it is a part of it"
                return Mistake((self.opened + 1, column), message, "put the text with # into quotes")
            position = (self.opened + 1, self.opened_column + 1)
            return Mistake(position, f"this {bracket} is not closed", f"add its {closing}")
        begun = re.search(r"[{,] *([\w.-]+): +((\[|\{)[^\[\]{}]*[\]}] *)$", source[: self.column])
        rest = re.match(r"[^,{}\[\]]+", source[self.column :])
        if begun and rest:
            position = (self.line + 1, begun.start(2) + 1)
            hint = f'write {begun[1]}: "{begun[2]}{rest[0].rstrip()}"'
            return Mistake(position, f"a text that begins with {begun[3]} must be in quotes", hint)
        bracket = source[self.column : self.column + 1]
        if bracket in ("{", "["):
            entry = re.search(r"[{,] *([\w.-]+): +([^,{}\[\]\"':]+)$", source[: self.column])
            if entry:
                position = (self.line + 1, entry.start(2) + 1)
                hint = f'put the whole text into quotes: {entry[1]}: "{entry[2]}{bracket}…"'
                return Mistake(position, f"a text with {bracket} inside must be in quotes", hint)
        if source[self.column : self.column + 1] == ":":
            message = "a second colon in the entry"
            hint = "put the text into quotes"
            entry = re.search(r"[{,] *([\w.-]+): +([^,{}\[\]\"]*)$", source[: self.column])
            if entry and ";" in entry[2]:
                before, _, after = entry[2].partition(";")
                hint = (
                    f"entries are separated by commas: write {entry[1]}: {before.strip()}, {after.strip()}: …"
                )
            elif entry:
                rest = re.match(r"[^,}\]]*", source[self.column :])
                value = f"{entry[2]}{rest[0].rstrip() if rest else ''}"
                hint = _of_condition(entry[1], value) or f'write {entry[1]}: "{value}"'
            return Mistake((self.line + 1, self.column + 1), message, hint)
        return None

    def no_dash(self) -> Mistake | None:
        """An item in braces or brackets without a dash, below one with a dash."""
        source = self.lines[self.opened]
        if source.lstrip()[:1] not in ("{", "["):
            return None
        above = next((n for n in range(self.opened - 1, -1, -1) if _is_content(self.lines[n])), None)
        if above is None or not self.lines[above].lstrip().startswith("- "):
            return None
        return self._no_dash(self.opened, above)

    def deeper(self) -> Mistake | None:
        """The first key of a mapping that is indented deeper than the rest of it."""
        if self.column != _indentation(self._source()) or _is_dash(self._source()):
            return None
        above = [n for n in range(self.line) if _is_content(self.lines[n])]
        start = next((n for n in reversed(above) if _indentation(self.lines[n]) <= self.column), -1)
        inside = [n for n in above if n > start]
        if not inside or (start >= 0 and _indentation(self.lines[start]) == self.column):
            return None
        indentation = min(_indentation(self.lines[n]) for n in inside)
        keys = [n for n in inside if _indentation(self.lines[n]) == indentation]
        if keys != inside[:1] or _is_dash(self.lines[keys[0]]) or (self.column and self._keys_below() < 2):
            return None
        message = f"indented by {indentation} blanks, and the keys below it by {self.column}"
        hint = f"indent it by {self.column} blanks" if self.column else "take the blanks before it out"
        return Mistake((keys[0] + 1, indentation + 1), message, hint)

    def _keys_below(self) -> int:
        """The number of keys, from the line on, that have its indentation."""
        below = (_indentation(source) for source in self.lines[self.line :] if _is_content(source))
        return sum(indentation == self.column for indentation in takewhile(lambda n: n >= self.column, below))

    def dash(self) -> Mistake | None:
        """A dash before the first of several keys, or none before the last of several items."""
        dashes = [
            number
            for number in range(self.opened, min(self.line, len(self.lines)))
            if self.lines[number].startswith(f"{' ' * self.opened_column}- ")
        ]
        if not dashes or self.column != self.opened_column:
            return None
        if len(dashes) > 1:
            return self._no_dash(self.line, dashes[-1])
        message = "a dash begins an item of a list, and the lines below it are keys"
        return Mistake((self.opened + 1, self.opened_column + 1), message, "take the dash out")

    def block(self) -> Mistake | None:
        """Text after a value that begins like something else, a brace too many, or an indentation of its own."""
        source, here = self._source(), (self.line + 1, self.column + 1)
        head = _HEAD.match(source)
        value = source[head.end() :] if head else ""
        if value and (value[0] in _SPECIAL or value[:2] in ("- ", "? ")):
            position = (self.line + 1, source.index(value) + 1)
            return Mistake(
                position, f"a text that begins with {value[0]} must be in quotes", _quoted(source, head)
            )
        if source[self.column : self.column + 1] in ("}", "]"):
            return Mistake(here, f"a {source[self.column]} too many", "delete it, or open it before")
        beside = _BESIDE.fullmatch(value.rstrip())
        if beside:
            message = "two entries in a line without braces around them"
            return Mistake(
                (self.line + 1, source.index(value) + beside.start(2) + 1),
                message,
                f"write {beside[2]} in a line of its own",
            )
        if value and value[0] in "{[" and self.column > len(source) - len(value):
            message = f"a text that begins with {value[0]} must be in quotes"
            return Mistake((self.line + 1, source.index(value) + 1), message, _quoted(source, head))
        if self.column == _indentation(source) and self.column != self.opened_column:
            message = f"indented by {self.column} blanks, and the keys since line {self.opened + 1} by {self.opened_column}"
            return Mistake(here, message, "give all keys of a mapping the same indentation")
        return None

    def _no_dash(self, line: int, above: int) -> Mistake:
        message = f"no dash before the item, as the one in line {above + 1} has"
        position = (line + 1, _indentation(self.lines[line]) + 1)
        return Mistake(position, message, "begin it with a dash and a blank")

    def _source(self) -> str:
        return self.lines[self.line] if self.line < len(self.lines) else ""

    def _before(self) -> int:
        """The last line with content before the one where the parser gave up."""
        for number in range(self.line - 1, -1, -1):
            if _is_content(self.lines[number]):
                return number
        return 0

    def _unclosed_quote(self, line: int, column: int) -> Mistake:
        quote = self.lines[line][column]
        return Mistake(
            (line + 1, column + 1), "the quote that opens here is not closed", f"end the text with {quote}"
        )


def no_blank(key: str, value: str, position: SourcePosition) -> Mistake:
    """A colon that is followed by its value without a blank."""
    return Mistake(position, f"no blank after the colon of '{key}'", f"write {key}: {value.strip()}")


def _of_condition(key: str, value: str) -> str:
    """How to write a condition without braces behind `when:`."""
    return f"write when: {{{value}}}" if key == "when" and re.match(r"[\w.-]+: \S", value) else ""


def _quoted(source: str, head: re.Match[str] | None) -> str:
    """How to write the line's value in quotes."""
    if head is None:
        return "put it into quotes"
    value = source[head.end() :].strip().strip(CURLY)
    mark = "'" if '"' in value else '"'
    return f"write {head[1].strip().removeprefix('- ')}: {mark}{value}{mark}"


def _is_content(source: str) -> bool:
    return source.strip() != "" and not source.lstrip().startswith("#")


def _is_dash(source: str) -> bool:
    return source.lstrip().startswith("- ")


def _indentation(source: str) -> int:
    return len(source) - len(source.lstrip(" "))
