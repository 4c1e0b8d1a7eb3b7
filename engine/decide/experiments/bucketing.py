"""Randomness without a random number: stable hashes of salt and identity.

The hash is BLAKE2b (RFC 7693) with a digest of 8 bytes over the UTF-8 of the parts, each preceded by its length in bytes
as 4 bytes big-endian, so that ("ab", "c") and ("a", "bc") differ. Any language can recompute it.
"""

from hashlib import blake2b
from math import log

_RANGE = float(1 << 53)


def identity(*parts: str) -> bytes:
    """The parts as the bytes that are hashed; identities of more parts begin with those of fewer."""
    encoded = [part.encode() for part in parts]
    return b"".join([piece for data in encoded for piece in (len(data).to_bytes(4, "big"), data)])


def stable_hash(of: bytes) -> int:
    """A number in [0, 2**64) that depends on the identity alone."""
    return int.from_bytes(blake2b(of, digest_size=8).digest(), "big")


def stable_fraction(of: bytes) -> float:
    """A number in (0, 1), uniform over identities: the upper 53 bits of the hash, plus a half, over 2**53."""
    return ((stable_hash(of) >> 11) + 0.5) / _RANGE


def rendezvous_score(share: float, of: bytes) -> float:
    """The weight of one choice for one identity; the choice with the greatest weight wins, in proportion to shares.

    Weighted rendezvous hashing: share / -ln(u), so that a new choice takes only its own share. Method: Schindelhauer
    and Schomaker, "Weighted Distributed Hash Tables", SPAA 2005.
    """
    return share / -log(stable_fraction(of))
