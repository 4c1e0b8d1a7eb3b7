"""Conditions on derived attributes: aggregates of behaviour (`behaviour`) and distances (`near`).

The name of such an attribute says what it measures, so that conditions with equal measures share one attribute.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from engine.conditions.model import (
    ALWAYS,
    All,
    Any_,
    Audience,
    Collation,
    Condition,
    None_,
    Operand,
    Operator,
    Test,
)
from engine.conditions.trace import IGNORING_CASE, text_of
from engine.model.instant import DAY, SECOND, Microseconds
from engine.rulebook.conditions.event_fields import EventGrammar
from engine.rulebook.conditions.trees import written
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.model.derived import NEAREST, Aggregate, Distance, Measure, PlaceSet
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.derived import BehaviourShape, NearShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.symbols import SymbolTable
from engine.rulebook.text.durations import span
from engine.rulebook.text.nodes import PlainData

_COORDINATES = ("latitude", "longitude")
_TYPES = {
    Measure.COUNT: AttributeType.INTEGER,
    Measure.SUM: AttributeType.NUMBER,
    Measure.DISTINCT: AttributeType.INTEGER,
    Measure.DAYS_SINCE_LAST: AttributeType.NUMBER,
}
_OF = (Measure.SUM, Measure.DISTINCT)
_SUMMED = (AttributeType.INTEGER, AttributeType.NUMBER)
_MEASURES = ", ".join(f"`{measure}`" for measure in Measure)
_WORD = re.compile(r"(?!(true|false)$)[A-Za-z_/][A-Za-z0-9_./-]*")
_UNITS = (("d", DAY), ("h", 3600 * SECOND), ("m", 60 * SECOND), ("s", SECOND), ("us", 1))


class MeasureUse(NamedTuple):
    """A condition on an aggregate, and where it is written."""

    aggregate: Aggregate
    condition: Condition
    path: Path
    """Of the behaviour, or of the attribute."""
    measure: Path
    """Of the key that is compared."""

    @property
    def negated(self) -> bool:
        """Whether it stands under an odd number of `none` in its condition."""
        parts = zip(self.path, self.path[1:], strict=False)
        return sum(part == "none" and isinstance(following, int) for part, following in parts) % 2 == 1


@dataclass(frozen=True, slots=True)
class BehaviourReader:
    """Reads `behaviour` conditions, and collects their aggregates."""

    events: EventGrammar
    aggregates: dict[str, Aggregate] = field(default_factory=dict)
    """The aggregates that conditions use, by attribute."""
    uses: list[MeasureUse] = field(default_factory=list)
    """The conditions on them, and on the built-in ones, `rfm.*`."""

    def read(self, data: PlainData, path: Path) -> Condition | None:
        """The tests on the aggregate at the path; None after reporting what is wrong with it."""
        shape = shaped(BehaviourShape, data, path, self.events.findings)
        if shape is None or path in self.events.findings.recovered:
            return None
        events = self.events.of(shape.event, (*path, "event"))
        where = events.parse(dict(shape.where), (*path, "where")) if shape.where else ALWAYS
        within = span((*path, "within"), shape.within, self.events.findings) if shape.within else None
        measure = self._measure(shape, path)
        if measure is None or where is None:
            return None
        here = (*path, measure.value)
        operators = dict(getattr(shape, measure))
        source = self._field(events, measure, operators, here)
        if source is None:
            return None
        if not operators:
            message = f"`{measure}` is compared with nothing"
            self.events.findings.key_error(here, Code.MISSING, message, "for example gte: 2")
            return None
        aggregate = Aggregate("", shape.event, measure, source, where, within)
        condition = self._compared(aggregate, shape.within or "", operators, here)
        if condition is not None:
            self.uses.append(MeasureUse(aggregate, condition, path, here))
        return condition

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

    def _field(
        self, events: EventGrammar, measure: Measure, operators: dict[str, PlainData], path: Path
    ) -> str | None:
        """The measured field, removed from the operators; empty for measures without a field, None after an error."""
        findings = events.findings
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
        if not events.check(name, here):
            return None
        declared = events.field_of(name)
        if measure is Measure.SUM and declared is not None and declared.type not in _SUMMED:
            message = f"{quote(name)} is a {declared.type}, which has no sum"
            findings.error(here, Code.TYPE, message, "for example value")
            return None
        return name

    def _compared(
        self, aggregate: Aggregate, within: str, operators: Mapping[str, PlainData], path: Path
    ) -> Condition | None:
        """The tests on the aggregate. within: the span as it is written."""
        name = aggregate_name(aggregate)
        low = None if aggregate.measure is Measure.SUM else 0
        attribute = Attribute(name, _TYPES[aggregate.measure], low)
        condition = self.events.operators(attribute, operators, path)
        if condition is not None:
            self.aggregates[name] = replace(aggregate, name=name)
            return renamed(condition, name, aggregate_name(aggregate, within))
        return None


@dataclass(frozen=True, slots=True)
class DistanceReader:
    """Reads `near` conditions, and collects their distances."""

    places: SymbolTable[PlaceSet]
    findings: Findings
    distances: dict[str, Distance] = field(default_factory=dict)
    """The distances that conditions use, by attribute."""

    def read(self, data: PlainData, path: Path) -> Condition | None:
        """The test on the distance at the path; None after reporting what is wrong with it."""
        shape = shaped(NearShape, data, path, self.findings)
        if shape is None:
            return None
        distance = self._distance(shape, path)
        if distance is None or path in self.findings.recovered:
            return None
        name = distance if isinstance(distance, str) else distance.name
        if isinstance(distance, Distance):
            self.distances[name] = distance
        test = Test(name, Operator.LTE, shape.within_km)
        return written(test, shape.within_km, (*path, "within_km"), self.findings)

    def _distance(self, shape: NearShape, path: Path) -> Distance | str | None:
        """The distance to a place, or the attribute of the distance to the nearest place of a table."""
        given = [key for key in _COORDINATES if getattr(shape, key) is not None]
        if shape.place is not None:
            for key in given:
                message = f"`{key}` beside `place`: one of the two says where"
                self.findings.key_error((*path, key), Code.DUPLICATE, message)
            target = self.places.get(shape.place, (*path, "place"), self.findings)
            if target is None or given:
                return None
            if target.is_table:
                return f"{NEAREST}{shape.place}.distance"
            return Distance(distance_name(shape.place), target.places[0].latitude, target.places[0].longitude)
        if shape.latitude is None or shape.longitude is None:
            if not any((*path, key) in self.findings.poisoned for key in ("place", *_COORDINATES)):
                message = "it does not say near what"
                self.findings.key_error(
                    path, Code.MISSING, message, "name a `place`, or `latitude` and `longitude`"
                )
            return None
        where = f"{shape.latitude},{shape.longitude}"
        return Distance(distance_name(where), shape.latitude, shape.longitude)


def aggregate_name(aggregate: Aggregate, span_text: str | None = None) -> str:
    """The attribute of the aggregate: `sum of value of purchase where category eq cream within 30d`.

    span_text: the span as the book writes it, for the name as people read it; None for the attribute itself, in which equal
    spans have one text.
    """
    source = f" of {aggregate.field}" if aggregate.measure in (Measure.SUM, Measure.DISTINCT) else ""
    where = (
        ""
        if aggregate.where == All(())
        else f" where {_condition(aggregate.where, as_written=span_text is not None)}"
    )
    within = "" if aggregate.within is None else f" within {span_text or span_name(aggregate.within)}"
    return f"{aggregate.measure}{source} of {text_name(aggregate.event)}{where}{within}"


def distance_name(destination: str) -> str:
    """The attribute of the distance: `distance to store km`, or `distance to 48.8,2.3 km`."""
    return f"distance to {destination} km"


def renamed(condition: Condition, name: str, shown: str) -> Condition:
    """The tests on the attribute, in whose texts it has the name that is shown."""
    match condition:
        case Test(attribute=attribute) if attribute == name and shown != name:
            return replace(condition, written=shown + text_of(condition).removeprefix(name))
        case All(parts=parts):
            return All(tuple(renamed(part, name, shown) for part in parts))
    return condition


def _condition(condition: Condition, *, as_written: bool) -> str:
    match condition:
        case Test(written=text) if text and as_written:
            return text
        case Test(attribute=name, operator=operator, operand=operand, collation=collation):
            text = f"{name} {operator} {_operand(operand)}"
            return f"{text}{IGNORING_CASE}" if collation is Collation.CASELESS else text
        case All(parts=parts):
            return " and ".join(_inner(part, as_written=as_written) for part in parts)
        case Any_(parts=parts):
            return f"({' or '.join(_inner(part, as_written=as_written) for part in parts)})"
        case None_(parts=parts):
            return f"not ({' or '.join(_inner(part, as_written=as_written) for part in parts)})"
        case Audience(condition=inner):
            return _condition(inner, as_written=as_written)


def _inner(condition: Condition, *, as_written: bool) -> str:
    text = _condition(condition, as_written=as_written)
    return f"({text})" if isinstance(condition, All) else text


def _operand(operand: Operand) -> str:
    if isinstance(operand, tuple):
        return f"[{', '.join(map(_operand, operand))}]"
    if isinstance(operand, bool):
        return "true" if operand else "false"
    return text_name(operand) if isinstance(operand, str) else str(operand)


def text_name(text: str) -> str:
    """A text in the name of an attribute: in quotes where it is no word."""
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def span_name(span: Microseconds) -> str:
    """A span in the name of an attribute, in the largest unit of which it is a whole number."""
    unit, size = next((unit, size) for unit, size in _UNITS if span % size == 0)
    return f"{span // size}{unit}"
