"""Read content: fields by channel and language, whose texts have placeholders.

A placeholder is `{profile.first_name|dear customer}`, `{pattern.left-in-cart.item}` or, with a format,
`{offer.price:money EUR}`; `{{` and `}}` are braces.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.rulebook.content.formats import FITTING, FormatError, parse_format
from engine.rulebook.model.book import (
    Attribute,
    AttributeType,
    Channel,
    Content,
    Fields,
    FormatKind,
    Placeholder,
    Template,
    ValueFormat,
)
from engine.rulebook.report.diagnostics import Code, Severity, Suggestion, quote
from engine.rulebook.report.findings import Findings, Path, SourcePlace
from engine.rulebook.symbols import AttributeScope, SymbolTable
from engine.rulebook.text import regions
from engine.rulebook.text.merge import as_words, is_words

FieldTexts = Mapping[str, str]
ByChannel = Mapping[str, FieldTexts]
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_DOUBLE = re.compile(r"\{\{\s*([a-z][a-z0-9_]*(?:\.[\w-]+)*\s*(?:\|[^{}]*)?)\}\}")
_SINGLE = re.compile(r"\{([^{}|]+\|[^{}]*)\}")
_FILTERS = "default|round|upcase|upper|lower|downcase|capitalize|title|trim|strip|escape|date"
_FILTER = re.compile(rf"^(?:{_FILTERS})\b *[:(]|\|")
_BARE_FILTER = re.compile("upcase|upper|lower|downcase|capitalize|title|trim|strip|escape")
_DEFAULT = re.compile(r"\bdefault *[:(] *(['\"]?)(.*?)\1 *\)? *(?:\||$)")
_NO_TEXT = (AttributeType.TEXTS, AttributeType.INTEGERS, AttributeType.NUMBERS, AttributeType.TIME)


@dataclass(frozen=True, slots=True)
class ContentReader:
    """Reads content for the channels and attributes of one book."""

    channels: SymbolTable[Channel]
    attribute_scope: AttributeScope
    locale: str
    """The book's language."""
    findings: Findings

    def read(self, data: ByChannel, locales: Mapping[str, FieldTexts | ByChannel], path: Path) -> Content:
        """The `content` and `locales` at the path; what is wrong with them goes to the findings."""
        content = self._by_channel(data, (*path, "content"))
        return Content(
            content.default,
            content.channels,
            {
                name: self._locale(name, fields, content, (*path, "locales", name))
                for name, fields in locales.items()
                if self._is_locale(name, locales, (*path, "locales", name))
            },
        )

    def _by_channel(self, data: ByChannel, path: Path) -> Content:
        fields = {key: self._fields(key, value, (*path, key)) for key, value in data.items()}
        return Content(fields.pop("default", {}), fields)

    def _fields(self, key: str, data: FieldTexts, path: Path) -> Fields:
        channels = self.channels
        if key == "default":
            return self._templates(data, path)
        self.findings.use((*channels.section, key), path, key=True)
        if key not in channels.values and key not in channels.broken and not channels.partial:
            hint = self.findings.suggest(key, ["default", *channels.values])
            message = f"{quote(key)} is neither `default` nor a channel"
            self.findings.key_error(path, Code.UNKNOWN, message, hint)
        return self._templates(data, path)

    def _templates(self, data: FieldTexts, path: Path) -> Fields:
        return {
            name: parse_template(text, self._name(path, name), self.attribute_scope, self.findings)
            for name, text in data.items()
        }

    def _name(self, path: Path, name: str) -> Path:
        here = (*path, name)
        check_field_name(name, here, self.findings)
        return here

    def _is_locale(self, name: str, locales: Iterable[str], path: Path) -> bool:
        wrong = regions.wrong_tag(name, registered=not self.findings.earlier)
        if wrong:
            self.findings.key_error(path, Code.NAME, f"{quote(name)} {wrong[0]}", wrong[1])
            return False
        twin = next(other for other in locales if other.lower() == name.lower())
        if twin != name:
            message = f"the language {quote(twin)} is here a second time: capitals do not matter"
            self.findings.key_error(path, Code.DUPLICATE, message)
        return twin == name

    def _locale(self, name: str, data: FieldTexts | ByChannel, content: Content, path: Path) -> Content:
        """The fields that differ in the language; the content must have each of them on its channel."""
        texts = {key: text for key, text in data.items() if isinstance(text, str)}
        if texts:
            changed = Content(self._templates(texts, path))
        else:
            changed = self._by_channel({k: v for k, v in data.items() if not isinstance(v, str)}, path)
        by_key = {"default": changed.default, **changed.channels}
        for key, fields in by_key.items():
            known = content.default if key == "default" else content.on(key)
            for field in fields:
                if field not in known:
                    here = (*path, field) if texts else (*path, key, field)
                    message = (
                        f"the content has no field {quote(field)} that could read otherwise in {quote(name)}"
                    )
                    self.findings.key_error(here, Code.UNKNOWN, message, self.findings.suggest(field, known))
        return changed


def check_field_name(name: str, path: Path, findings: Findings) -> None:
    """Report what is not the name of a field at the key that the path ends in."""
    if not is_words(name):
        meant = as_words(name)
        hint = (
            Suggestion(f"write {meant}", name, meant)
            if meant
            else "lower-case words of letters, digits and _"
        )
        findings.key_error(path, Code.NAME, f"{quote(name)} is not the name of a field", hint)


