"""The names that a section declares, and looking one up with a message for those that do not exist."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path

T = TypeVar("T")


@dataclass(slots=True)
class Declared(Generic[T]):
    """What one section declares, by name."""

    noun: str
    """What messages call one of them."""
    found: dict[str, T] = field(default_factory=dict)
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
            self.found[name] = value

    def get(
        self, name: str, path: Path, findings: Findings, *, use: bool = True, key: bool = False
    ) -> T | None:
        """What the name at the path (or in its key) stands for; None, reported once, if there is no such thing.

        `use`: whether being named here is a reason to exist.
        """
        if use:
            self.used.add(name)
        if name not in self.found and name not in self.broken and not self.partial:
            hint = findings.suggest(name, [*self.found, *self.broken])
            report = findings.key_error if key else findings.error
            report(path, Code.UNKNOWN, f"there is no {self.noun} {quote(name)}", hint)
        return self.found.get(name)

    def unused(self) -> Iterator[str]:
        """The names that nobody asked for."""
        return (name for name in self.found if name not in self.used)
