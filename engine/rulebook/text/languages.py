"""The nearest of several languages: tags of BCP 47, matched by the likely subtags and the inheritance of CLDR.

Rules, in this order, for one requested tag:

1. The tag itself, and while it has variants, extensions or a private part, the tag without its last subtag.
2. Along the line of what the tag inherits from (`en-AU`, `en-001`, `en`; `es-AR`, `es-419`, `es`; `zh-Hant-MO`,
   `zh-Hant-HK`, `zh-Hant`; `nb`, `no`): first a tag that means the same with its likely subtags (`zh-CN` is `zh-Hans-CN`
   is `zh`; `pt` is `pt-BR`), the longest of several; else a tag that inherits from there (`en-GB` from `en-001`), the
   first in alphabetical order. Language and script stay the same: `zh-TW` never is `zh-CN`.
3. The bare language, if it is offered as such: `zh-TW` takes `zh`.

Method: UTS 35, Likely Subtags and Parent Locales; 1 and 3 are RFC 4647, 3.4 (Lookup).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_LONGEST = 100
"""Characters; longer tags are not looked up."""

_MOST_ACCEPTED = 50
"""Entries of Accept-Language that are read."""

_LONGEST_HEADER = 2_000
"""Characters of Accept-Language that are read."""

_WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_RANGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")


class _Node(NamedTuple):
    """Language, script and region with the likely ones filled in; empty where none is likely."""

    language: str
    script: str = ""
    region: str = ""


class _Parsed(NamedTuple):
    """A tag in lower case, in its parts."""

    node: _Node
    """Without likely subtags."""
    rest: tuple[str, ...]
    """Variants, extensions and the private part."""


def plain_tag(tag: str) -> str:
    """The tag in lower case, with hyphens, and without what follows it in a POSIX locale: `pt_BR.UTF-8` is pt-br."""
    return re.split("[.@]", tag, maxsplit=1)[0].replace("_", "-").lower()


@lru_cache(maxsize=8192)
def nearest(offered: frozenset[str], requested: str) -> str | None:
    """The offered tag that is nearest to the requested one; None if none is near. Offered tags are in lower case."""
    tag = plain_tag(requested) if len(requested) <= _LONGEST else ""
    if not tag or not offered:
        return None
    parsed = _parse(tag)
    for _ in parsed.rest:
        if tag in offered:
            return tag
        tag = tag.rpartition("-")[0]
    if tag in offered:
        return tag
    bare = tag.partition("-")[0]
    return _by_inheritance(offered, parsed.node) or (bare if bare in offered else None)


def _by_inheritance(offered: frozenset[str], requested: _Node) -> str | None:
    line = _line(requested)
    parsed = {tag: _parse(tag) for tag in sorted(offered)}
    lines = {tag: _line(other.node) for tag, other in parsed.items() if not other.rest}
    for node in line:
        same = [tag for tag, other in lines.items() if other[0] == node]
        if same:
            return max(same, key=len)
        below = [tag for tag, other in lines.items() if node in other]
        if below:
            return below[0]
    return None


def _parse(tag: str) -> _Parsed:
    """A tag in lower case."""
    language, *parts = tag.split("-")
    if parts and len(parts[0]) == 3 and parts[0].isalpha():
        language = parts.pop(0)  # zh-yue is yue
    script = parts.pop(0) if parts and len(parts[0]) == 4 and parts[0].isalpha() else ""
    region = ""
    if parts and (
        (len(parts[0]) == 2 and parts[0].isalpha()) or (len(parts[0]) == 3 and parts[0].isdecimal())
    ):
        region = parts.pop(0)
    return _Parsed(_Node(language, script.capitalize(), region.upper()), tuple(parts))


def _node_of(cldr_tag: str) -> _Node:
    """The node of a tag as CLDR writes it: es_419."""
    return _parse(cldr_tag.replace("_", "-").lower()).node


@lru_cache(maxsize=4096)
def _line(node: _Node) -> Sequence[_Node]:
    """The node with its likely subtags, and what it inherits from, each with its likely subtags; never empty."""
    from engine.rulebook.text import cldr  # noqa: PLC0415 `tact --help` loads no Babel

    alias = cldr.language_aliases().get(node.language)
    if alias:
        other = _node_of(alias)
        node = _Node(other.language, node.script or other.script, node.region or other.region)
    line = [_likely(node)]
    while (parent := _parent(line[-1])) is not None and parent not in line:
        line.append(parent)
    return tuple(line)


def _parent(node: _Node) -> _Node | None:
    from engine.rulebook.text import cldr  # noqa: PLC0415 as above

    language, script, region = node
    exceptions = cldr.parents()
    short = [f"{language}_{region}"] if _likely(_Node(language, "", region)) == node else []
    for key in (f"{language}_{script}_{region}", *short):
        if key in exceptions:
            return None if exceptions[key] == "root" else _likely(_node_of(exceptions[key]))
    general = _likely(_Node(language, script))
    if general != node:
        return general
    parent = exceptions.get(language, "root")
    return None if parent == "root" else _likely(_node_of(parent))


def _likely(node: _Node) -> _Node:
    from engine.rulebook.text import cldr  # noqa: PLC0415 as above

    language, script, region = node
    likely = cldr.likely_subtags()
    for parts in ((language, script, region), (language, script), (language, region), (language,)):
        if all(parts):
            known = likely.get("_".join(parts))
            if known:
                other = _node_of(known)
                return _Node(other.language, script or other.script, region or other.region)
    return node


@lru_cache(maxsize=1024)
def accepted(header: str) -> tuple[str, ...]:
    """The tags of an Accept-Language (RFC 9110, 12.5.4) by weight; of equal weights in the order in which they stand.

    `*`, weights of 0 and what is no entry of such a list are left out.
    """
    weighted = []
    for entry in header[:_LONGEST_HEADER].split(",")[:_MOST_ACCEPTED]:
        tag, *parameters = (part.strip() for part in entry.split(";"))
        weight = _WEIGHT.fullmatch(parameters[0].replace(" ", "").lower()) if parameters else None
        if not _RANGE.fullmatch(tag.replace("_", "-")) or len(parameters) > 1 or (parameters and not weight):
            continue
        weighted.append((float(weight[1]) if weight else 1.0, tag))
    return tuple(tag for weight, tag in sorted(weighted, key=lambda pair: -pair[0]) if weight > 0)
