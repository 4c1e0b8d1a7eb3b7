"""The part of the schema that comes from the shapes that the loader validates with, and from their docstrings."""

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any, TypeAlias

from pydantic.json_schema import models_json_schema

from engine.rulebook.shapes import derived, experiments, pressure, sections
from engine.rulebook.shapes.sections import Shape
from engine.rulebook.text import nodes
from engine.rulebook.text.nodes import PlainData

Schema: TypeAlias = dict[str, Any]
"""A JSON Schema, or a part of one."""


_OBJECTS: Mapping[str, str] = {
    "attribution": "AttributionShape",
    "budget": "BudgetShape",
    "capacity": "CapacityShape",
    "capacity_each": "CapacityEachShape",
    "control": "ControlShape",
    "count": "numbers",
    "days_since_last": "numbers",
    "distinct": "numbers_of",
    "first": "step",
    "learn": "LearnShape",
    "limits": "LimitsShape",
    "not_after": "step",
    "propensity": "LearnedPropensityShape",
    "ramp": "RampShape",
    "sum": "numbers_of",
    "then": "step",
    "trial": "TrialShape",
    "until": "condition",
    "when": "condition",
    "where": "event_condition",
}
"""By key, what a mapping is whose shape leaves it open, since another reader reads it."""

_NAMES: Mapping[str, str] = {
    "address": "attribute",
    "attribute": "attribute",
    "by": "attribute",
    "campaign": "campaigns",
    "channel": "channels",
    "channels": "channels",
    "event": "events",
    "fallback": "offers",
    "offer": "offers",
    "outcome": "outcomes",
    "place": "places",
    "placements": "placements",
    "propensity": "attribute",
    "slot": "slots",
    "tag": "tags",
    "unit": "unit",
    "value": "attribute",
}
"""By key, of what a text is the name. Of the same keys elsewhere in _OTHERWISE not."""

_OTHERWISE = frozenset((("TrendShape", "by"), ("TrendShape", "value"), ("TrendValueShape", "offer")))


@cache
def shape_schemas() -> Schema:
    """The shapes of entries by name, with their descriptions, and with references where they are open."""
    shapes = sorted(set(_below(Shape)), key=lambda shape: shape.__name__)
    _, made = models_json_schema([(shape, "validation") for shape in shapes], by_alias=True)
    docstrings: dict[str, Mapping[str, str]] = {}
    for module in (sections, derived, experiments, pressure):
        docstrings |= documented(module)
    result: Schema = {}
    for shape in shapes:
        name = shape.__name__
        node = _plain(made["$defs"][name])
        words = docstrings.get(name, {})
        fields = {field.alias or key: words.get(key, "") for key, field in shape.model_fields.items()}
        node["properties"] = {
            key: {**_filled(name, key, inner), "description": fields[key]}
            for key, inner in node.get("properties", {}).items()
        }
        result[name] = node
    return result


def _filled(shape: str, key: str, node: Schema) -> Schema:
    """The schema of a field, with what it is a name of, and with the shape of what it leaves open."""
    if key in ("content", "locales"):
        return {"$ref": f"#/$defs/{key}"}
    if shape == "BehaviourShape" and key == "count":
        return {"$ref": "#/$defs/numbers"}
    kind = "" if (shape, key) in _OTHERWISE else _NAMES.get(key, "")
    target = kind if kind in ("attribute", "unit", "") else f"names_{kind}"
    if key == "expose" and shape == "SignalShape":
        return {"type": "object", "additionalProperties": {"$ref": "#/$defs/attribute"}}
    return _replaced(node, _OBJECTS.get(key, ""), target)


def _replaced(node: Schema, open_: str, name: str) -> Schema:
    if open_ and node.get("type") == "object" and node.get("additionalProperties") is True:
        return {"$ref": f"#/$defs/{open_}"}
    if name and node.get("type") == "string" and "enum" not in node and "const" not in node:
        return {"$ref": f"#/$defs/{name}"}
    changed = dict(node)
    if "anyOf" in node:
        changed["anyOf"] = [_replaced(inner, open_, name) for inner in node["anyOf"]]
    if isinstance(node.get("items"), dict):
        changed["items"] = _replaced(node["items"], open_, name)
    return changed


def _plain(node: Any) -> Any:
    """What pydantic makes, as a book needs it: unions that may overlap, no nulls, examples as values."""
    if isinstance(node, list):
        return [_plain(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    changed = {
        key: _plain(value) for key, value in node.items() if key not in ("title", "default", "discriminator")
    }
    if "properties" in node:  # a field may have any of these names
        changed["properties"] = {key: _plain(value) for key, value in node["properties"].items()}
    union = changed.pop("oneOf", None)
    if union is not None:
        changed["anyOf"] = union
    for bound, standard in (("ge", "minimum"), ("le", "maximum")):
        if isinstance(changed.get(bound), int | float):
            changed[standard] = changed.pop(bound)
    if isinstance(changed.get("examples"), list):
        changed["examples"] = [value for text in changed["examples"] for value in _example(text)]
    if isinstance(changed.get("anyOf"), list):
        rest = [inner for inner in changed["anyOf"] if inner != {"type": "null"}]
        if len(rest) == 1:
            del changed["anyOf"]
            return {**rest[0], **changed}
        changed["anyOf"] = rest
    return changed


def _example(text: object) -> Iterable[PlainData]:
    """The value of an example that is written in YAML; none if it is only a part of it."""
    document = nodes.compose(str(text))
    return () if document.problems else (document.data,)


def _below(shape: type[Shape]) -> Iterator[type[Shape]]:
    for inner in shape.__subclasses__():
        if inner.__module__.startswith(Shape.__module__.rpartition(".")[0]):
            yield inner
            yield from _below(inner)


@cache
def documented(module: ModuleType) -> Mapping[str, Mapping[str, str]]:
    """The docstrings of the fields and members of each class of the module, by class and name."""
    docstrings: dict[str, dict[str, str]] = {}
    for statement in ast.parse(inspect.getsource(module)).body:
        if not isinstance(statement, ast.ClassDef):
            continue
        words = docstrings[statement.name] = {}
        for before, after in zip(statement.body, statement.body[1:], strict=False):
            target = before.targets[0] if isinstance(before, ast.Assign) else getattr(before, "target", None)
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if isinstance(target, ast.Name) and is_text:
                words[target.id] = " ".join(str(after.value.value).split())  # type: ignore[attr-defined]
    return docstrings
