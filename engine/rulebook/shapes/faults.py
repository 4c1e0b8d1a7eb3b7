"""Validate data against a shape; pydantic's errors become diagnostics for the author of the book."""

import copy
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from engine.rulebook.report.diagnostics import Code, Suggestion, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.sections import NOT_NEEDED, PURPOSE, Shape
from engine.rulebook.text import hints
from engine.rulebook.text.nodes import PlainData

S = TypeVar("S", bound=Shape)
_Context: TypeAlias = Mapping[str, Any]
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "list_type": "a list",
    "bool_type": "true or false",
}
_LIMITS: dict[str, Callable[[_Context], str]] = {
    "greater_than": lambda given: f"must be above {given['gt']:g}",
    "greater_than_equal": lambda given: f"must be at least {given['ge']:g}",
    "less_than_equal": lambda given: f"must be at most {given['le']:,g}",
    "too_long": lambda given: f"has more than {given['max_length']} items",
    "string_too_short": lambda _: "must not be empty",
    "string_pattern_mismatch": lambda _: "does not have the right form",
}

_MAPPINGS = ("dict_type", "model_type")
_GUESSES: dict[str, Callable[[str], str]] = {
    "int_type": hints.number,
    "float_type": hints.number,
    "bool_type": hints.boolean,
    "list_type": hints.items,
    **dict.fromkeys(_MAPPINGS, hints.entries),
}


def shaped(shape: type[S], data: PlainData, path: Path, findings: Findings) -> S | None:
    """The data as the shape, without what does not fit, which is reported; None if too little is left."""
    if not isinstance(data, dict):
        hint = hints.whole(shape.noun, data) or _meant("dict_type", data, path, findings)
        findings.error(path, Code.TYPE, f"the {shape.noun} must be a mapping", hint)
        return None
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False)
    misspelt = _misspelt(shape, data, faults, findings)
    for fault in faults:
        if fault["type"] != "missing" or _where(fault) not in misspelt:
            _report(shape, fault, path, findings)
    findings.poisoned |= {(*path, *meant) for meant in misspelt}
    findings.recovered.add(path)
    return _recovered(shape, data, faults, path, findings)


def _recovered(
    shape: type[S], data: dict[str, PlainData], faults: list[ErrorDetails], path: Path, findings: Findings
) -> S | None:
    """The data without its faults, so that the rest can be checked. The paths of the faults are poisoned."""
    rest = copy.deepcopy(data)
    for fault in faults:
        where = _where(fault)
        if any(isinstance(part, int) for part in where[-1:]):
            where = where[:-1]  # an item goes with its list: the others would change places
        around = _reach(rest, where[:-1])
        if not where or around is None:
            continue
        field = _at(shape, where)[1]
        around.pop(str(where[-1]), None)
        if field is not None and field.is_required() and fault["type"] != "extra_forbidden":
            around[str(where[-1])] = _stand_in(field.annotation)
        findings.poison((*path, *where))
    try:
        return shape.model_validate(rest)
    except ValidationError:
        return None


def _misspelt(
    shape: type[Shape], data: dict[str, PlainData], faults: list[ErrorDetails], findings: Findings
) -> set[Path]:
    """The paths of the keys that unknown ones were probably meant as, unless they are there.

    That these are missing follows from the mistake.
    """
    unknown = [_where(fault) for fault in faults if fault["type"] == "extra_forbidden"]
    meant = {(where[:-1], findings.nearest(str(where[-1]), _keys(shape, where[:-1]))) for where in unknown}
    return {(*around, key) for around, key in meant if key not in (_reach(data, around) or {})}


def _reach(data: PlainData, where: Path) -> dict[str, PlainData] | None:
    here: PlainData = data
    for part in where:
        if isinstance(here, dict) and isinstance(part, str):
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int):
            here = here[part]
        else:
            return None
    return here if isinstance(here, dict) else None


def _stand_in(annotation: object) -> PlainData:
    """A value for a required key whose path is poisoned."""
    origin = get_origin(annotation)
    if origin is Literal:
        return str(get_args(annotation)[0])
    if origin is dict:
        return {}
    return "-" if annotation is str else 1


def _where(fault: ErrorDetails) -> Path:
    """The path of a fault below its shape."""
    return tuple(part for part in fault["loc"] if not _is_tag(part))


def _report(shape: type[Shape], fault: ErrorDetails, path: Path, findings: Findings) -> None:
    where = _where(fault)
    here = (*path, *where)
    kind, given = fault["type"], fault.get("ctx", {})
    label = f"`{_last_name(where)}`" if where else f"the {shape.noun}"
    if kind == "missing":
        if here not in findings.poisoned:
            findings.key_error(here[:-1], Code.MISSING, f"{label} is missing", _examples(shape, where))
    elif kind == "extra_forbidden":
        known = _keys(shape, where[:-1])
        message = f"there is no key {quote(str(where[-1]))} here"
        findings.key_error(
            here, Code.UNKNOWN, message, findings.suggest(str(where[-1]), known) or _list(known)
        )
    elif kind == "literal_error":
        _report_choice(label, fault, here, findings)
    elif kind in _LIMITS:
        findings.error(here, Code.VALUE, f"{label} {_LIMITS[kind](given)}", _examples(shape, where))
    else:
        given_kind = _described(fault["input"])
        problem = (
            f"must be {_EXPECTED[kind]}{given_kind}" if kind in _EXPECTED else "has a wrong kind of value"
        )
        quotes = kind == "string_type" and isinstance(fault["input"], int | float)
        hint = _meant(kind, fault["input"], here, findings) or _examples(shape, where)
        hint = hint or ("put it in quotes" if quotes else "")
        findings.error(here, Code.TYPE, f"{label} {problem}", hint)


