"""The JSON Schema of books: of any book, or of one with its own names.

It accepts all that the loader accepts. What it cannot say (rules between files, numbers in order) the loader reports.
"""

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any, TypeAlias

from pydantic.json_schema import models_json_schema

from engine.authoring.names import NAMED
from engine.conditions import model as conditions
from engine.conditions.model import OF_ITEMS, SPANS, Operator
from engine.model.outcome import OutcomeType
from engine.rulebook.conditions.event_fields import FIELDS
from engine.rulebook.conditions.operands import FOLDING, OPERATORS
from engine.rulebook.conditions.trees import GROUPS, IGNORE_CASE
from engine.rulebook.model.book import AttributeType
from engine.rulebook.model.derived import DAYS_TO_ANNIVERSARY, NO_OUTCOME
from engine.rulebook.report.findings import Path
from engine.rulebook.sections.attributes import BUILTIN
from engine.rulebook.sections.experiments import PERSON
from engine.rulebook.shapes import derived, experiments, pressure, sections
from engine.rulebook.shapes.sections import Shape
from engine.rulebook.text import nodes
from engine.rulebook.text.nodes import PlainData

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SECTIONS: Mapping[str, tuple[str, str]] = {
    "attributes": ("AttributeShape", "What callers may say of a customer, by name."),
    "places": ("place", "Places on the Earth that conditions measure distances to."),
    "patterns": ("PatternShape", "Sequences of events."),
    "signals": ("SignalShape", "Conclusions about a customer that are kept for a time."),
    "channels": ("ChannelShape", "Ways to reach a customer."),
    "placements": ("PlacementShape", "Slots on inbound channels."),
    "audiences": ("condition", "Named conditions."),
    "offers": ("OfferShape", "What campaigns propose."),
    "campaigns": ("CampaignShape", "Who gets which offer, in which form, on which channels, and when."),
    "holdouts": ("HoldoutShape", "Shares of all persons who get nothing."),
    "layers": ("LayerShape", "All persons in a random order, divided into slots."),
}
_PRESSURE: Mapping[str, tuple[str, str]] = {
    "caps": ("CapShape", "At most so many contacts of one customer in a window."),
    "gaps": ("GapShape", "Minimum times between contacts."),
    "pauses": ("PauseShape", "Times without contacts after outcomes."),
    "quiet": ("QuietShape", "Hours and days at which nothing goes out."),
}

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

_TEXTS = {"type": ["string", "number", "boolean"]}
"""A text of content, which may look like a number."""

_LITERALS: Mapping[AttributeType, Schema] = {
    AttributeType.INTEGER: {"type": "number"},
    AttributeType.NUMBER: {"type": "number"},
    AttributeType.BOOLEAN: {"type": "boolean"},
    AttributeType.INTEGERS: {"type": "number"},
    AttributeType.NUMBERS: {"type": "number"},
    AttributeType.VERSION: {"type": ["string", "number"]},
}
"""What operands are, by the type of the attribute; texts of all others."""


def schema(data: Mapping[str, PlainData] | None = None) -> Schema:
    """The schema of the files of a book. data: the sections of the book whose names it lists; None: any names."""
    names = _names(data or {})
    defs = {**_shapes(), **_conditions(data or {}), **_content(names if data else {})}
    defs.update({f"names_{kind}": _name(values) for kind, values in names.items()})
    defs["attribute"] = _attribute_name(data or {})
    defs["unit"] = {"anyOf": [{"const": PERSON}, {"$ref": "#/$defs/attribute"}]}
    book = {key: value for key, value in defs["BookShape"].items() if key != "required"}
    events = {key: value for key, value in defs["EventsShape"].items() if key != "required"}
    properties = {
        "book": book,
        "events": events,
        **_entries(_SECTIONS),
        "pressure": {
            "type": "object",
            "description": "How often customers may be contacted.",
            "properties": _entries(_PRESSURE),
            "additionalProperties": False,
        },
    }
    return {
        "$schema": DIALECT,
        "title": "Files of a book of Tact",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": dict(sorted(defs.items())),
    }


