"""The JSON Schema of books: of any book, or of one with its own names.

It accepts all that the loader accepts. What it cannot say (rules between files, numbers in order) the loader reports.
"""

from collections.abc import Iterator, Mapping

from engine.authoring.schema_of_conditions import condition_schemas, name_schema, names_of, own_attributes
from engine.authoring.schema_of_shapes import Schema, shape_schemas
from engine.rulebook.report.findings import Path
from engine.rulebook.sections.attributes import BUILTIN
from engine.rulebook.sections.experiments import PERSON
from engine.rulebook.shapes.sections import NOT_NEEDED
from engine.rulebook.text.nodes import PlainData

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

_TEXTS = {"type": ["string", "number", "boolean"]}
"""A text of content, which may look like a number."""


def schema(data: Mapping[str, PlainData] | None = None) -> Schema:
    """The schema of the files of a book. data: the sections of the book whose names it lists; None: any names."""
    names = names_of(data or {})
    defs = {**shape_schemas(), **condition_schemas(data or {}), **_content(names if data else {})}
    defs.update({f"names_{kind}": name_schema(values) for kind, values in names.items()})
    defs["attribute"] = _attribute_name(data or {})
    defs["ChannelShape"] = _with_purposes(defs["ChannelShape"], data or {})
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


def _attribute_name(data: Mapping[str, PlainData]) -> Schema:
    """The name of an attribute; those that patterns, signals and places expose, too."""
    names = [*BUILTIN, *own_attributes(data)]
    return {"anyOf": [{"type": "string", "enum": names}, {"type": "string"}]}


def _with_purposes(channel: Schema, data: Mapping[str, PlainData]) -> Schema:
    """The schema of channels, with the purposes that other channels of the book name as examples."""
    channels = data.get("channels")
    entries = channels.values() if isinstance(channels, dict) else ()
    named = {entry.get("consent") for entry in entries if isinstance(entry, dict)}
    purposes = sorted({purpose for purpose in named if isinstance(purpose, str)} | {NOT_NEEDED})
    consent = {**channel["properties"]["consent"], "examples": purposes}
    return {**channel, "properties": {**channel["properties"], "consent": consent}}


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
