"""Attributes: reading their declarations, and looking up the ones that a book uses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.rulebook.builtin import BUILTIN
from engine.rulebook.declared import Declared
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.sections import AttributeShape
from engine.rulebook.text.nodes import Plain

MAX_ATTRIBUTES = 500

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_OURS = ("location.", "weather.", "now.", "rfm.", "customer.", "signal.", "pattern.")
_NUMBERS = frozenset((AttributeType.INTEGER, AttributeType.NUMBER))
_ITEMS: dict[AttributeType, tuple[type, ...]] = {
    AttributeType.TEXT: (str,),
    AttributeType.TEXTS: (str,),
    AttributeType.INTEGER: (int,),
    AttributeType.INTEGERS: (int,),
    AttributeType.NUMBER: (int, float),
    AttributeType.NUMBERS: (int, float),
}


@dataclass(slots=True)
class Lexicon:
    """The attributes of a book, and on what terms sensitive ones may be used."""

    declared: Declared[Attribute]
    lawful: frozenset[str] = frozenset()
    """Categories of sensitive data with a lawful basis."""
    own: frozenset[str] = field(default_factory=frozenset)
    """The names that the book declares."""

    concluded: dict[str, Declared[Mapping[str, Attribute]]] = field(
        default_factory=lambda: {noun: Declared(noun) for noun in ("pattern", "signal")}
    )
    """What patterns and signals expose, by field."""

    def use(
        self, name: str, path: Path, findings: Findings, *, key: bool = False, shown: bool = False
    ) -> Attribute | None:
        """The attribute named at the path (or at its key); None, reported once, if it cannot be used.

        `shown`: whether content shows its value.
        """
        report = findings.key_error if key else findings.error
        attribute = self._found(name, path, findings, key=key)
        if attribute is None or not attribute.sensitive:
            return attribute
        if shown:
            message = f"{quote(name)} is sensitive ({attribute.sensitive}), and content is logged: it cannot stand there"
            report(path, Code.SENSITIVE, message)
        elif attribute.sensitive not in self.lawful:
            hint = f"state the lawful basis under `book: lawful_basis: {attribute.sensitive}:`"
            message = f"{quote(name)} is sensitive ({attribute.sensitive}) and may not be used without a lawful basis"
            report(path, Code.SENSITIVE, message, hint)
        return attribute

    def _found(self, name: str, path: Path, findings: Findings, *, key: bool) -> Attribute | None:
        noun, _, rest = name.partition(".")
        if noun in self.concluded:
            return self._exposed(noun, rest, path, findings, key=key)
        self.declared.used.add(name)
        attribute = self.declared.found.get(name)
        if attribute is None and name not in self.declared.broken and not self.declared.partial:
            report = findings.key_error if key else findings.error
            hint = findings.suggest(name, self.declared.found)
            report(path, Code.UNKNOWN, f"there is no attribute {quote(name)}", hint)
        return attribute

    def _exposed(
        self, noun: str, rest: str, path: Path, findings: Findings, *, key: bool
    ) -> Attribute | None:
        """The attribute that a pattern or a signal exposes: NAME.FIELD is the rest of its name."""
        report = findings.key_error if key else findings.error
        owner, _, name = rest.partition(".")
        fields = self.concluded[noun].get(owner, path, findings, key=key)
        if fields is None or name in fields:
            return fields[name] if fields else None
        exposed = f"it exposes {', '.join(fields)}" if fields else "it exposes nothing: add `expose` to it"
        if name:
            message = f"the {noun} {quote(owner)} does not expose {quote(name)}"
            report(path, Code.UNKNOWN, message, findings.suggest(name, fields) or exposed)
        else:
            hint = f"write `{noun}: {owner}` to test whether it holds" if key else exposed
            report(path, Code.UNKNOWN, f"{quote(f'{noun}.{owner}')} has no value of its own", hint)
        return None

    def exposed(self) -> dict[str, Attribute]:
        """What all patterns and signals expose, by the attributes' names."""
        groups = (group.found.values() for group in self.concluded.values())
        return {each.name: each for group in groups for fields in group for each in fields.values()}

    def unused(self) -> list[str]:
        """The declared attributes that nothing uses."""
        return [name for name in self.own if name not in self.declared.used]