def _meant(kind: str, given: object, path: Path, findings: Findings) -> str:
    """A hint on what a value of a wrong kind was meant as; empty if there is no likely guess."""
    name = given[0] if isinstance(given, list) and len(given) == 1 else given
    if kind in _MAPPINGS and path[-1:] == ("when",) and isinstance(given, list) and not isinstance(name, str):
        return "write {all: [...]} if all of them must hold, {any: [...]} if one is enough"
    if kind == "string_type" and path[-1:] == ("consent",) and isinstance(given, bool):
        return PURPOSE if given else f"write {NOT_NEEDED}"
    if kind in _MAPPINGS and path[-1:] == ("holidays",) and (country := hints.whole("holidays", given)):
        return country
    if (
        kind == "string_type"
        and path[-1:] in (("from",), ("until",))
        and "quiet" in path
        and type(given) is int
    ):
        return hints.clock(given)
    if kind == "string_type" and isinstance(given, dict) and len(given) == 1:
        key, value = next(iter(given.items()))
        return f'write {path[-1]}: "{{{key}: {value}}}"' if "|" in key else ""
    guess = _GUESSES.get(kind)
    meant = guess(given) if guess and isinstance(given, str) else ""
    is_condition = kind in _MAPPINGS and path[-1:] == ("when",) and isinstance(name, str)
    audience = findings.audience_hint(str(name)) if is_condition and not meant else ""
    return audience or meant


def _report_choice(label: str, fault: ErrorDetails, path: Path, findings: Findings) -> None:
    choices = str(fault.get("ctx", {})["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
    given = fault["input"]
    meant = hints.choice(given, choices) if isinstance(given, str) else ""
    hint = findings.suggest(given, choices) if isinstance(given, str) and not meant else ""
    hint = Suggestion(f"write {meant}", str(given), meant) if meant else hint
    shown = quote(given) if isinstance(given, str) else "this"
    findings.error(path, Code.VALUE, f"{label} cannot be {shown}", hint or f"one of: {', '.join(choices)}")


def _is_tag(part: str | int) -> bool:
    """Whether a part of pydantic's path is a tag of a union (sections.py) and no key."""
    return part in ("<number>", "<text>", "<list>", "<mapping>", "<learned>", "<fields>", "<channels>")


def _last_name(where: Path) -> str:
    return str(next((part for part in reversed(where) if isinstance(part, str)), ""))


def _described(value: object) -> str:
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    if isinstance(value, int | float):
        return f", not the number {value}"
    kinds: dict[type[object], str] = {str: ", not text", list: ", not a list", dict: ", not a mapping"}
    return kinds.get(type(value), "")


def _list(known: list[str]) -> str:
    return f"the keys here are: {', '.join(known)}" if known else ""


def _keys(shape: type[Shape], where: Path) -> list[str]:
    """The keys that the mapping at the path may have."""
    inner, _ = _at(shape, where)
    return sorted(field.alias or name for name, field in inner.model_fields.items()) if inner else []


def _examples(shape: type[Shape], where: Path) -> str:
    """A hint with the examples of the field that the path leads to."""
    field = _at(shape, where)[1]
    examples = field.examples if field else None
    return f"for example {' or '.join(map(str, examples))}" if examples else ""


def _at(shape: type[Shape], where: Path) -> tuple[type[Shape] | None, FieldInfo | None]:
    """The shape and the field at a path below a shape."""
    inner: type[Shape] | None = shape
    field: FieldInfo | None = None
    for part in where:
        if inner is None:
            continue  # inside a list or a mapping with free keys
        by_key = {info.alias or name: info for name, info in inner.model_fields.items()}
        field = by_key.get(str(part))
        inner = None if field is None else _only_shape(field.annotation)
        if field is not None and _has_items(field.annotation):
            item, inner = inner, None
            return _skip(item, where[where.index(part) + 1 :], field)
    return inner, field


def _skip(
    item: type[Shape] | None, rest: Path, field: FieldInfo
) -> tuple[type[Shape] | None, FieldInfo | None]:
    """Go on below the index or the name of an item."""
    if not rest:
        return None, field
    return _at(item, rest[1:]) if item and rest[1:] else (item, field)


def _has_items(annotation: object) -> bool:
    return get_origin(annotation) in (list, dict)


def _only_shape(annotation: object) -> type[Shape] | None:
    """The one shape in an annotation, under Optional, Annotated, list and dict; None if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, Shape):
        return annotation
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        arguments = arguments[:1]
    return next(filter(None, map(_only_shape, arguments)), None)
