"""The names that a section declares, and looking one up with a message for those that do not exist."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.rulebook.model.book import Attribute
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path

T = TypeVar("T")


@dataclass(slots=True)
class SymbolTable(Generic[T]):
    """What one section declares, by name."""

    noun: str
    """What messages call one of them."""
    values: dict[str, T] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Names with errors of their own; who uses them is not told a second time."""
    partial: bool = False
    """Whether part of the section could not be read, so that an unknown name may be no mistake."""
    used: set[str] = field(default_factory=set)

    def add(self, name: str, value: T | None, *, sound: bool = True) -> None:
        """Add what was built for the name; None or not sound: who uses it gets nothing, and no message."""
        if value is None or not sound:
            self.broken.add(name)
        else:
            self.values[name] = value

    def get(
        self, name: str, path: Path, findings: Findings, *, use: bool = True, key: bool = False
    ) -> T | None:
        """What the name at the path (or in its key) stands for; None, reported once, if there is no such thing.

        `use`: whether being named here is a reason to exist.
        """
        if use:
            self.used.add(name)
        if name not in self.values and name not in self.broken and not self.partial:
            hint = findings.suggest(name, [*self.values, *self.broken])
            report = findings.key_error if key else findings.error
            report(path, Code.UNKNOWN, f"there is no {self.noun} {quote(name)}", hint)
        return self.values.get(name)

    def unused(self) -> Iterator[str]:
        """The names that nobody asked for."""
        return (name for name in self.values if name not in self.used)


@dataclass(slots=True)
class AttributeScope:
    """The attributes of a book, and on what terms sensitive ones may be used."""

    declared: SymbolTable[Attribute]
    lawful: frozenset[str] = frozenset()
    """Categories of sensitive data with a lawful basis."""
    own: frozenset[str] = field(default_factory=frozenset)
    """The names that the book declares."""

    concluded: dict[str, SymbolTable[Mapping[str, Attribute]]] = field(
        default_factory=lambda: {noun: SymbolTable(noun) for noun in ("pattern", "signal")}
    )
    """What patterns and signals expose, by field."""

    def use(
        self, name: str, path: Path, findings: Findings, *, key: bool = False, shown: bool = False
    ) -> Attribute | None:
        """The attribute named at the path (or at its key); None, reported once, if it cannot be used.

        `shown`: whether content shows its value.
        """
        report = findings.key_error if key else findings.error
        attribute = self._known(name, path, findings, key=key)
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

    def _known(self, name: str, path: Path, findings: Findings, *, key: bool) -> Attribute | None:
        noun, _, rest = name.partition(".")
        if noun in self.concluded:
            return self._exposed(noun, rest, path, findings, key=key)
        self.declared.used.add(name)
        attribute = self.declared.values.get(name)
        if attribute is None and name not in self.declared.broken and not self.declared.partial:
            report = findings.key_error if key else findings.error
            hint = findings.suggest(name, self.declared.values)
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
        tables = (table.values.values() for table in self.concluded.values())
        return {field.name: field for table in tables for fields in table for field in fields.values()}

    def unused(self) -> list[str]:
        """The declared attributes that nothing uses."""
        return [name for name in self.own if name not in self.declared.used]