def read(data: Mapping[str, Plain], findings: Findings, *, partial: bool) -> Declared[Attribute]:
    """The attributes that the book declares, and the built-in ones."""
    declared = Declared("attribute", dict(BUILTIN), partial=partial)
    for count, (name, value) in enumerate(data.items()):
        path = ("attributes", name)
        if count == MAX_ATTRIBUTES:
            message = f"a book declares at most {MAX_ATTRIBUTES} attributes"
            findings.key_error(path, Code.TOO_LARGE, message)
            declared.partial = True
            break
        if _may_declare(name, path, findings):
            shape = shaped(AttributeShape, value, path, findings)
            attribute = _attribute(name, shape, path, findings) if shape else None
            declared.add(name, attribute, sound=path not in findings.salvaged)
        elif name not in BUILTIN:
            declared.broken.add(name)
    return declared


def _may_declare(name: str, path: Path, findings: Findings) -> bool:
    if name in BUILTIN or name.startswith(_OURS):
        hint = "delete the declaration" if name in BUILTIN else "callers send attributes below profile."
        findings.key_error(path, Code.NAME, f"{quote(name)} is one of Tact's built-in names", hint)
    elif not name.startswith("profile."):
        message = f"the attribute {quote(name)} does not begin with profile."
        findings.key_error(path, Code.NAME, message, f"write profile.{name}" if len(name) < 50 else "")
    elif not _NAME.fullmatch(name) or len(name) > 100:
        hint = "lower-case words of a-z, 0-9 and _, joined by dots"
        findings.key_error(path, Code.NAME, f"{quote(name)} is not the name of an attribute", hint)
    else:
        return True
    return False


def _attribute(name: str, shape: AttributeShape, path: Path, findings: Findings) -> Attribute | None:
    kind = AttributeType(shape.type)
    sound = _check_bounds(kind, shape, path, findings)
    items = shape.one_of
    if items is not None:
        sound &= _check_items(kind, items, shape, path, findings)
    if not sound:
        return None
    one_of = None if items is None else frozenset(items)
    return Attribute(name, kind, shape.min, shape.max, one_of, shape.sensitive)


def _check_bounds(kind: AttributeType, shape: AttributeShape, path: Path, findings: Findings) -> bool:
    if kind not in _NUMBERS:
        extra = [bound for bound in ("min", "max") if getattr(shape, bound) is not None]
        for bound in extra:
            message = f"`{bound}` is for integers and numbers, not for {kind}"
            findings.key_error((*path, bound), Code.VALUE, message)
        return not extra
    if shape.min is not None and shape.max is not None and shape.min > shape.max:
        findings.error((*path, "min"), Code.VALUE, "`min` is above `max`")
        return False
    return True


def _check_items(
    kind: AttributeType, items: list[object], shape: AttributeShape, path: Path, findings: Findings
) -> bool:
    allowed = _ITEMS.get(kind)
    if allowed is None:
        findings.key_error(
            (*path, "one_of"), Code.VALUE, f"`one_of` is for texts and numbers, not for {kind}"
        )
        return False
    sound = True
    for index, item in enumerate(items):
        reason = ""
        if not isinstance(item, allowed) or isinstance(item, bool):
            reason = (
                f"a value of `one_of` must be {'text' if str in allowed else kind.removeprefix('list of ')}"
            )
        elif isinstance(item, int | float) and not _inside(item, shape.min, shape.max):
            reason = f"{item} is outside of the attribute's bounds"
        if reason:
            findings.error((*path, "one_of", index), Code.VALUE, reason)
            sound = False
    return sound


def _inside(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)