def below(whole: Schema, path: Path) -> list[Schema]:
    """What the schema says of the value at the path: every alternative, without references and unions."""
    here = list(_expanded(whole, whole))
    for part in path:
        following: list[Schema] = []
        for node in here:
            if isinstance(part, int):
                inner = node.get("items")
            else:
                inner = node.get("properties", {}).get(part, node.get("additionalProperties"))
            if isinstance(inner, dict):
                following += _expanded(whole, inner)
        here = following
    return here


def _expanded(whole: Schema, node: Schema) -> Iterator[Schema]:
    reference = node.get("$ref")
    if reference:
        target = whole["$defs"][reference.removeprefix("#/$defs/")]
        own = {key: value for key, value in node.items() if key != "$ref"}
        for inner in _expanded(whole, target):
            yield {**inner, **own}
    elif "anyOf" in node:
        own = {key: node[key] for key in ("description", "examples") if key in node}
        for alternative in node["anyOf"]:
            for inner in _expanded(whole, alternative):
                yield {**inner, **own}
    else:
        yield node


def _entries(sections_of: Mapping[str, tuple[str, str]]) -> Schema:
    return {
        name: {
            "type": "object",
            "description": text,
            "additionalProperties": {"$ref": f"#/$defs/{entry}"},
        }
        for name, (entry, text) in sections_of.items()
    }


def _names(data: Mapping[str, PlainData]) -> dict[str, list[str]]:
    """The names of the book by kind."""

    def section(key: str) -> dict[str, PlainData]:
        value = data.get(key)
        return value if isinstance(value, dict) else {}

    names = {key: sorted(section(key)) for key in NAMED if key != "attributes"}
    layers = section("layers").items()
    slots = ((layer, entry.get("slots")) for layer, entry in layers if isinstance(entry, dict))
    names["slots"] = sorted(
        f"{name}/{slot}" for name, inner in slots if isinstance(inner, dict) for slot in inner
    )
    listed = (entry.get("tags") for entry in section("offers").values() if isinstance(entry, dict))
    names["tags"] = sorted(
        {tag for tags in listed if isinstance(tags, list) for tag in tags if isinstance(tag, str)}
    )
    types = section("events").get("types")
    names["events"] = sorted(str(name) for name in types) if isinstance(types, list | dict) else []
    names["outcomes"] = [*map(str, OutcomeType), NO_OUTCOME]
    return names


def _name(values: list[str]) -> Schema:
    return {"type": "string", "enum": values} if values else {"type": "string", "minLength": 1}


def _attribute_name(data: Mapping[str, PlainData]) -> Schema:
    """The name of an attribute; those that patterns, signals and places expose, too."""
    names = [*BUILTIN, *_own_attributes(data)]
    return {"anyOf": [{"type": "string", "enum": names}, {"type": "string"}]}


def _own_attributes(data: Mapping[str, PlainData]) -> dict[str, Schema]:
    """The attributes that the book declares and exposes, and what a test on each is."""
    tests: dict[str, Schema] = {}
    declared = data.get("attributes")
    for name, stated in declared.items() if isinstance(declared, dict) else ():
        kind = stated.get("type") if isinstance(stated, dict) else None
        known = kind if isinstance(kind, str) and kind in set(AttributeType) else None
        tests[name] = {"$ref": f"#/$defs/test_{_key(known)}"} if known else {}
        values = stated.get("one_of") if isinstance(stated, dict) else None
        if values and isinstance(values, list):
            tests[name] = {"anyOf": [{"enum": values}, tests[name]]}
        if known == AttributeType.DATE:
            tests[f"{name}{DAYS_TO_ANNIVERSARY}"] = {"$ref": f"#/$defs/test_{AttributeType.INTEGER}"}
    for section, noun in (("patterns", "pattern"), ("signals", "signal")):
        entries = data.get(section)
        for name, stated in entries.items() if isinstance(entries, dict) else ():
            exposed = stated.get("expose") if isinstance(stated, dict) else None
            for field in exposed if isinstance(exposed, dict) else ():
                tests[f"{noun}.{name}.{field}"] = {}
    places = data.get("places")
    for name, stated in places.items() if isinstance(places, dict) else ():
        fields = stated.get("fields") if isinstance(stated, dict) else None
        for field in (*(fields if isinstance(fields, dict) else ()), "distance"):
            tests[f"nearest.{name}.{field}"] = {}
    return tests


