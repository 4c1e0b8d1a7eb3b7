"""The part of the schema about conditions: tests by the type of what is tested, and the names that a book has."""

from collections.abc import Iterator, Mapping

from engine.authoring.names import NAMED
from engine.authoring.schema_of_shapes import Schema, documented
from engine.conditions import model as conditions
from engine.conditions.model import OF_ITEMS, SPANS, Operator
from engine.model.outcome import OutcomeType
from engine.rulebook.conditions.event_fields import FIELDS
from engine.rulebook.conditions.operands import FOLDING, OPERATORS
from engine.rulebook.conditions.trees import GROUPS, IGNORE_CASE
from engine.rulebook.model.book import AttributeType
from engine.rulebook.model.derived import DAYS_TO_ANNIVERSARY, NO_OUTCOME
from engine.rulebook.sections.attributes import BUILTIN
from engine.rulebook.text.nodes import PlainData

_ANY = {"$ref": "#/$defs/test_any"}
"""A test on a value whose type is not known here."""

_EXACT = frozenset(
    (
        *(Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN),
        *(Operator.HAS, Operator.HAS_ANY, Operator.HAS_ALL),
    )
)
"""Operators that compare with whole values."""

_MEASURED = {
    "behaviour": "BehaviourShape",
    "contact": "ContactConditionShape",
    "near": "NearShape",
    "trend": "TrendShape",
}
"""Conditions on derived attributes, and their shapes."""

_LITERALS: Mapping[AttributeType, Schema] = {
    AttributeType.INTEGER: {"type": "number"},
    AttributeType.NUMBER: {"type": "number"},
    AttributeType.BOOLEAN: {"type": "boolean"},
    AttributeType.INTEGERS: {"type": "number"},
    AttributeType.NUMBERS: {"type": "number"},
    AttributeType.VERSION: {"type": ["string", "number"]},
}
"""What operands are, by the type of the attribute; texts of all others."""


def names_of(data: Mapping[str, PlainData]) -> dict[str, list[str]]:
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


def name_schema(values: list[str]) -> Schema:
    """One of the names; any name if there are none."""
    return {"type": "string", "enum": values} if values else {"type": "string", "minLength": 1}


def own_attributes(data: Mapping[str, PlainData]) -> dict[str, Schema]:
    """The attributes that the book declares and exposes, and what a test on each is."""
    tests: dict[str, Schema] = {}
    declared = data.get("attributes")
    for name, stated in declared.items() if isinstance(declared, dict) else ():
        kind = stated.get("type") if isinstance(stated, dict) else None
        known = kind if isinstance(kind, str) and kind in set(AttributeType) else None
        tests[name] = {"$ref": f"#/$defs/test_{_key(known)}"} if known else {}
        values = stated.get("one_of") if isinstance(stated, dict) else None
        if values and isinstance(values, list):
            tests[name] = {"anyOf": [*_among(values), tests[name]]}
        if known == AttributeType.DATE:
            tests[f"{name}{DAYS_TO_ANNIVERSARY}"] = {"$ref": f"#/$defs/test_{AttributeType.INTEGER}"}
    for section, noun in (("patterns", "pattern"), ("signals", "signal")):
        entries = data.get(section)
        for name, stated in entries.items() if isinstance(entries, dict) else ():
            exposed = stated.get("expose") if isinstance(stated, dict) else None
            for field in exposed if isinstance(exposed, dict) else ():
                tests[f"{noun}.{name}.{field}"] = _ANY
    places = data.get("places")
    for name, stated in places.items() if isinstance(places, dict) else ():
        fields = stated.get("fields") if isinstance(stated, dict) else None
        for field in (*(fields if isinstance(fields, dict) else ()), "distance"):
            tests[f"nearest.{name}.{field}"] = _ANY
    return tests


def _among(values: list[PlainData]) -> list[Schema]:
    """Tests on an attribute that has one of these values."""
    several: Schema = {"type": "array", "items": {"enum": values}}
    exact = {str(operator): {"anyOf": [{"enum": values}, several]} for operator in _EXACT}
    return [{"enum": values}, several, {"type": "object", "properties": exact, "additionalProperties": False}]


