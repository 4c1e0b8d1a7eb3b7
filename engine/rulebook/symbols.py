"""Symbol tables: what a section declares, by name, and lookups that report unknown names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.rulebook.model.book import OFFER_PRICE, Attribute, AttributeType
from engine.rulebook.model.derived import DAYS_TO_ANNIVERSARY
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path

T = TypeVar("T")


@dataclass(slots=True)
class SymbolTable(Generic[T]):
    """The entries of one section, by name."""

    noun: str
    """What messages call an entry."""
    values: dict[str, T] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Names of entries with errors; using one is not reported."""
    partial: bool = False
    """Whether part of the section could not be read; then unknown names are not reported."""
    used: set[str] = field(default_factory=set)
    section: Path = ()
    """Where entries are declared; by default in the section of the noun's plural."""

    def __post_init__(self) -> None:
        """Derive the section."""
        self.section = self.section or (f"{self.noun}s",)

    def add(self, name: str, value: T | None, *, sound: bool = True) -> None:
        """Add an entry; if it is None or not sound, its name becomes a broken one."""
        if value is None or not sound:
            self.broken.add(name)
        else:
            self.values[name] = value

    def get(
        self,
        name: str,
        path: Path,
        findings: Findings,
        *,
        use: bool = True,
        key: bool = False,
        offset: int = 0,
    ) -> T | None:
        """The entry of the name at the path (or in its key); None if it is broken, or unknown, which is reported.

        use: whether this counts as a use, so that the entry is not noted as unused. offset: of a `Use`.
        """
        if use:
            self.used.add(name)
        findings.use((*self.section, name), path, key=key, offset=offset)
        if name not in self.values and name not in self.broken and not self.partial:
            hint = findings.suggest(name, [*self.values, *self.broken])
            report = findings.key_error if key else findings.error
            report(path, Code.UNKNOWN, f"there is no {self.noun} {quote(name)}", hint)
        return self.values.get(name)

    def unused(self) -> Iterator[str]:
        """The names that nothing uses."""
        return (name for name in self.values if name not in self.used)


