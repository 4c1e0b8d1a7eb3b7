"""Attributes: those that a book declares, and those that every book has."""

from collections.abc import Mapping

from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.model.policies import WEEKDAYS
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.sections import AttributeShape
from engine.rulebook.symbols import SymbolTable
from engine.rulebook.text.merge import as_words, is_words
from engine.rulebook.text.nodes import PlainData

WEATHER_CONDITIONS = ("clear", "clouds", "fog", "drizzle", "rain", "snow", "thunderstorm")
"""Values of `weather.condition`: groups of WMO weather codes."""

_NUMBER, _TEXT, _INTEGER, _BOOLEAN = (
    AttributeType.NUMBER,
    AttributeType.TEXT,
    AttributeType.INTEGER,
    AttributeType.BOOLEAN,
)
BUILTIN: dict[str, Attribute] = {
    attribute.name: attribute
    for attribute in (
        Attribute("profile.language", _TEXT),
        Attribute("profile.languages", AttributeType.TEXTS),
        Attribute("profile.accept_language", _TEXT),
        Attribute("profile.time_zone", _TEXT),
        Attribute("location.country", _TEXT),
        Attribute("location.region", _TEXT),
        Attribute("location.city", _TEXT),
        Attribute("location.latitude", _NUMBER, -90, 90),
        Attribute("location.longitude", _NUMBER, -180, 180),
        Attribute("location.time_zone", _TEXT),
        Attribute("weather.temperature_c", _NUMBER),
        Attribute("weather.feels_like_c", _NUMBER),
        Attribute("weather.humidity_pct", _NUMBER, 0, 100),
        Attribute("weather.wind_kph", _NUMBER, 0),
        Attribute("weather.precipitation_mm", _NUMBER, 0),
        Attribute("weather.condition", _TEXT, one_of=frozenset(WEATHER_CONDITIONS)),
        Attribute("weather.is_day", _BOOLEAN),
        Attribute("weather.tomorrow.temperature_min_c", _NUMBER),
        Attribute("weather.tomorrow.temperature_max_c", _NUMBER),
        Attribute("weather.tomorrow.precipitation_mm", _NUMBER, 0),
        Attribute("weather.tomorrow.wind_kph", _NUMBER, 0),
        Attribute("weather.tomorrow.frost", _BOOLEAN),
        Attribute("weather.tomorrow.hail", _BOOLEAN),
        Attribute("now.hour", _INTEGER, 0, 23),
        Attribute("now.weekday", _TEXT, one_of=frozenset(WEEKDAYS)),
        Attribute("now.date", AttributeType.DATE),
        Attribute("now.month", _INTEGER, 1, 12),
        Attribute("customer.is_new", _BOOLEAN),
        Attribute("rfm.recency_days", _NUMBER, 0),
        Attribute("rfm.frequency", _INTEGER, 0),
        Attribute("rfm.monetary", _NUMBER),
    )
}
MAX_ATTRIBUTES = 500
_FORMERLY_OWN = ("profile.languages", "profile.accept_language")
"""Built-in names that books of earlier versions could declare: their declarations stand."""

_OURS = ("location.", "weather.", "now.", "rfm.", "customer.", "signal.", "pattern.", "nearest.")
_NUMBERS = frozenset((AttributeType.INTEGER, AttributeType.NUMBER))
_ITEMS: dict[AttributeType, tuple[type, ...]] = {
    AttributeType.TEXT: (str,),
    AttributeType.TEXTS: (str,),
    AttributeType.INTEGER: (int,),
    AttributeType.INTEGERS: (int,),
    AttributeType.NUMBER: (int, float),
    AttributeType.NUMBERS: (int, float),
}


