"""Languages: of what is said in several, what a customer gets.

RFC 4647, 3.4 (Lookup): the customer's tag is shortened from its end until it is one of those there are. Capitals do not
matter.
"""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

_LONGEST = 100
"""Characters; no longer tag is looked up."""


def lookup(by_tag: Mapping[str, T], tag: object) -> T | None:
    """What there is for the language tag, or the nearest language around it; the keys are in lower case."""
    if not isinstance(tag, str) or len(tag) > _LONGEST:
        return None
    rest = tag.lower()
    while rest:
        found = by_tag.get(rest)
        if found is not None:
            return found
        rest = rest.rpartition("-")[0]
        if rest[-2:-1] == "-":  # a single letter announces what followed it
            rest = rest[:-2]
    return None
