"""Conditions on what became of the customer's contacts (`contact`), as tests on the number of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine.conditions.model import Condition, Operator, Test
from engine.model.contact import MOST_ALIKE, ContactSelector
from engine.model.outcome import OutcomeType, meant_outcome
from engine.rulebook.conditions.derived import renamed, span_name, text_name
from engine.rulebook.conditions.event_fields import EventGrammar
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.model.derived import NO_OUTCOME, ContactCount
from engine.rulebook.report.diagnostics import Code, Severity, Suggestion, quote
from engine.rulebook.report.findings import Path
from engine.rulebook.shapes.derived import ContactConditionShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.symbols import SymbolTable
from engine.rulebook.text.durations import span
from engine.rulebook.text.nodes import PlainData

_OUTCOMES = (*map(str, OutcomeType), NO_OUTCOME)


@dataclass(frozen=True, slots=True)
class ContactReader:
    """Reads `contact` conditions, and collects the numbers of contacts that they compare."""

    events: EventGrammar
    """Reads the comparison."""
    campaigns: SymbolTable[str]
    """The names of each, as conditions are read before what they name."""
    offers: SymbolTable[str]
    channels: SymbolTable[str]
    counts: dict[str, ContactCount] = field(default_factory=dict)
    """By attribute."""

    def read(self, data: PlainData, path: Path) -> Condition | None:
        """The tests on the number of contacts at the path; None after reporting what is wrong with it."""
        findings = self.events.findings
        shape = shaped(ContactConditionShape, data, path, findings)
        if shape is None or path in findings.recovered:
            return None
        selected = [
            self._names(table, getattr(shape, key), (*path, key))
            for key, table in (
                ("campaign", self.campaigns),
                ("offer", self.offers),
                ("channel", self.channels),
            )
        ]
        outcomes = self._outcomes(shape.outcome, (*path, "outcome"))
        if outcomes is None or None in selected:
            return None
        campaigns, offers, channels = (names or () for names in selected)
        within = span((*path, "within"), shape.within, findings) if shape.within else None
        after = span((*path, "after"), shape.after, findings) if shape.after else None
        count = ContactCount("", ContactSelector(campaigns, offers, channels), outcomes, within, after)
        if not self._can_count(count, shape, path):
            return None
        self._remark(count, shape, path)
        return self._compared(count, shape, path)

    def _names(
        self, table: SymbolTable[str], given: str | Sequence[str], path: Path
    ) -> tuple[str, ...] | None:
        """The names in order, each once; None after reporting one that there is not."""
        names = [given] if isinstance(given, str) else given
        known = [
            table.get(name, path if isinstance(given, str) else (*path, index), self.events.findings)
            for index, name in enumerate(names)
        ]
        return None if None in known and not table.partial else tuple(sorted(set(names)))

    def _outcomes(self, given: str | Sequence[str], path: Path) -> tuple[str, ...] | None:
        names, findings = [given] if isinstance(given, str) else given, self.events.findings
        for index, name in enumerate(names):
            if name not in _OUTCOMES:
                at = path if isinstance(given, str) else (*path, index)
                meant = meant_outcome(name) or findings.nearest(name, _OUTCOMES)
                hint = (
                    Suggestion(f"did you mean '{meant}'?", name, meant)
                    if meant
                    else f"one of: {', '.join(_OUTCOMES)}"
                )
                findings.error(at, Code.UNKNOWN, f"there is no outcome {quote(name)}", hint)
        return tuple(sorted(set(names))) if set(names) <= set(_OUTCOMES) else None

    def _can_count(self, count: ContactCount, shape: ContactConditionShape, path: Path) -> bool:
        """Whether a contact can be in the window; reports a window that is empty."""
        findings, within = self.events.findings, count.within
        if within is None:
            return True
        if count.after is not None and count.after >= within:
            message = f"no contact is at least {shape.after} old and made within {shape.within}"
            findings.error((*path, "after"), Code.VALUE, message, "`within` is the longer of the two")
            return False
        return True

    def _remark(self, count: ContactCount, shape: ContactConditionShape, path: Path) -> None:
        """Warns of windows, outcomes and numbers that no contact can have."""
        findings, within = self.events.findings, count.within
        if OutcomeType.IGNORED in count.outcomes and within is not None and count.ignored_after >= within:
            message = f"contacts count as ignored after 24h, and these are made within {shape.within}"
            hint = "say from which age on they do, for example after: 3h"
            findings.remark((*path, "within"), Code.NO_EFFECT, message, Severity.WARNING, hint)
        if OutcomeType.CONTACTED in count.outcomes and count.selector.offers:
            message = "contacts that were made elsewhere have no offer, so none of these counts"
            hint = "leave `offer` out, or `contacted`"
            findings.remark((*path, "offer"), Code.NO_EFFECT, message, Severity.WARNING, hint)
        for key, operand in (shape.count or {}).items():
            if any(isinstance(number, int) and number > MOST_ALIKE for number in _listed(operand)):
                message = (
                    f"of the contacts of one campaign, offer and channel the newest {MOST_ALIKE} are counted"
                )
                hint = f"compare with {MOST_ALIKE} at most"
                findings.remark((*path, "count", key), Code.NO_EFFECT, message, Severity.WARNING, hint)

    def _compared(self, count: ContactCount, shape: ContactConditionShape, path: Path) -> Condition | None:
        name = count_name(count)
        shown = count_name(count, (shape.within or "", shape.after or ""))
        condition: Condition | None = Test(name, Operator.GTE, 1)
        if shape.count is not None:
            here = (*path, "count")
            if not shape.count:
                message = "`count` is compared with nothing"
                self.events.findings.key_error(here, Code.MISSING, message, "for example gte: 2")
                return None
            attribute = Attribute(name, AttributeType.INTEGER, 0)
            condition = self.events.operators(attribute, dict(shape.count), here)
        if condition is None:
            return None
        sent = count_name(replace(count, outcomes=())) if count.outcomes else ""
        self.counts[name] = replace(count, name=name, sent=sent)
        return renamed(condition, name, shown)


def _listed(operand: object) -> Sequence[object]:
    return operand if isinstance(operand, list) else [operand]


def count_name(count: ContactCount, spans: tuple[str, str] | None = None) -> str:
    """The attribute: `contacts of campaign welcome, opened or clicked, within 7d`.

    spans: `within` and `after` as the book writes them; None for the attribute itself, in which equal spans have one text.
    """
    selector = count.selector
    parts = [
        f" {word} {' or '.join(map(text_name, names))}"
        for word, names in (
            ("of campaign", selector.campaigns),
            ("of offer", selector.offers),
            ("on", selector.channels),
        )
        if names
    ]
    if count.outcomes:
        words = ["without outcome" if name == NO_OUTCOME else name for name in count.outcomes]
        parts.append(f", {' or '.join(words)}")
    within, after = spans or ("", "")
    if count.after is not None:
        parts.append(f", after {after or span_name(count.after)}")
    if count.within is not None:
        parts.append(f", within {within or span_name(count.within)}")
    return f"contacts{''.join(parts)}"