def _key(kind: str) -> str:
    return kind.replace(" ", "_")


def _conditions(data: Mapping[str, PlainData]) -> Schema:
    """Conditions on customers and events, steps of patterns, and tests by type."""
    names = _names(data)
    tests = {f"test_{_key(kind)}": _test(kind) for kind in AttributeType}
    tests |= {f"operand_{_key(kind)}": _operand(kind) for kind in AttributeType}
    own = _own_attributes(data)
    attributes = {
        name: {"$ref": f"#/$defs/test_{_key(attribute.type)}"} for name, attribute in BUILTIN.items()
    } | own
    groups = _groups("condition")
    named = {
        noun: {"anyOf": [_name(names[f"{noun}s"]), {"type": "array", "items": _name(names[f"{noun}s"])}]}
        for noun in ("audience", "pattern", "signal")
    }
    measured = {
        "behaviour": "BehaviourShape",
        "contact": "ContactConditionShape",
        "near": "NearShape",
        "trend": "TrendShape",
    }
    condition: Schema = {
        "type": "object",
        "description": "What must be true of a customer: every entry must hold.",
        "properties": {
            **groups,
            **{noun: {**named[noun], "description": f"The {noun}, or one of several."} for noun in named},
            **{key: {"$ref": f"#/$defs/{shape}"} for key, shape in measured.items()},
            **attributes,
        },
    }
    condition["patternProperties"] = {r"^(pattern|signal|nearest)\." if data else r"\.": {}}
    condition["additionalProperties"] = False
    fields: Schema = {name: {} for name in FIELDS}
    types = data.get("events")
    listed = types.get("types") if isinstance(types, dict) else None
    for stated in listed.values() if isinstance(listed, dict) else ():
        inner = stated.get("fields") if isinstance(stated, dict) else None
        fields |= {key: {} for key in inner} if isinstance(inner, dict) else {}
    return {
        **tests,
        "condition": condition,
        "event_condition": {
            "type": "object",
            "description": "What must be true of an event: every entry must hold.",
            "properties": {**_groups("event_condition"), **fields},
        },
        "step": {
            "type": "object",
            "description": "An event, by its type and by tests on its fields.",
            "required": ["event"],
            "properties": {
                "event": {"$ref": "#/$defs/names_events", "description": "The type of the event."},
                "within": {"type": "string", "description": "The window, as `24h` or `1h of first`."},
                "same": {"type": "string", "description": "The field that is the same in the first event."},
                **_groups("event_condition"),
                **fields,
            },
        },
        "numbers": _operators(AttributeType.NUMBER),
        "numbers_of": _operators(
            AttributeType.NUMBER, {"of": {"type": "string", "description": "The field of the events."}}
        ),
        "place": {"anyOf": [{"$ref": "#/$defs/PlaceShape"}, {"$ref": "#/$defs/PlaceFileShape"}]},
    }


def _groups(condition: str) -> Schema:
    words = {
        "all": "Every one of them holds.",
        "any": "At least one of them holds.",
        "none": "None of them holds.",
    }
    return {
        key: {"type": "array", "items": {"$ref": f"#/$defs/{condition}"}, "description": words[key]}
        for key in GROUPS
    }


def _test(kind: AttributeType) -> Schema:
    """A test on an attribute of the type: a value, several, or operators with their operands."""
    literal = _LITERALS.get(kind, {"type": "string"})
    return {"anyOf": [literal, {"type": "array", "items": literal}, _operators(kind)]}


