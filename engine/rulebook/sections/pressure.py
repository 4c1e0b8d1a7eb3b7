"""Reads the section `pressure`: every kind of policy, and pauses; and the `stop` of campaigns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from engine.conditions.model import ALWAYS
from engine.model.outcome import OutcomeType, meant_outcome
from engine.rulebook.conditions.grammar import Grammar
from engine.rulebook.model.policies import Pause, Policies, Scope
from engine.rulebook.report.diagnostics import Code, Severity, Suggestion, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.sections.caps import CapReader, SelectorReader, WindowReader
from engine.rulebook.sections.quiet import QuietReader
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.pressure import CapShape, GapShape, PauseShape, QuietShape
from engine.rulebook.text.durations import span
from engine.rulebook.text.merge import Merged
from engine.rulebook.text.nodes import PlainData

_TYPES = tuple(map(str, OutcomeType))


def stops(campaign: str, spans: Mapping[str, str], path: Path, findings: Findings) -> tuple[Pause, ...]:
    """The pauses of a campaign's `stop`: by outcome, how long it does not go on."""
    for name in spans:
        if name not in _TYPES:
            findings.key_error((*path, name), Code.UNKNOWN, *_no_outcome(name, findings))
    return tuple(
        Pause(
            f"{campaign}/stop/{name}",
            frozenset((name,)),
            span((*path, name), written, findings),
            scope=Scope.CAMPAIGN,
            written=(written, ""),
        )
        for name, written in spans.items()
    )


def _no_outcome(name: str, findings: Findings) -> tuple[str, str]:
    """Message and hint for a name that is no outcome's."""
    meant = meant_outcome(name) or findings.nearest(name, _TYPES)
    if meant:
        return f"there is no outcome {quote(name)}", Suggestion(f"did you mean '{meant}'?", name, meant)
    return f"there is no outcome {quote(name)}", f"one of: {', '.join(_TYPES)}"


@dataclass(frozen=True, slots=True)
class PauseReader:
    """Reads pauses."""

    selectors: SelectorReader
    findings: Findings

    def read(self, name: str, value: PlainData, path: Path) -> Pause | None:
        """The pause at the path; None after reporting what is wrong with its shape."""
        shape = shaped(PauseShape, value, path, self.findings)
        if shape is None:
            return None
        self._check_times(shape, path)
        within = None if shape.within is None else span((*path, "within"), shape.within, self.findings)
        return Pause(
            name,
            self._outcomes(shape, (*path, "outcome")),
            span((*path, "for"), shape.for_, self.findings),
            shape.times,
            within if shape.times > 1 else None,
            Scope(shape.scope),
            self.selectors.read(shape.except_, (*path, "except")),
            (shape.for_, shape.within or ""),
        )

    def _outcomes(self, shape: PauseShape, path: Path) -> frozenset[str]:
        names = [shape.outcome] if isinstance(shape.outcome, str) else shape.outcome
        for index, name in enumerate(names):
            if name not in _TYPES:
                at = path if isinstance(shape.outcome, str) else (*path, index)
                self.findings.error(at, Code.UNKNOWN, *_no_outcome(name, self.findings))
        return frozenset(names)

    def _check_times(self, shape: PauseShape, path: Path) -> None:
        """Report several outcomes without a window, and a window for a single one."""
        if any((*path, key) in self.findings.poisoned for key in ("times", "within")):
            return
        if shape.times > 1 and shape.within is None:
            message = f"`within` is missing: in which time {shape.times} outcomes are enough"
            self.findings.key_error(path, Code.MISSING, message, "for example within: 30d")
        elif shape.times == 1 and shape.within is not None:
            message = "`within` does nothing here: one outcome is enough"
            self.findings.remark((*path, "within"), Code.NO_EFFECT, message, Severity.WARNING)


@dataclass(frozen=True, slots=True)
class PressureReader:
    """Reads the policies of one book, whose other sections are read already."""

    selectors: SelectorReader
    windows: WindowReader
    grammar: Grammar
    findings: Findings

    def read(self, merged: Merged) -> Policies:
        """All policies; what is wrong with them goes to the findings."""
        self._check_names(merged)
        return Policies(**{section: self._policies(merged, section) for section in POLICIES})

    def _policies(self, merged: Merged, section: str) -> dict[str, Any]:
        """The policies of one kind by name, without those whose shape is wrong."""
        read = POLICIES[section].reader(self)
        policies = {}
        for name, value in merged.section("pressure", section).items():
            path = ("pressure", section, name)
            policy: Any = read(name, value, path)
            if policy:
                policies[name] = self._with_condition(policy, value, (*path, "when"))
        return policies

    def _with_condition(self, policy: Any, value: PlainData, path: Path) -> Any:
        """The policy with the condition that is written beside it; its shape is checked already."""
        when = value.get("when") if isinstance(value, dict) else None
        if not isinstance(when, dict):
            return policy
        return replace(policy, when=self.grammar.parse(when, path) or ALWAYS)

    def _check_names(self, merged: Merged) -> None:
        """Report names that two policies have: answers name the policy that held a message back."""
        taken: dict[str, str] = {}
        for section, row in POLICIES.items():
            for name in merged.section("pressure", section):
                if name in taken:
                    message = f"{quote(name)} is the name of a {taken[name]} already"
                    self.findings.key_error(("pressure", section, name), Code.DUPLICATE, message)
                taken.setdefault(name, row.noun)


class PolicyRow(NamedTuple):
    """How one kind of policy is called, and read."""

    noun: str
    reader: Callable[[PressureReader], Callable[[str, PlainData, Path], object | None]]
    """Reads the value of the name at the path; None after reporting that it is no such policy."""


POLICIES: Mapping[str, PolicyRow] = {
    "quiet": PolicyRow(QuietShape.noun, lambda book: QuietReader(book.selectors, book.findings).read),
    "caps": PolicyRow(CapShape.noun, lambda book: CapReader(book.selectors, book.windows, book.findings).cap),
    "gaps": PolicyRow(GapShape.noun, lambda book: CapReader(book.selectors, book.windows, book.findings).gap),
    "pauses": PolicyRow(PauseShape.noun, lambda book: PauseReader(book.selectors, book.findings).read),
}
"""By section; engine/decide/pressure/registry.py has the rules that are compiled of them."""
