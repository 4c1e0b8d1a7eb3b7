"""Versions against the library semver, networks against the standard library."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semver import Version as SemanticVersion

from engine.conditions.typed_texts import (
    FIRST_VERSION,
    HostBitsError,
    address_of,
    after,
    network_of,
    version_of,
)

_identifiers = st.sampled_from(["0", "1", "2", "11", "a", "a1", "A", "-", "rc", "0a", "99999999999999999999"])
_numbers = st.sampled_from([0, 1, 2, 10, 2**70])
versions = st.builds(
    lambda parts, before, build: (
        ".".join(map(str, parts))
        + (f"-{'.'.join(before)}" if before else "")
        + (f"+{'.'.join(build)}" if build else "")
    ),
    st.tuples(_numbers, _numbers, _numbers),
    st.lists(_identifiers, max_size=3),
    st.lists(_identifiers, max_size=1),
)


def parsed(text: str) -> SemanticVersion:
    """The version as the library has it."""
    return SemanticVersion.parse(text)


@settings(max_examples=300, deadline=None)
@given(versions, versions)
def test_the_order_is_that_of_the_library(left: str, right: str) -> None:
    """Of any two versions the tuples compare as the library compares the versions, and what is printed is the version."""
    first, second = version_of(left), version_of(right)
    assert first is not None
    assert second is not None
    assert (first > second) - (first < second) == parsed(left).compare(right)
    assert (first == second) is (parsed(left).compare(right) == 0)
    assert version_of(str(first)) == first


@settings(max_examples=300, deadline=None)
@given(versions, versions)
def test_nothing_lies_between_a_version_and_the_one_after_it(left: str, right: str) -> None:
    """The version after one is above it, and at most any other that is above it; the first is the lowest of all."""
    version, other = version_of(left), version_of(right)
    assert version is not None
    assert other is not None
    assert version < after(version)
    assert other <= version or after(version) <= other
    assert other >= FIRST_VERSION
    assert parsed(str(after(version))).compare(left) == 1


@pytest.mark.parametrize(
    "text", ["", "1.", "1.2.3.4", "v1", "1.2.3\n", "٣.1.2", "1" * 300, "1.2.3-", "1.2.3-a..b", "-1"]
)
def test_what_is_no_version(text: str) -> None:
    """Other texts are none, however long."""
    assert version_of(text) is None


@settings(max_examples=200, deadline=None)
@given(st.ip_addresses(v=4), st.integers(0, 32), st.ip_addresses(v=4))
def test_networks_are_those_of_the_standard_library(inside: object, length: int, other: object) -> None:
    """A network holds the addresses that it holds by ipaddress, also when both are written inside IPv6."""
    expected = ip_network(f"{inside}/{length}", strict=False)
    network, mapped = (
        network_of(str(expected)),
        network_of(f"::ffff:{expected.network_address}/{96 + length}"),
    )
    assert network is not None
    assert mapped == network
    for text in (str(inside), str(other), f"::ffff:{other}"):
        address = address_of(text)
        assert address is not None
        holds = int(address) >> (32 - length) == network.bits
        assert holds is (ip_address(str(address)) in expected)
    assert (str(network), int(network.first), network.size) == (
        str(expected),
        int(expected.network_address),
        expected.num_addresses,
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
    ],
)
def test_host_bits_name_the_network(written: str, meant: str) -> None:
    """An address inside a network is no network; the error has the right one."""
    with pytest.raises(HostBitsError, match=meant):
        network_of(written)


@pytest.mark.parametrize(
    "text",
    ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/٨", "fe80::%1/64", "10.0.0.0/255.0.0.0"],
)
def test_what_is_no_network(text: str) -> None:
    """Other texts are none."""
    assert network_of(text) is None
