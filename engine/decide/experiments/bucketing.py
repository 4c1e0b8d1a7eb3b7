"""Bucketing: stable hashes of salt and identity in place of random numbers.

The hash is BLAKE2b (RFC 7693) with a digest of 8 bytes over the UTF-8 of the parts, each preceded by its length in bytes
as 4 bytes big-endian, so that ("ab", "c") and ("a", "bc") differ. It can be recomputed in any language.
"""

from functools import lru_cache
from hashlib import blake2b
from math import log

_RANGE = float(1 << 53)


def identity(*parts: str) -> bytes:
    """Encode parts as a key to hash. Keys concatenate: the key of (a, b) is that of a, followed by that of b."""
    key = b""
    for part in parts:
        data = part.encode()
        key += len(data).to_bytes(4, "big") + data
    return key


@lru_cache(maxsize=1024)
def salted(salt: str, purpose: str) -> bytes:
    """The beginning of a key: those of a book's few salts are encoded once."""
    return identity(salt, purpose)


def stable_hash(key: bytes) -> int:
    """A number in [0, 2**64) that depends on the key alone."""
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big")


def stable_fraction(key: bytes) -> float:
    """A number in (0, 1), uniform over keys: the upper 53 bits of the hash, plus a half, over 2**53."""
    return ((int.from_bytes(blake2b(key, digest_size=8).digest(), "big") >> 11) + 0.5) / _RANGE


def rendezvous_score(share: float, key: bytes) -> float:
    """The score of one choice. The choice with the highest score wins, with a probability in proportion to its share.

    Weighted rendezvous hashing: share / -ln(u), so that a new choice takes only its own share from the others. Method:
    Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", SPAA 2005.
    """
    return share / -log(stable_fraction(key))
