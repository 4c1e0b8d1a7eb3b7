"""Packs the three texts of a decision: deflated together, with a dictionary that the log keeps, into the place of the answer.

What stands there is JSON, and so is what stands in place of the others, so that statements with JSON paths pass over it.
"""

import base64
import zlib
from collections.abc import Callable
from typing import NamedTuple

import orjson

from engine.ledger.errors import LedgerUnavailable

EMPTY = "{}"
"""What stands in place of the inputs and the trace of a packed decision."""

MARK = '["packed",'
"""With what the answer of a packed decision begins; that of another begins with its id."""

_LEVEL, _WINDOW, _MEMORY = 9, 15, 9
"""Of zlib: the smallest result. The header names the dictionary by its checksum, and the end has one of the texts."""


class Texts(NamedTuple):
    """The texts of a decision: three JSON documents, none of which has a line break."""

    inputs: str
    trace: str
    answer: str


def pack(texts: Texts, number: int, dictionary: str) -> Texts | None:
    """The texts in the packed form; None where that is no shorter, or would not give the same texts again.

    number: of the dictionary in the log.
    """
    if any("\n" in text for text in texts):
        return None
    plain = "\n".join(texts).encode()
    packer = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, dictionary.encode()
    )
    packed = base64.b64encode(packer.compress(plain) + packer.flush()).decode()
    answer = orjson.dumps(["packed", number, packed]).decode()
    is_shorter = len(answer) + 2 * len(EMPTY) < len(plain)
    if not is_shorter or unpack(answer, lambda _: dictionary) != texts:
        return None
    return Texts(EMPTY, EMPTY, answer)


def is_packed(answer: str) -> bool:
    """Whether this stands in the row of a packed decision."""
    return answer.startswith(MARK)


def unpack(answer: str, dictionary_of: Callable[[int], str]) -> Texts:
    """The texts of a packed decision. Raises LedgerUnavailable where the row, or its dictionary, is damaged."""
    try:
        _, number, packed = orjson.loads(answer)
        unpacker = zlib.decompressobj(_WINDOW, dictionary_of(number).encode())
        plain = unpacker.decompress(base64.b64decode(packed)) + unpacker.flush()
        if not unpacker.eof:
            raise ValueError("it ends early")
        return Texts(*plain.decode().split("\n"))
    except (ValueError, TypeError, KeyError, zlib.error) as error:
        raise LedgerUnavailable(
            f"the log holds a packed decision that cannot be unpacked, and is damaged; restore it from a back-up: {error}"
        ) from error