def _key(kind: str) -> str:
    return kind.replace(" ", "_")


def condition_schemas(data: Mapping[str, PlainData]) -> Schema:
    """Conditions on customers and events, steps of patterns, and tests by type."""
    return {
        **{f"test_{_key(kind)}": _test(kind) for kind in AttributeType},
        **{f"operand_{_key(kind)}": _operand(kind) for kind in AttributeType},
        "test_any": {
            "anyOf": [
                {"type": ["string", "number", "boolean", "array"]},
                {"type": "object", "properties": dict(_every_operator()), "additionalProperties": False},
            ]
        },
        "condition": _condition(data),
        **_of_events(data),
        "numbers": _operators(AttributeType.NUMBER),
        "numbers_of": _operators(
            AttributeType.NUMBER, {"of": {"type": "string", "description": "The field of the events."}}
        ),
        "place": {"anyOf": [{"$ref": "#/$defs/PlaceShape"}, {"$ref": "#/$defs/PlaceFileShape"}]},
    }


def _condition(data: Mapping[str, PlainData]) -> Schema:
    names = names_of(data)
    named: Schema = {}
    for noun in ("audience", "pattern", "signal"):
        name = name_schema(names[f"{noun}s"])
        named[noun] = {
            "anyOf": [name, {"type": "array", "items": name}],
            "description": f"The {noun}, or one of several.",
        }
    attributes = {name: {"$ref": f"#/$defs/test_{_key(known.type)}"} for name, known in BUILTIN.items()}
    return {
        "type": "object",
        "description": "What must be true of a customer: every entry must hold.",
        "properties": {
            **_groups("condition"),
            **named,
            **{key: {"$ref": f"#/$defs/{shape}"} for key, shape in _MEASURED.items()},
            **attributes,
            **own_attributes(data),
        },
        "patternProperties": {r"^(pattern|signal|nearest)\." if data else r"\.": _ANY},
        "additionalProperties": False,
    }


def _of_events(data: Mapping[str, PlainData]) -> Schema:
    """Conditions on events, and steps of patterns, with the fields that the book declares."""
    fields: Schema = dict.fromkeys(FIELDS, _ANY)
    events = data.get("events")
    types = events.get("types") if isinstance(events, dict) else None
    for stated in types.values() if isinstance(types, dict) else ():
        inner = stated.get("fields") if isinstance(stated, dict) else None
        fields |= dict.fromkeys(inner, _ANY) if isinstance(inner, dict) else {}
    tests = {**_groups("event_condition"), **fields}
    return {
        "event_condition": {
            "type": "object",
            "description": "What must be true of an event: every entry must hold.",
            "properties": tests,
            "additionalProperties": _ANY,
        },
        "step": {
            "type": "object",
            "description": "An event, by its type and by tests on its fields.",
            "required": ["event"],
            "properties": {
                "event": {"$ref": "#/$defs/names_events", "description": "The type of the event."},
                "within": {"type": "string", "description": "The window, as `24h` or `1h of first`."},
                "same": {"type": "string", "description": "The field that is the same in the first event."},
                **tests,
            },
            "additionalProperties": _ANY,
        },
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


def _every_operator() -> Iterator[tuple[str, Schema]]:
    """Of any type, with its description."""
    for kind in AttributeType:
        for key, node in _operators(kind)["properties"].items():
            yield key, {"description": node["description"]}


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
    words = documented(conditions)[Operator.__name__]
    properties: Schema = {
        str(operator): {**by_operator.get(operator, compared), "description": words.get(operator.name, "")}
        for operator in sorted(OPERATORS[kind])
    }
    if OPERATORS[kind] & FOLDING and kind in (AttributeType.TEXT, AttributeType.TEXTS):
        properties[IGNORE_CASE] = {"type": "boolean", "description": "Whether capitals are ignored."}
    return {"type": "object", "properties": {**(beside or {}), **properties}, "additionalProperties": False}
