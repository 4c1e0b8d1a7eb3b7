"""What a book declares of events, languages and places, over a real channel."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, InvalidRequest, Recorded, request
from tests.books import write_book
from tests.replays import assert_replays
from tests.servers import Server, serving
from tests.waiting import until

SHOP = """
book: {name: shop, timezone: Europe/Paris}
events:
  stored: true
  types:
    view: any
    purchase: {fields: {size: integer}}
places: {stores: {file: stores.csv}}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
patterns:
  bought: {first: {event: purchase, size: {gte: 40}, within: 7d}, expose: {size: first.size}}
offers:
  boots:
    name: Boots
    price: 99.5
    content: {default: {title: "{offer.price:money EUR}, {nearest.stores.name|online}, {pattern.bought.size:number 1|none}"}}
    locales: {pt-BR: {title: "{offer.price:money EUR} em {nearest.stores.name|casa}"}}
campaigns:
  boots: {offer: boots, placements: [hero]}
  again:
    offer: boots
    tier: 1
    when: {behaviour: {event: purchase, where: {size: {gte: 45}}, within: 7d, count: {gte: 9}}}
    placements: [hero]
"""
STORES = "name,latitude,longitude\nRivoli,48.8566,2.3522\n"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the book and the log are."""
    folder = tmp_path_factory.mktemp("shop")
    write_book(folder / "book", SHOP)
    (folder / "book" / "stores.csv").write_text(STORES)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """A server that watches the folder."""
    with serving(folder / "book", folder / "tact.db", "--watch") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    """A client of it."""
    with Client(server.target, timeout=60) as client:
        yield client


def event(kind: str, size: object = None) -> pb.Event:
    """Something that happened an hour ago."""
    happened = pb.Event(type=kind)
    happened.at.FromDatetime(NOW - timedelta(hours=1))
    if isinstance(size, int):
        happened.attributes["size"].integer = size
    elif isinstance(size, str):
        happened.attributes["size"].text = size
    return happened


def title(client: Client, customer: str = "visitor", **given: object) -> str:
    """What the website shows."""
    message = request(customer, placement="hero", **given)  # type: ignore[arg-type]
    return client.decide(message).offers[0].content["title"]


def test_an_undeclared_type_is_the_events_own_error(client: Client) -> None:
    """With its index and what was meant; the others are recorded. A value of another type is refused, too."""
    events = [event("purchase", 44), event("purchas"), event("view", "any"), event("purchase", "large")]
    results = client.record(
        pb.RecordedEvent(customer=pb.Customer(id="buyer"), event=happened) for happened in events
    )
    assert [results[0], results[2]] == [Recorded.ACCEPTED, Recorded.ACCEPTED]
    errors = {index: error for index, error in results.errors.items() if isinstance(error, InvalidRequest)}
    violations = {index: [*map(str, error.violations)] for index, error in errors.items()}
    assert set(violations) == {1, 3}
    assert [violation.field for violation in errors[1].violations] == ["events[1].event.type"]
    assert "'purchas' is not a type of events of the live book; did you mean 'purchase'?" in violations[1][0]
    assert [violation.field for violation in errors[3].violations] == ["events[3].event.attributes[size]"]
    assert title(client, "buyer") == "€99.50, online, 44.0"


def test_a_request_with_an_undeclared_type_is_refused(client: Client) -> None:
    """As with any other faulty event of a request."""
    message = request("visitor", placement="hero")
    message.context.events.extend([event("view"), event("veiw")])
    with pytest.raises(InvalidRequest) as caught:
        client.decide(message)
    assert [violation.field for violation in caught.value.violations] == ["context.events[1].type"]


def test_the_nearest_language_and_place_follow_the_table(client: Client, folder: Path) -> None:
    """A changed cell makes another version live; the log replays both, each with its own table."""
    here = {"latitude": 48.85, "longitude": 2.35}
    assert title(client, location=here) == "€99.50, Rivoli, none"
    assert title(client, location=here, profile={"language": "pt_PT.UTF-8"}) == "99,50\u00a0€ em Rivoli"
    (folder / "book" / "stores.csv").write_text(STORES.replace("Rivoli", "Louvre"))
    until(lambda: title(client, location=here) == "€99.50, Louvre, none")
    explained = client.explain(request("visitor", placement="hero", profile={"language": "pt"}))
    (sentence,) = [campaign.sentence for campaign in explained.campaigns if campaign.campaign == "boots"]
    assert "asked pt, has pt-BR" in sentence
    assert assert_replays(f"sqlite:///{folder / 'tact.db'}") >= 4
