"""Texts with placeholders: `{profile.first_name|dear customer}`, `{pattern.left-in-cart.item}`; `{{` and `}}` are braces."""

import re

from engine.rulebook.attributes import Lexicon
from engine.rulebook.model.book import AttributeType, Placeholder, Template
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NO_TEXT = (AttributeType.TEXTS, AttributeType.INTEGERS, AttributeType.NUMBERS, AttributeType.TIME)


def parse(text: str, path: Path, lexicon: Lexicon, findings: Findings) -> Template:
    """The template in the text at the path; what is wrong with it goes to the findings."""
    parts: list[str | Placeholder] = []
    literal = ""
    end = 0
    for token in _TOKEN.finditer(text):
        literal += text[end : token.start()]
        end = token.end()
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
        elif token[1] is None:
            message = f"a single {token[0]} at character {token.start() + 1} of the text"
            hint = f"write {token[0] * 2} for a brace, or {{attribute|fallback}} for a placeholder"
            findings.error(path, Code.TEMPLATE, message, hint)
        else:
            if literal:
                parts.append(literal)
                literal = ""
            parts.append(_placeholder(token[1], path, lexicon, findings))
    literal += text[end:]
    return Template((*parts, literal) if literal else tuple(parts))


def _placeholder(inside: str, path: Path, lexicon: Lexicon, findings: Findings) -> Placeholder:
    name, bar, fallback = inside.partition("|")
    name = name.strip()
    if not name:
        findings.error(path, Code.TEMPLATE, "a placeholder without an attribute")
    else:
        attribute = lexicon.use(name, path, findings, shown=True)
        if attribute and attribute.type in _NO_TEXT:
            message = f"{quote(name)} is a {attribute.type} and cannot stand in a text"
            hint = "send the words as a text of their own" if attribute.type is AttributeType.TIME else ""
            findings.error(path, Code.TEMPLATE, message, hint)
    return Placeholder(name, fallback if bar else None)
