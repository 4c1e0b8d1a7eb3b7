"""The values of scalars, after the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema).

PyYAML's own resolver follows YAML 1.1, in which Norway (`NO`) is false and 21:00 is 1260.
"""

import math
import re
from typing import TypeAlias

import yaml

from engine.rulebook.report.diagnostics import quote

YamlScalar: TypeAlias = bool | int | float | str | None

CORE = "tag:yaml.org,2002:"
_KINDS = {"null": type(None), "bool": bool, "int": int, "float": float, "str": str}
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEAN = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAY_BE_NUMBER = frozenset("0123456789+-.")


def resolved(event: yaml.ScalarEvent) -> YamlScalar:
    """The value of the scalar by its tag, its quotes or its form; raises ScalarError."""
    if event.tag is None:
        return resolve(event.value) if event.implicit[0] else str(event.value)
    if event.tag in ("!", f"{CORE}str"):
        return str(event.value)
    kind = _KINDS.get(event.tag.removeprefix(CORE)) if event.tag.startswith(CORE) else None
    if kind is None:
        raise ScalarError(f"the tag {quote(event.tag)} is not allowed")
    value = resolve(event.value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ScalarError(f"the tag !!{event.tag.removeprefix(CORE)} does not fit the value")
    return value


class ScalarError(ValueError):
    """A scalar that a book may not have. Its message is for the author of the book."""


def resolve(text: str) -> YamlScalar:
    """The value of a plain scalar; raises ScalarError for numbers that are not finite or exceed 64 bits."""
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if text[0] not in _MAY_BE_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        return _float(text)
    if _NOT_FINITE.fullmatch(text):
        raise ScalarError("infinite and undefined numbers are not allowed")
    return text


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    # Python refuses to parse thousands of digits.
    digits = text.lstrip("+-0") if base == 10 else text[2:].lstrip("0")
    number = int(text if base == 10 else text[2:], base) if len(digits) < 70 and len(text) < 4000 else 2**64
    if not -(2**63) <= number < 2**63:
        raise ScalarError("the number does not fit into 64 bits")
    return number


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ScalarError("the number is too large")
    return number
