"""The published vectors, against the engine and an independent BLAKE2b."""

import json
import re
from math import log
from pathlib import Path
from typing import Any

import pytest

from engine.decide.experiments.bucketing import (
    identity,
    rendezvous_score,
    salted,
    stable_fraction,
    stable_hash,
)
from tests.decide.experiments.blake2b import blake2b

PUBLISHED: dict[str, Any] = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", PUBLISHED["vectors"], ids=lambda vector: "-".join(vector["parts"])[:60])
def test_the_engine_makes_what_is_published(vector: dict[str, Any]) -> None:
    """Bytes, hash and fraction of the parts are those of the file, today and after any restart."""
    key = identity(*vector["parts"])
    assert key.hex() == vector["bytes"]
    assert f"{stable_hash(key):016x}" == vector["hash"]
    assert stable_fraction(key) == vector["fraction"]


@pytest.mark.parametrize("vector", PUBLISHED["vectors"], ids=lambda vector: "-".join(vector["parts"])[:60])
def test_keys_concatenate(vector: dict[str, Any]) -> None:
    """The key of all parts is that of salt and purpose, kept from before, and that of the others behind it."""
    others = identity(*vector["parts"])
    assert salted("s", "variant") + others == identity("s", "variant", *vector["parts"])


@pytest.mark.parametrize("vector", PUBLISHED["vectors"], ids=lambda vector: "-".join(vector["parts"])[:60])
def test_another_implementation_makes_the_same(vector: dict[str, Any]) -> None:
    """From the file's description and RFC 7693 alone the same numbers come out."""
    lengths = [len(part.encode()).to_bytes(4, "big") + part.encode() for part in vector["parts"]]
    digest = blake2b(b"".join(lengths), 8)
    assert digest.hex() == vector["hash"]
    assert ((int.from_bytes(digest, "big") >> 11) + 0.5) / 2**53 == vector["fraction"]


@pytest.mark.parametrize("vector", PUBLISHED["weights"], ids=lambda vector: "-".join(vector["parts"]))
def test_weights_are_as_published(vector: dict[str, Any]) -> None:
    """A variant weighs share / -ln(fraction), to the precision of a logarithm."""
    key = identity(*vector["parts"])
    assert rendezvous_score(vector["share"], key) == pytest.approx(vector["weight"], rel=1e-12)
    assert vector["share"] / -log(stable_fraction(key)) == pytest.approx(vector["weight"], rel=1e-12)


def test_no_two_parts_run_into_each_other() -> None:
    """Parts that spell the same when joined differ as identities."""
    assert identity("ab", "c") != identity("a", "bc") != identity("abc")


def test_the_page_shows_published_vectors() -> None:
    """Each row of parts, hash and place on the page about experiments is one of the file."""
    page = (Path(__file__).parents[3] / "docs" / "experiments.md").read_text(encoding="utf-8")
    shown = [line for line in page.splitlines() if re.search(r"`[0-9a-f]{16}`", line)]
    rows = {
        f"| {', '.join(f'`{part}`' for part in vector['parts'])} | `{vector['hash']}` | {vector['fraction']!r} |"
        for vector in PUBLISHED["vectors"]
    }
    assert len(shown) == 3
    assert set(shown) <= rows