def parse_template(text: str, path: Path, attribute_scope: AttributeScope, findings: Findings) -> Template:
    """The template in the text at the path; what is wrong with it goes to the findings."""
    _warn_of_other_languages(text, path, attribute_scope, findings)
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
            parts.append(_PlaceholderReader(text, token, path, attribute_scope, findings).read())
    literal += text[end:]
    return Template((*parts, literal) if literal else tuple(parts))


def _warn_of_other_languages(
    text: str, path: Path, attribute_scope: AttributeScope, findings: Findings
) -> None:
    """Warn of placeholders in the forms of Jinja, Liquid or Handlebars, which would be shown as they are."""
    for match in _DOUBLE.finditer(text):
        name, _, filters = (part.strip() for part in match[1].partition("|"))
        if "." not in name:
            name = f"profile.{name}"
            if name not in attribute_scope.declared.values:
                continue  # no attribute's name: the braces may be meant
        message = (
            f"{quote(match[0])} is shown as {quote(f'{{{match[1]}}}')}: double braces are braces of the text"
        )
        meant = f"{{{name}{_fallback(filters)}}}"
        _warn(path, message, Suggestion(f"write {meant} for the value", match[0], meant), findings)
        attribute_scope.declared.used.add(name)  # that it is unused would follow from the same mistake
    for match in _SINGLE.finditer(_DOUBLE.sub("", text)):
        name, _, filters = (part.strip() for part in match[1].partition("|"))
        if _FILTER.search(filters) or _BARE_FILTER.fullmatch(filters):
            message = f"{quote(filters)} is shown to customers without {quote(name)}: there are no filters"
            meant = f"{{{name}{_fallback(filters)}}}"
            _warn(path, message, Suggestion(f"write {meant}", match[0], meant), findings)
        elif filters and match[1].partition("|")[2].startswith(" "):
            message = f"the fallback of {quote(name)} begins with a blank, which is shown"
            meant = f"{{{name}|{filters}}}"
            _warn(path, message, Suggestion(f"write {meant}", match[0], meant), findings)


def _warn(path: Path, message: str, hint: str, findings: Findings) -> None:
    findings.report(findings.location(path), Code.TEMPLATE, message, hint, severity=Severity.WARNING)


def _fallback(filters: str) -> str:
    """The fallback that filters of another language mean: `default:'x'` is `|x`, `0|round:2` is `|0`."""
    default = _DEFAULT.search(filters)
    if default:
        return f"|{default[2]}"
    first = filters.lstrip("| ").partition("|")[0].strip()
    return f"|{first}" if first and not _FILTER.search(f"{first}:") else ""


@dataclass(frozen=True, slots=True)
class _PlaceholderReader:
    """Reads one placeholder of a text."""

    text: str
    token: re.Match[str]
    """The placeholder with its braces, in the text."""
    path: Path
    attribute_scope: AttributeScope
    findings: Findings

    def read(self) -> Placeholder:
        """The placeholder; what is wrong with it goes to the findings."""
        before, bar, fallback = self.token[1].partition("|")
        name, colon, stated = before.partition(":")
        name = unicodedata.normalize("NFC", name.strip())
        attribute = None
        if name:
            self.findings.placeholder = self.token.span()
            attribute = self.attribute_scope.use(name, self.path, self.findings, shown=True)
            self.findings.placeholder = None
        else:
            self.findings.error(self.path, Code.TEMPLATE, "a placeholder without an attribute")
        value_format = self._format(stated.strip()) if colon else None
        if attribute:
            self._check_type(attribute, value_format)
        return Placeholder(name, fallback if bar else None, value_format)

    def _format(self, stated: str) -> ValueFormat | None:
        value_format = parse_format(stated, self.findings.suggest)
        if isinstance(value_format, FormatError):
            code = Code.UNKNOWN if value_format.is_unknown else Code.TEMPLATE
            self._report(code, value_format.message, value_format.hint)
            return None
        return value_format

    def _check_type(self, attribute: Attribute, value_format: ValueFormat | None) -> None:
        """Report a value that cannot stand in a text, or that its format does not write."""
        name, kind = quote(attribute.name), attribute.type
        if kind in _NO_TEXT:
            hint = "send the words as a text of their own" if kind is AttributeType.TIME else ""
            message = f"{name} is a {kind} and cannot stand in a text"
            self.findings.error(self.path, Code.TEMPLATE, message, hint)
        elif value_format is not None and kind not in FITTING[value_format.kind]:
            fitting = [str(other) for other in FormatKind if kind in FITTING[other]]
            message = f"`{value_format.kind}` does not fit {name}, which is of type {kind}"
            self._report(
                Code.TEMPLATE, message, f"one of: {', '.join(fitting)}; or none, which is {name} as it is"
            )

    def _report(self, code: Code, message: str, hint: str) -> None:
        """Add an error where the placeholder is written."""
        if self.path not in self.findings.poisoned:
            self.findings.report(self._position(), code, message, hint)

    def _position(self) -> SourcePlace:
        """Where the placeholder is written; where its text is, if YAML writes the placeholder in another way."""
        file, line, column = self.findings.location(self.path)
        earlier = self.text.count(self.token[0], 0, self.token.start())
        lines = self.findings.sources.get(file, [])[line - 1 : line + self.text.count("\n") + 1]
        for index, source in enumerate(lines):
            start = column - 1 if index == 0 else 0
            while (start := source.find(self.token[0], start)) >= 0:
                if not earlier:
                    return file, line + index, start + 1
                earlier -= 1
                start += 1
        return file, line, column
