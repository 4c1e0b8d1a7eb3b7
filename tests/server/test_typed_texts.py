"""Versions, IP addresses and lists over a real channel, and what of them the log holds."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.client import Client, InvalidRequest, request
from tests.books import write_book
from tests.servers import serving

BOOK = """
book: {name: phones, timezone: UTC}
attributes:
  profile.app: {type: version}
  profile.ip: {type: ip}
  profile.office: {type: ip, masked: false}
  profile.nick: {type: text, masked: true}
  profile.ages: {type: list of integer}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web, max_offers: 5}}
offers:
  new: {name: New, value: 3, content: {default: {title: "Made for {profile.app}"}}}
  staff: {name: Staff, value: 2, content: {default: {title: Staff}}}
  alone: {name: Alone, value: 1, content: {default: {title: Alone}}}
campaigns:
  new: {offer: new, when: {profile.app: {gte: "1.10"}}, placements: [hero]}
  staff:
    offer: staff
    when:
      any:
        - {profile.ip: {in_network: [10.0.0.0/8]}}
        - {profile.office: "::1", profile.nick: {eq: boss, ignore_case: true}}
    placements: [hero]
  alone: {offer: alone, when: {profile.ages: {size: {eq: 0}}}, placements: [hero]}
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its log."""
    return tmp_path_factory.mktemp("phones") / "tact.db"


@pytest.fixture(scope="module")
def client(log: Path) -> Iterator[Client]:
    """A client of a server with the book."""
    with (
        serving(write_book(log.parent / "book", BOOK), log) as server,
        Client(server.target, timeout=60) as client,
    ):
        yield client


def offers(client: Client, **profile: object) -> list[str]:
    """What is shown to a customer with these attributes."""
    message = request("visitor", placement="hero", max_offers=5, profile=profile)  # type: ignore[arg-type]
    return [offer.offer for offer in client.decide(message).offers]


def test_texts_are_typed_by_the_book(client: Client, log: Path) -> None:
    """Versions compare by SemVer and are shown as sent; addresses compare in any spelling; an empty list has no type.

    Masked values are not in the log: those of IP addresses by default, and of any attribute that says so.
    """
    (offer,) = client.decide(request("visitor", placement="hero", profile={"app": "1.10"})).offers
    assert dict(offer.content) == {"title": "Made for 1.10"}
    assert offers(client, app="1.9.9") == []
    assert offers(client, ip="::ffff:10.77.1.2") == ["staff"]
    assert offers(client, office="0:0::1", nick="Boss") == ["staff"]
    assert offers(client, ages=[]) == ["alone"]
    with closing(sqlite3.connect(log)) as connection:
        logged = str(connection.execute("select inputs, trace, answer from decisions").fetchall())
    assert "10.77.1.2" not in logged
    assert "Boss" not in logged
    assert '"profile.office":"::1"' in logged
    assert '"masked":["profile.ip"]' in logged


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("app", "v1.2", "must be a version by SemVer 2.0.0"),
        ("app", 1.2, "must be of type version, not number: send it as text"),
        ("ip", "10.0.0", "must be an IP address"),
        ("ip", 167772161, "must be of type ip, not integer: send it as text"),
    ],
)
def test_other_texts_are_refused_by_name(client: Client, name: str, value: object, message: str) -> None:
    """The error names the attribute, and says what it must be."""
    with pytest.raises(InvalidRequest, match=message) as caught:
        offers(client, **{name: value})
    assert f"context.profile.attributes[{name}]" in str(caught.value)
