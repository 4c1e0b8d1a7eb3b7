"""`behaviour:` in conditions: a number about recent events, compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.conditions.model import ALWAYS, Condition
from engine.rulebook.channels import span
from engine.rulebook.conditions import wording
from engine.rulebook.conditions.event_fields import EventGrammar, check_field
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.model.derived import EVENT_TEXTS, Aggregate, Measure
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Path
from engine.rulebook.shapes.derived import BehaviourShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.text.nodes import Plain

_TYPES = {
    Measure.COUNT: AttributeType.INTEGER,
    Measure.SUM: AttributeType.NUMBER,
    Measure.DISTINCT: AttributeType.INTEGER,
    Measure.DAYS_SINCE_LAST: AttributeType.NUMBER,
}
_OF = (Measure.SUM, Measure.DISTINCT)
_MEASURES = ", ".join(f"`{measure}`" for measure in Measure)


@dataclass(frozen=True, slots=True)
class BehaviourReader:
    """Reads aggregates, and keeps those that conditions use."""

    events: EventGrammar
    found: dict[str, Aggregate] = field(default_factory=dict)

    def read(self, data: Plain, path: Path) -> Condition | None:
        """The tests on the aggregate at the path; None after reporting what is wrong with it."""
        shape = shaped(BehaviourShape, data, path, self.events.findings)
        if shape is None or path in self.events.findings.salvaged:
            return None
        where = self.events.parse(dict(shape.where), (*path, "where")) if shape.where else ALWAYS
        within = span((*path, "within"), shape.within, self.events.findings) if shape.within else None
        measure = self._measure(shape, path)
        if measure is None or where is None:
            return None
        here = (*path, measure.value)
        operators = dict(getattr(shape, measure))
        of = self._field(measure, operators, here)
        if of is None:
            return None
        if not operators:
            message = f"`{measure}` is compared with nothing"
            self.events.findings.key_error(here, Code.MISSING, message, "for example gte: 2")
            return None
        return self._compared(Aggregate("", shape.event, measure, of, where, within), operators, here)

    def _measure(self, shape: BehaviourShape, path: Path) -> Measure | None:
        given = [measure for measure in Measure if getattr(shape, measure) is not None]
        findings = self.events.findings
        if not given:
            hint = f"one of {_MEASURES}, for example count: {{gte: 2}}"
            findings.key_error(path, Code.MISSING, "it does not say what of the events is compared", hint)
        for extra in given[1:]:
            message = f"`{given[0]}` is compared already; one `behaviour` compares one number"
            findings.key_error((*path, extra.value), Code.DUPLICATE, message)
        return given[0] if len(given) == 1 else None

    def _field(self, measure: Measure, operators: dict[str, Plain], path: Path) -> str | None:
        """The field that is measured, taken from beside the operators; empty for measures without one."""
        findings = self.events.findings
        if measure not in _OF:
            return ""
        here = (*path, "of")
        if "of" not in operators:
            message = f"`{measure}` does not say of which field"
            findings.key_error(path, Code.MISSING, message, f"for example {measure}: {{of: value, gte: 3}}")
            return None
        name = operators.pop("of")
        if not isinstance(name, str):
            findings.error(here, Code.TYPE, "`of` needs the name of a field of events")
            return None
        if not check_field(name, here, findings):
            return None
        if measure is Measure.SUM and name in EVENT_TEXTS:
            message = f"{quote(name)} is a text, which has no sum"
            findings.error(here, Code.TYPE, message, "for example value")
            return None
        return name

    def _compared(self, aggregate: Aggregate, operators: Mapping[str, Plain], path: Path) -> Condition | None:
        name = wording.aggregate(aggregate)
        low = None if aggregate.measure is Measure.SUM else 0
        attribute = Attribute(name, _TYPES[aggregate.measure], low)
        condition = self.events.operators(attribute, operators, path)
        if condition is not None:
            self.found[name] = replace(aggregate, name=name)
        return condition
