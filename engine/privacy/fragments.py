"""Makes a dictionary for packing out of what many persons' decisions have in common, so that it says nothing of any of them.

A dictionary stays when persons are erased and decisions are deleted. So every part of it stands in the decisions of at least
FEWEST persons: names, ids, and whatever one person has alone or with a few, are not in it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

FEWEST = 20
"""Persons in whose decisions a fragment stands."""

MOST_BYTES = 32_000
"""Of a dictionary: zlib looks no further back."""

_LONGEST = 64
"""Pieces of the longest fragment; each is tried at this length, half of it, and so on."""

_PIECE = re.compile(r"[^,\[{]*[,\[{]+|[^,\[{]+$")
"""JSON between two values: a piece has at most one value."""


def common_text(texts: Iterable[tuple[str, str]]) -> str:
    """The fragments that are worth most, the best at the end, where they are found at the least distance.

    texts: the person and the texts of decisions.
    """
    pieces = [(person, _PIECE.findall(text)) for person, text in texts]
    counted = _common(pieces)
    chosen: list[str] = []
    size, known = 0, ""
    for fragment in sorted(counted, key=lambda own: (-len(own) * counted[own], own)):
        length = len(fragment.encode())
        if size + length <= MOST_BYTES and fragment not in known:
            chosen.append(fragment)
            known += f"{fragment}\n"
            size += length
    return "".join(reversed(chosen))


def _common(pieces: Sequence[tuple[str, Sequence[str]]]) -> dict[str, int]:
    """The fragments that enough persons share, with the number of these persons.

    A fragment is only looked for where both halves of it are shared.
    """
    counted: dict[str, int] = {}
    starts: list[Sequence[int]] = [range(len(own)) for _, own in pieces]
    size = 1
    while size <= _LONGEST and any(starts):
        persons: dict[str, set[str]] = defaultdict(set)
        for (person, own), beginnings in zip(pieces, starts, strict=True):
            for start in beginnings:
                persons["".join(own[start : start + size])].add(person)
        shared = {fragment: len(who) for fragment, who in persons.items() if len(who) >= FEWEST}
        counted |= shared
        for index, (_, own) in enumerate(pieces):
            kept = {start for start in starts[index] if "".join(own[start : start + size]) in shared}
            starts[index] = [start for start in sorted(kept) if start + size in kept]
        size *= 2
    return counted