def _operand(kind: AttributeType) -> Schema:
    """What operators compare attributes of the type with."""
    literal = _LITERALS.get(kind, {"type": "string"})
    return {
        "anyOf": [
            literal,
            {"type": "array", "items": literal},
            {
                "type": "object",
                "properties": {
                    "attribute": {"$ref": "#/$defs/attribute", "description": "Another attribute."}
                },
                "required": ["attribute"],
                "additionalProperties": False,
            },
        ]
    }


def _operators(kind: AttributeType, beside: Schema | None = None) -> Schema:
    compared = {"$ref": f"#/$defs/operand_{_key(kind)}"}
    by_operator: dict[Operator, Schema] = {
        **{key: {"type": "object"} for key in OF_ITEMS},
        **{key: {"type": ["string", "number"]} for key in SPANS},
        Operator.EXISTS: {"type": "boolean"},
        Operator.ANNIVERSARY: {
            "anyOf": [
                {"const": "today"},
                {
                    "type": "object",
                    "properties": {"within": {"type": "string", "description": "Days to come, as 7d."}},
                },
            ]
        },
    }
    words = _documented(conditions)[Operator.__name__]
    properties: Schema = {
        str(operator): {**by_operator.get(operator, compared), "description": words.get(operator.name, "")}
        for operator in sorted(OPERATORS[kind])
    }
    if OPERATORS[kind] & FOLDING and kind in (AttributeType.TEXT, AttributeType.TEXTS):
        properties[IGNORE_CASE] = {"type": "boolean", "description": "Whether capitals are ignored."}
    return {"type": "object", "properties": {**(beside or {}), **properties}, "additionalProperties": False}


def _content(names: Mapping[str, list[str]]) -> Schema:
    fields: Schema = {"type": "object", "description": "Texts by field.", "additionalProperties": _TEXTS}
    channels = {
        name: {"$ref": "#/$defs/fields", "description": f"Texts on the channel {name}."}
        for name in names.get("channels", ())
    }
    content: Schema = {
        "type": "object",
        "description": "Texts by channel or `default`, and field.",
        "properties": {
            "default": {"$ref": "#/$defs/fields", "description": "Texts on all other channels."},
            **channels,
        },
        "additionalProperties": False if names else {"$ref": "#/$defs/fields"},
    }
    locale = {"anyOf": [{"$ref": "#/$defs/fields"}, {"$ref": "#/$defs/content"}]}
    return {
        "fields": fields,
        "content": content,
        "locales": {"type": "object", "description": "By language.", "additionalProperties": locale},
    }


@cache
def _shapes() -> Schema:
    """The shapes of entries by name, with their descriptions, and with references where they are open."""
    shapes = sorted(set(_below(Shape)), key=lambda shape: shape.__name__)
    _, made = models_json_schema([(shape, "validation") for shape in shapes], by_alias=True)
    documented: dict[str, Mapping[str, str]] = {}
    for module in (sections, derived, experiments, pressure):
        documented |= _documented(module)
    result: Schema = {}
    for shape in shapes:
        name = shape.__name__
        node = _plain(made["$defs"][name])
        words = documented.get(name, {})
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
def _documented(module: ModuleType) -> Mapping[str, Mapping[str, str]]:
    """The docstrings of the fields and members of each class of the module, by class and name."""
    documented: dict[str, dict[str, str]] = {}
    for statement in ast.parse(inspect.getsource(module)).body:
        if not isinstance(statement, ast.ClassDef):
            continue
        words = documented[statement.name] = {}
        for before, after in zip(statement.body, statement.body[1:], strict=False):
            target = before.targets[0] if isinstance(before, ast.Assign) else getattr(before, "target", None)
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if isinstance(target, ast.Name) and is_text:
                words[target.id] = " ".join(str(after.value.value).split())  # type: ignore[attr-defined]
    return documented