@dataclass(slots=True)
class AttributeScope:
    """All attributes that a book can use: declared, built in, and exposed by patterns and signals."""

    declared: SymbolTable[Attribute]
    lawful: frozenset[str] = frozenset()
    """Categories of sensitive data for which the book states a lawful basis."""
    own: frozenset[str] = field(default_factory=frozenset)
    """The names of declared attributes, without built-in ones."""

    anniversaries: dict[str, Attribute] = field(default_factory=dict)
    """The attributes that count the days to the anniversaries of dates, by name: those that were used."""

    concluded: dict[str, SymbolTable[Mapping[str, Attribute]]] = field(
        default_factory=lambda: {noun: SymbolTable(noun) for noun in ("pattern", "signal", "nearest")}
    )
    """By noun (pattern, signal, nearest): the attributes that each pattern, signal or set of places exposes, by field."""

    def use(
        self, name: str, path: Path, findings: Findings, *, key: bool = False, shown: bool = False
    ) -> Attribute | None:
        """The attribute named at the path (or at its key); None after reporting that it cannot be used.

        shown: whether content shows its value.
        """
        report = findings.key_error if key else findings.error
        if shown and name == OFFER_PRICE:
            return Attribute(name, AttributeType.NUMBER, 0)
        attribute = self._known(name, path, findings, key=key, shown=shown)
        if attribute is None or not attribute.sensitive:
            if attribute is not None and attribute.masked and shown:
                hint = f"write `masked: false` at {quote(name)} if its values may be logged"
                message = f"{quote(name)} is masked, and content is logged: it cannot stand there"
                report(path, Code.SENSITIVE, message, hint)
            return attribute
        if shown:
            message = f"{quote(name)} is sensitive ({attribute.sensitive}), and content is logged: it cannot stand there"
            report(path, Code.SENSITIVE, message)
        elif attribute.sensitive not in self.lawful:
            hint = f"state the lawful basis under `book: lawful_basis: {attribute.sensitive}:`"
            message = f"{quote(name)} is sensitive ({attribute.sensitive}) and may not be used without a lawful basis"
            report(path, Code.SENSITIVE, message, hint)
        return attribute

    def _known(
        self, name: str, path: Path, findings: Findings, *, key: bool, shown: bool
    ) -> Attribute | None:
        noun, _, rest = name.partition(".")
        if noun in self.concluded:
            return self._exposed(noun, rest, path, findings, key=key)
        self.declared.used.add(name)
        attribute = self.declared.values.get(name) or self._anniversary(name)
        date = name.removesuffix(DAYS_TO_ANNIVERSARY)
        broken = {name, date} & self.declared.broken
        findings.use(("attributes", date if name in self.anniversaries else name), path, key=key)
        if attribute is None and not broken and not self.declared.partial:
            report = findings.key_error if key else findings.error
            days = (date + DAYS_TO_ANNIVERSARY for date in self._dates())
            hint = findings.suggest(name, [*self.declared.values, *days])
            if name == OFFER_PRICE:
                hint = "it stands in texts only"
            elif shown and name.startswith("offer."):
                hint = f"of an offer, texts can show {OFFER_PRICE}"
            report(path, Code.UNKNOWN, f"there is no attribute {quote(name)}", hint)
        return attribute

    def _dates(self) -> Iterator[str]:
        """The declared attributes that are dates."""
        return (name for name in self.own if self._is_date(name))

    def _is_date(self, name: str) -> bool:
        declared = self.declared.values.get(name)
        return declared is not None and declared.type is AttributeType.DATE

    def _anniversary(self, name: str) -> Attribute | None:
        """The days to the anniversary of a declared date; sensitive where the date is."""
        date = name.removesuffix(DAYS_TO_ANNIVERSARY)
        if date == name or date not in self.own or not self._is_date(date):
            return None
        self.declared.used.add(date)
        source = self.declared.values[date]
        counted = Attribute(name, AttributeType.INTEGER, 0, sensitive=source.sensitive, masked=source.masked)
        return self.anniversaries.setdefault(name, counted)

    def _exposed(
        self, noun: str, rest: str, path: Path, findings: Findings, *, key: bool
    ) -> Attribute | None:
        """The attribute that a pattern or a signal exposes. rest: its name without the noun, NAME.FIELD."""
        report = findings.key_error if key else findings.error
        owner, _, name = rest.partition(".")
        if noun == "nearest" and name:  # names of places may have dots
            owner, _, name = rest.rpartition(".")
        table = self.concluded[noun]
        before = len(noun) + 1
        fields = table.get(owner, path, findings, key=key, offset=before)
        if fields is not None and name in fields:
            exposing = "fields" if noun == "nearest" else "expose"
            target = (*table.section, owner, exposing, name)
            findings.use(target, path, key=key, offset=before + len(owner) + 1)
        if fields is None or name in fields:
            return fields[name] if fields else None
        exposed = f"it exposes {', '.join(fields)}" if fields else "it exposes nothing: add `expose` to it"
        if name:
            message = f"the {self.concluded[noun].noun} {quote(owner)} does not expose {quote(name)}"
            report(path, Code.UNKNOWN, message, findings.suggest(name, fields) or exposed)
        else:
            hint = (
                f"write `{noun}: {owner}` to test whether it holds" if key and noun != "nearest" else exposed
            )
            report(path, Code.UNKNOWN, f"{quote(f'{noun}.{owner}')} has no value of its own", hint)
        return None

    def derived(self) -> dict[str, Attribute]:
        """The attributes that all patterns and signals expose, and the days to anniversaries that were used, by name."""
        tables = (table.values.values() for table in self.concluded.values())
        exposed = {field.name: field for table in tables for fields in table for field in fields.values()}
        return exposed | self.anniversaries

    def unused(self) -> list[str]:
        """The declared attributes that nothing uses."""
        return [name for name in self.own if name not in self.declared.used]
