"""The section `pressure`: every policy read, and no two of one name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from engine.rulebook.model.policies import Policies
from engine.rulebook.pressure.caps import CapReader
from engine.rulebook.pressure.pauses import PauseReader
from engine.rulebook.pressure.quiet import QuietReader
from engine.rulebook.pressure.selectors import SelectorReader
from engine.rulebook.pressure.windows import WindowReader
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.text.merge import Merged
from engine.rulebook.text.nodes import Plain

T = TypeVar("T")
Read = Callable[[str, Plain, Path], T | None]

_NOUNS = {"quiet": "quiet rule", "caps": "cap", "gaps": "gap", "pauses": "pause"}


@dataclass(frozen=True, slots=True)
class PressureReader:
    """Reads the policies of one book, whose other sections are read already."""

    selectors: SelectorReader
    windows: WindowReader
    findings: Findings

    def read(self, merged: Merged) -> Policies:
        """All policies; what is wrong with them goes to the findings."""
        self._check_names(merged)
        counting = CapReader(self.selectors, self.windows, self.findings)
        return Policies(
            caps=_each(merged, "caps", counting.cap),
            gaps=_each(merged, "gaps", counting.gap),
            quiet=_each(merged, "quiet", QuietReader(self.selectors, self.findings).read),
            pauses=_each(merged, "pauses", PauseReader(self.selectors, self.findings).read),
        )

    def _check_names(self, merged: Merged) -> None:
        """Report names that two policies have: answers say by name what held a message back."""
        taken: dict[str, str] = {}
        for section, noun in _NOUNS.items():
            for name in merged.section("pressure", section):
                if name in taken:
                    message = f"{quote(name)} is the name of a {taken[name]} already"
                    self.findings.key_error(("pressure", section, name), Code.DUPLICATE, message)
                taken.setdefault(name, noun)


def _each(merged: Merged, section: str, read: Read[T]) -> dict[str, T]:
    data = merged.section("pressure", section)
    found = {name: read(name, value, ("pressure", section, name)) for name, value in data.items()}
    return {name: one for name, one in found.items() if one}