def read(data: Mapping[str, PlainData], findings: Findings, *, partial: bool) -> SymbolTable[Attribute]:
    """The section `attributes`, with the built-in attributes."""
    declared = SymbolTable("attribute", dict(BUILTIN), partial=partial)
    for count, (name, value) in enumerate(data.items()):
        path = ("attributes", name)
        if count == MAX_ATTRIBUTES:
            message = f"a book declares at most {MAX_ATTRIBUTES} attributes"
            findings.key_error(path, Code.TOO_LARGE, message)
            declared.partial = True
            break
        if _may_declare(name, path, findings):
            shape = shaped(AttributeShape, value, path, findings)
            attribute = _attribute(name, shape, path, findings) if shape else None
            declared.add(name, attribute, sound=path not in findings.recovered)
        elif name not in BUILTIN:
            declared.broken |= {name, f"profile.{name}", as_words(name)}
    return declared


def _may_declare(name: str, path: Path, findings: Findings) -> bool:
    if (name in BUILTIN and name not in _FORMERLY_OWN) or name.startswith(_OURS):
        hint = "delete the declaration" if name in BUILTIN else "callers send attributes below profile."
        findings.key_error(path, Code.NAME, f"{quote(name)} is one of Tact's built-in names", hint)
    elif not name.startswith("profile."):
        message = f"the attribute {quote(name)} does not begin with profile."
        findings.key_error(path, Code.NAME, message, f"write profile.{name}" if len(name) < 50 else "")
    elif not is_words(name):
        meant = as_words(name)
        hint = f"write {meant}" if meant else "lower-case words of letters, digits and _, joined by dots"
        findings.key_error(path, Code.NAME, f"{quote(name)} is not the name of an attribute", hint)
    else:
        return True
    return False


def _attribute(name: str, shape: AttributeShape, path: Path, findings: Findings) -> Attribute | None:
    kind = AttributeType(shape.type)
    sound = _check_bounds(kind, shape, path, findings)
    items = shape.one_of
    if items is not None:
        sound &= _check_items(kind, items, shape, path, findings)
    if shape.masked is False and shape.sensitive:
        message = "a sensitive attribute is always masked"
        findings.error((*path, "masked"), Code.VALUE, message, "delete `masked`, or `sensitive`")
        sound = False
    if not sound:
        return None
    whole = int in _ITEMS.get(kind, ()) and float not in _ITEMS[kind]
    one_of = None if items is None else frozenset(int(item) if whole else item for item in items)
    masked = kind is AttributeType.IP if shape.masked is None else shape.masked
    sensitive = shape.sensitive
    return Attribute(name, kind, shape.min, shape.max, one_of, sensitive, masked or sensitive is not None)


def _check_bounds(kind: AttributeType, shape: AttributeShape, path: Path, findings: Findings) -> bool:
    if kind not in _NUMBERS:
        extra = [bound for bound in ("min", "max") if getattr(shape, bound) is not None]
        for bound in extra:
            message = f"`{bound}` is for integers and numbers, not for {kind}"
            findings.key_error((*path, bound), Code.VALUE, message)
        return not extra
    if shape.min is not None and shape.max is not None and shape.min > shape.max:
        findings.error((*path, "min"), Code.VALUE, "`min` is above `max`")
        return False
    return True


def _check_items(
    kind: AttributeType, items: list[object], shape: AttributeShape, path: Path, findings: Findings
) -> bool:
    allowed = _ITEMS.get(kind)
    if allowed is None:
        findings.key_error(
            (*path, "one_of"), Code.VALUE, f"`one_of` is for texts and numbers, not for {kind}"
        )
        return False
    sound = True
    for index, item in enumerate(items):
        reason = ""
        if (not isinstance(item, allowed) and not (int in allowed and _is_whole(item))) or isinstance(
            item, bool
        ):
            reason = (
                f"a value of `one_of` must be {'text' if str in allowed else kind.removeprefix('list of ')}"
            )
        elif isinstance(item, int | float) and not _inside(item, shape.min, shape.max):
            reason = f"{item} is outside of the attribute's bounds"
        if reason:
            findings.error((*path, "one_of", index), Code.VALUE, reason)
            sound = False
    return sound


def _is_whole(item: object) -> bool:
    """Whether it is a number such as 31.0, which is an integer."""
    return isinstance(item, float) and item.is_integer()


def _inside(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)
