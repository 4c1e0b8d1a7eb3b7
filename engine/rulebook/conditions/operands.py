"""Operands of tests: which operators the type of an attribute has, and which operands they take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import re2

from engine.conditions.model import NOW, SPANS, AttributeOperand, Deferred, Now, Operand, Operator
from engine.conditions.typed_texts import (
    ADDRESS_HINT,
    NETWORK_HINT,
    VERSION_HINT,
    HostBitsError,
    address_of,
    network_of,
    version_of,
)
from engine.model.instant import DAY, Microseconds
from engine.model.texts import number_text, span_text
from engine.model.values import Scalar
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.report.diagnostics import Code, Suggestion, quote
from engine.rulebook.report.findings import Findings, ParseError, Path
from engine.rulebook.symbols import AttributeScope
from engine.rulebook.text import datetimes, durations, hints, regions
from engine.rulebook.text.nodes import PlainData

MAX_PATTERN = 1000
_O, _T = Operator, AttributeType
_EQUALITY = frozenset((_O.EQ, _O.NE, _O.IN, _O.NOT_IN))
_ORDER = frozenset((_O.LT, _O.LTE, _O.GT, _O.GTE, _O.BETWEEN))
_CALENDAR = SPANS | {_O.BEFORE, _O.AFTER}
_WORDS = frozenset((_O.STARTS_WITH, _O.ENDS_WITH, _O.CONTAINS, _O.MATCHES))
_MEMBERS = frozenset((_O.HAS, _O.HAS_ANY, _O.HAS_ALL))
_LISTED = _MEMBERS | {_O.EQ, _O.NE, _O.ANY_ITEM, _O.ALL_ITEMS, _O.SIZE}
_SEVERAL = frozenset((_O.IN, _O.NOT_IN, _O.HAS_ANY, _O.HAS_ALL, _O.IN_NETWORK))
FOLDING = _EQUALITY | _MEMBERS | {_O.STARTS_WITH, _O.ENDS_WITH, _O.CONTAINS}
"""The operators that can ignore capitals, on texts and lists of texts."""

OPERATORS: dict[AttributeType, frozenset[Operator]] = {
    kind: operators | {_O.EXISTS}
    for kind, operators in {
        _T.INTEGER: _EQUALITY | _ORDER,
        _T.NUMBER: _EQUALITY | _ORDER,
        _T.TEXT: _EQUALITY | _WORDS,
        _T.BOOLEAN: _EQUALITY,
        _T.DATE: _EQUALITY | _ORDER | _CALENDAR | {_O.ANNIVERSARY},
        _T.TIME: _EQUALITY | _ORDER | _CALENDAR,
        _T.TEXTS: _LISTED,
        _T.INTEGERS: _LISTED,
        _T.NUMBERS: _LISTED,
        _T.VERSION: _EQUALITY | _ORDER,
        _T.IP: _EQUALITY | {_O.IN_NETWORK},
    }.items()
}
"""Operators by the type of the attribute."""

_COMPARISONS = frozenset((_O.EQ, _O.NE, _O.LT, _O.LTE, _O.GT, _O.GTE, _O.BEFORE, _O.AFTER))
"""The operators that compare with `now`, and with other attributes."""

_NUMERIC = frozenset((_T.INTEGER, _T.NUMBER))
ITEM_TYPES = {_T.TEXTS: _T.TEXT, _T.INTEGERS: _T.INTEGER, _T.NUMBERS: _T.NUMBER}
"""The types of the items, by type of list."""
_ARTICLE = {_T.INTEGER: "an integer", _T.NUMBER: "a number"}
_COUNTS_DAYS = ("days_since_last of ", "rfm.recency_days")
"""How attributes begin that are a number of days."""

_NORMAL: Mapping[str, Callable[[str], str]] = {
    "location.country": regions.country_of,
    "profile.language": regions.language_of,
    "profile.languages": regions.language_of,
    "an item of profile.languages": regions.language_of,
}
"""By attribute, how the values of requests are written."""

_MOMENTS = {_T.DATE: "for example 2026-03-01", _T.TIME: "for example 2026-03-01T10:00+08:00"}


@dataclass(frozen=True, slots=True)
class OperandReader:
    """Reads operands in the book's time zone."""

    zone: ZoneInfo
    findings: Findings
    attribute_scope: AttributeScope | None = None
    """The attributes that others are compared with; None for conditions on events, which compare with values only."""

    def read(
        self,
        attribute: Attribute,
        operator: Operator,
        value: PlainData,
        path: Path,
        *,
        caseless: bool = False,
    ) -> Operand | None:
        """The operand at the path; None after reporting why it does not fit attribute and operator."""
        if operator is Operator.ANNIVERSARY:
            return self._anniversary(value, path)
        if isinstance(value, dict) and "attribute" in value:
            return self._other(attribute, operator, value, path)
        if caseless:
            return self._caseless(attribute, operator, value, path)
        if operator in _SEVERAL or (attribute.type in ITEM_TYPES and operator in _EQUALITY):
            return self._several(attribute, operator, value, path)
        if operator is Operator.BETWEEN:
            return self._between(attribute, value, path)
        return self._operand(attribute, operator, value, path)

    def _other(
        self, attribute: Attribute, operator: Operator, value: dict[str, PlainData], path: Path
    ) -> AttributeOperand | None:
        """The other attribute, which must have the same type; integers and numbers are one."""
        for key in value.keys() - {"attribute"}:
            message = f"{quote(key)} beside `attribute`: an attribute is compared with one thing"
            self.findings.key_error((*path, key), Code.UNKNOWN, message)
            return None
        name, here = value["attribute"], (*path, "attribute")
        if self.attribute_scope is None or " " in attribute.name:  # a measure, an item, or a size
            message = "attributes of customers are compared with each other; this is compared with a value"
            self.findings.key_error(here, Code.OPERATOR, message)
        elif operator not in _COMPARISONS:
            message = f"`{operator}` compares with values, not with another attribute"
            self.findings.key_error(here, Code.OPERATOR, message, f"one of: {_listed(_COMPARISONS)}")
        elif not isinstance(name, str):
            self.findings.error(here, Code.TYPE, "`attribute` needs the name of an attribute")
        elif (other := self.attribute_scope.use(name, here, self.findings)) is not None:
            return self._of_same_type(attribute, other, here)
        return None

    def _of_same_type(self, attribute: Attribute, other: Attribute, path: Path) -> AttributeOperand | None:
        if other.name == attribute.name:
            self.findings.error(path, Code.VALUE, f"{quote(other.name)} is compared with itself")
            return None
        if _are_alike(attribute.type, other.type):
            return AttributeOperand(other.name)
        alike = [
            name
            for name, known in (self.attribute_scope.declared.values if self.attribute_scope else {}).items()
            if _are_alike(attribute.type, known.type) and name != attribute.name
        ]
        message = (
            f"{quote(other.name)} is of type {other.type}, and {quote(attribute.name)} of type {attribute.type}: "
            "only attributes of one type are compared"
        )
        self.findings.error(path, Code.TYPE, message, self.findings.suggest(other.name, alike))
        return None

    def _anniversary(self, value: PlainData, path: Path) -> Microseconds | None:
        """The span in which the anniversary lies: `{within: 7d}`; `today` is one day."""
        if value == "today":
            return DAY
        if not isinstance(value, dict):
            span = isinstance(value, str) and value[:1].isdigit()
            hint = f"write {{within: {value}}}" if span else ""
            self.findings.error(path, Code.TYPE, "`anniversary` needs today, or {within: 7d}", hint)
            return None
        for key in value:
            if key != "within":
                hint = self.findings.suggest(key, ["within"]) or "write {within: 7d}, which is to come"
                message = f"there is no {quote(key)} of anniversaries"
                self.findings.key_error((*path, key), Code.UNKNOWN, message, hint)
                return None
        try:
            return self._span(Operator.ANNIVERSARY, value.get("within"), (*path, "within"), is_day=True)
        except _WrongError as wrong:
            self.findings.error((*path, "within"), wrong.code, wrong.message, wrong.hint)
            return None

    def _span(self, operator: Operator, value: PlainData, path: Path, *, is_day: bool) -> Microseconds | None:
        text = value if isinstance(value, str) else str(value).lower()
        span = self.findings.parse(path, text, durations.parse)
        if is_day and span is not None:
            _check_days(operator, span)
        return span

    def _caseless(
        self, attribute: Attribute, operator: Operator, value: PlainData, path: Path
    ) -> Operand | None:
        """The operand whose texts fit the declared values in any case."""
        folded = frozenset(fold(item) for item in attribute.one_of or ())
        free = replace(attribute, name="", one_of=None)
        operand = self.read(free, operator, value, path)
        exact = operator in _EQUALITY or operator in _MEMBERS
        if operand is None or not exact or isinstance(operand, Deferred):
            return operand
        for index, item in enumerate(operand if isinstance(operand, tuple) else (operand,)):
            here = (*path, index) if isinstance(operand, tuple) else path
            if folded and fold(item) not in folded:
                known = ", ".join(sorted(map(str, attribute.one_of or ()))[:10])
                message = f"{quote(str(item))} is not among the attribute's values, in any case: {known}"
                self.findings.error(here, Code.VALUE, message, self._likely(attribute, str(item)))
                return None
            try:
                self._normal(attribute, item)
            except _WrongError as wrong:
                self.findings.error(here, wrong.code, wrong.message, wrong.hint)
                return None
        return operand

    def _normal(self, attribute: Attribute, operand: Scalar) -> Scalar:
        """The operand as requests have it. Raises _WrongError for a country or a language that does not exist."""
        normal = None if self.findings.earlier else _NORMAL.get(attribute.name)
        if normal is None or not isinstance(operand, str):
            return operand
        try:
            return normal(operand)
        except ParseError as error:
            raise _WrongError(Code.VALUE, error.message(operand), error.hint) from None

    def _operand(
        self, attribute: Attribute, operator: Operator, value: PlainData, path: Path
    ) -> Scalar | Now | None:
        try:
            return self._scalar(attribute, operator, value, path)
        except _WrongError as wrong:
            counts_days = attribute.name.startswith(_COUNTS_DAYS) and isinstance(value, str)
            comparable = operator in _COMPARISONS and " " not in attribute.name  # neither an item nor a size
            named = self._named(attribute.type, value) if comparable else ""
            hint = (hints.days(str(value)) if counts_days else "") or named or wrong.hint
            self.findings.error(path, wrong.code, wrong.message, hint or self._likely(attribute, value))
            return None

    def _several(
        self, attribute: Attribute, operator: Operator, value: PlainData, path: Path
    ) -> tuple[Scalar, ...] | None:
        if not isinstance(value, list):
            hint = hints.items(value) if isinstance(value, str) else ""
            if operator in (Operator.EQ, Operator.NE) and not isinstance(value, dict):
                hint = "write {has: …} for a list with that item"
            self.findings.error(path, Code.TYPE, f"`{operator}` needs a list", hint)
            return None
        operands = [self._operand(attribute, operator, item, (*path, i)) for i, item in enumerate(value)]
        sound = tuple(operand for operand in operands if operand is not None and operand is not NOW)
        return sound if sound and len(sound) == len(operands) else None

    def _between(self, attribute: Attribute, value: PlainData, path: Path) -> tuple[Scalar, ...] | None:
        if not isinstance(value, list) or len(value) != 2:
            message = "`between` needs a list of two: the low and the high bound"
            halves = value if isinstance(value, list) and all(type(part) is int for part in value) else []
            commas = "a decimal number has a point: write [{}.{}, {}.{}]"
            self.findings.error(path, Code.TYPE, message, commas.format(*halves) if len(halves) == 4 else "")
            return None
        pair = self._several(attribute, Operator.BETWEEN, value, path)
        if pair and _is_above(attribute, *pair):
            self.findings.error(path, Code.VALUE, "the low bound is above the high bound")
            return None
        return pair

    def _named(self, kind: AttributeType, value: PlainData) -> str:
        """The hint for a value that does not fit and names an attribute of the type; empty for any other."""
        declared = self.attribute_scope.declared.values if self.attribute_scope else {}
        other = declared.get(value) if isinstance(value, str) else None
        alike = other is not None and _are_alike(kind, other.type)
        return f"to compare with that attribute, write {{attribute: {value}}}" if alike else ""

    def _likely(self, attribute: Attribute, value: PlainData) -> str:
        words = [word for word in attribute.one_of or () if isinstance(word, str)]
        return self.findings.suggest(value, sorted(words)) if isinstance(value, str) and words else ""

    def _scalar(
        self, attribute: Attribute, operator: Operator, value: PlainData, path: Path
    ) -> Scalar | Now | None:
        if isinstance(value, dict) and "attribute" in value:
            message = f"`{operator}` compares with values, not with another attribute"
            raise _WrongError(Code.OPERATOR, message, f"one of: {_listed(_COMPARISONS)}")
        if isinstance(value, list | dict):
            hint = (
                self.findings.suggest(next(iter(value), ""), ["attribute"]) if isinstance(value, dict) else ""
            )
            raise _WrongError(Code.TYPE, f"`{operator}` needs one value", hint)
        if operator is Operator.EXISTS:
            return _boolean(value, "`exists` needs true or false")
        if operator in SPANS:
            return self._span(operator, value, path, is_day=attribute.type is AttributeType.DATE)
        if value in ("now", "today") and attribute.type in _MOMENTS:
            return _now(attribute.type, operator, value)
        if operator in _WORDS or operator is Operator.IN_NETWORK:
            return _OF_TEXTS.get(operator, _text)(value)
        operand = self._typed(ITEM_TYPES.get(attribute.type, attribute.type), value, path)
        exact = operator in _EQUALITY or operator in _MEMBERS
        if operand is not None:
            _check_declared(attribute, operand, exact=exact)
        if exact and isinstance(operand, str) and (normal := self._normal(attribute, operand)) != operand:
            raise _WrongError(
                Code.VALUE,
                f"{quote(operand)} is never equal: requests have {normal}",
                Suggestion(f"write {normal}", str(operand), str(normal)),
            )
        return operand

    def _typed(self, kind: AttributeType, value: PlainData, path: Path) -> Scalar | None:
        if kind is AttributeType.BOOLEAN:
            return _boolean(value, "the attribute is a boolean: true or false")
        if kind is AttributeType.TEXT:
            return _text(value)
        if kind in (AttributeType.INTEGER, AttributeType.NUMBER):
            return _number(kind, value)
        if kind is AttributeType.VERSION:
            return _version(value, self.findings.lexemes.get(path, ""))
        if kind is AttributeType.IP:
            return _address(value)
        return self._moment(kind, value, path)

    def _moment(self, kind: AttributeType, value: PlainData, path: Path) -> date | int | None:
        if not isinstance(value, str):
            raise _WrongError(Code.TYPE, f"the attribute is a {kind}", _MOMENTS[kind])
        word = value.lower()
        meant = f"write {word}" if word == "now" or (word == "today" and kind is AttributeType.DATE) else ""
        meant = meant or self._named(kind, value)
        if kind is AttributeType.DATE:
            hint = meant or hints.comparison(value) or hints.day(value) or _MOMENTS[kind]
            return self.findings.parse(path, value, datetimes.parse_date, hint)
        parse = partial(datetimes.parse_moment, zone=self.zone)
        return self.findings.parse(path, value, parse, meant or _MOMENTS[kind])


