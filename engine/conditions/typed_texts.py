"""Texts with an order or a range of their own: versions by SemVer 2.0.0, IP addresses and networks.

The library `semver` says what a version is. Its order is kept as a tuple, since the library's comparison takes microseconds.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple, TypeAlias

from semver import Version as SemanticVersion

_LONGEST = 256
"""Characters of a version; of an address an IPv6 one has 45 at most."""

VERSION_HINT = "for example 1.2, 1.2.3 or 1.2.3-beta.1"
ADDRESS_HINT = "for example 203.0.113.7 or 2001:db8::7"
NETWORK_HINT = "for example 10.0.0.0/8 or 2001:db8::/32"


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version, as it is compared: without build metadata, and 1.2 is 1.2.0."""

    precedence: tuple[object, ...]
    """Major, minor, patch, whether it is a release, and the identifiers of a pre-release, numbers before words."""

    def __str__(self) -> str:
        """The version in full."""
        major, minor, patch, _, *identifiers = self.precedence
        words = [str(identifier[1]) for identifier in identifiers if isinstance(identifier, tuple)]
        return f"{major}.{minor}.{patch}{'-' if words else ''}{'.'.join(words)}"


@lru_cache(maxsize=4096)
def version_of(text: str) -> Version | None:
    """The version; None for a text that is none by SemVer 2.0.0. The minor and the patch number may be left out."""
    if len(text) > _LONGEST:
        return None
    try:
        version = SemanticVersion.parse(text, optional_minor_and_patch=True)
    except ValueError:
        return None
    words = version.prerelease.split(".") if version.prerelease else []
    identifiers = ((0, int(word)) if word.isdecimal() else (1, word) for word in words)
    return Version((version.major, version.minor, version.patch, not words, *identifiers))


def after(version: Version) -> Version:
    """The version that follows at once: no other lies between the two."""
    major, minor, patch, released, *identifiers = version.precedence
    if released:
        return Version((major, minor, int(str(patch)) + 1, False, (0, 0)))
    return Version((major, minor, patch, False, *identifiers, (0, 0)))


FIRST_VERSION = Version((0, 0, 0, False, (0, 0)))
"""0.0.0-0, before which there is none."""


Address: TypeAlias = IPv4Address | IPv6Address


@lru_cache(maxsize=4096)
def address_of(text: str) -> Address | None:
    """The IP address; None for a text that is none, or has a zone (`fe80::1%eth0`).

    An IPv4 address inside IPv6 (`::ffff:10.0.0.1`) is the IPv4 address.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return None if address.scope_id else address.ipv4_mapped or address
    return address


class Network(NamedTuple):
    """All addresses of one family (4, 6) that begin with the same bits."""

    family: int
    length: int
    """The number of these bits."""
    bits: int

    def __str__(self) -> str:
        """The network in CIDR notation."""
        return f"{self.first}/{self.length}"

    @property
    def first(self) -> Address:
        """Its first address."""
        kind, size = (IPv4Address, 32) if self.family == 4 else (IPv6Address, 128)
        return kind(self.bits << (size - self.length))

    @property
    def size(self) -> int:
        """The number of its addresses."""
        return 1 << ((32 if self.family == 4 else 128) - self.length)


@lru_cache(maxsize=4096)
def address_bits(text: str) -> tuple[int, int]:
    """The family of the address, and its bits as a number; family 0 for a text that is none."""
    address = address_of(text)
    return (0, 0) if address is None else (address.version, int(address))


def network_around(address: Address, length: int) -> Network | None:
    """The network of so many bits with the address; None if an address of its family has fewer."""
    rest = address.max_prefixlen - length
    return Network(address.version, length, int(address) >> rest) if rest >= 0 else None


class HostBitsError(ValueError):
    """A network that is written by one of its addresses; the argument is the network."""


@lru_cache(maxsize=4096)
def network_of(text: str) -> Network | None:
    """The network in CIDR notation, or of a single address; None for a text that is none. Raises HostBitsError.

    A network inside `::ffff:0:0/96` is the IPv4 network.
    """
    begin, slash, length = text.partition("/")
    if "%" in text or (slash and not (length.isascii() and length.isdecimal())):
        return None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    address, bits = network.network_address, network.prefixlen
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) and bits >= 96 else None
    plain = network_around(mapped or address, bits - 96 if mapped else bits)
    if plain is not None and address != ip_address(begin):
        raise HostBitsError(str(plain))
    return plain