def _are_alike(left: AttributeType, right: AttributeType) -> bool:
    return left is right or {left, right} <= _NUMERIC


def _listed(operators: frozenset[Operator]) -> str:
    return ", ".join(operator for operator in Operator if operator in operators)


def _now(kind: AttributeType, operator: Operator, word: object) -> Now:
    """The moment of the decision, for a date the customer's day. Raises _WrongError where it is compared otherwise."""
    if operator not in _COMPARISONS:
        raise _WrongError(
            Code.VALUE, f"`{operator}` does not compare with {word}", f"one of: {_listed(_COMPARISONS)}"
        )
    if kind is AttributeType.TIME and word == "today":
        message = "the attribute is a time, and today is a day"
        raise _WrongError(Code.VALUE, message, "write now, or compare with a span, such as {within: 24h}")
    if kind is AttributeType.TIME and operator in _EQUALITY:
        raise _WrongError(
            Code.VALUE, "a time is hardly ever now to the microsecond", "write {before: now} or {after: now}"
        )
    return NOW


class _WrongError(Exception):
    """An operand that does not fit; the message is for the author."""

    def __init__(self, code: Code, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def fold(item: Scalar) -> Scalar:
    """A text as it compares without regard to case."""
    return item.casefold() if isinstance(item, str) else item


def _is_above(attribute: Attribute, low: Any, high: Any) -> bool:
    """Whether the low bound, of the attribute's type, is above the high one."""
    if attribute.type is AttributeType.VERSION:
        low, high = version_of(low), version_of(high)
    return bool(low > high)


def _version(value: PlainData, lexeme: str) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        message = f"a version must be in quotes: YAML reads {lexeme or value} as a number"
        raise _WrongError(Code.TYPE, message, f'write "{lexeme or value}"')
    if not isinstance(value, str):
        raise _WrongError(Code.TYPE, f"the attribute is a version, and {_described(value)}", VERSION_HINT)
    if version_of(value) is None:
        hint = hints.comparison_of_versions(value)
        raise _WrongError(
            Code.VALUE, f"{quote(value)} is not a version by SemVer 2.0.0", hint or VERSION_HINT
        )
    return value


def _address(value: PlainData) -> str:
    """The address in its usual form, in which requests have it."""
    text = value if isinstance(value, str) else ""
    address = address_of(text)
    if address is None:
        hint = ADDRESS_HINT
        if "/" in text and _networked(text):
            hint = f"write {{in_network: [{text}]}} for all addresses of a network"
        raise _WrongError(Code.VALUE, f"{_shown(value)} is not an IP address", hint)
    return str(address)


def _network(value: PlainData) -> str:
    text = value if isinstance(value, str) else ""
    try:
        network = network_of(text)
    except HostBitsError as error:
        message = f"{quote(text)} is an address inside a network, not a network"
        raise _WrongError(
            Code.VALUE, message, f"write {error}, or {text.partition('/')[0]} for it alone"
        ) from None
    if network is None:
        raise _WrongError(
            Code.VALUE, f"{_shown(value)} is not a network", hints.network(text) or NETWORK_HINT
        )
    return str(network)


def _networked(text: str) -> bool:
    try:
        return network_of(text) is not None
    except HostBitsError:
        return True


def _shown(value: PlainData) -> str:
    return quote(value) if isinstance(value, str) else "this"


def _number(kind: AttributeType, value: PlainData) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = hints.between(value) or hints.number(value) if isinstance(value, str) else ""
        raise _WrongError(Code.TYPE, f"the attribute is {_ARTICLE[kind]}, and {_described(value)}", hint)
    return value


def _check_declared(attribute: Attribute, operand: Scalar, *, exact: bool) -> None:
    """Raise _WrongError for an operand outside of the attribute's bounds, or (exact) that no value of it can equal."""
    low, high = attribute.minimum, attribute.maximum
    whole = attribute.type in (_T.INTEGER, _T.INTEGERS)
    if exact and whole and isinstance(operand, float) and not operand.is_integer():
        raise _WrongError(Code.VALUE, f"{operand} can never equal an integer")
    # Booleans and moments are ints as well, but have no bounds.
    number = operand if isinstance(operand, int | float) else None
    below = number is not None and low is not None and number < low
    above = number is not None and high is not None and number > high
    if below or above:
        bounds = (
            f"{'' if low is None else number_text(low, 6)}..{'' if high is None else number_text(high, 6)}"
        )
        raise _WrongError(Code.VALUE, f"{operand} is outside of the attribute's bounds, {bounds}")
    if exact and attribute.one_of is not None and operand not in attribute.one_of:
        known = ", ".join(sorted(map(str, attribute.one_of))[:10])
        shown = quote(operand) if isinstance(operand, str) else str(operand)
        raise _WrongError(Code.VALUE, f"{shown} is not among the attribute's values: {known}")


def _check_days(operator: Operator, span: Microseconds) -> None:
    """Raise _WrongError for less than a day: dates are compared in whole days, so no date would be within it."""
    if span < DAY:
        message = f"the attribute is a date, and {span_text(span)} is less than a day"
        if operator is Operator.MORE_THAN_AGO:
            raise _WrongError(
                Code.VALUE, f"{message}: dates are compared in whole days", "write {before: today}"
            )
        hint = "write 1d for today, or declare the attribute as a time"
        raise _WrongError(Code.VALUE, f"{message}: the test can never hold", hint)


def _boolean(value: PlainData, message: str) -> bool:
    if not isinstance(value, bool):
        raise _WrongError(Code.TYPE, message, hints.flag(value))
    return value


def _described(value: PlainData) -> str:
    """The value and what it is."""
    if isinstance(value, str):
        return f"{quote(value)} is a text"
    if isinstance(value, bool):
        return f"{str(value).lower()} is a boolean"
    return f"{value} is a number" if isinstance(value, int | float) else "there is no value"


def _text(value: PlainData) -> str:
    if not isinstance(value, str):
        raise _WrongError(Code.TYPE, f"the attribute is a text, and {_described(value)}", "put it in quotes")
    return value


def _pattern(value: PlainData) -> str:
    source = _text(value)
    if len(source) > MAX_PATTERN:
        raise _WrongError(Code.TOO_LARGE, f"a regular expression has at most {MAX_PATTERN:,} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(source, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise _WrongError(Code.VALUE, f"not a regular expression of RE2: {shown}") from None
    return source


_OF_TEXTS: Mapping[Operator, Callable[[PlainData], str]] = {
    Operator.MATCHES: _pattern,
    Operator.IN_NETWORK: _network,
}
"""By operator, how the text of its operand is read, where it is not any text."""
